"""
One NVIDIA device as NVML describes it, whatever of it can be reached.
"""

import msgspec

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Accelerator, Basis, Limit, MemoryPool, Partition
from llmprobe.machine.asking import Asker, as_int, as_text, fields_of, items_of
from llmprobe.machine.gpu_table import Gpu, lookup
from llmprobe.machine.probes.nvidia.errors import GPU_IS_LOST, words
from llmprobe.machine.probes.nvidia.memory import Memory, ask_holders, ask_memory, pool_of

UNNAMED = "NVIDIA GPU"
_MEMORY_CLOCK = 2
_COMPUTE_MODES = {0: "default", 1: "exclusive-thread", 2: "prohibited", 3: "exclusive-process"}
_VGPU_GUEST = 2
_ATS = 2
_ARCHITECTURES = (
    ((10, 0), "Blackwell"),
    ((9, 0), "Hopper"),
    ((8, 9), "Ada Lovelace"),
    ((8, 0), "Ampere"),
    ((7, 5), "Turing"),
    ((7, 0), "Volta"),
    ((6, 0), "Pascal"),
    ((5, 0), "Maxwell"),
    ((3, 0), "Kepler"),
)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device or an instance of one, with its pool, before the devices have their final numbers.

    ``slot`` is the index of the physical device and ``slot_uuid`` its UUID; ``reachable`` says that CUDA
    would count it.
    """

    slot: int
    accelerator: Accelerator
    pool: MemoryPool | None = None
    slot_uuid: str | None = None
    reachable: bool = True
    bar1_bytes: int | None = None
    ecc: bool | None = None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """
    Who a device is. Unknown is None, but for the name.
    """

    name: str = UNNAMED
    uuid: str | None = None
    pci: str | None = None
    compute_capability: str | None = None


def pci_address(bus_id: str) -> str | None:
    """
    Return NVML's ``00000000:01:00.0`` as sysfs writes it, ``0000:01:00.0``; None for anything else.
    """
    domain, _, rest = bus_id.strip().lower().partition(":")
    try:
        return f"{int(domain, 16):04x}:{rest}" if rest.count(":") == 1 else None
    except ValueError:
        return None


def architecture_of(compute_capability: str | None) -> str | None:
    """
    Return the architecture's name for a compute capability such as ``8.9``.
    """
    if compute_capability is None:
        return None
    left, _, right = compute_capability.partition(".")
    major, minor = as_int(left), as_int(right)
    if major is None or minor is None:
        return None
    pair = (major, minor)
    return next((name for least, name in _ARCHITECTURES if pair >= least), None)


def ask_identity(ask: Asker, handle: str) -> Identity:
    """
    Return what a reachable device says of itself.
    """
    name = as_text(ask.nvml("nvmlDeviceGetName", handle))
    uuid = as_text(ask.nvml("nvmlDeviceGetUUID", handle))
    bus_id = fields_of(ask.nvml("nvmlDeviceGetPciInfo_v3", handle)).get("busId")
    capability = items_of(ask.nvml("nvmlDeviceGetCudaComputeCapability", handle))
    return Identity(
        name=name or UNNAMED,
        uuid=uuid,
        pci=pci_address(bus_id) if isinstance(bus_id, str) else None,
        compute_capability=f"{capability[0]}.{capability[1]}" if len(capability) == 2 else None,
    )


def lost(ask: Asker, handle: str) -> Answer | None:
    """
    Return the answer "GPU is lost" to any question about the device, None where none was answered so.
    """
    return next(
        (
            answer
            for name, answer in ask.trouble().items()
            if answer.code == GPU_IS_LOST and _concerns(name, handle)
        ),
        None,
    )


def lost_handles(ask: Asker) -> tuple[str, ...]:
    """
    Return the indices of the devices that are lost.
    """
    gone = [name for name, answer in ask.trouble().items() if answer.code == GPU_IS_LOST and " " in name]
    return tuple(sorted({name.split(" ")[1].split("/")[0] for name in gone}, key=int))


def describe(ask: Asker, handle: str, who: Identity, *, driver: str | None, tegra: str | None) -> Found:
    """
    Return a whole device that is not divided.
    """
    memory = ask_memory(ask, handle)
    row = lookup(tegra or who.name, memory.total_bytes) or lookup(who.name, memory.total_bytes)
    unified = _is_unified(ask, handle, memory, row, tegra)
    mode_number = _number(ask, "nvmlDeviceGetComputeMode", handle)
    mode = None if mode_number is None else _COMPUTE_MODES.get(mode_number)
    display = _number(ask, "nvmlDeviceGetDisplayActive", handle)
    ecc = items_of(ask.nvml("nvmlDeviceGetEccMode", handle))
    bar1 = as_int(fields_of(ask.nvml("nvmlDeviceGetBAR1MemoryInfo", handle)).get("bar1Total"))
    vgpu = _number(ask, "nvmlDeviceGetVirtualizationMode", handle) == _VGPU_GUEST
    holders = (
        () if memory.total_bytes is None and not unified else ask_holders(ask, handle, memory.total_bytes)
    )
    capability = who.compute_capability or (row.compute_capability if row else None)
    bandwidth, basis, how = ask_bandwidth(ask, handle, row)
    pool = None if unified or memory.total_bytes is None else pool_of("vram", memory, holders)
    why_not = _why_not(ask, handle, memory, unified=unified, mode=mode, occupied=bool(holders))
    accelerator = Accelerator(
        id="gpu",
        vendor="nvidia",
        name=who.name,
        backend="cuda",
        pools=("ram",) if unified else ("vram",) if pool else (),
        usable=why_not is None,
        why_not=why_not,
        integrated=unified,
        index=int(handle),
        uuid=who.uuid,
        pci=who.pci,
        driver=driver,
        compute_capability=capability,
        architecture=architecture_of(capability) or (row.architecture if row else None),
        bandwidth_bytes_per_s=bandwidth,
        bandwidth_basis=basis,
        bandwidth_how=how,
        partition=Partition(kind="vgpu", profile=who.name.rsplit(" ", 1)[-1]) if vgpu else None,
        compute_mode=mode,
        display_active=None if display is None else bool(display),
        evidence=ask.answered(f"nvml:nvmlDeviceGetName {handle}", *memory.evidence),
    )
    return Found(
        slot=int(handle),
        slot_uuid=who.uuid,
        accelerator=accelerator,
        pool=pool,
        reachable=lost(ask, handle) is None,
        bar1_bytes=bar1,
        ecc=bool(ecc[0]) if ecc else None,
    )


def ask_bandwidth(ask: Asker, handle: str, row: Gpu | None) -> tuple[int | None, Basis | None, str | None]:
    """
    Return memory bandwidth in bytes/s from bus width and highest memory clock (two transfers a cycle), else
    the table's.
    """
    bits = _number(ask, "nvmlDeviceGetMemoryBusWidth", handle)
    megahertz = as_int(ask.nvml("nvmlDeviceGetMaxClockInfo", handle, _MEMORY_CLOCK).value)
    if bits and megahertz:
        return bits * megahertz * 2_000_000 // 8, "derived", f"{bits} bit x {megahertz} MHz x 2"
    if row is not None and row.bandwidth_bytes_per_s is not None:
        return row.bandwidth_bytes_per_s, "declared", f"table: {row.name} ({row.source})"
    return None, None, None


def hide(pool: MemoryPool, why: str) -> MemoryPool:
    """
    Return the pool of a device that no program may use: nothing of it is left to a model.
    """
    left = pool.budget_bytes or 0
    limits = (*pool.limits, Limit(by="hidden", bytes=left, detail=why)) if left else pool.limits
    return msgspec.structs.replace(pool, budget_bytes=0, limits=limits)


def _is_unified(ask: Asker, handle: str, memory: Memory, row: Gpu | None, tegra: str | None) -> bool:
    """
    Return whether the device allocates from the host's memory: only ever on positive evidence.

    The board is a Tegra, the table knows the device as one without memory of its own, or NVML supports no
    memory figure while the device translates addresses with the CPU's own tables (ATS) on an ARM system.
    """
    if tegra is not None or (row is not None and row.unified):
        return True
    if not memory.unsupported or ask.platform.machine != "aarch64":
        return False
    return as_int(fields_of(ask.nvml("nvmlDeviceGetAddressingMode", handle)).get("value")) == _ATS


def _why_not(
    ask: Asker, handle: str, memory: Memory, *, unified: bool, mode: str | None, occupied: bool
) -> str | None:
    gone = lost(ask, handle)
    if gone is not None:
        return words(gone)
    if mode == "prohibited":
        return "its compute mode is prohibited: no program may compute on it"
    if mode == "exclusive-process" and occupied:
        return "its compute mode gives it to one program at a time, and one has it"
    if unified or memory.total_bytes is not None:
        return None
    reason = words(memory.trouble) if memory.trouble else "the driver gives no figure"
    return f"how much memory it has could not be read: {reason}"


def _number(ask: Asker, function: str, handle: str) -> int | None:
    return as_int(ask.nvml(function, handle).value)


def _concerns(question: str, handle: str) -> bool:
    words_of = question.split(" ")
    return len(words_of) > 1 and words_of[0].startswith("nvml:") and words_of[1].split("/")[0] == handle
