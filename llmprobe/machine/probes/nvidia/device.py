"""
One NVIDIA device as NVML describes it, whatever of it can be reached.
"""

import re

import msgspec

from llmprobe.facts.machine import Accelerator, Basis, Limit, MemoryPool, Partition
from llmprobe.machine.asking import as_int, as_text, fields_of, items_of
from llmprobe.machine.gpu_table import Gpu, lookup
from llmprobe.machine.probes.nvidia.asking import Careful
from llmprobe.machine.probes.nvidia.errors import words
from llmprobe.machine.probes.nvidia.memory import Memory, ask_memory, pool_of
from llmprobe.machine.probes.nvidia.processes import ask_holders

UNNAMED = "NVIDIA GPU"
_MEMORY_CLOCK = 2
_COMPUTE_MODES = {0: "default", 1: "exclusive-thread", 2: "prohibited", 3: "exclusive-process"}
_VGPU_GUEST = 2
_VGPU_PROFILE = re.compile(r"[A-Z]+\d+\w*-\d+[QCAB]")
ADDRESSING = {0: "none", 1: "hmm", 2: "ats"}
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
_BY_NUMBER = {
    2: "Kepler",
    3: "Maxwell",
    4: "Pascal",
    5: "Volta",
    6: "Turing",
    7: "Ampere",
    8: "Ada Lovelace",
    9: "Hopper",
    10: "Blackwell",
}
"""NVML's own numbers (nvmlDeviceArchitecture_t)."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device or an instance of one, with its pool, before the devices have their final numbers.

    ``slot`` is the index of the physical device and ``slot_uuid`` its UUID; ``reachable`` says that CUDA
    would count it. ``instance`` are the numbers of a MIG instance: the GPU instance's and the compute instance's.
    """

    slot: int
    accelerator: Accelerator
    pool: MemoryPool | None = None
    slot_uuid: str | None = None
    reachable: bool = True
    instance: tuple[int, int] | None = None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """
    Who a device is. Unknown is None, but for the name.
    """

    name: str = UNNAMED
    uuid: str | None = None
    pci: str | None = None
    compute_capability: str | None = None
    architecture: str | None = None


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


def ask_identity(ask: Careful, handle: str) -> Identity:
    """
    Return what a reachable device says of itself.
    """
    name = as_text(ask.nvml("nvmlDeviceGetName", handle))
    uuid = as_text(ask.nvml("nvmlDeviceGetUUID", handle))
    bus_id = fields_of(ask.nvml("nvmlDeviceGetPciInfo_v3", handle)).get("busId")
    pair = items_of(ask.nvml("nvmlDeviceGetCudaComputeCapability", handle))
    capability = f"{pair[0]}.{pair[1]}" if len(pair) == 2 else None
    number = _number(ask, "nvmlDeviceGetArchitecture", handle)
    return Identity(
        name=name or UNNAMED,
        uuid=uuid,
        pci=pci_address(bus_id) if isinstance(bus_id, str) else None,
        compute_capability=capability,
        architecture=architecture_of(capability) or (None if number is None else _BY_NUMBER.get(number)),
    )


def describe(ask: Careful, handle: str, who: Identity, *, driver: str | None, tegra: str | None) -> Found:
    """
    Return a whole device that is not divided.
    """
    memory = ask_memory(ask, handle)
    row = lookup(tegra or who.name, memory.total_bytes) or lookup(who.name, memory.total_bytes)
    unified = _is_unified(ask, handle, memory, row, tegra)
    mode_number = _number(ask, "nvmlDeviceGetComputeMode", handle)
    mode = None if mode_number is None else _COMPUTE_MODES.get(mode_number)
    display = _number(ask, "nvmlDeviceGetDisplayActive", handle)
    profile = _vgpu_profile(ask, handle, who.name)
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
        architecture=who.architecture or architecture_of(capability) or (row.architecture if row else None),
        bandwidth_bytes_per_s=bandwidth,
        bandwidth_basis=basis,
        bandwidth_how=how,
        partition=Partition(kind="vgpu", profile=profile) if profile else None,
        compute_mode=mode,
        display_active=None if display is None else bool(display),
        evidence=ask.answered(f"nvml:nvmlDeviceGetName {handle}", *memory.evidence),
    )
    return Found(
        slot=int(handle),
        slot_uuid=who.uuid,
        accelerator=accelerator,
        pool=pool,
        reachable=ask.lost(handle) is None,
    )


def ask_bandwidth(ask: Careful, handle: str, row: Gpu | None) -> tuple[int | None, Basis | None, str | None]:
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


def _is_unified(ask: Careful, handle: str, memory: Memory, row: Gpu | None, tegra: str | None) -> bool:
    """
    Return whether the device allocates from the host's memory: only ever on positive evidence.

    The board is a Tegra, the table knows the device as one without memory of its own, or NVML supports no
    memory figure while the device translates addresses with the CPU's own tables (ATS) on an ARM system.
    """
    if tegra is not None or (row is not None and row.unified):
        return True
    if not memory.unsupported or ask.platform.machine != "aarch64":
        return False
    return ask_addressing(ask, handle) == _ATS


def ask_addressing(ask: Careful, handle: str) -> int | None:
    """
    Return how the device finds the processor's memory, a key of ``ADDRESSING``.

    ATS (coherent) alone does not say that a device has no memory of its own: GH200 has both.
    """
    answer = ask.nvml("nvmlDeviceGetAddressingMode", handle)
    return as_int(fields_of(answer).get("value")) if fields_of(answer) else as_int(answer.value)


def _vgpu_profile(ask: Careful, handle: str, name: str) -> str | None:
    """
    Return the vGPU profile that a guest's device is, ``A40-24Q`` of ``NVIDIA A40-24Q``.

    The name alone tells it where the driver does not say how the device is virtualized.
    """
    mode = _number(ask, "nvmlDeviceGetVirtualizationMode", handle)
    last = name.rsplit(" ", 1)[-1]
    named = _VGPU_PROFILE.fullmatch(last) is not None
    return last if mode == _VGPU_GUEST or (mode is None and named) else None


def _why_not(
    ask: Careful, handle: str, memory: Memory, *, unified: bool, mode: str | None, occupied: bool
) -> str | None:
    gone = ask.lost(handle)
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


def _number(ask: Careful, function: str, handle: str) -> int | None:
    return as_int(ask.nvml(function, handle).value)
