"""
One NVIDIA device as NVML describes it, whatever of it can be reached.
"""

import re
from typing import Any, Literal

import msgspec

from llmprobe.facts.machine import Accelerator, Basis, DeviceState, Limit, MemoryPool, Partition, Sharing
from llmprobe.machine.asking import as_int, as_text, fields_of, items_of
from llmprobe.machine.gpu_table import Gpu, lookup
from llmprobe.machine.probes.nvidia.asking import Careful
from llmprobe.machine.probes.nvidia.errors import reason
from llmprobe.machine.probes.nvidia.memory import Memory, ask_memory, pool_of
from llmprobe.machine.probes.nvidia.processes import ask_holders
from llmprobe.machine.probes.nvidia.unified import sharing_of
from llmprobe.words.message import Message, message

UNNAMED = "NVIDIA GPU"
DRIVER_EVIDENCE = ("nvml:nvmlSystemGetDriverVersion",)
_MEMORY_CLOCK = 2
_COMPUTE_MODES = {0: "default", 1: "exclusive-thread", 2: "prohibited", 3: "exclusive-process"}
_VGPU_GUEST = 2
_VGPU_PROFILE = r"[A-Z]+\d+\w*(?:-Ada)?(-\d+)?-\d+[QCAB]"
_SLICES = 8
ADDRESSING: dict[int, Literal["none", "hmm", "ats"]] = {0: "none", 1: "hmm", 2: "ats"}
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

    ``slot`` is the index of the physical device and ``slot_uuid`` its UUID; ``reachable`` is True where CUDA
    would count it. ``instance`` are the numbers of a MIG instance: the GPU instance's and the compute instance's.
    ``sharing`` is how a device without a pool takes memory of the host, where a part is set aside for it.
    """

    slot: int
    accelerator: Accelerator
    pool: MemoryPool | None = None
    slot_uuid: str | None = None
    reachable: bool = True
    instance: tuple[int, int] | None = None
    sharing: Sharing | None = None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """
    The identity of a device. Unknown is None, but for the name.
    """

    name: str = UNNAMED
    uuid: str | None = None
    pci: str | None = None
    compute_capability: str | None = None
    architecture: str | None = None


class Bandwidth(msgspec.Struct, frozen=True, kw_only=True):
    """
    The memory bandwidth of a device, how it is known, and the width of its memory bus.
    """

    bus_bits: int | None = None
    bytes_per_s: int | None = None
    basis: Basis | None = None
    how: Message | None = None


def pci_address(bus_id: str) -> str | None:
    """
    NVML's ``00000000:01:00.0`` as sysfs writes it, ``0000:01:00.0``; None for anything else.
    """
    domain, _, rest = bus_id.strip().lower().partition(":")
    try:
        return f"{int(domain, 16):04x}:{rest}" if rest.count(":") == 1 else None
    except ValueError:
        return None


def architecture_of(compute_capability: str | None) -> str | None:
    """
    The architecture's name for a compute capability such as ``8.9``.
    """
    pair = version_of(compute_capability)
    return next((name for least, name in _ARCHITECTURES if pair >= least), None)


def version_of(compute_capability: str | None) -> tuple[int, int]:
    """
    A compute capability as it is compared, ``(8, 9)``; an unknown one is below all others.
    """
    left, _, right = (compute_capability or "").partition(".")
    major, minor = as_int(left), as_int(right)
    return (0, 0) if major is None or minor is None else (major, minor)


def ask_identity(ask: Careful, handle: str) -> Identity:
    """
    The identity of a reachable device.
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
    A whole device that is not divided.
    """
    memory = ask_memory(ask, handle)
    row = lookup(tegra or who.name, memory.total_bytes) or lookup(who.name, memory.total_bytes)
    unified = _is_unified(ask, handle, memory, row, tegra)
    mode_number = _number(ask, "nvmlDeviceGetComputeMode", handle)
    mode = None if mode_number is None else _COMPUTE_MODES.get(mode_number)
    display = _number(ask, "nvmlDeviceGetDisplayActive", handle)
    profile = _vgpu_profile(ask, handle, who.name)
    holders = (
        ()
        if memory.total_bytes is None and not unified
        else ask_holders(ask, handle, memory.total_bytes, who.pci)
    )
    capability = who.compute_capability or (row.compute_capability if row else None)
    bandwidth = ask_bandwidth(ask, handle, row)
    if profile is not None and _is_slice(profile):
        bandwidth = share_of(bandwidth, memory.total_bytes, row.memory_bytes if row else None)
    pool = None if unified or memory.total_bytes is None else pool_of("vram", memory, holders)
    if pool is not None:
        # Asked only where it tells what the library does not.
        pool = msgspec.structs.replace(pool, evidence=(*pool.evidence, *ask.answered("winapi:adapters")))
    why_not = _why_not(ask, handle, memory, unified=unified, mode=mode, occupied=bool(holders))
    known = unified or memory.total_bytes is not None
    state: DeviceState = "lost" if ask.lost(handle) else "present" if known else "unreachable"
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
        bandwidth_bytes_per_s=bandwidth.bytes_per_s,
        bandwidth_basis=bandwidth.basis,
        bandwidth_how=bandwidth.how,
        memory_bus_bits=bandwidth.bus_bits,
        partition=Partition(kind="vgpu", profile=profile) if profile else None,
        compute_mode=mode,
        display_active=None if display is None else bool(display),
        state=state,
        cited={
            "compute_mode": ask.answered(f"nvml:nvmlDeviceGetComputeMode {handle}"),
            "display_active": ask.answered(f"nvml:nvmlDeviceGetDisplayActive {handle}"),
            "driver": DRIVER_EVIDENCE,
        },
        evidence=ask.answered(f"nvml:nvmlDeviceGetName {handle}", *memory.evidence),
    )
    return Found(
        slot=int(handle),
        slot_uuid=who.uuid,
        accelerator=accelerator,
        pool=pool,
        reachable=ask.lost(handle) is None,
        sharing=sharing_of(ask, memory, who.pci) if unified else None,
    )


def ask_bandwidth(ask: Careful, handle: str, row: Gpu | None) -> Bandwidth:
    """
    Memory bandwidth from bus width and highest memory clock (two transfers a cycle), else the table's.
    """
    bits = _number(ask, "nvmlDeviceGetMemoryBusWidth", handle)
    megahertz = as_int(ask.nvml("nvmlDeviceGetMaxClockInfo", handle, _MEMORY_CLOCK).value)
    if bits and megahertz:
        how = message("bandwidth.nvidia-bus", bits=bits, megahertz=megahertz)
        rate = bits * megahertz * 2_000_000 // 8
        return Bandwidth(bus_bits=bits, bytes_per_s=rate, basis="derived", how=how)
    if row is not None and row.bandwidth_bytes_per_s is not None:
        rate = row.bandwidth_bytes_per_s
        return Bandwidth(bus_bits=bits, bytes_per_s=rate, basis="declared", how=from_table(row))
    return Bandwidth(bus_bits=bits)


def share_of(whole: Bandwidth, total_bytes: int | None, whole_bytes: int | None) -> Bandwidth:
    """
    The bandwidth of an instance: its eighths of the memory are also eighths of the channels.
    """
    if whole.bytes_per_s is None or total_bytes is None or not whole_bytes:
        return Bandwidth(bus_bits=whole.bus_bits)
    slices = max(1, min(_SLICES, round(_SLICES * total_bytes / whole_bytes)))
    how = message("bandwidth.nvidia-slices", slices=slices, of=_SLICES, how=whole.how)
    rate = whole.bytes_per_s * slices // _SLICES
    return Bandwidth(bus_bits=whole.bus_bits, bytes_per_s=rate, basis="assumed", how=how)


def from_table(row: Gpu) -> Message:
    """
    The origin of a figure from the shipped table.
    """
    return message("bandwidth.table", name=row.name, cores=None, source=row.source)


def hide(pool: MemoryPool, why: Message | None) -> MemoryPool:
    """
    The pool of a device that no program may use, with nothing left for a model.
    """
    left = pool.budget_bytes or 0
    limits = (*pool.limits, Limit(by="hidden", bytes=left, detail=why)) if left else pool.limits
    return msgspec.structs.replace(pool, budget_bytes=0, limits=limits)


def _is_unified(ask: Careful, handle: str, memory: Memory, row: Gpu | None, tegra: str | None) -> bool:
    """
    Whether the device allocates from the host's memory: only ever on positive evidence.

    The board is a Tegra, the table knows the device as one without memory of its own, or NVML supports no
    memory figure while the device translates addresses with the CPU's own tables (ATS) on an ARM system.
    """
    if tegra is not None or (row is not None and row.unified):
        return True
    if not memory.unsupported or ask.platform.machine != "aarch64":
        return False
    return addressing_of(ask.nvml("nvmlDeviceGetAddressingMode", handle).value) == _ATS


def addressing_of(answer: Any) -> int | None:
    """
    How the device finds the processor's memory, a key of ``ADDRESSING``; bindings give the number or its struct.

    ATS (coherent) alone does not mean that a device has no memory of its own: GH200 has both.
    """
    return as_int(answer.get("value") if isinstance(answer, dict) else answer)


def _is_slice(profile: str) -> bool:
    """
    Whether a profile is one instance of a divided GPU: ``H100L-1-12C`` has one of its slices.
    """
    match = re.fullmatch(_VGPU_PROFILE, profile)
    return match is not None and match[1] is not None


def _vgpu_profile(ask: Careful, handle: str, name: str) -> str | None:
    """
    The vGPU profile of a guest's device, ``A40-24Q`` of ``NVIDIA A40-24Q``.

    The name alone decides where the driver does not report how the device is virtualized.
    """
    mode = _number(ask, "nvmlDeviceGetVirtualizationMode", handle)
    last = name.rpartition(" ")[2]
    named = re.fullmatch(_VGPU_PROFILE, last) is not None
    return last if mode == _VGPU_GUEST or (mode is None and named) else None


def _why_not(
    ask: Careful, handle: str, memory: Memory, *, unified: bool, mode: str | None, occupied: bool
) -> Message | None:
    gone = ask.lost(handle)
    if gone is not None:
        return reason(gone.answer)
    if mode == "prohibited":
        return message("unusable.nvidia-prohibited")
    if mode == "exclusive-process" and occupied:
        return message("unusable.nvidia-occupied")
    return None if unified or memory.total_bytes is not None else without_memory(memory)


def without_memory(memory: Memory) -> Message:
    """
    The reason why a device whose memory could not be read is not used.
    """
    return message("unusable.nvidia-memory-unknown", why=reason(memory.trouble) if memory.trouble else None)


def _number(ask: Careful, function: str, handle: str) -> int | None:
    return as_int(ask.nvml(function, handle).value)
