"""
The size of the memory of an Intel card on Linux: by its driver's files, or by the windows that its bus offers to it.

xe has a file for each tile. i915 has one only in Intel's own releases, and a card that is sold with several sizes has
one device number for all of them (Arc A770: 8 and 16 GiB). What it can show of its memory through its window is the
whole of it rounded up to a power of two: i915 and xe resize the window to that ("Attempting to resize bar from 256MiB
-> 8192MiB" of an Arc A750, geerlingguy/raspberry-pi-pcie-devices#510; 16 GiB of an Arc A770 of 16 GiB,
intel/compute-runtime#973). ``resource2_resize`` names the sizes that the card supports, a bit for each from 1 MiB on,
also where Resizable BAR is off (Linux 6.1, Documentation/ABI/testing/sysfs-bus-pci). The kernel asks the card for them,
which wakes one that sleeps.

Questions, in order:

    list:<pci>                                         where the driver is xe, for tile0, …
    read:<pci>/<tileN>/physical_vram_size_bytes        of each tile
    list:<pci>/drm                                     where it is i915, for cardN
    read:<pci>/drm/<cardN>/lmem_total_bytes            where it is i915
    read:<pci>/power/runtime_status                    where no file has it and the card is sold with several sizes
    env:LLMPROBE_WAKE                                  where that is ``suspended``
    read:<pci>/resource2_resize                        of a card that is awake
    read:<pci>/resource                                where that is not there
"""

import re

from llmprobe.machine.asking import Asker, as_int, as_text, items_of
from llmprobe.machine.gpu_table import Gpu, named
from llmprobe.machine.pci_bus import PciDevice
from llmprobe.units import MIB

LMEM_BAR = 2
"""The window on the memory of a card, by its number among the regions of the device."""

_TILE = r"tile\d{1,2}"
_REGION = r"0x([0-9a-f]{1,16}) 0x([0-9a-f]{1,16}) 0x[0-9a-f]{1,16}"
_SIZES = r"[0-9a-f]{1,16}"
_UNRESIZED = 256 * MIB
"""The window of a card where the firmware does not resize any: nothing is known by it."""


def ask_size(ask: Asker, device: PciDevice, driver: str | None) -> tuple[int | None, tuple[str, ...]]:
    """
    The size in bytes of a card's memory by its driver's files, of all its tiles together, with these files.
    """
    if driver == "xe":
        files = [f"{device.path}/{tile}/physical_vram_size_bytes" for tile in tiles(ask, device)]
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


def row_by_window(ask: Asker, device: PciDevice, name: str) -> tuple[Gpu | None, tuple[str, ...]]:
    """
    The one row of a name whose memory fills the largest window that the card supports, with the file that told it.
    """
    rows = [row for row in named(name) if row.memory_bytes and not row.modified]
    if len(rows) < 2:
        return None, ()
    largest, question = _largest_window(ask, device)
    found = [row for row in rows if _as_window(row.memory_bytes or 0) == largest]
    return (found[0], (question,)) if len(found) == 1 else (None, ())


def is_awake(ask: Asker, device: PciDevice) -> bool:
    """
    Whether a device may be asked for what wakes it: it is awake, or its user allows that.
    """
    suspended = (ask.text(f"{device.path}/power/runtime_status") or "").strip() == "suspended"
    return not suspended or as_text(ask.env("LLMPROBE_WAKE")) is not None


def tiles(ask: Asker, device: PciDevice) -> list[str]:
    """
    The parts of a card that have memory of their own, as xe names them.
    """
    return [str(name) for name in items_of(ask.list(device.path)) if re.fullmatch(_TILE, str(name))]


def parse_size(text: str) -> int | None:
    """
    The size in a driver's file, in decimal or, as xe writes it, in hexadecimal (``0x2fc000000``).
    """
    word = text.strip().lower()
    if re.fullmatch(r"0x[0-9a-f]{1,16}", word):
        return int(word, 16)
    return as_int(word)


def parse_bar(text: str, number: int) -> int | None:
    """
    The size in bytes of one region of /sys/bus/pci/devices/<address>/resource: start, end and flags a line.

    https://docs.kernel.org/PCI/sysfs-pci.html. A region that is not mapped is all zeros, and None here.
    """
    lines = text.lower().splitlines()
    match = re.fullmatch(_REGION, lines[number].strip()) if number < len(lines) else None
    if match is None:
        return None
    start, end = int(match[1], 16), int(match[2], 16)
    return end - start + 1 if end > start else None


def parse_largest(text: str) -> int | None:
    """
    The largest size in bytes of a file ``resourceN_resize``: ``0000000000003f00`` is 256 MiB to 8 GiB.
    """
    word = text.strip().lower()
    bits = int(word, 16) if re.fullmatch(_SIZES, word) else 0
    return MIB << (bits.bit_length() - 1) if bits else None


def _largest_window(ask: Asker, device: PciDevice) -> tuple[int | None, str]:
    sizes = f"{device.path}/resource{LMEM_BAR}_resize"
    largest = parse_largest(ask.text(sizes) or "") if is_awake(ask, device) else None
    if largest is not None:
        return largest, f"read:{sizes}"
    window = parse_bar(ask.text(f"{device.path}/resource") or "", LMEM_BAR)
    return (window if window is not None and window > _UNRESIZED else None), f"read:{device.path}/resource"


def _as_window(memory_bytes: int) -> int:
    return 1 << (memory_bytes - 1).bit_length()
