"""
Whether a program of this user may compute on AMD GPUs at all, and which of them it is shown.

Being able to write to a device's node is asked of ``test``, because opening /dev/kfd would begin to use it.
"""

import re
from typing import Literal

import msgspec

from llmprobe.facts.machine import Observation
from llmprobe.machine.asking import Asker, as_text, fields_of, items_of

KFD = "/dev/kfd"
ROCR, HIP = "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"
OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"
_NUMBERS = re.compile(r"\s*\d{1,3}\s*(,\s*\d{1,3}\s*)*")
_VERSION = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{1,2})")


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """
    ``kfd`` is ``open``, ``closed`` (no right to it), ``absent``, or None where that could not be asked.

    ``shown`` are the numbers of the devices that environment variables leave, in their order; None for all.
    """

    kfd: Literal["open", "closed", "absent"] | None
    override: str | None = None
    shown: tuple[int, ...] | None = None
    hidden_by: str | None = None
    observations: tuple[Observation, ...] = ()


def ask_access(ask: Asker) -> Access:
    """
    Return what this user and this environment may use.
    """
    seen: list[Observation] = []
    nodes = ask.list("/dev")
    kfd: Literal["open", "closed", "absent"] | None = None
    if nodes.ok:
        kfd = "absent"
        if "kfd" in items_of(nodes):
            writable = may_write(ask, KFD)
            kfd = None if writable is None else "open" if writable else "closed"
        evidence = ask.answered("list:/dev", f"run:test -w {KFD}")
        if kfd is not None:
            seen.append(Observation(name="amd.kfd", value=kfd, evidence=evidence))
    override = as_text(ask.env(OVERRIDE))
    shown, hidden_by = _shown(ask)
    if hidden_by is not None:
        value = as_text(ask.env(hidden_by))
        seen.append(Observation(name="amd.hidden_by", value=value, evidence=(f"env:{hidden_by}",)))
    return Access(
        kfd=kfd,
        override=parse_override(override or ""),
        shown=shown,
        hidden_by=hidden_by,
        observations=tuple(seen),
    )


def may_write(ask: Asker, node: str) -> bool | None:
    """
    Return whether this user may write to a device's node; None where that could not be asked.
    """
    status = fields_of(ask.run("test", "-w", node)).get("exit")
    return None if status not in (0, 1) else status == 0


def parse_visible(text: str) -> tuple[int, ...] | None:
    """
    Return the numbers that a variable names, none for an empty one or -1; None where it names UUIDs.
    """
    if text.strip() in ("", "-1"):
        return ()
    if _NUMBERS.fullmatch(text) is None:
        return None
    return tuple(int(part) for part in text.split(","))


def parse_override(text: str) -> str | None:
    """
    Return the instruction set that HSA_OVERRIDE_GFX_VERSION makes of any: ``11.0.0`` is gfx1100.
    """
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        return None
    major, minor, step = map(int, match.groups())
    return f"gfx{major}{minor:x}{step:x}"


def _shown(ask: Asker) -> tuple[tuple[int, ...] | None, str | None]:
    """
    Return what ROCm's variable leaves, and of that what HIP's leaves; the numbers of the second count the first's.
    """
    shown: tuple[int, ...] | None = None
    hidden_by = None
    for name in (ROCR, HIP):
        text = as_text(ask.env(name))
        numbers = None if text is None else parse_visible(text)
        if numbers is None:
            continue
        hidden_by = name
        shown = numbers if shown is None else tuple(shown[each] for each in numbers if each < len(shown))
    return shown, hidden_by
