"""
One AMD device: what it is called, whether it is integrated, whether and how it can be used.
"""

from typing import Literal

import msgspec

from llmprobe.facts.machine import Accelerator, MemoryPool, Throttle, Window
from llmprobe.facts.vendors import CarveOut, HidingVariable, WithoutRocm
from llmprobe.machine import gpu_table
from llmprobe.machine.asking import Asker, as_text, items_of
from llmprobe.machine.hwmon import ask_sensors
from llmprobe.machine.in_processors import AMD_INTEGRATED, AMD_TOO_SMALL
from llmprobe.machine.pci_bus import PciDevice
from llmprobe.machine.pci_link import ask_link
from llmprobe.machine.pci_names import marketing_name
from llmprobe.machine.probes.amd.access import Access, may_write
from llmprobe.machine.probes.amd.memory import (
    VENDOR_FILE,
    Memory,
    ask_holders,
    ask_memory,
    looks_integrated,
    pool_of,
)
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
_WITHOUT_OWN_MEMORY = frozenset({"0x74a0"})
"""MI300A: what its driver calls VRAM is the memory of the host, which the kernel counts already."""
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


def ask_device(ask: Asker, device: PciDevice, node: Node | None, access: Access, number: int) -> Device:
    """
    One device; ``number`` is its place among the AMD devices.
    """
    path = device.path
    driver = _driver(ask, path, node)
    revision = (ask.text(f"{path}/revision") or "").strip()
    suspended = (ask.text(f"{path}/power/runtime_status") or "").strip() == "suspended"
    awake = driver == "amdgpu" and (not suspended or as_text(ask.env("LLMPROBE_WAKE")) is not None)
    asleep = suspended and not awake
    name = marketing_name("amd", device.device, revision)
    memory, writable = Memory(), None
    vendor = ""
    if awake:
        product = (ask.text(f"{path}/product_name") or "").strip()
        name = name or (f"AMD {product.removeprefix('AMD ')}" if product else None)
        writable = _render_access(ask, path)
        memory = ask_memory(ask, path)
        if device.device in _WITHOUT_OWN_MEMORY:
            memory = Memory(evidence=memory.evidence)
        vendor = (ask.text(f"{path}/{VENDOR_FILE}") or "").strip().lower()
    gfx = access.override or (node.gfx if node else None)
    integrated = is_integrated(device, node, memory, vendor)
    holders = ask_holders(ask, node.gpu_id, memory.vram_total) if node and awake and not integrated else ()
    pool = None if integrated else pool_of(f"vram{number}", memory, holders)
    backend = _backend(access, gfx)
    shown = backend != "rocm" or access.shown is None or number in access.shown
    hiding = None if shown else access.hiding
    why_not = (
        _why_no_driver(driver)
        if driver != "amdgpu"
        else message("unusable.amd-asleep")
        if not awake
        else message("unusable.hidden-from-rocm", variable=hiding.variable)
        if hiding is not None
        else message("unusable.no-amd-device-file")
        if backend == "vulkan" and writable is False
        else message("unusable.few-compute-units")
        if integrated and _is_small(device, node)
        else None
        if integrated or pool
        else message("unusable.size-unknown")
    )
    if asleep and not integrated:
        pool = _from_table(f"vram{number}", name, path)
    rate, basis, how = _rate(node, name, memory, integrated=integrated)
    evidence = (f"read:{path}/vendor", *memory.evidence, *(node.evidence if node else ()))
    accelerator = Accelerator(
        id=f"gpu{number}",
        vendor="amd",
        name=name or f"AMD GPU ({device.device or 'unknown device'})",
        # One that is asleep is listed by its backend all the same, and woken by what uses all devices.
        backend=backend if why_not is None or (driver == "amdgpu" and not awake) else None,
        pools=("ram",) if integrated else (pool.id,) if pool else (),
        usable=why_not is None,
        why_not=why_not,
        integrated=integrated,
        pci=device.address,
        driver=driver,
        architecture=node.gfx if node else None,
        bandwidth_bytes_per_s=rate,
        bandwidth_basis=basis,
        bandwidth_how=how,
        cores=node.compute_units if node else None,
        state="lent" if driver == "vfio-pci" else "asleep" if driver == "amdgpu" and not awake else "present",
        hidden_by=hiding.variable if hiding is not None else None,
        cited=_cited(path, driver, hiding, asleep=asleep),
        evidence=evidence,
    )
    if awake and not integrated:
        accelerator = _with_surroundings(ask, device, accelerator, memory)
    return Device(
        accelerator=accelerator,
        pool=pool,
        memory=memory,
        carve_out=_carve_out(device, memory) if integrated else None,
        without_rocm=_without_rocm(device, node),
    )


def is_integrated(device: PciDevice, node: Node | None, memory: Memory, vram_vendor: str) -> bool:
    """
    Whether a device shares RAM, by the strongest evidence there is; unknown counts as a card of its own.

    A name says nothing: "AMD Radeon Graphics" is also what an MI50 is called.
    """
    if device.device in AMD_INTEGRATED | _WITHOUT_OWN_MEMORY:
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


def _render_access(ask: Asker, path: str) -> bool | None:
    names = [str(name) for name in items_of(ask.list(f"{path}/drm")) if str(name).startswith("renderD")]
    return may_write(ask, f"/dev/dri/{names[0]}") if names else None


def _backend(access: Access, gfx: str | None) -> Literal["rocm", "vulkan"]:
    """
    The backend to run on it: ROCm where its driver may be used and its libraries know the GPU, else Vulkan.
    """
    closed = access.kfd is not None and access.kfd.state != "open"
    if closed or gfx is None or gfx not in ROCM_KERNELS:
        return "vulkan"
    return "rocm"


def _why_no_driver(driver: str | None) -> Message:
    if driver == "vfio-pci":
        return message("unusable.lent-to-vm")
    if driver is None:
        return message("unusable.no-driver")
    return message("unusable.other-driver", driver=driver, needed="amdgpu")


def _is_small(device: PciDevice, node: Node | None) -> bool:
    """
    Whether integrated graphics have so few units that the processor is faster.
    """
    units = node.compute_units if node else None
    return units <= _TOO_FEW_UNITS if units is not None else device.device in AMD_TOO_SMALL


def _cited(
    path: str, driver: str | None, hiding: HidingVariable | None, *, asleep: bool
) -> dict[str, tuple[str, ...]]:
    cited: dict[str, tuple[str, ...]] = {}
    if driver == "vfio-pci":
        cited["state"] = (f"link:{path}/driver",)
    elif asleep:
        cited["state"] = (f"read:{path}/power/runtime_status",)
    if hiding is not None:
        cited["hidden_by"] = hiding.evidence
    return cited


def _with_surroundings(ask: Asker, device: PciDevice, card: Accelerator, memory: Memory) -> Accelerator:
    """
    The card with its window, its link and its sensors.
    """
    window = None
    if memory.vram_visible is not None and memory.vram_total is not None:
        window = Window(visible_bytes=memory.vram_visible)
    link, of_link = ask_link(ask, device)
    sensors = ask_sensors(ask, device.path)
    cited = {
        "window": memory.evidence if window is not None else (),
        "link": of_link,
        "power": sensors.power_evidence,
        "throttle": sensors.celsius_evidence,
    }
    return msgspec.structs.replace(
        card,
        window=window,
        link=link,
        power=sensors.power,
        throttle=Throttle(celsius=sensors.celsius) if sensors.celsius is not None else None,
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


def _from_table(pool_id: str, name: str | None, path: str) -> MemoryPool | None:
    row = gpu_table.lookup(name) if name else None
    if row is None or row.memory_bytes is None:
        return None
    return MemoryPool(
        id=pool_id,
        kind="vram",
        total_bytes=row.memory_bytes,
        free_bytes=None,
        budget_bytes=None,
        basis="declared",
        evidence=(f"read:{path}/device",),
    )


def _rate(
    node: Node | None, name: str | None, memory: Memory, *, integrated: bool
) -> tuple[int | None, Literal["derived", "declared"] | None, Message | None]:
    if node is not None and not integrated:
        rate = bandwidth(node)
        if rate is not None:
            how = message("bandwidth.driver", width_bits=node.width_bits, clock_mhz=node.clock_mhz)
            return rate, "derived", how
    row = gpu_table.lookup(name, memory.vram_total) if name and not integrated else None
    if row is None or row.bandwidth_bytes_per_s is None:
        return None, None, None
    how = message("bandwidth.table", name=row.name, cores=None, source=row.source)
    return row.bandwidth_bytes_per_s, "declared", how
