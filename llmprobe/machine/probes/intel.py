"""
Intel GPUs on Linux, from sysfs alone: Arc and data centre cards with the size of their memory, and graphics
in a processor, which are named but not used.

How much of a card's memory is free is told only to programs with special rights, so that it is unknown here,
and the budget is what a card usually gives to one program. Integrated graphics share RAM and its bandwidth;
llama.cpp is slower on them than on the processor beside them (UHD 620: 18 to 31 %), and they add no memory.
https://docs.kernel.org/gpu/xe/, https://docs.kernel.org/gpu/i915.html

Questions, in order (``<pci>`` is /sys/bus/pci/devices/<address> of each Intel display device):

    list:/sys/bus/pci/devices                          and what pci_bus asks
    link:<pci>/driver
    list:<pci>                                         cards only from here; where the driver is xe, for tile0, …
    read:<pci>/<tileN>/physical_vram_size_bytes        of each tile
    list:<pci>/drm                                     where it is i915 or xe, for cardN and renderDN
    read:<pci>/drm/<cardN>/lmem_total_bytes            where it is i915
    run:test -w /dev/dri/<renderD…>
    read:<pci>/resource
    read:<pci>/current_link_width
    read:<pci>/max_link_width
"""

import re
from collections.abc import Iterable
from typing import Any

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Accelerator, Limit, MemoryPool, Observation, Probed
from llmprobe.machine import gpu_table
from llmprobe.machine.asking import Asker, as_int, as_text, fields_of, items_of
from llmprobe.machine.pci_bus import PciDevice, display_devices
from llmprobe.machine.pci_names import marketing_name

NAME = "intel"
PLATFORMS = frozenset({"linux"})

VENDOR = "0x8086"
_TILE = re.compile(r"tile\d{1,2}")
_REGION = re.compile(r"0x([0-9a-f]{1,16}) 0x([0-9a-f]{1,16}) 0x[0-9a-f]{1,16}")
_LMEM_BAR = 2
_KEPT_PERCENT = 7
"""An Arc B580 of 12,216 MiB gives 11,605 MiB to one program at most, as xpu-smi prints it; others less."""
_SLOWER = "it shares RAM, and llama.cpp is slower on it than on the processor"


def probe(source: Source) -> Probed:
    """
    Return the Intel GPUs.
    """
    ask = Asker(source)
    accelerators: list[Accelerator] = []
    pools: list[MemoryPool] = []
    bars: dict[str, int] = {}
    links: dict[str, dict[str, int]] = {}
    for device in display_devices(ask):
        if device.vendor != VENDOR:
            continue
        number = len(accelerators)
        if is_integrated(device):
            accelerators.append(_integrated(ask, device, number))
            continue
        accelerator, pool = _card(ask, device, number)
        accelerators.append(accelerator)
        pools += [pool] if pool else []
        bar = parse_bar(ask.text(f"{device.path}/resource") or "", _LMEM_BAR)
        if bar is not None:
            bars[device.address] = bar
        width = as_int(ask.text(f"{device.path}/current_link_width"))
        widest = as_int(ask.text(f"{device.path}/max_link_width"))
        if width is not None and widest is not None:
            links[device.address] = {"width": width, "max_width": widest}
    given: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("visible_bytes", bars, "resource"),
        ("link", links, "current_link_width"),
    )
    observations = tuple(
        Observation(name=f"intel.{name}", value=value, evidence=_evidence(value, file))
        for name, value, file in given
        if value
    )
    return ask.probed(
        found=bool(accelerators),
        accelerators=tuple(accelerators),
        pools=tuple(pools),
        observations=observations,
    )


def is_integrated(device: PciDevice) -> bool:
    """
    Tell whether the device is the one in the processor: that is always 0000:00:02.0, and no card is.
    """
    return device.address == "0000:00:02.0"


def parse_bar(text: str, number: int) -> int | None:
    """
    Return the size in bytes of one region of /sys/bus/pci/devices/<address>/resource: start, end and flags a line.

    https://docs.kernel.org/PCI/sysfs-pci.html. A region that is not mapped is all zeros, and None here.
    """
    lines = text.lower().splitlines()
    match = _REGION.fullmatch(lines[number].strip()) if number < len(lines) else None
    if match is None:
        return None
    start, end = int(match[1], 16), int(match[2], 16)
    return end - start + 1 if end > start else None


def _integrated(ask: Asker, device: PciDevice, number: int) -> Accelerator:
    name = marketing_name("intel", device.device, None)
    return Accelerator(
        id=f"gpu{number}",
        vendor="intel",
        name=name or f"Intel Graphics ({device.device or 'unknown device'})",
        pools=("ram",),
        usable=False,
        why_not=_SLOWER,
        integrated=True,
        pci=device.address,
        driver=_driver(ask, device),
        evidence=(f"read:{device.path}/vendor", f"read:{device.path}/device"),
    )


def _card(ask: Asker, device: PciDevice, number: int) -> tuple[Accelerator, MemoryPool | None]:
    name = marketing_name("intel", device.device, None)
    driver = _driver(ask, device)
    total, evidence = _size(ask, device, driver)
    row = gpu_table.lookup(name, total) if name else None
    declared = total is None and row is not None and row.memory_bytes is not None
    if declared and row is not None:
        total, evidence = row.memory_bytes, (f"read:{device.path}/device",)
    pool = None if total is None else _pool(f"vram{number}", total, evidence, declared=declared)
    writable = _render_access(ask, device) if driver in ("i915", "xe") else None
    why_not = (
        "no kernel driver is bound to it"
        if driver is None
        else "it is bound to vfio-pci, for a virtual machine"
        if driver == "vfio-pci"
        else "this user may not open the device's node in /dev/dri"
        if writable is False
        else "its driver does not tell how much memory it has"
        if pool is None
        else None
    )
    accelerator = Accelerator(
        id=f"gpu{number}",
        vendor="intel",
        name=name or f"Intel GPU ({device.device or 'unknown device'})",
        backend="vulkan" if why_not is None else None,
        pools=(pool.id,) if pool else (),
        usable=why_not is None,
        why_not=why_not,
        pci=device.address,
        driver=driver,
        architecture=row.architecture if row else None,
        bandwidth_bytes_per_s=row.bandwidth_bytes_per_s if row else None,
        bandwidth_basis="declared" if row and row.bandwidth_bytes_per_s else None,
        bandwidth_how=f"table: {row.name} ({row.source})" if row and row.bandwidth_bytes_per_s else None,
        evidence=(f"read:{device.path}/vendor", *evidence),
    )
    return accelerator, pool


def _driver(ask: Asker, device: PciDevice) -> str | None:
    link = as_text(ask.link(f"{device.path}/driver"))
    return link.rsplit("/", 1)[-1] if link else None


def _size(ask: Asker, device: PciDevice, driver: str | None) -> tuple[int | None, tuple[str, ...]]:
    """
    Return the size of a card's memory with the files that tell it: of all its tiles together.
    """
    if driver == "xe":
        tiles = [str(name) for name in items_of(ask.list(device.path)) if _TILE.fullmatch(str(name))]
        files = [f"{device.path}/{tile}/physical_vram_size_bytes" for tile in tiles]
    elif driver == "i915":
        cards = [
            str(name) for name in items_of(ask.list(f"{device.path}/drm")) if str(name).startswith("card")
        ]
        files = [f"{device.path}/drm/{card}/lmem_total_bytes" for card in cards[:1]]
    else:
        return None, ()
    sizes = [parse_size(ask.text(file) or "") for file in files]
    known = [size for size in sizes if size]
    if not known or len(known) < len(files):
        return None, ()
    return sum(known), tuple(f"read:{file}" for file in files)


def parse_size(text: str) -> int | None:
    """
    Return the size that a driver's file holds, in decimal or, as xe writes it, in hexadecimal (``0x2fc000000``).
    """
    word = text.strip().lower()
    if re.fullmatch(r"0x[0-9a-f]{1,16}", word):
        return int(word, 16)
    return as_int(word)


def _pool(pool_id: str, total: int, evidence: tuple[str, ...], *, declared: bool) -> MemoryPool:
    kept = total * _KEPT_PERCENT // 100
    detail = "kept by the driver; what programs hold is not told without special rights"
    return MemoryPool(
        id=pool_id,
        kind="vram",
        total_bytes=total,
        free_bytes=None,
        budget_bytes=total - kept,
        limits=(Limit(by="driver-reserve", bytes=kept, detail=detail, basis="assumed"),),
        basis="declared" if declared else "measured",
        evidence=evidence,
    )


def _render_access(ask: Asker, device: PciDevice) -> bool | None:
    names = [
        str(name) for name in items_of(ask.list(f"{device.path}/drm")) if str(name).startswith("renderD")
    ]
    if not names:
        return None
    status = fields_of(ask.run("test", "-w", f"/dev/dri/{names[0]}")).get("exit")
    return None if status not in (0, 1) else status == 0


def _evidence(by_address: Iterable[str], file: str) -> tuple[str, ...]:
    return tuple(f"read:/sys/bus/pci/devices/{address}/{file}" for address in by_address)
