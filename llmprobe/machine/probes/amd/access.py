"""
Whether a program of this user may compute on AMD GPUs at all, and with which libraries.

Being able to write to a device's node is asked of ``test``, because opening /dev/kfd would begin to use it.
"""

import re
from typing import Literal

import msgspec

from llmprobe.facts.vendors import KfdAccess
from llmprobe.machine.asking import Asker, as_text, fields_of, items_of

KFD = "/dev/kfd"
OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"
ROCM_PROCESSORS = frozenset({"x86_64", "amd64"})
"""AMD builds ROCm for no other: https://rocm.docs.amd.com/projects/install-on-linux/en/latest/reference/system-requirements.html"""

_VERSION = r"(\d{1,2})\.(\d{1,2})\.(\d{1,2})"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """
    ``kfd`` is None where /dev/kfd could not be asked for. ``rocm`` is False on processors that ROCm isn't made for.
    """

    kfd: KfdAccess | None
    override: str | None = None
    rocm: bool = True

    @property
    def computes(self) -> bool:
        """Whether ROCm may be used, as far as is known."""
        return self.rocm and (self.kfd is None or self.kfd.state == "open")


def ask_access(ask: Asker) -> Access:
    """
    The access of this user and this environment.
    """
    kfd = _kfd(ask)
    override = as_text(ask.env(OVERRIDE))
    return Access(
        kfd=kfd,
        override=parse_override(override or ""),
        rocm=ask.platform.machine.lower() in ROCM_PROCESSORS,
    )


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


def parse_override(text: str) -> str | None:
    """
    The instruction set that HSA_OVERRIDE_GFX_VERSION makes of any: ``11.0.0`` is gfx1100.
    """
    match = re.fullmatch(_VERSION, text.strip())
    if match is None:
        return None
    major, minor, step = map(int, match.groups())
    return f"gfx{major}{minor:x}{step:x}"
