"""
Memory that others hold: programs and the display on a GPU, swap on the host.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Accelerator, MemoryPool, Snapshot
from llmprobe.machine.rules import Rule, asked_nvml
from llmprobe.units import MIB, format_bytes

_IN_USE = ("processes", "in-use", "display")
_WORTH_SAYING = 0.03
_WORTH_WARNING = 0.10
_LARGE_RESERVE = 0.06
"""Idle cards of 8 GiB and more keep up to 5 % (408 MiB of 8 GiB on an RTX 2080 SUPER)."""

_SWAP_BYTES = 256 * MIB
_NAMED = 5
_STACKED_MEMORY = ("A100", "A30", "H100", "H200", "GH200", "B200", "V100", "P100", "GB200")
"""HBM corrects errors at no cost: it has bits for that."""
_UNLOAD = {
    "ollama": "ollama stop MODEL",
    "ollama_llama_se": "ollama stop MODEL",
    "lms": "lms unload --all",
    "LM Studio": "lms unload --all",
    "llmster": "lms unload --all",
}
"""What unloads the models of an engine, by the name of its process as the kernel cuts it."""


def vram_held(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Running programs hold memory of a GPU that a model could have.
    """
    for accelerator, pool in _own_pools(snapshot):
        total = pool.total_bytes
        held = sum(limit.bytes for limit in pool.limits if limit.by in _IN_USE)
        if not total or held < _WORTH_SAYING * total:
            continue
        yield Finding(
            id="vram-held",
            severity="warning" if held >= _WORTH_WARNING * total else "note",
            title=f"{format_bytes(held)} of {accelerator.name} is in use",
            detail=f"A model can have {format_bytes(pool.budget_bytes or 0)} of {format_bytes(total)} now. "
            f"{_who(pool)}",
            evidence=pool.evidence,
            remedy=_remedy(pool, accelerator.vendor),
        )


def display_on_gpu(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A monitor is driven by the GPU that models run on.
    """
    for accelerator, pool in _own_pools(snapshot):
        if not accelerator.display_active:
            continue
        drawing = sum(holder.used_bytes or 0 for holder in pool.held_by if holder.graphics)
        amount = f" Programs that draw hold {format_bytes(drawing)} now." if drawing else ""
        yield Finding(
            id="display-on-gpu",
            severity="note",
            title=f"A display is connected to {accelerator.name}",
            detail=f"The desktop takes memory that comes and goes with what is on the screen.{amount} A model that "
            "fills the rest may fail when a window opens.",
            evidence=asked_nvml(snapshot, f"nvmlDeviceGetDisplayActive {accelerator.index}"),
            remedy=Remedy(text="Connect the monitor to the processor's own graphics, where there is any."),
        )


def ecc_on(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Error correction on a card with GDDR memory takes a part of it.
    """
    seen = snapshot.observed("nvidia.ecc")
    for each in snapshot.accelerators:
        if seen is None or each.vendor != "nvidia" or not seen.value.get(str(each.index)):
            continue
        if any(name in each.name for name in _STACKED_MEMORY):
            continue
        yield Finding(
            id="ecc-on",
            severity="note",
            title=f"Error correction is on ({each.name})",
            detail="On this kind of memory it takes about 6 % of the size, and some of the speed.",
            evidence=asked_nvml(snapshot, f"nvmlDeviceGetEccMode {each.index}"),
            remedy=Remedy(
                text="Where wrong bits may be risked it can be switched off, from the next start on.",
                commands=(f"sudo nvidia-smi -i {each.index} -e 0",),
            ),
        )


def vram_reserved(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The driver keeps an unusually large part of a GPU's memory for itself.
    """
    for accelerator, pool in _own_pools(snapshot):
        kept = [limit for limit in pool.limits if limit.by == "driver-reserve" and limit.basis == "measured"]
        reserved = sum(limit.bytes for limit in kept)
        if not pool.total_bytes or pool.basis != "measured" or reserved < _LARGE_RESERVE * pool.total_bytes:
            continue
        yield Finding(
            id="vram-reserved",
            severity="note",
            title=f"The driver keeps {format_bytes(reserved)} of {accelerator.name}",
            detail="Driver and firmware hold this part of the memory for themselves, whether or not a program runs; "
            "it is not counted as free.",
            evidence=pool.evidence,
        )


def swap_in_use(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The system has moved memory to disk: it was short of memory, or is.

    What psutil calls swap on Windows is what is promised beyond RAM, most of which is never written to disk.
    """
    seen = snapshot.host.memory.swap
    ram = snapshot.pool("ram")
    if seen is None or snapshot.host.system == "win32":
        return
    used = seen.used_bytes - (seen.compressed_used_bytes or 0)
    if used < _SWAP_BYTES:
        return
    total = ram.total_bytes if ram else None
    yield Finding(
        id="swap-in-use",
        severity="warning" if total and used > _WORTH_WARNING * total else "note",
        title=f"{format_bytes(used)} is swapped to disk",
        detail="The system was short of memory. A model whose weights do not stay in memory is read from disk for "
        "every token, which is tens of times slower.",
        evidence=seen.evidence,
        remedy=Remedy(
            text="Close programs before loading a model, and leave some memory free.",
            commands=("sysctl vm.swapusage" if snapshot.host.system == "darwin" else "free -h",),
        ),
    )


def _own_pools(snapshot: Snapshot) -> Iterator[tuple[Accelerator, MemoryPool]]:
    for accelerator in snapshot.accelerators:
        for name in accelerator.pools:
            pool = snapshot.pool(name)
            if pool is not None and pool.kind == "vram" and accelerator.usable:
                yield accelerator, pool


def _who(pool: MemoryPool) -> str:
    known = [holder for holder in pool.held_by if holder.used_bytes]
    if not known:
        return (
            "Which programs hold it is not known." if pool.held_by else "No program is named as holding it."
        )
    named = [
        f"{holder.name or 'a program'} (process {holder.pid}) {format_bytes(holder.used_bytes or 0)}"
        for holder in known[:_NAMED]
    ]
    more = len(known) - len(named)
    return f"Held by {', '.join(named)}{f' and {more} more' if more else ''}."


def _remedy(pool: MemoryPool, vendor: str) -> Remedy:
    names = {holder.name for holder in pool.held_by}
    commands = tuple(dict.fromkeys(command for name, command in _UNLOAD.items() if name in names))
    if commands:
        return Remedy(text="An engine keeps a model loaded: unload it.", commands=commands)
    if "llama-server" in names:
        pids = [str(holder.pid) for holder in pool.held_by if holder.name == "llama-server"]
        return Remedy(
            text="A llama-server holds a model as long as it runs: end it.",
            commands=(f"kill {' '.join(pids)}",),
        )
    tool = {"nvidia": "nvidia-smi", "amd": "rocm-smi --showpids"}.get(vendor)
    return Remedy(text="End the programs that are not needed.", commands=(tool,) if tool else ())


RULES = (
    Rule("vram-held", vram_held),
    Rule("display-on-gpu", display_on_gpu),
    Rule("ecc-on", ecc_on),
    Rule("vram-reserved", vram_reserved),
    Rule("swap-in-use", swap_in_use),
)
