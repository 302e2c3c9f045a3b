"""
What can be added to a machine: whether it has a place for a card, and for more RAM, as far as its parts tell.

A program does not see a case, a free slot or a power supply. What it sees are names: of chips that share their memory,
of processors of laptops, of modules that are soldered.
"""

import re

from llmprobe.facts.machine import Snapshot
from llmprobe.machine.changed import usable_cards
from llmprobe.words.message import Message, message

_MOBILE_GPU = r"(?i)\blaptop\b|\bmax-q\b|\bmobile\b|\bgeforce (?:gtx )?mx ?\d{3}|\b[67]\d{3}m\b|\ba\d{3,4}m\b"
_MOBILE_CPU = (
    r"\bi[3579]-\d{4,5}(?:G\d|[UYPHVM][XKQS]?|[MQ]{2})\b",
    r"\bUltra [3579] \d{3}(?:[UVH]|HX)\b",
    r"\bCore\(TM\) [3579] \d{3}(?:[UH]|HX)\b",
    r"\bRyzen [3579] (?:PRO )?\d{4}(?:[UCe]|H[SX]?)\b",
    r"\bRyzen AI (?!Max|MAX)[3579] ",
    r"\bCeleron\(R\) N\d|\bPentium\(R\) Silver|\bN[1-3]\d{2}\b",
)
"""The letters after the number of processors that are soldered in laptops and small computers."""

_SERVER = r"(?i)\bepyc\b|\bxeon\b|\bthreadripper pro\b|\bgrace\b|\baltra\b"
_SUPERCHIP = r"\bG[BH][23]00\b"


def no_card(snapshot: Snapshot) -> Message | None:
    """
    Why no card can be added, None where nothing is against it.
    """
    if snapshot.host.system == "darwin":
        return message("upgrade.no-card-mac")
    if any(one.usable and "ram" in one.pools for one in snapshot.accelerators):
        return message("upgrade.no-card-shared")
    if any(re.search(_SUPERCHIP, one.name) for one in snapshot.accelerators):
        return message("upgrade.no-card-superchip")
    if any(one.partition is not None for one in usable_cards(snapshot)):
        return message("upgrade.no-card-part")
    if is_mobile(snapshot):
        return message("upgrade.no-card-laptop")
    return None


def no_ram(snapshot: Snapshot) -> Message | None:
    """
    Why no RAM can be added, None where nothing is against it.
    """
    modules, ram = snapshot.host.memory.modules, snapshot.pool("ram")
    if ram is None or ram.total_bytes is None:
        return message("upgrade.no-ram-unknown")
    if snapshot.host.system == "darwin" or ram.kind == "unified":
        return message("upgrade.no-ram-soldered")
    if any(re.search(_SUPERCHIP, one.name) for one in snapshot.accelerators):
        return message("upgrade.no-ram-soldered")
    if modules is not None and (modules.kind or "").upper().startswith("LPDDR"):
        return message("upgrade.no-ram-soldered")
    if any(one.by == "cgroup" and one.bytes for one in ram.limits):
        return message("upgrade.no-ram-limited")
    return None


def is_mobile(snapshot: Snapshot) -> bool:
    """
    Whether this is a laptop, or a small computer with the parts of one.
    """
    if any(re.search(_MOBILE_GPU, one.name) for one in snapshot.accelerators):
        return True
    name = snapshot.host.cpu.name or ""
    return any(re.search(pattern, name) for pattern in _MOBILE_CPU)


def is_server(snapshot: Snapshot) -> bool:
    """
    Whether the processor is one of servers and workstations, with many lanes and many modules.
    """
    return re.search(_SERVER, snapshot.host.cpu.name or "") is not None
