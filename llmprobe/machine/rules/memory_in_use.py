"""
Memory in use by others: programs and the display on a GPU, swap on the host.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Accelerator, MemoryPool, Snapshot
from llmprobe.machine.probing import vendor
from llmprobe.machine.rules import Rule
from llmprobe.machine.rules._devices import called, physical, pools_of, whole_called
from llmprobe.units import MIB
from llmprobe.words.message import Message, message

_IN_USE = ("processes", "in-use", "display")
_WORTH_A_NOTE = 0.03
_WORTH_A_WARNING = 0.10
_LARGE_RESERVE = 0.06
"""Idle cards of 8 GiB and more reserve up to 5 % (408 MiB of 8 GiB on an RTX 2080 SUPER)."""

_SWAP_BYTES = 256 * MIB
_NAMED = 5
_STACK_BITS = 1024
"""The bus of one stack of HBM (JEDEC JESD235); GDDR has 512 bits at most."""

_UNLOAD = {
    "ollama": "ollama stop MODEL",
    "ollama_llama_se": "ollama stop MODEL",
    "lms": "lms unload --all",
    "LM Studio": "lms unload --all",
    "llmster": "lms unload --all",
}
"""The command that unloads the models of an engine, by the name of its process as the kernel cuts it."""


def vram_held(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Running programs use memory of a GPU that a model could have.
    """
    for accelerator, pool in _own_pools(snapshot):
        total = pool.total_bytes
        held = sum(limit.bytes for limit in pool.limits if limit.by in _IN_USE)
        if not total or held < _WORTH_A_NOTE * total:
            continue
        yield Finding(
            id="vram-held",
            severity="warning" if held >= _WORTH_A_WARNING * total else "note",
            title=message("finding.vram-held.title", name=called(snapshot, accelerator), used_bytes=held),
            detail=message(
                "finding.vram-held.detail",
                budget_bytes=pool.budget_bytes,
                total_bytes=total,
                holders=_holders(pool),
            ),
            evidence=pool.evidence,
            remedy=_remedy(pool, accelerator.vendor, here=snapshot.this_machine),
        )


def display_on_gpu(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A monitor is driven by the GPU that models run on.
    """
    for accelerator, pool in _own_pools(snapshot):
        if not accelerator.display_active:
            continue
        drawing = sum(holder.used_bytes or 0 for holder in pool.held_by if holder.graphics)
        yield Finding(
            id="display-on-gpu",
            severity="note",
            title=message("finding.display-on-gpu.title", name=called(snapshot, accelerator)),
            detail=message("finding.display-on-gpu.detail", graphics_bytes=drawing or None),
            evidence=accelerator.evidence_of("display_active"),
            remedy=Remedy(text=message("finding.display-on-gpu.remedy")),
        )


def ecc_on(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Error correction on a card with GDDR memory uses a part of it. HBM has bits of its own for that.
    """
    for each in physical(snapshot):
        if not each.ecc or each.memory_bus_bits is None or each.memory_bus_bits >= _STACK_BITS:
            continue
        commands = (f"sudo nvidia-smi -i {each.index} -e 0",) if each.vendor == "nvidia" else ()
        yield Finding(
            id="ecc-on",
            severity="note",
            title=message("finding.ecc-on.title", name=whole_called(snapshot, each)),
            detail=message("finding.ecc-on.detail"),
            evidence=each.evidence_of("ecc"),
            remedy=Remedy(text=message("finding.ecc-on.remedy"), commands=commands),
        )


def vram_reserved(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The driver reserves an unusually large part of a GPU's memory.
    """
    for accelerator, pool in _own_pools(snapshot):
        reserves = [
            limit for limit in pool.limits if limit.by == "driver-reserve" and limit.basis == "measured"
        ]
        reserved = sum(limit.bytes for limit in reserves)
        if not pool.total_bytes or pool.basis != "measured" or reserved < _LARGE_RESERVE * pool.total_bytes:
            continue
        yield Finding(
            id="vram-reserved",
            severity="note",
            title=message(
                "finding.vram-reserved.title", name=called(snapshot, accelerator), reserved_bytes=reserved
            ),
            detail=message("finding.vram-reserved.detail"),
            evidence=pool.evidence,
        )


def swap_in_use(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The system has moved memory to disk: it was short of memory, or is.

    Swap on Windows, as psutil counts it, is memory committed beyond RAM, most of which is never written to disk.
    """
    swap = snapshot.host.memory.swap
    ram = snapshot.pool("ram")
    if swap is None or snapshot.host.system == "win32":
        return
    used = swap.used_bytes - (swap.compressed_used_bytes or 0)
    if used < _SWAP_BYTES:
        return
    total = ram.total_bytes if ram else None
    yield Finding(
        id="swap-in-use",
        severity="warning" if total and used > _WORTH_A_WARNING * total else "note",
        title=message("finding.swap-in-use.title", used_bytes=used),
        detail=message("finding.swap-in-use.detail"),
        evidence=swap.evidence,
        remedy=Remedy(
            text=message("finding.swap-in-use.remedy"),
            commands=("sysctl vm.swapusage" if snapshot.host.system == "darwin" else "free -h",),
        ),
    )


def _own_pools(snapshot: Snapshot) -> Iterator[tuple[Accelerator, MemoryPool]]:
    for accelerator in snapshot.accelerators:
        for pool in pools_of(snapshot, accelerator):
            if pool.kind == "vram" and accelerator.usable:
                yield accelerator, pool


def _holders(pool: MemoryPool) -> Message:
    """
    The processes that use memory of a pool, the largest by name.
    """
    known = [holder for holder in pool.held_by if holder.used_bytes]
    if not known:
        return message("finding.vram-held.unknown" if pool.held_by else "finding.vram-held.unlisted")
    processes = tuple(
        message("finding.vram-held.process", name=holder.name, pid=holder.pid, used_bytes=holder.used_bytes)
        for holder in known[:_NAMED]
    )
    return message("finding.vram-held.by", processes=processes, more=len(known[_NAMED:]) or None)


def _remedy(pool: MemoryPool, of: str, *, here: bool) -> Remedy:
    """
    How to free the memory. The number of a process means another one where its machine is not ``here``.
    """
    names = {holder.name for holder in pool.held_by}
    commands = tuple(dict.fromkeys(command for name, command in _UNLOAD.items() if name in names))
    if commands:
        return Remedy(text=message("finding.vram-held.remedy-unload"), commands=commands)
    if "llama-server" in names:
        pids = [str(holder.pid) for holder in pool.held_by if holder.name == "llama-server"]
        commands = (f"kill {' '.join(pids)}",) if here else ()
        return Remedy(text=message("finding.vram-held.remedy-server"), commands=commands)
    return Remedy(text=message("finding.vram-held.remedy"), commands=vendor(of).lists_programs)


RULES = (
    Rule("vram-held", vram_held),
    Rule("display-on-gpu", display_on_gpu),
    Rule("ecc-on", ecc_on),
    Rule("vram-reserved", vram_reserved),
    Rule("swap-in-use", swap_in_use),
)
