"""
A machine for a person to read: processor, memory and what takes it, accelerators, findings.
"""

from collections.abc import Iterable

from llmprobe.facts.backends import label
from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Accelerator, Cpu, MemoryPool, Snapshot
from llmprobe.output.text import engines as human_engines
from llmprobe.output.text.console import Page, bar
from llmprobe.output.text.figures import LIMITS, ORIGINS, in_gib, plural, size
from llmprobe.units import format_rate

INDENT = 6
WIDE, NARROW = 10, 8
"""Columns of a figure of memory."""

MATTERS = (
    "avx",
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512vnni",
    "avx512_bf16",
    "avx_vnni",
    "amx_int8",
    "amx_bf16",
    "amx_tile",
    "f16c",
    "fma",
    "neon",
    "asimd",
    "asimddp",
    "asimdhp",
    "i8mm",
    "bf16",
    "sve",
    "sve2",
    "sme",
    "vsx",
    "rvv",
)
"""
Instruction sets that llama.cpp has kernels for, so that the others do not fill a screen.
"""
SYSTEMS = {"linux": "Linux", "darwin": "macOS with Darwin", "win32": "Windows"}
SEVERITIES = {"error": "bold red", "warning": "bold yellow", "note": "dim"}


def show(page: Page, snapshot: Snapshot) -> None:
    """
    Print a snapshot.
    """
    page.line((ORIGINS[snapshot.origin], "bold"))
    page.blank()
    _host(page, snapshot)
    _cpu(page, snapshot.host.cpu)
    _memory(page, snapshot)
    if snapshot.engines:
        human_engines.show(page, snapshot.engines)
    show_findings(page, snapshot.findings)
    _silent_sources(page, snapshot)


def show_findings(page: Page, findings: tuple[Finding, ...], *, in_full: bool = False) -> None:
    """
    Print errors and warnings with what mends them, and notes in one line each unless ``in_full``.
    """
    long = [finding for finding in findings if in_full or finding.severity != "note"]
    short = [finding for finding in findings if finding not in long]
    for number, finding in enumerate(sorted(long, key=lambda found: tuple(SEVERITIES).index(found.severity))):
        # By itself an explanation begins at the top.
        if number or not in_full:
            page.blank()
        page.line((finding.severity, SEVERITIES[finding.severity]), "  ", (finding.title, "bold"), hang=2)
        page.line(finding.detail, indent=2)
        if finding.remedy is not None:
            page.line(finding.remedy.text, indent=2)
            for command in finding.remedy.commands:
                page.verbatim(command, indent=4, style="cyan")
            if finding.remedy.link is not None:
                page.verbatim(finding.remedy.link, indent=4, style="dim")
        evidence = ", ".join(finding.evidence)
        page.line((f"{finding.id}; seen in {evidence}" if in_full else finding.id, "dim"), indent=2, hang=2)
    if short:
        page.heading("Notes")
        for finding in short:
            page.item("- ", finding.title, (f"  {finding.id}", "dim"))


def _host(page: Page, snapshot: Snapshot) -> None:
    host = snapshot.host
    where = {"bare": None, "vm": "in a virtual machine", "container": "in a container", "wsl": "under WSL"}
    facts = (
        host.product if snapshot.origin != "hypothetical" else None,
        " ".join(filter(None, (SYSTEMS.get(host.system, host.system), host.release, host.machine))),
        where.get(host.environment or "bare", host.environment),
    )
    page.joined(filter(None, facts), indent=INDENT, label="Host")


def _cpu(page: Page, cpu: Cpu) -> None:
    if cpu == Cpu():
        return
    page.pair("CPU", (cpu.name or "unknown processor", "bold"), at=INDENT)
    facts = []
    if cpu.physical_cores is not None:
        kinds = [
            f"{count} {kind}"
            for count, kind in ((cpu.performance_cores, "performance"), (cpu.efficiency_cores, "efficiency"))
            if count
        ]
        split = f" ({' + '.join(kinds)})" if len(kinds) == 2 else ""
        facts.append(plural(cpu.physical_cores, "core") + split)
    if cpu.usable_threads is not None:
        facts.append(plural(cpu.usable_threads, "usable thread"))
    here = set(cpu.instruction_sets)
    facts.append(" ".join(name for name in MATTERS if name in here))
    page.joined(filter(None, facts), indent=INDENT)
    for limit in cpu.limits:
        page.pair("", (limit, "dim"), at=INDENT)


def _memory(page: Page, snapshot: Snapshot) -> None:
    pools = sorted(snapshot.pools, key=lambda pool: pool.id != "ram")
    labels = {pool.id: label_of(pool, snapshot) for pool in pools}
    cell = cell_for(page, labels.values())
    page.blank()
    page.row("Memory in GiB", ("total", "used", "free", "budget"), cell=cell, style="bold")
    shown: set[str] = set()
    for pool in pools:
        sharers = [device for device in snapshot.accelerators if pool.id in device.pools]
        owners = [] if pool.id == "ram" else sharers
        shown.update(device.id for device in owners)
        used = (
            None
            if pool.total_bytes is None or pool.free_bytes is None
            else pool.total_bytes - pool.free_bytes
        )
        page.row(
            labels[pool.id],
            map(in_gib, (pool.total_bytes, used, pool.free_bytes, pool.budget_bytes)),
            cell=cell,
        )
        for device in owners:
            _device_facts(page, device)
        said = {device.why_not for device in owners if device.why_not}
        _difference(page, pool, [device.id for device in sharers if pool.id == "ram"], said)
    for device in snapshot.accelerators:
        if device.id not in shown:
            page.line(f"{device.id:<{INDENT}}{device.name}", hang=INDENT)
            _device_facts(page, device)


def cell_for(page: Page, labels: Iterable[str]) -> int:
    """
    Return how wide the columns of memory are: narrow where a name would not stand beside its figures else.
    """
    wide = page.width >= 72 and max(map(len, labels), default=0) < page.width - 4 * WIDE
    return WIDE if wide else NARROW


def label_of(pool: MemoryPool, snapshot: Snapshot) -> str:
    """
    Return what a memory is called: RAM, or the devices whose own it is.
    """
    if pool.id == "ram":
        return "RAM, shared with the GPU" if pool.kind == "unified" else "RAM"
    owners = [device for device in snapshot.accelerators if pool.id in device.pools]
    return ", ".join(f"{device.id:<{INDENT}}{device.name}" for device in owners) or pool.id


def _device_facts(page: Page, device: Accelerator) -> None:
    rate = device.bandwidth_bytes_per_s
    facts = [
        label(device.backend) if device.backend else None,
        f"compute capability {device.compute_capability}" if device.compute_capability else None,
        plural(device.cores, "core") if device.cores and device.vendor == "apple" else None,
        format_rate(rate) if rate else None,
        f"driver {device.driver}" if device.driver else None,
        device.pci,
        _partition(device),
    ]
    page.joined(filter(None, facts), indent=INDENT, style="dim")
    if not device.usable:
        page.line(("not usable: ", "bold red"), device.why_not or "unknown why", indent=INDENT)


def _partition(device: Accelerator) -> str | None:
    if device.partition is None:
        return None
    part = device.partition
    name = " ".join(filter(None, (part.kind.upper() if part.kind == "mig" else "vGPU", part.profile)))
    return f"{name} of {part.parent_name}" if part.parent_name else name


def _difference(page: Page, pool: MemoryPool, sharers: list[str], said: set[str]) -> None:
    if sharers:
        page.line((f"{', '.join(sharers)} and the processor take from the same memory", "dim"), indent=INDENT)
    if page.bars and pool.total_bytes and pool.free_bytes is not None and pool.budget_bytes is not None:
        total = pool.total_bytes
        used = (total - pool.free_bytes) / total
        kept = max(pool.free_bytes - pool.budget_bytes, 0) / total
        budget = min(pool.budget_bytes, pool.free_bytes) / total
        parts = ((used, "█", "bright_black"), (kept, "▒", "yellow"), (budget, "░", "green"))
        page.line(*bar(page.width - INDENT, parts), indent=INDENT)
    for limit in pool.limits:
        if limit.bytes and limit.detail not in said:
            why = limit.detail or LIMITS.get(limit.by, limit.by)
            page.item(f"{size(limit.bytes):>10}  ", why, indent=INDENT)
    held = sorted(pool.held_by, key=lambda holder: -(holder.used_bytes or 0))
    if held:
        names = [
            " ".join(filter(None, (holder.name or f"process {holder.pid}", _held(holder.used_bytes))))
            for holder in held[:5]
        ]
        more = f", and {len(held) - 5} more" if len(held) > 5 else ""
        page.line(("held by " + ", ".join(names) + more, "dim"), indent=INDENT)


def _held(used_bytes: int | None) -> str | None:
    return None if used_bytes is None else size(used_bytes)


def _silent_sources(page: Page, snapshot: Snapshot) -> None:
    silent = [source for source in snapshot.sources if source.status not in ("ok", "absent")]
    if not silent:
        return
    page.heading("Did not answer in full")
    for source in silent:
        detail = f": {source.detail}" if source.detail else ""
        page.item("- ", f"{source.name} ({source.status}){detail}")
