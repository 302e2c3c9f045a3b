"""
A machine for a person to read: what a model can use of it, its parts, and its findings.
"""

from collections.abc import Iterable

from llmprobe.facts.backends import BACKENDS, label
from llmprobe.facts.machine import Accelerator, Cpu, Host, Limit, MemoryPool, Snapshot
from llmprobe.machine.unusual import why_unusual
from llmprobe.output.text import engines, findings
from llmprobe.output.text.figures import in_gib
from llmprobe.output.text.page import ANSWER, BAD, GOOD, QUIET, WARNING, Content, Page, bar
from llmprobe.words.message import Message, message

INDENT = 6
_OPEN = ("gpu-not-looked-for", "gpu-basic-driver", "wsl-other-gpu")
"""Findings of a GPU that is here, or may be, and that no source could describe."""

HEADINGS = (message("page.total"), message("page.used"), message("page.free"), message("page.budget"))
WIDE, NARROW = 10, 8
"""Columns of a figure of memory."""
FEW_DEVICES = 2
"""How many devices are named in the first line; of more the sum is given."""
NAMED = 5
"""How many processes are named that hold memory of a pool; the others are counted."""

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


def show(page: Page, snapshot: Snapshot) -> None:
    """
    Print a snapshot.
    """
    show_machine(page, snapshot)
    findings.show(page, snapshot.findings)
    silent_sources(page, snapshot)
    _offer(page, snapshot)
    page.blank()
    page.call(message("page.what-next"), "recommend MODEL", message("page.for-example"))


def show_machine(page: Page, snapshot: Snapshot) -> None:
    """
    Print what a machine is: what a model can use, its parts, its memory with who holds it, its engines.
    """
    page.line(message("page.origin", origin=snapshot.origin))
    _verdict(page, snapshot)
    page.blank()
    _host(page, snapshot)
    _cpu(page, snapshot.host.cpu)
    _memory(page, snapshot)
    if snapshot.engines:
        engines.show(page, snapshot.engines)


def _offer(page: Page, snapshot: Snapshot) -> None:
    """
    Offer to record this machine where it is an unusual one.
    """
    reasons = why_unusual(snapshot) if snapshot.this_machine else ()
    if reasons:
        page.blank()
        page.call(message("page.unusual", reasons=reasons), "record")


def _verdict(page: Page, snapshot: Snapshot) -> None:
    """
    What a model can use here, and how many findings stand against it.
    """
    devices = [device for device in snapshot.accelerators if device.usable]
    budgets = [
        (device.id, pool.budget_bytes)
        for device in devices
        for pool in map(snapshot.pool, device.pools)
        if pool is not None and pool.budget_bytes is not None
    ]
    only = len(budgets) == 1
    usable = [
        message("page.usable-on", bytes=budget, device=None if only else device) for device, budget in budgets
    ]
    shared = snapshot.pool("ram")
    if only and shared is not None and _reaches_part(devices[0], shared):
        usable = [message("page.usable-part-on", bytes=shared.free_bytes, device_bytes=budgets[0][1])]
    if len(usable) > FEW_DEVICES:
        total = sum(budget for _, budget in budgets)
        usable = [message("page.usable-on-several", bytes=total, devices=len(usable))]
    ram = snapshot.pool("ram")
    if ram is not None and ram.budget_bytes is not None and (ram.kind != "unified" or not devices):
        usable.append(message("page.usable-in-ram", bytes=ram.budget_bytes))
    unknown = any(finding.id in _OPEN for finding in snapshot.findings)
    if devices:
        answer = message("page.usable", parts=tuple(usable))
    elif unknown:
        answer = message("page.usable-gpu-unknown", parts=tuple(usable))
    else:
        answer = message("page.usable-no-gpu", parts=tuple(usable))
    page.line((answer, ANSWER), hang=2)
    errors = sum(finding.severity == "error" for finding in snapshot.findings)
    warnings = sum(finding.severity == "warning" for finding in snapshot.findings)
    counts = (
        *((message("page.error-count", count=errors),) if errors else ()),
        *((message("page.warning-count", count=warnings),) if warnings else ()),
    )
    style = BAD if errors else WARNING if warnings else GOOD
    page.line((message("page.problems", counts=counts), style))


def _reaches_part(device: Accelerator, shared: MemoryPool) -> bool:
    """
    Whether a device shares memory of which it reaches a part, and the CPU may compute what lies in the rest.
    """
    return (
        shared.id in device.pools
        and device.backend is not None
        and BACKENDS[device.backend].partial
        and None not in (shared.free_bytes, shared.budget_bytes)
        and (shared.budget_bytes or 0) < (shared.free_bytes or 0)
    )


def _host(page: Page, snapshot: Snapshot) -> None:
    host = snapshot.host
    facts: list[Content | None] = [
        host.product if snapshot.origin != "hypothetical" else None,
        message("page.system", system=host.system, release=host.release, machine=host.machine),
        None
        if host.environment in (None, "bare")
        else message("page.environment", environment=host.environment),
    ]
    page.joined((fact for fact in facts if fact), indent=INDENT, label=message("page.host"))


def _cpu(page: Page, cpu: Cpu) -> None:
    if cpu == Cpu():
        return
    page.pair(message("page.cpu"), cpu.name or message("page.cpu-unknown"), at=INDENT)
    facts: list[Content] = []
    if cpu.physical_cores is not None:
        both = cpu.performance_cores and cpu.efficiency_cores
        facts.append(
            message(
                "page.cores",
                cores=cpu.physical_cores,
                performance=cpu.performance_cores if both else None,
                efficiency=cpu.efficiency_cores if both else None,
            )
        )
    if cpu.usable_threads is not None:
        facts.append(message("page.usable-threads", threads=cpu.usable_threads))
    here = set(cpu.instruction_sets)
    sets = " ".join(name for name in MATTERS if name in here)
    page.joined((*facts, sets) if sets else facts, indent=INDENT, style=QUIET)
    for limit in cpu.limits:
        page.pair("", limit, at=INDENT)


def _memory(page: Page, snapshot: Snapshot) -> None:
    pools = sorted(snapshot.pools, key=lambda pool: pool.id != "ram")
    labels = {pool.id: label_of(pool, snapshot) for pool in pools}
    cell = cell_for(page, labels.values())
    page.blank()
    heading(page, cell)
    shown: set[str] = set()
    for pool in pools:
        sharers = [device for device in snapshot.accelerators if pool.id in device.pools]
        owners = [] if pool.id == "ram" else sharers
        shown.update(device.id for device in owners)
        figures(page, pool, labels[pool.id], cell)
        for device in owners:
            _device_facts(page, device)
        if pool.id == "ram":
            _ram_facts(page, snapshot.host)
            if snapshot.origin == "hypothetical" and pool.kind == "system":
                _ram_rate(page, snapshot.host)
        reasons = {device.why_not for device in owners if device.why_not}
        beside = tuple(device.id for device in sharers if pool.id == "ram" and device.usable)
        _difference(page, pool, beside, reasons)
    for device in snapshot.accelerators:
        if device.id not in shown:
            page.line(f"{device.id:<{INDENT}}{device.name}", hang=INDENT)
            _device_facts(page, device)


def cell_for(page: Page, labels: Iterable[Content]) -> int:
    """
    How wide the columns of memory are: narrow where a name would not stand beside its figures else.
    """
    longest = max((page.text(label).cell_len for label in labels), default=0)
    wide = page.cell_for(HEADINGS, WIDE)
    fits = page.width >= 72 and longest < page.width - len(HEADINGS) * wide
    return wide if fits else page.cell_for(HEADINGS, NARROW)


def heading(page: Page, cell: int) -> None:
    """
    Print the heading of the memory.
    """
    page.row(message("page.memory"), HEADINGS, cell=cell, style=ANSWER)


def figures(page: Page, pool: MemoryPool, label: Content, cell: int) -> None:
    """
    Print one memory with its figures.
    """
    cells = map(in_gib, (pool.total_bytes, used(pool), pool.free_bytes, pool.budget_bytes))
    page.row(label, cells, cell=cell)


def used(pool: MemoryPool) -> int | None:
    """
    What is not free of a memory, None where either is unknown.
    """
    if pool.total_bytes is None or pool.free_bytes is None:
        return None
    return pool.total_bytes - pool.free_bytes


def label_of(pool: MemoryPool, snapshot: Snapshot) -> Content:
    """
    What a memory is called: RAM, or the devices whose own it is.
    """
    if pool.id == "ram":
        return message("page.ram-shared") if pool.kind == "unified" else message("page.ram")
    owners = [device for device in snapshot.accelerators if pool.id in device.pools]
    return ", ".join(f"{device.id:<{INDENT}}{device.name}" for device in owners) or pool.id


def _device_facts(page: Page, device: Accelerator) -> None:
    facts: list[Content] = []
    if device.backend is not None:
        facts.append(message("page.backend", backend=label(device.backend)))
    if device.compute_capability:
        facts.append(message("page.compute-capability", version=device.compute_capability))
    if device.cores and device.vendor == "apple":
        facts.append(message("page.gpu-cores", cores=device.cores))
    if device.bandwidth_bytes_per_s:
        facts.append(message("page.bandwidth", bytes_per_s=device.bandwidth_bytes_per_s))
    if device.driver:
        facts.append(message("page.driver", version=device.driver))
    if device.pci:
        facts.append(device.pci)
    if device.partition is not None:
        part = device.partition
        facts.append(message("page.partition", kind=part.kind, profile=part.profile, parent=part.parent_name))
    page.joined(facts, indent=INDENT, style=QUIET)
    if not device.usable:
        page.line((message("page.not-usable", why=device.why_not), BAD), indent=INDENT)


def _ram_facts(page: Page, host: Host) -> None:
    """
    Print how fast the RAM is where it was measured, or that a measurement no longer counts.
    """
    measured = host.measurement
    if measured is not None and measured.counting_corrections:
        # Imported only here: few machines have any.
        from llmprobe.estimation.speed.correction import about

        for correction in measured.counting_corrections:
            page.line((message("note.speed-corrected", correction=about(correction)), QUIET), indent=INDENT)
    if measured is None or measured.ram is None:
        return
    if measured.counts:
        _ram_rate(page, host)
        return
    fact = message("page.measurement-stale", date=measured.date, changed=measured.changed)
    page.line((fact, QUIET), indent=INDENT)


def _ram_rate(page: Page, host: Host) -> None:
    if host.ram_bandwidth_bytes_per_s is None:
        return
    fact = message(
        "page.ram-bandwidth",
        bytes_per_s=host.ram_bandwidth_bytes_per_s,
        basis=host.ram_bandwidth_basis,
        how=host.ram_bandwidth_how,
    )
    page.line((fact, QUIET), indent=INDENT)


def _difference(page: Page, pool: MemoryPool, sharers: tuple[str, ...], reasons: set[Message]) -> None:
    """
    Print what makes the budget less than the total, and who holds memory.
    """
    if sharers:
        page.line((message("page.shared-with-cpu", devices=sharers), QUIET), indent=INDENT)
    if page.bars and pool.total_bytes and pool.free_bytes is not None and pool.budget_bytes is not None:
        total = pool.total_bytes
        in_use = (total - pool.free_bytes) / total
        kept = max(pool.free_bytes - pool.budget_bytes, 0) / total
        budget = min(pool.budget_bytes, pool.free_bytes) / total
        parts = ((in_use, "█", "bright_black"), (kept, "▒", WARNING), (budget, "░", "green"))
        page.line(*bar(page.width - INDENT, parts), indent=INDENT)
    for limit in pool.limits:
        if limit.bytes and limit.detail not in reasons:
            page.item(
                (message("figure.beside", bytes=limit.bytes), QUIET), (_why(limit), QUIET), indent=INDENT
            )
    held = sorted(pool.held_by, key=lambda holder: -(holder.used_bytes or 0))
    if held:
        names = tuple(
            message("page.holder", name=holder.name, bytes=holder.used_bytes)
            if holder.name
            else message("page.process", pid=holder.pid, bytes=holder.used_bytes)
            for holder in held[:NAMED]
        )
        more = len(held) - NAMED if len(held) > NAMED else None
        page.line((message("page.held-by", names=names, more=more), QUIET), indent=INDENT, hang=2)


def _why(limit: Limit) -> Message:
    return message("page.limit", by=limit.by) if limit.detail is None else limit.detail


def silent_sources(page: Page, snapshot: Snapshot) -> None:
    """
    Print the sources that did not answer, or not in full.
    """
    silent = [source for source in snapshot.sources if source.status not in ("ok", "absent")]
    if not silent:
        return
    page.heading(message("page.silent"))
    for source in silent:
        page.item(
            "- ", message("page.silent-source", name=source.name, status=source.status, detail=source.detail)
        )
