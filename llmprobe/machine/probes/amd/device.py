"""
One AMD device: what it is called, whether it is integrated, whether and how it can be used.
"""

from typing import Literal

import msgspec

from llmprobe.facts.machine import Accelerator, Limit, MemoryPool, Throttle, Window
from llmprobe.facts.vendors import CarveOut, HidingVariable, SharedHeaps, WithoutRocm
from llmprobe.machine import gpu_table
from llmprobe.machine.asking import Asker, as_text
from llmprobe.machine.host_ram import HostRam
from llmprobe.machine.hwmon import ask_sensors
from llmprobe.machine.in_processors import AMD_INTEGRATED, AMD_TOO_SMALL
from llmprobe.machine.kernel_support import too_old
from llmprobe.machine.pci_bus import PciDevice
from llmprobe.machine.pci_link import ask_link
from llmprobe.machine.pci_names import marketing_name
from llmprobe.machine.probes.amd.access import Access
from llmprobe.machine.probes.amd.apart import WITHOUT_OWN_MEMORY
from llmprobe.machine.probes.amd.heaps import Heaps, heaps_of
from llmprobe.machine.probes.amd.memory import (
    VENDOR_FILE,
    Memory,
    ask_memory,
    looks_integrated,
    pool_of,
    within_ttm,
)
from llmprobe.machine.probes.amd.metrics import ask_reasons
from llmprobe.machine.probes.amd.parts import Part, Parts, part_of
from llmprobe.machine.probes.amd.topology import Node, bandwidth
from llmprobe.machine.rocm import ROCM_KERNELS
from llmprobe.words.message import Message, message

_INTEGRATED_GFX = frozenset(
    {
        "gfx902",
        "gfx909",
        "gfx90c",
        "gfx1013",
        "gfx1033",
        "gfx1035",
        "gfx1036",
        "gfx1037",
        "gfx1103",
        "gfx1150",
        "gfx1151",
        "gfx1152",
        "gfx1153",
    }
)
_TOO_FEW_UNITS = 2


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device with its pool where it has one of its own, its figures, and what AMD alone has.
    """

    accelerator: Accelerator
    pool: MemoryPool | None
    memory: Memory
    carve_out: CarveOut | None = None
    without_rocm: WithoutRocm | None = None
    heaps: Heaps | None = None

    def shared_heaps(self) -> SharedHeaps | None:
        """
        What each backend can allocate of shared memory, where both could be used.
        """
        heaps, accelerator = self.heaps, self.accelerator
        if heaps is None or accelerator.pci is None or not accelerator.usable:
            return None
        return SharedHeaps(
            pci=accelerator.pci,
            rocm_from=heaps.rocm.where,
            rocm_total_bytes=heaps.rocm.total_bytes,
            rocm_free_bytes=heaps.rocm.free_bytes,
            rocm_basis=heaps.rocm.basis,
            vulkan_free_bytes=heaps.vulkan_bytes,
            chosen=heaps.chosen,
            evidence=heaps.evidence,
        )


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is asked of a device once, whatever parts it has. ``name`` and all sizes are unknown while it sleeps; ``alone``
    is true of one that sleeps where no other card is awake, so that engines wake it.
    """

    device: PciDevice
    driver: str | None
    asleep: bool
    awake: bool
    integrated: bool
    name: str | None = None
    memory: Memory = Memory()
    alone: bool = False


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """
    What this user may do with one device or part of one: whether its file may be written (None: unknown), and the
    variable that hides it from ROCm. ``release`` is that of the kernel.
    """

    access: Access
    release: str | None = None
    writable: bool | None = None
    hiding: HidingVariable | None = None


def ask_whole(ask: Asker, device: PciDevice, node: Node | None, of_socket: Memory | None = None) -> Whole:
    """
    One device of the bus; ``node`` is the first of its nodes in KFD's topology, ``of_socket`` the memory that it has
    apart from others of its kind.
    """
    path = device.path
    driver = _driver(ask, path, node)
    revision = (ask.text(f"{path}/revision") or "").strip()
    suspended = (ask.text(f"{path}/power/runtime_status") or "").strip() == "suspended"
    awake = driver == "amdgpu" and (not suspended or as_text(ask.env("LLMPROBE_WAKE")) is not None)
    name = marketing_name("amd", device.device, revision)
    memory, vendor = Memory(), ""
    if awake:
        product = (ask.text(f"{path}/product_name") or "").strip()
        name = name or (f"AMD {product.removeprefix('AMD ')}" if product else None)
        memory = ask_memory(ask, path)
        if device.device in WITHOUT_OWN_MEMORY:
            memory = of_socket or Memory(evidence=memory.evidence)
        vendor = (ask.text(f"{path}/{VENDOR_FILE}") or "").strip().lower()
    integrated = of_socket is None and is_integrated(device, node, memory, vendor)
    if awake and integrated:
        memory = within_ttm(ask, memory)
    return Whole(
        device=device,
        driver=driver,
        asleep=suspended and not awake,
        awake=awake,
        integrated=integrated,
        name=name,
        memory=memory,
    )


def ask_device(
    ask: Asker, whole: Whole, node: Node | None, use: Use, ram: HostRam, *, parts: Parts, number: int
) -> Device:
    """
    A device, or one part of a divided one; ``number`` is its place among the AMD devices.
    """
    device, memory, integrated = whole.device, whole.memory, whole.integrated
    path = device.path
    gfx = use.access.override or (node.gfx if node else None)
    part = part_of(ask, path, node, parts, whole_name(whole)) if node and not integrated else None
    pool = _pool(whole, node, parts, number)
    backend = _backend(use.access, gfx)
    heaps = heaps_of(memory, node, ram, ask.platform.release) if integrated and backend == "rocm" else None
    if heaps is not None and heaps.chosen == "vulkan":
        backend = "vulkan"
    hiding = use.hiding if backend == "rocm" else None
    why_not = _why_not(whole, node, use, pool, hiding)
    known = why_not is None or (whole.driver == "amdgpu" and not whole.awake)
    rate, basis, how = _rate(node, whole, parts)
    accelerator = Accelerator(
        id=f"gpu{number}",
        vendor="amd",
        name=whole_name(whole) if part is None else part.name,
        # One that is asleep is listed by its backend all the same, and woken by what uses all devices.
        backend=backend if known else None,
        pools=("ram",) if integrated else (pool.id,) if pool else (),
        usable=why_not is None,
        why_not=why_not,
        integrated=integrated,
        uuid=node.uuid if node else None,
        pci=device.address,
        driver=whole.driver,
        architecture=node.gfx if node else None,
        bandwidth_bytes_per_s=rate,
        bandwidth_basis=basis,
        bandwidth_how=how,
        cores=node.compute_units if node else None,
        partition=None if part is None else part.partition,
        state="lent"
        if whole.driver == "vfio-pci"
        else "asleep"
        if whole.driver == "amdgpu" and not whole.awake
        else "present",
        hidden_by=hiding.variable if hiding is not None else None,
        cited=_cited(whole, hiding, part),
        evidence=(f"read:{path}/vendor", *memory.evidence, *(node.evidence if node else ())),
    )
    if whole.awake and not integrated:
        accelerator = _with_surroundings(ask, device, accelerator, memory)
    return Device(
        accelerator=accelerator,
        pool=pool,
        memory=memory,
        carve_out=_carve_out(device, memory) if integrated else None,
        # Where the environment makes ROCm take it for another, that has code for it.
        without_rocm=_without_rocm(device, node) if use.access.rocm and gfx not in ROCM_KERNELS else None,
        heaps=heaps,
    )


def whole_name(whole: Whole) -> str:
    """
    The name of a device, or its number where no table has it.
    """
    return whole.name or f"AMD GPU ({whole.device.device or 'unknown device'})"


def _pool(whole: Whole, node: Node | None, parts: Parts, number: int) -> MemoryPool | None:
    if whole.integrated:
        return None
    if whole.asleep:
        return _from_table(f"vram{number}", whole)
    return pool_of(f"vram{number}", parts.share(whole.memory, node), parts.on(node))


def _why_not(
    whole: Whole, node: Node | None, use: Use, pool: MemoryPool | None, hiding: HidingVariable | None
) -> Message | None:
    """
    The reason why a device cannot be used, the first of those that hold.
    """
    if whole.driver != "amdgpu":
        return _why_no_driver(whole.driver, too_old(use.release, whole.device.device), use.release)
    if not whole.awake and not (whole.alone and pool is not None):
        return message("unusable.amd-asleep")
    if hiding is not None:
        return message("unusable.hidden-from-rocm", variable=hiding.variable)
    if use.writable is False:
        both = use.access.kfd is not None and use.access.kfd.state != "open"
        return message("unusable.no-amd-device-file" if both else "unusable.render-node-closed")
    if whole.integrated:
        return message("unusable.few-compute-units") if _is_small(whole.device, node) else None
    return None if pool else message("unusable.size-unknown")


def is_integrated(device: PciDevice, node: Node | None, memory: Memory, vram_vendor: str) -> bool:
    """
    Whether a device shares RAM, by the strongest evidence there is; unknown counts as a card of its own.

    A name says nothing: "AMD Radeon Graphics" is also what an MI50 is called.
    """
    if device.device in AMD_INTEGRATED | WITHOUT_OWN_MEMORY:
        return True
    if node is not None and (node.with_processor or node.gfx in _INTEGRATED_GFX):
        return True
    if vram_vendor and vram_vendor != "unknown":
        return False
    return node is None and looks_integrated(memory)


def _driver(ask: Asker, path: str, node: Node | None) -> str | None:
    """
    The kernel driver of a device; a device of the topology has amdgpu, also where the link is not readable.
    """
    answer = ask.link(f"{path}/driver")
    link = as_text(answer)
    if link:
        return link.rsplit("/", 1)[-1]
    return "amdgpu" if node is not None and answer.status != "missing" else None


def _backend(access: Access, gfx: str | None) -> Literal["rocm", "vulkan"]:
    """
    The backend to run on it: ROCm where it is made for this processor, its driver may be used and its libraries know
    the GPU, else Vulkan.
    """
    return "rocm" if access.computes and gfx in ROCM_KERNELS else "vulkan"


def _why_no_driver(driver: str | None, needed: str | None, release: str | None) -> Message:
    if driver == "vfio-pci":
        return message("unusable.lent-to-vm")
    if driver is None and needed is not None:
        return message("unusable.kernel-too-old", release=release, needed=needed)
    if driver is None:
        return message("unusable.no-driver")
    return message("unusable.other-driver", driver=driver, needed="amdgpu")


def _is_small(device: PciDevice, node: Node | None) -> bool:
    """
    Whether integrated graphics have so few units that the processor is faster.
    """
    units = node.compute_units if node else None
    return units <= _TOO_FEW_UNITS if units is not None else device.device in AMD_TOO_SMALL


def _cited(whole: Whole, hiding: HidingVariable | None, part: Part | None) -> dict[str, tuple[str, ...]]:
    cited: dict[str, tuple[str, ...]] = {}
    path = whole.device.path
    if whole.driver == "vfio-pci":
        cited["state"] = (f"link:{path}/driver",)
    elif whole.asleep:
        cited["state"] = (f"read:{path}/power/runtime_status",)
    if hiding is not None:
        cited["hidden_by"] = hiding.evidence
    if part is not None and part.evidence:
        cited["partition"] = part.evidence
    return cited


def _with_surroundings(ask: Asker, device: PciDevice, card: Accelerator, memory: Memory) -> Accelerator:
    """
    The card with its window, its link, its sensors and the reasons for a lower clock.
    """
    window = None
    if memory.vram_visible is not None and memory.vram_total is not None:
        window = Window(visible_bytes=memory.vram_visible)
    link, of_link = ask_link(ask, device)
    sensors = ask_sensors(ask, device.path)
    reasons, of_reasons = ask_reasons(ask, device.path)
    told = reasons is not None or sensors.celsius is not None
    cited = {
        "window": memory.evidence if window is not None else (),
        "link": of_link,
        "power": sensors.power_evidence,
        "throttle": sensors.celsius_evidence + of_reasons,
    }
    return msgspec.structs.replace(
        card,
        window=window,
        link=link,
        power=sensors.power,
        throttle=Throttle(reasons=reasons, celsius=sensors.celsius) if told else None,
        cited={**card.cited, **{name: evidence for name, evidence in cited.items() if evidence}},
    )


def _carve_out(device: PciDevice, memory: Memory) -> CarveOut | None:
    if memory.vram_total is None:
        return None
    return CarveOut(
        pci=device.address,
        bytes=memory.vram_total,
        gtt_bytes=memory.gtt_total,
        evidence=memory.evidence,
    )


def _without_rocm(device: PciDevice, node: Node | None) -> WithoutRocm | None:
    if node is None or node.gfx is None or node.gfx in ROCM_KERNELS:
        return None
    return WithoutRocm(pci=device.address, gfx=node.gfx, evidence=node.evidence)


def _from_table(pool_id: str, whole: Whole) -> MemoryPool | None:
    row = gpu_table.lookup(whole.name) if whole.name else None
    if row is None or row.memory_bytes is None:
        return None
    reserve = gpu_table.usual_reserve(row)
    detail = message("limit.nvidia-usual-reserve")
    kept = (Limit(by="driver-reserve", bytes=reserve, detail=detail, basis="assumed"),) if whole.alone else ()
    return MemoryPool(
        id=pool_id,
        kind="vram",
        total_bytes=row.memory_bytes,
        free_bytes=None,
        budget_bytes=row.memory_bytes - reserve if kept else None,
        limits=kept,
        basis="declared",
        evidence=(f"read:{whole.device.path}/device",),
    )


def _rate(
    node: Node | None, whole: Whole, parts: Parts
) -> tuple[int | None, Literal["derived", "declared"] | None, Message | None]:
    if whole.integrated:
        return None, None, None
    count = parts.count
    rate = bandwidth(node) if node is not None else None
    if node is not None and rate is not None:
        how = message("bandwidth.driver", width_bits=node.width_bits, clock_mhz=node.clock_mhz)
        if count > 1:
            how = message("bandwidth.driver-part", how=how, parts=count)
        return rate // count, "derived", how
    row = gpu_table.lookup(whole.name, whole.memory.vram_total) if whole.name else None
    if row is None or row.bandwidth_bytes_per_s is None:
        return None, None, None
    how = message("bandwidth.table", name=row.name, cores=None, source=row.source)
    return row.bandwidth_bytes_per_s // count, "declared", how
