"""
GPUs of vendors that have no probe of their own: named as devices that are there, never dropped.

A vendor with a probe (a module of this package with the vendor's name) is left to it. The display adapters of
servers and of virtual machines are no accelerators and are left out.

Questions, in order:

    list:/sys/bus/pci/devices
    read:/sys/bus/pci/devices/<address>/class          of each device
    read:/sys/bus/pci/devices/<address>/vendor         of each of class 0x03 or 0x12
    read:/sys/bus/pci/devices/<address>/device         of the same
    link:/sys/bus/pci/devices/<address>/driver         of each that is reported
"""

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Accelerator, Probed
from llmprobe.facts.vendors import Vendor
from llmprobe.machine.asking import Asker, as_text
from llmprobe.machine.pci_bus import PciDevice, display_devices
from llmprobe.words.message import message

NAME = "pci"
PLATFORMS = frozenset({"linux"})
LISTS_GPUS = True
VENDORS: tuple[Vendor, ...] = ()

EXAMINED = frozenset({"0x10de", "0x1002", "0x8086"})
"""NVIDIA, AMD, Intel: each has its probe."""

_NAMED = {"0x1ed5": "Moore Threads", "0x1da3": "Habana", "0x1e52": "Tenstorrent", "0x19e5": "Huawei"}
_ACCELERATOR = "0x12"


def probe(source: Source) -> Probed:
    """
    The GPUs that no other probe examines.
    """
    ask = Asker(source)
    devices = [
        device
        for device in display_devices(ask)
        if device.vendor is not None and device.vendor not in EXAMINED and not _only_displays(device)
    ]
    found = tuple(_accelerator(ask, device, number) for number, device in enumerate(devices))
    return ask.probed(found=bool(found), accelerators=found)


def _only_displays(device: PciDevice) -> bool:
    # A machine without devices of other makers loads nothing that is about them.
    from llmprobe.machine.display_vendors import DISPLAYS_ONLY

    return device.vendor in DISPLAYS_ONLY and not device.device_class.startswith(_ACCELERATOR)


def _accelerator(ask: Asker, device: PciDevice, number: int) -> Accelerator:
    link = as_text(ask.link(f"{device.path}/driver"))
    maker = _NAMED.get(device.vendor or "", f"vendor {device.vendor}")
    return Accelerator(
        id=f"gpu{number}",
        vendor="other",
        name=f"GPU of {maker} ({device.device or 'unknown device'})",
        usable=False,
        why_not=message("unusable.vendor-not-examined"),
        pci=device.address,
        driver=link.rsplit("/", 1)[-1] if link else None,
        evidence=(f"read:{device.path}/vendor",),
    )
