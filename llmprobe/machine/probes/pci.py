"""
GPUs of vendors that have no probe of their own yet: named as devices that are there, never dropped.

A vendor with a probe (a module of this package with the vendor's name) is left to it. Display adapters of
servers and virtual machines are no accelerators and are left out.

Questions, in order:

    list:/sys/bus/pci/devices
    read:/sys/bus/pci/devices/<address>/class          of each device
    read:/sys/bus/pci/devices/<address>/vendor         of each of class 0x03
    read:/sys/bus/pci/devices/<address>/device         of the same
    link:/sys/bus/pci/devices/<address>/driver         of each that is reported
"""

import importlib.util
from typing import Literal

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Accelerator, Probed
from llmprobe.machine.asking import Asker, as_text
from llmprobe.machine.pci_bus import PciDevice, display_devices

NAME = "pci"
PLATFORMS = frozenset({"linux"})

Vendor = Literal["nvidia", "amd", "intel"]

VENDORS: dict[str, Vendor] = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}
_WORDS: dict[Vendor, str] = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel"}


def probe(source: Source) -> Probed:
    """
    Return the GPUs that no other probe examines.
    """
    ask = Asker(source)
    found: list[Accelerator] = []
    for device in display_devices(ask):
        vendor = VENDORS.get(device.vendor or "")
        if vendor is not None and not has_own_probe(vendor):
            found.append(_accelerator(ask, device, vendor, len(found)))
    return ask.probed(found=bool(found), accelerators=tuple(found))


def has_own_probe(vendor: str) -> bool:
    """
    Return whether a module of this package is named after the vendor.
    """
    return importlib.util.find_spec(f"{__package__}.{vendor}") is not None


def _accelerator(ask: Asker, device: PciDevice, vendor: Vendor, number: int) -> Accelerator:
    link = as_text(ask.link(f"{device.path}/driver"))
    words = _WORDS[vendor]
    return Accelerator(
        id=f"gpu{number}",
        vendor=vendor,
        name=f"{words} GPU ({device.device or 'unknown device'})",
        usable=False,
        why_not=f"llmprobe does not examine {words} GPUs yet",
        integrated=vendor == "intel" and device.address.endswith("00:02.0"),
        pci=device.address,
        driver=link.rsplit("/", 1)[-1] if link else None,
        evidence=(f"read:{device.path}/vendor",),
    )
