"""
Whether a machine is one that llmprobe knows badly, so that a recording of it would help.
"""

from collections.abc import Iterator

from llmprobe.facts.machine import Snapshot
from llmprobe.words.message import Message, message

_SILENT = ("failed", "timeout", "denied", "partial")
_SYSTEMS = ("linux", "darwin", "win32")
_NOT_UNDERSTOOD = frozenset(
    {"gpu-unsupported-vendor", "gpu-basic-driver", "wsl-other-gpu", "vulkan-budget", "sources-disagree"}
)
"""Findings about what is here and was not understood; those about settings and use are the owner's matter."""

_NUMBERED = "(0x"
"""In the name of a device that no table has, which is called by its number."""


def why_unusual(snapshot: Snapshot) -> tuple[Message, ...]:
    """
    The reasons, none for a machine of the usual kind.
    """
    return tuple(_reasons(snapshot))


def _reasons(snapshot: Snapshot) -> Iterator[Message]:
    crashed = tuple(each.name for each in snapshot.sources if each.status == "crashed")
    if crashed:
        yield message("unusual.crashed", sources=crashed)
    silent = tuple(each.name for each in snapshot.sources if each.status in _SILENT)
    if silent:
        yield message("unusual.silent", sources=silent)
    if snapshot.host.system not in _SYSTEMS:
        yield message("unusual.system", system=snapshot.host.system)
    unnamed = tuple(each.name for each in snapshot.accelerators if _NUMBERED in each.name)
    if unnamed:
        yield message("unusual.unnamed", devices=unnamed)
    for finding in snapshot.findings:
        if finding.id in _NOT_UNDERSTOOD:
            yield finding.title
