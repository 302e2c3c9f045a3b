"""
Machines as bare records for the tests of rules: every fact that a rule reads is in sight.
"""

from typing import Any

import msgspec

from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Accelerator, Host, Limit, MemoryPool, Snapshot
from llmprobe.machine import rules
from llmprobe.words.message import Message
from tests.machine.fake import GIB

ASKED = ("read:/a",)
ADDRESS = "0000:c5:00.0"


def found(snapshot: Snapshot, finding: str) -> list[Finding]:
    """
    The findings of one rule.
    """
    rule = next(each for each in rules.all_rules() if each.id == finding)
    return list(rule.apply(snapshot))


def severity(snapshot: Snapshot, finding: str) -> str | None:
    """
    How severe the finding of a rule is, None where it is not made.
    """
    return next((each.severity for each in found(snapshot, finding)), None)


def only(snapshot: Snapshot, finding: str) -> Finding:
    """
    The one finding of a rule.
    """
    (each,) = found(snapshot, finding)
    return each


def commands(finding: Finding) -> tuple[str, ...]:
    """
    The commands of a remedy, none where there is no remedy.
    """
    return finding.remedy.commands if finding.remedy is not None else ()


def remedy(finding: Finding) -> Message | None:
    """
    The text of a remedy.
    """
    return finding.remedy.text if finding.remedy is not None else None


def pool(name: str = "vram0", gib: float | None = 16, **fields: Any) -> MemoryPool:
    """
    A pool of which all is free.
    """
    size = None if gib is None else int(gib * GIB)
    usual: dict[str, Any] = {
        "id": name,
        "kind": "system" if name == "ram" else "vram",
        "total_bytes": size,
        "free_bytes": size,
        "budget_bytes": size,
        "evidence": ASKED,
    }
    return MemoryPool(**(usual | fields))


def card(**fields: Any) -> Accelerator:
    """
    A card of 16 GiB.
    """
    usual: dict[str, Any] = {
        "id": "gpu0",
        "vendor": "nvidia",
        "name": "card",
        "backend": "cuda",
        "pools": ("vram0",),
        "index": 0,
        "pci": ADDRESS,
        "evidence": ASKED,
    }
    return Accelerator(**(usual | fields))


def machine(
    *cards: Accelerator,
    pools: tuple[MemoryPool, ...] | None = None,
    host: dict[str, Any] | None = None,
    **fields: Any,
) -> Snapshot:
    """
    A machine of 64 GiB of RAM, with these cards.
    """
    system: dict[str, Any] = {"system": "linux", "machine": "x86_64"}
    memory = (pool("ram", 64), pool()) if pools is None else pools
    snapshot = Snapshot(
        this_machine=False, host=Host(**(system | (host or {}))), pools=memory, accelerators=cards
    )
    return msgspec.structs.replace(snapshot, **fields)


def in_use(gib: float, by: str = "processes", **fields: Any) -> Limit:
    return Limit(by=by, bytes=int(gib * GIB), **fields)
