"""
One AMD device: what it is called, whether it is integrated, whether and how it can be used.
"""

from typing import Any, Literal

import msgspec

from llmprobe.facts.machine import Accelerator, MemoryPool
from llmprobe.machine import gpu_table
from llmprobe.machine.asking import Asker, as_int, as_text, items_of
from llmprobe.machine.pci_bus import PciDevice
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
_INTEGRATED_PCI = frozenset(
    {
        "0x1586",
        "0x150e",
        "0x1114",
        "0x15bf",
        "0x15c8",
        "0x1900",
        "0x1901",
        "0x1902",
        "0x1681",
        "0x164e",
        "0x13c0",
        "0x1506",
        "0x163f",
        "0x1435",
        "0x1636",
        "0x1638",
        "0x164c",
        "0x15e7",
        "0x15dd",
        "0x15d8",
    }
)
_WITHOUT_OWN_MEMORY = frozenset({"0x74a0"})
"""MI300A: what its driver calls VRAM is the memory of the host, which the kernel counts already."""
_TOO_SMALL_PCI = frozenset({"0x164e", "0x13c0", "0x1506"})
_TOO_FEW_UNITS = 2
_ROCM = frozenset(
    {
        "gfx906",
        "gfx908",
        "gfx90a",
        "gfx942",
        "gfx950",
        "gfx1030",
        "gfx1100",
        "gfx1101",
        "gfx1102",
        "gfx1103",
        "gfx1150",
        "gfx1151",
        "gfx1200",
        "gfx1201",
    }
)
"""What the libraries of ROCm 6 and 7 have kernels for, rocBLAS above all."""
_ASLEEP = "it is asleep, and asking for its memory would wake it"


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device with its pool where it has one of its own, its figures, and by name what rules want to know.
    """

    accelerator: Accelerator
    pool: MemoryPool | None
    memory: Memory
    facts: dict[str, Any]
    evidence: dict[str, tuple[str, ...]]


def ask_device(ask: Asker, device: PciDevice, node: Node | None, access: Access, number: int) -> Device:
    """
    Return one device; ``number`` is its place among the AMD devices.
    """
    path = device.path
    driver = _driver(ask, path, node)
    revision = (ask.text(f"{path}/revision") or "").strip()
    asleep = (ask.text(f"{path}/power/runtime_status") or "").strip() == "suspended"
    awake = driver == "amdgpu" and (not asleep or as_text(ask.env("LLMPROBE_WAKE")) is not None)
    name = marketing_name("amd", device.device, revision)
    memory, writable, width = Memory(), None, None
    vendor = ""
    if awake:
        product = (ask.text(f"{path}/product_name") or "").strip()
        name = name or (f"AMD {product.removeprefix('AMD ')}" if product else None)
        writable = _render_access(ask, path)
        memory = ask_memory(ask, path)
        if device.device in _WITHOUT_OWN_MEMORY:
            memory = Memory(evidence=memory.evidence)
        vendor = (ask.text(f"{path}/{VENDOR_FILE}") or "").strip().lower()
        width = (
            as_int(ask.text(f"{path}/current_link_width")),
            as_int(ask.text(f"{path}/max_link_width")),
        )
    gfx = access.override or (node.gfx if node else None)
    integrated = is_integrated(device, node, memory, vendor)
    holders = ask_holders(ask, node.gpu_id, memory.vram_total) if node and awake and not integrated else ()
    pool = None if integrated else pool_of(f"vram{number}", memory, holders)
    backend = _backend(access, gfx)
    why_not = (
        _why_no_driver(driver)
        if driver != "amdgpu"
        else _ASLEEP
        if not awake
        else _why_not(access, backend, writable, number)
        or (_why_small(device, node) if integrated else None)
        or (None if integrated or pool else "its driver does not tell how much memory it has")
    )
    if asleep and not awake and not integrated:
        pool = _from_table(f"vram{number}", name, path)
    rate, basis, how = _rate(node, name, memory, integrated=integrated)
    evidence = (f"read:{path}/vendor", *memory.evidence, *(node.evidence if node else ()))
    accelerator = Accelerator(
        id=f"gpu{number}",
        vendor="amd",
        name=name or f"AMD GPU ({device.device or 'unknown device'})",
        # One that is asleep is listed by its backend all the same, and woken by what uses all devices.
        backend=backend if why_not in (None, _ASLEEP) else None,
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
        evidence=evidence,
    )
    facts, cited = _facts(path, memory, node, asleep=asleep and not awake, width=width, integrated=integrated)
    return Device(accelerator=accelerator, pool=pool, memory=memory, facts=facts, evidence=cited)


def is_integrated(device: PciDevice, node: Node | None, memory: Memory, vram_vendor: str) -> bool:
    """
    Tell whether a device shares RAM, by the strongest evidence there is; unknown counts as a card of its own.

    A name says nothing: "AMD Radeon Graphics" is also what an MI50 is called.
    """
    if device.device in _INTEGRATED_PCI | _WITHOUT_OWN_MEMORY:
        return True
    if node is not None and (node.with_processor or node.gfx in _INTEGRATED_GFX):
        return True
    if vram_vendor and vram_vendor != "unknown":
        return False
    return node is None and looks_integrated(memory)


def _driver(ask: Asker, path: str, node: Node | None) -> str | None:
    """
    Return the kernel driver of a device; a device of the topology has amdgpu, also where the link is not readable.
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
    Return what to run on it: ROCm where its driver may be used and its libraries know the GPU, else Vulkan.
    """
    if access.kfd in ("closed", "absent") or gfx is None or gfx not in _ROCM:
        return "vulkan"
    return "rocm"


def _why_not(access: Access, backend: str, writable: bool | None, number: int) -> str | None:
    if access.shown is not None and backend == "rocm" and number not in access.shown:
        return f"hidden by {access.hidden_by}"
    if backend == "vulkan" and writable is False:
        return "this user may open neither /dev/kfd nor the device's node in /dev/dri"
    return None


def _why_no_driver(driver: str | None) -> str:
    if driver == "vfio-pci":
        return "it is bound to vfio-pci, for a virtual machine"
    if driver is None:
        return "no kernel driver is bound to it"
    return f"its kernel driver is {driver}, not amdgpu"


def _why_small(device: PciDevice, node: Node | None) -> str | None:
    units = node.compute_units if node else None
    if (units is not None and units <= _TOO_FEW_UNITS) or (units is None and device.device in _TOO_SMALL_PCI):
        return "it has two compute units only: the processor is faster"
    return None


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
) -> tuple[int | None, Literal["derived", "declared"] | None, str | None]:
    if node is not None and not integrated:
        rate = bandwidth(node)
        if rate is not None:
            return (
                rate,
                "derived",
                f"{node.width_bits} bit memory at {node.clock_mhz} MHz, as the driver says",
            )
    row = gpu_table.lookup(name, memory.vram_total) if name and not integrated else None
    if row is None or row.bandwidth_bytes_per_s is None:
        return None, None, None
    return row.bandwidth_bytes_per_s, "declared", f"table: {row.name} ({row.source})"


def _facts(
    path: str,
    memory: Memory,
    node: Node | None,
    *,
    asleep: bool,
    width: tuple[int | None, int | None] | None,
    integrated: bool,
) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
    facts: dict[str, Any] = {}
    cited: dict[str, tuple[str, ...]] = {}
    if asleep:
        facts["asleep"], cited["asleep"] = True, (f"read:{path}/power/runtime_status",)
    if not integrated and memory.vram_visible is not None and memory.vram_total is not None:
        facts["visible_bytes"], cited["visible_bytes"] = memory.vram_visible, memory.evidence
    if not integrated and width is not None and None not in width:
        facts["link"] = {"width": width[0], "max_width": width[1]}
        cited["link"] = (f"read:{path}/current_link_width", f"read:{path}/max_link_width")
    if integrated and memory.vram_total is not None:
        facts["carve_out"] = {"bytes": memory.vram_total, "gtt_bytes": memory.gtt_total}
        cited["carve_out"] = memory.evidence
    if node is not None and node.gfx is not None and node.gfx not in _ROCM:
        facts["gfx_unsupported"], cited["gfx_unsupported"] = node.gfx, node.evidence
    return facts, cited
