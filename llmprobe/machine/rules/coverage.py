"""
What the answer is not based on: sources that failed, figures from a table, devices that nobody examined.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot, SourceReport
from llmprobe.harmless import shell_word
from llmprobe.machine.gpu_table import named
from llmprobe.machine.probing import finds_accelerators
from llmprobe.machine.rules import RULE, Rule
from llmprobe.machine.rules._devices import called, lent_by_windows, on_basic_driver, uncounted
from llmprobe.units import GIB
from llmprobe.words.message import Message, message

_FAILED = ("denied", "failed", "timeout", "crashed")
_NOT_LOOKED_AT = (*_FAILED, "not_recorded", "unsupported")
_KERNELS_IN_MACS = ("linuxkit", "orbstack")
_NAMED = 4
_ASSUMED = ("option:--ram",)
_REMEDIES = {
    "timeout": Remedy(
        text=message("finding.probe-failed.more-time"), commands=("llmprobe --timeout 10 check",)
    ),
    "crashed": Remedy(
        text=message("finding.probe-failed.remedy"), commands=("llmprobe record -o machine.json",)
    ),
}
"""What to do about a source that did not answer, by its status."""
"""The evidence for a machine that nobody has: its options."""


def table_estimate(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A figure is from a table by the device's name, not from the device.
    """
    figures: list[Message] = []
    evidence: list[str] = []
    for each in snapshot.accelerators:
        if each.vendor == "other" and not named(each.name):
            # No table has it: its user gave the figures.
            continue
        rate = each.bandwidth_basis == "declared"
        pools = [pool for pool in map(snapshot.pool, each.pools) if pool is not None]
        size = any(pool.kind == "vram" and pool.basis == "declared" for pool in pools)
        if rate and size:
            figures.append(message("finding.table-estimate.both", device=called(snapshot, each)))
        elif rate:
            figures.append(message("finding.table-estimate.bandwidth", device=called(snapshot, each)))
        elif size:
            figures.append(message("finding.table-estimate.memory", device=called(snapshot, each)))
        evidence += each.evidence if rate or size else ()
    if not figures or not evidence:
        return
    yield Finding(
        id="table-estimate",
        severity="note",
        title=message("finding.table-estimate.title"),
        detail=message("finding.table-estimate.detail", figures=tuple(dict.fromkeys(figures))),
        evidence=tuple(dict.fromkeys(evidence)),
    )


def memory_assumed(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A GPU's name is sold with several sizes of memory, and the usual one is assumed.
    """
    seen = set()
    for each in snapshot.accelerators:
        pool = snapshot.pool(each.pools[0]) if each.pools else None
        own = "unified" if each.integrated else "vram"
        if pool is None or pool.kind != own or pool.basis != "assumed" or each.name in seen:
            continue
        seen.add(each.name)
        sold = _sold(each.name)
        yield Finding(
            id="memory-assumed",
            severity="note",
            title=message(
                "finding.memory-assumed.title",
                device=each.name,
                size_bytes=pool.total_bytes,
                sizes_gb=tuple(sold),
            ),
            detail=message("finding.memory-assumed.detail"),
            evidence=pool.evidence,
            remedy=Remedy(
                text=message("finding.memory-assumed.remedy"),
                commands=tuple(
                    f"llmprobe --gpu {shell_word(name)}{' --ram 64GiB' if pool.kind == 'vram' else ''} check"
                    for name in sold.values()
                ),
            ),
        )


def _sold(name: str) -> dict[int, str]:
    """
    The sizes in GB that a device is sold with, and what to write for each.
    """
    from llmprobe.machine.gpu_spelling import same_words, size_in

    sold: dict[int, str] = {}
    for row in (*named(name), *same_words(name)):
        sizes = () if row.modified else row.sizes_gb or (round((row.memory_bytes or 0) / GIB),)
        for size in sizes:
            sold.setdefault(size, row.name if size_in(row.name) else f"{row.name} {size}GB")
    return dict(sorted(sold.items()))


def cpu_not_listed(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The processor of a hypothetical machine is in no table, so that its cores are unknown.
    """
    cpu = snapshot.host.cpu
    if snapshot.origin != "hypothetical" or cpu.physical_cores is not None or not cpu.evidence:
        return
    yield Finding(
        id="cpu-not-listed",
        severity="note",
        title=message("finding.cpu-not-listed.title", cpu=cpu.name),
        detail=message("finding.cpu-not-listed.detail"),
        evidence=cpu.evidence,
        remedy=Remedy(text=message("finding.cpu-not-listed.remedy")),
    )


def unsupported_vendor(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A GPU is here whose vendor has no probe.
    """
    for each in snapshot.accelerators:
        if each.vendor != "other" or each.usable or snapshot.origin == "hypothetical":
            continue
        yield Finding(
            id="gpu-unsupported-vendor",
            severity="note" if any(other.usable for other in snapshot.accelerators) else "warning",
            title=message("finding.gpu-unsupported-vendor.title", device=called(snapshot, each)),
            detail=message("finding.gpu-unsupported-vendor.detail-opencl")
            if each.why_not is not None and each.why_not.id == "unusable.opencl-only"
            else message("finding.gpu-unsupported-vendor.detail"),
            evidence=each.evidence,
        )


def no_gpu(snapshot: Snapshot) -> Iterator[Finding]:
    """
    There is only the processor, and perhaps graphics that no probe examines.

    Where a source that could have found a GPU did not answer, it is unknown whether there is one.
    """
    if _has_gpu(snapshot) or _not_looked_at(snapshot):
        return
    if on_basic_driver(snapshot) or lent_by_windows(snapshot):
        # One is there, or may be, and no source can describe it.
        return
    evidence = tuple(
        f"source:{each.name}"
        for each in snapshot.sources
        if each.status == "absent" and finds_accelerators(each.name)
    )
    yield Finding(
        id="no-gpu",
        severity="note",
        title=message("finding.no-gpu.title")
        if not snapshot.accelerators and not any("graphics" in each.kind for each in uncounted(snapshot))
        else message("finding.no-gpu.title-unusable"),
        detail=message("finding.no-gpu.detail-in-a-mac")
        if _in_a_mac(snapshot)
        else message("finding.no-gpu.detail"),
        evidence=evidence
        or tuple(name for each in snapshot.accelerators for name in each.evidence)
        or _ASSUMED,
    )


def _in_a_mac(snapshot: Snapshot) -> bool:
    """
    Whether this is a container in the virtual machine that Docker Desktop or OrbStack runs on a Mac with an Apple chip.

    The names are those of their kernels; Docker Desktop on Windows has that of WSL.
    https://github.com/ollama/ollama/blob/main/docs/docker.md
    """
    release = (snapshot.host.release or "").lower()
    arm = snapshot.host.machine.lower() in ("aarch64", "arm64")
    return arm and snapshot.host.system == "linux" and any(name in release for name in _KERNELS_IN_MACS)


def gpu_not_looked_for(snapshot: Snapshot) -> Iterator[Finding]:
    """
    No GPU is known, and a source that could have found one did not answer.
    """
    silent = _not_looked_at(snapshot)
    if not silent or _has_gpu(snapshot):
        return
    yield Finding(
        id="gpu-not-looked-for",
        severity="warning",
        title=message("finding.gpu-not-looked-for.title")
        if not snapshot.accelerators
        else message("finding.gpu-not-looked-for.title-usable"),
        detail=message("finding.gpu-not-looked-for.detail-system", system=snapshot.host.system)
        if all(each.status == "unsupported" for each in silent)
        else message(
            "finding.gpu-not-looked-for.detail",
            sources=tuple(
                message("finding.gpu-not-looked-for.source", source=each.name, status=each.status)
                for each in silent
            ),
        ),
        evidence=tuple(f"source:{each.name}" for each in silent),
        remedy=_REMEDIES["timeout"] if any(each.status == "timeout" for each in silent) else None,
    )


def probe_failed(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Sources did not answer, in whole or in part, so that something may be missing: those of one reason together.
    """
    alike: dict[tuple[str, Message | None], list[SourceReport]] = {}
    for each in snapshot.sources:
        if each.status in _FAILED or each.status == "partial":
            alike.setdefault((each.status, each.detail), []).append(each)
    for (status, reason), sources in alike.items():
        names = tuple(each.name for each in sources)
        yield Finding(
            id="probe-failed",
            severity="note" if status == "partial" else "warning",
            title=message("finding.probe-failed.title", sources=names, status=status),
            detail=message("finding.probe-failed.detail", reason=reason),
            evidence=tuple(f"source:{name}" for name in names),
            remedy=_REMEDIES.get(status),
        )


def rule_crashed(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Checks of this machine that raised: what they would have found is unknown.
    """
    names = tuple(each.name.removeprefix(RULE) for each in snapshot.sources if each.name.startswith(RULE))
    if not names:
        return
    yield Finding(
        id="rule-crashed",
        severity="warning",
        title=message("finding.rule-crashed.title", checks=names),
        detail=message(
            "finding.rule-crashed.detail", checks=names[:_NAMED], more=len(names[_NAMED:]) or None
        ),
        evidence=tuple(f"source:{RULE}{name}" for name in names),
        remedy=_REMEDIES["crashed"],
    )


def not_recorded(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A recording lacks answers that newer probes ask for.
    """
    names = tuple(each.name for each in snapshot.sources if each.status == "not_recorded")
    if not names:
        return
    yield Finding(
        id="not-recorded",
        severity="note",
        title=message("finding.not-recorded.title"),
        detail=message("finding.not-recorded.detail", sources=names),
        evidence=tuple(f"source:{name}" for name in names),
        remedy=Remedy(
            text=message("finding.not-recorded.remedy"), commands=("llmprobe record -o machine.json",)
        ),
    )


def _has_gpu(snapshot: Snapshot) -> bool:
    """
    Whether a GPU can be used, or is of NVIDIA, whose own rules explain why it can't.
    """
    return any(each.usable or each.vendor == "nvidia" for each in snapshot.accelerators)


def _not_looked_at(snapshot: Snapshot) -> tuple[SourceReport, ...]:
    """
    The sources that could have found a GPU and did not answer, or not on the memory of one that can't be used for that.
    """
    unsized = {
        each.vendor
        for each in snapshot.accelerators
        if each.why_not is not None and each.why_not.id == "unusable.size-unknown"
    }
    return tuple(
        each
        for each in snapshot.sources
        if finds_accelerators(each.name)
        and (each.status in _NOT_LOOKED_AT or (each.status == "partial" and each.name in unsized))
    )


RULES = (
    Rule("table-estimate", table_estimate),
    Rule("memory-assumed", memory_assumed),
    Rule("cpu-not-listed", cpu_not_listed),
    Rule("gpu-unsupported-vendor", unsupported_vendor),
    Rule("no-gpu", no_gpu),
    Rule("gpu-not-looked-for", gpu_not_looked_for),
    Rule("probe-failed", probe_failed),
    Rule("rule-crashed", rule_crashed),
    Rule("not-recorded", not_recorded),
)
