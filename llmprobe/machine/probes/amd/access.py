"""
Whether a program of this user may compute on AMD GPUs at all, and which of them it is shown.

Being able to write to a device's node is asked of ``test``, because opening /dev/kfd would begin to use it.
"""

import re
from typing import Literal

import msgspec

from llmprobe.facts.vendors import HidingVariable, KfdAccess
from llmprobe.machine.asking import Asker, as_text, fields_of, items_of

KFD = "/dev/kfd"
ROCR, HIP = "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"
OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"
_NUMBERS = r"\s*\d{1,3}\s*(,\s*\d{1,3}\s*)*"
_VERSION = r"(\d{1,2})\.(\d{1,2})\.(\d{1,2})"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """
    ``kfd`` is None where /dev/kfd could not be asked for.

    ``shown`` are the numbers of the devices that environment variables leave, in their order; None for all.
    ``hiding`` is the variable that decides that, the last one where there are two.
    """

    kfd: KfdAccess | None
    override: str | None = None
    shown: tuple[int, ...] | None = None
    hiding: HidingVariable | None = None


def ask_access(ask: Asker) -> Access:
    """
    The access of this user and this environment.
    """
    kfd = _kfd(ask)
    override = as_text(ask.env(OVERRIDE))
    shown, hiding = _shown(ask)
    return Access(kfd=kfd, override=parse_override(override or ""), shown=shown, hiding=hiding)


def _kfd(ask: Asker) -> KfdAccess | None:
    nodes = ask.list("/dev")
    if not nodes.ok:
        return None
    state: Literal["open", "closed", "absent"] = "absent"
    if "kfd" in items_of(nodes):
        writable = may_write(ask, KFD)
        if writable is None:
            return None
        state = "open" if writable else "closed"
    return KfdAccess(state=state, evidence=ask.answered("list:/dev", f"run:test -w {KFD}"))


def may_write(ask: Asker, node: str) -> bool | None:
    """
    Whether this user may write to a device's node; None where that could not be asked.
    """
    status = fields_of(ask.run("test", "-w", node)).get("exit")
    return None if status not in (0, 1) else status == 0


def parse_visible(text: str) -> tuple[int, ...] | None:
    """
    The numbers that a variable names, none for an empty one or -1; None where it names UUIDs.
    """
    if text.strip() in ("", "-1"):
        return ()
    if re.fullmatch(_NUMBERS, text) is None:
        return None
    return tuple(int(part) for part in text.split(","))


def parse_override(text: str) -> str | None:
    """
    The instruction set that HSA_OVERRIDE_GFX_VERSION makes of any: ``11.0.0`` is gfx1100.
    """
    match = re.fullmatch(_VERSION, text.strip())
    if match is None:
        return None
    major, minor, step = map(int, match.groups())
    return f"gfx{major}{minor:x}{step:x}"


def _shown(ask: Asker) -> tuple[tuple[int, ...] | None, HidingVariable | None]:
    """
    The devices that ROCm's variable leaves, and of those the ones that HIP's leaves: its numbers count the first's.
    """
    shown: tuple[int, ...] | None = None
    hiding = None
    for name in (ROCR, HIP):
        text = as_text(ask.env(name))
        numbers = None if text is None else parse_visible(text)
        if text is None or numbers is None:
            continue
        hiding = HidingVariable(variable=name, value=text, evidence=(f"env:{name}",))
        shown = numbers if shown is None else tuple(shown[each] for each in numbers if each < len(shown))
    return shown, hiding
