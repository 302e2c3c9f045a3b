"""
A machine that nobody has yet, from the names of its GPUs and the size of its memory.

It is idle: only the usual reserve of the driver and the usual use of the system are taken off. Every figure is from the
table of devices (basis ``declared``) or from the user, and everything says so.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from llmprobe.errors import UsageError
from llmprobe.facts.machine import Accelerator, Basis, Host, Limit, Link, MemoryPool, Power, Snapshot
from llmprobe.machine import rules
from llmprobe.machine.gpu_names import (
    MOST_GPUS,
    Wanted,
    asks_for_nvlink,
    of_memory,
    too_many_gpus,
    wanted_gpus,
)
from llmprobe.machine.gpu_table import Gpu, usual_reserve
from llmprobe.machine.hypothetical_host import HostOptions, host_of
from llmprobe.machine.pcie import Slot, pcie_link
from llmprobe.machine.probes.apple import working_set_cap
from llmprobe.machine.rocm import ROCM_KERNELS
from llmprobe.machine.rules.gpu_link import NVLINK
from llmprobe.units import GIB, MIB
from llmprobe.words.message import Message, message

_BACKENDS: dict[str, Literal["cuda", "rocm", "sycl", "metal", "vulkan"]] = {
    "nvidia": "cuda",
    "amd": "rocm",
    "intel": "sycl",
    "apple": "metal",
    "other": "vulkan",
}
_CLOSE = 0.08
SYSTEM_BYTES = 2 * GIB
_MOST_RAM = 64 * 1024 * GIB
_GTT_SHARE = 0.5
"""What Linux lets integrated graphics map of RAM by default (drivers/gpu/drm/ttm/ttm_device.c, ttm_global_init)."""


class Options(HostOptions, frozen=True, kw_only=True):
    """
    The options of a hypothetical machine beside its GPUs and the size of its RAM: those of its host, the slots of its
    cards, one for all or one for each, and what the GPU of a Mac or of an AMD chip may use of shared memory in bytes.
    """

    slots: tuple[Slot, ...] = ()
    wired_limit_bytes: int | None = None


def hypothetical(
    gpus: Sequence[str], ram_bytes: int | None = None, options: Options | None = None
) -> Snapshot:
    """
    An idle machine with these GPUs (``2x RTX 4090``, ``RTX 3060 12GB``, ``M3 Max 64GB``) and this much memory.

    A chip that shares the memory of its host brings it with its name, so that ``ram_bytes`` may be left out.

    Raises:
        UsageError: no GPU has that name or that memory, the size of RAM is missing, impossible or contradicts the
            name of a chip, a chip that shares memory is combined with others, or an option does not suit the machine.
    """
    options = options or Options()
    by_text = [(text, wanted_gpus(text)) for text in gpus]
    wanted = [each for _, found in by_text for each in found]
    if len(wanted) > MOST_GPUS:
        raise too_many_gpus(len(wanted))
    shared = next((each for each in wanted if each.row.unified), None)
    if shared is not None and len(wanted) > 1:
        raise UsageError(
            message("error.shared-memory-alone", device=shared.row.name),
            hint=message("hint.shared-memory-alone"),
        )
    size = _size_of_ram(shared, ram_bytes)
    if shared is not None:
        shared = _of_size(shared, size, given=ram_bytes is not None)
        wanted = [shared]
    cards = [each.row for each in wanted if not each.row.unified]
    host = host_of(None if shared is None else shared.row, size, options, cards)
    used = shared if shared is not None and _why_not(shared.row) is None else None
    pools = [_ram(size, used, options.wired_limit_bytes)]
    accelerators = []
    linked = [text if asks_for_nvlink(text) else None for text, found in by_text for _ in found]
    for number, (each, slot) in enumerate(zip(wanted, _slots(wanted, options.slots), strict=True)):
        accelerator = _accelerator(number, each, slot, host)
        if (text := linked[number]) is not None:
            cited = accelerator.cited | {NVLINK: (f"--gpu {text}",)}
            accelerator = msgspec.structs.replace(accelerator, cited=cited)
        accelerators.append(accelerator)
        if not each.row.unified:
            pools.append(_vram(number, each))
    snapshot = Snapshot(
        this_machine=False,
        origin="hypothetical",
        host=host,
        pools=tuple(pools),
        accelerators=tuple(accelerators),
    )
    return rules.diagnosed(snapshot)


def card(text: str, host: Host, slot: Slot | None = None) -> tuple[Accelerator, MemoryPool]:
    """
    One card of this name in a host, and its memory, as ``gpu0`` and ``vram0`` of an idle machine.

    Raises:
        UsageError: no card has that name or that memory.
    """
    (wanted,) = wanted_gpus(text)
    return _accelerator(0, wanted, slot or Slot(), host), _vram(0, wanted)


def card_of_row(row: Gpu, host: Host) -> tuple[Accelerator, MemoryPool]:
    """
    A card of the table in a host, as ``card`` gives it.
    """
    wanted = Wanted(text=row.name, row=row)
    return _accelerator(0, wanted, Slot(), host), _vram(0, wanted)


def _size_of_ram(shared: Wanted | None, ram_bytes: int | None) -> int:
    """
    The memory of the host: that of a chip's name, or the given one.
    """
    of_chip = None
    if shared is not None and shared.size_gb is not None:
        of_chip = round(shared.size_gb * GIB)
        if ram_bytes is not None and abs(ram_bytes / of_chip - 1) > _CLOSE:
            raise UsageError(
                message(
                    "error.ram-contradicts",
                    device=shared.row.name,
                    device_bytes=of_chip,
                    ram_bytes=ram_bytes,
                ),
                hint=message("hint.ram-contradicts"),
            )
    size = of_chip if of_chip is not None else ram_bytes
    if size is None and shared is not None and shared.row.usual_gb is not None:
        return shared.row.usual_gb * GIB
    if size is None and shared is not None:
        raise UsageError(
            message("error.chip-without-size", device=shared.row.name),
            hint=message("hint.chip-without-size", text=shared.text),
        )
    if size is None:
        raise UsageError(message("error.ram-missing"), hint=message("hint.ram-missing"))
    if size <= 0:
        raise UsageError(message("error.ram-zero"), hint=message("hint.ram-missing"))
    if size > _MOST_RAM:
        raise UsageError(
            message("error.ram-too-large", ram_bytes=size),
            hint=message("hint.ram-too-large", most_bytes=_MOST_RAM),
        )
    return size


def _of_size(shared: Wanted, size: int, *, given: bool) -> Wanted:
    """
    The chip as it is sold with a size of memory; ``given`` is whether anyone named that.
    """
    if shared.size_gb is not None:
        return shared
    several = len({gb for row in (shared.row, *shared.rows) for gb in row.sizes_gb}) != 1
    return msgspec.structs.replace(of_memory(shared, size / GIB), assumed=several and not given)


def idle_system(total_bytes: int) -> int:
    """
    What the system itself takes of the memory of an idle host, in bytes.
    """
    return min(SYSTEM_BYTES, total_bytes // 8)


def _ram(total: int, shared: Wanted | None, wired_limit: int | None) -> MemoryPool:
    """
    The memory of an idle host: the system uses an eighth of it, and no more than 2 GiB; of some chips the firmware
    keeps a part.
    """
    if wired_limit is not None and (shared is None or shared.row.vendor not in ("apple", "amd")):
        raise UsageError(message("error.wired-limit-of-mac"), hint=message("hint.wired-limit-of-mac"))
    if wired_limit is not None and not MIB <= wired_limit <= total:
        raise UsageError(
            message("error.wired-limit-range", given_bytes=wired_limit, ram_bytes=total),
            hint=message("hint.wired-limit-range"),
        )
    kept = 0 if shared is None else shared.row.kept_bytes
    system = idle_system(total)
    limits = [Limit(by="os", bytes=system, detail=message("limit.idle-system"), basis="assumed")]
    if kept:
        limits.append(
            Limit(by="firmware", bytes=kept, detail=message("limit.chip-firmware"), basis="assumed")
        )
    free = budget = total - kept - system
    cap = _cap(total, shared.row, wired_limit) if shared is not None else None
    if cap is not None:
        limits.append(msgspec.structs.replace(cap, bytes=max(0, budget - cap.bytes)))
        budget = min(budget, cap.bytes)
    return MemoryPool(
        id="ram",
        kind="unified" if shared else "system",
        total_bytes=total,
        free_bytes=free,
        budget_bytes=budget,
        limits=tuple(limits),
        basis="assumed" if shared is not None and shared.assumed else "declared",
        evidence=("option:--ram",) if shared is None else (f"option:--gpu {shared.text}",),
    )


def _cap(total: int, chip: Gpu, wired_limit: int | None) -> Limit | None:
    """
    The most that a chip's GPU may use of the memory that it shares, as given or as the system comes; None for all.
    """
    if chip.vendor == "apple":
        return working_set_cap(total, None if wired_limit is None else wired_limit // MIB, chip.name)
    if chip.vendor == "amd" and wired_limit is not None:
        return Limit(by="working-set", bytes=wired_limit, detail=message("limit.given-gtt"), basis="declared")
    if chip.vendor == "amd":
        detail = message("limit.default-gtt", share=_GTT_SHARE)
        return Limit(by="working-set", bytes=int(total * _GTT_SHARE), detail=detail, basis="assumed")
    return None


def _vram(number: int, wanted: Wanted) -> MemoryPool:
    row = wanted.row
    total = row.memory_bytes
    reserve = usual_reserve(row)
    left = None if total is None else total - reserve
    detail = message("limit.idle-driver")
    return MemoryPool(
        id=f"vram{number}",
        kind="vram",
        total_bytes=total,
        free_bytes=left,
        budget_bytes=left,
        limits=(Limit(by="driver-reserve", bytes=reserve, detail=detail, basis="declared"),),
        basis="assumed" if wanted.assumed else "declared",
        evidence=(f"option:--gpu {wanted.text}",),
    )


def _slots(wanted: Sequence[Wanted], slots: tuple[Slot, ...]) -> tuple[Slot, ...]:
    """
    The slot of each card.
    """
    cards = [each for each in wanted if not each.row.unified]
    if slots and not cards:
        raise UsageError(message("error.pcie-without-card"), hint=message("hint.pcie-without-card"))
    if len(slots) > 1 and len(slots) != len(wanted):
        raise UsageError(
            message("error.pcie-count", slots=len(slots), gpus=len(wanted)),
            hint=message("hint.pcie-spelling"),
        )
    return slots if len(slots) > 1 else (slots or (Slot(),)) * len(wanted)


def _accelerator(number: int, wanted: Wanted, slot: Slot, host: Host) -> Accelerator:
    row = wanted.row
    rate, how = row.bandwidth_bytes_per_s, _how(wanted)
    basis: Basis | None = "declared" if rate else None
    if row.unified and not row.sizes_gb and host.ram_bandwidth_bytes_per_s:
        # With modules the graphics are as fast as these are.
        rate, how = host.ram_bandwidth_bytes_per_s, message("bandwidth.of-ram", how=host.ram_bandwidth_how)
        basis = host.ram_bandwidth_basis
    why_not = _why_not(row)
    return Accelerator(
        id=f"gpu{number}",
        vendor=row.vendor,
        name=row.name,
        backend=_backend(row) if why_not is None else None,
        usable=why_not is None,
        why_not=why_not,
        pools=("ram",) if row.unified else (f"vram{number}",),
        integrated=row.unified,
        index=number,
        compute_capability=row.compute_capability,
        architecture=row.architecture,
        bandwidth_bytes_per_s=rate,
        bandwidth_basis=basis,
        bandwidth_how=how if basis else None,
        cores=row.cores,
        link=_link(row, slot),
        power=Power(default_watts=row.watts) if row.watts and not row.unified else None,
        evidence=(f"option:--gpu {wanted.text}",),
    )


def _backend(row: Gpu) -> Literal["cuda", "rocm", "sycl", "metal", "vulkan"]:
    """
    The backend to run on a device, as its probe would choose it.
    """
    if row.vendor == "amd" and row.architecture is not None and row.architecture not in ROCM_KERNELS:
        return "vulkan"
    return _BACKENDS[row.vendor]


def _why_not(row: Gpu) -> Message | None:
    """
    Why a device of the table cannot be used, as its probe would find, or None.
    """
    architecture = row.architecture or ""
    if architecture == "Ascend":
        return message("unusable.other-engine", device=row.name)
    if architecture == "gfx1036":
        return message("unusable.few-compute-units")
    if row.vendor == "intel" and row.unified and architecture.startswith("Generation"):
        return message("unusable.slower-than-processor")
    return None


def _link(row: Gpu, slot: Slot) -> Link | None:
    """
    The link of a card in its slot, which gives it all that it can use unless it is named; a chip that shares memory
    needs none, and where neither says anything it is unknown.
    """
    if row.unified:
        return None
    if row.link_bytes_per_s is not None:
        return Link(bytes_per_s=row.link_bytes_per_s)
    generation, lanes = row.pcie or (None, None)
    if generation is None and slot == Slot():
        return None
    return pcie_link(
        max_generation=_less(generation, slot.generation),
        device_max_generation=generation,
        width=_less(lanes, slot.lanes),
        max_width=lanes or slot.lanes,
    )


def _less(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _how(wanted: Wanted) -> Message:
    if wanted.rate_given:
        return message("bandwidth.given")
    row = wanted.row
    return message("bandwidth.table", name=row.name, cores=row.cores, source=row.source)
