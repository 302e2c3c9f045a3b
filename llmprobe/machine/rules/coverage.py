"""
What the answer does not stand on: sources that failed, figures from a table, devices that nobody examined.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.rules import Rule

_FAILED = ("denied", "failed", "timeout", "crashed")
_GPU_SOURCES = ("nvidia", "amd", "intel", "apple", "asahi", "pci")
_ASSUMED = ("option:--ram",)
"""What a machine that nobody has stands on: its options."""

_REPORT = Remedy(
    text="Record the machine and send the file with a report.", commands=("llmprobe record -o machine.json",)
)


def table_estimate(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A figure is what a table says of the device's name, not what the device says.
    """
    taken: list[str] = []
    evidence: list[str] = []
    for each in snapshot.accelerators:
        what = ["bandwidth"] if each.bandwidth_basis == "declared" else []
        pools = [pool for pool in map(snapshot.pool, each.pools) if pool is not None]
        what += ["memory"] if any(pool.kind == "vram" and pool.basis == "declared" for pool in pools) else []
        if what:
            taken.append(f"{' and '.join(what)} of {each.name}")
            evidence += each.evidence
    if not taken or not evidence:
        return
    yield Finding(
        id="table-estimate",
        severity="note",
        title="Some figures are from a table",
        detail=f"The device itself does not tell them here: {'; '.join(dict.fromkeys(taken))}. Speeds that stand on "
        "them are less certain.",
        evidence=tuple(dict.fromkeys(evidence)),
    )


def unsupported_vendor(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A GPU is here whose vendor has no probe.
    """
    for each in snapshot.accelerators:
        if each.vendor != "other":
            continue
        yield Finding(
            id="gpu-unsupported-vendor",
            severity="note" if any(other.usable for other in snapshot.accelerators) else "warning",
            title=f"{each.name} is not examined",
            detail=f"{_sentence(each.why_not or 'No probe knows it')}, so that its memory is not counted. An engine "
            "may be able to use it, by Vulkan for instance.",
            evidence=each.evidence,
        )


def no_gpu(snapshot: Snapshot) -> Iterator[Finding]:
    """
    There is nothing but the processor, and perhaps graphics that no probe examines.

    Where a source that could have found one failed, nothing is known and nothing is said.
    """
    if any(each.usable or each.vendor == "nvidia" for each in snapshot.accelerators):
        return
    if any(each.name in _GPU_SOURCES and each.status in _FAILED for each in snapshot.sources):
        return
    evidence = tuple(
        f"source:{each.name}"
        for each in snapshot.sources
        if each.status == "absent" and each.name in _GPU_SOURCES
    )
    yield Finding(
        id="no-gpu",
        severity="note",
        title="No GPU was found" if not snapshot.accelerators else "No GPU that can be used was found",
        detail="Models run on the processor, and the speed of memory decides how fast.",
        evidence=evidence
        or tuple(name for each in snapshot.accelerators for name in each.evidence)
        or _ASSUMED,
    )


def probe_failed(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A source did not answer, in whole or in part, so that something may be missing.
    """
    for each in snapshot.sources:
        if each.status not in _FAILED and each.status != "partial":
            continue
        crashed = each.status == "crashed"
        yield Finding(
            id="probe-failed",
            severity="note" if each.status == "partial" else "warning",
            title=f"Not everything could be asked ({each.name}: {each.status})",
            detail=f"{each.detail or 'No reason was given'}. What depends on it is missing or unknown here.",
            evidence=(f"source:{each.name}",),
            remedy=_REPORT if crashed else None,
        )


def not_recorded(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A recording does not hold what newer probes ask.
    """
    names = [each.name for each in snapshot.sources if each.status == "not_recorded"]
    if not names:
        return
    yield Finding(
        id="not-recorded",
        severity="note",
        title="The recording does not hold everything",
        detail=f"These were not asked when it was made: {', '.join(names)}. What depends on them is unknown here.",
        evidence=tuple(f"source:{name}" for name in names),
        remedy=Remedy(text="Record the machine again.", commands=("llmprobe record -o machine.json",)),
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


RULES = (
    Rule("table-estimate", table_estimate),
    Rule("gpu-unsupported-vendor", unsupported_vendor),
    Rule("no-gpu", no_gpu),
    Rule("probe-failed", probe_failed),
    Rule("not-recorded", not_recorded),
)
