"""
The display devices and accelerators on the PCI bus of a Linux system, as sysfs lists them, without waking any
of them.

Reads /sys/bus/pci/devices (https://docs.kernel.org/PCI/sysfs-pci.html). Reading these files does not resume
a device that sleeps: the kernel answers them from its own records.

Questions, in order:

    list:/sys/bus/pci/devices
    read:/sys/bus/pci/devices/<address>/class          of each device
    read:/sys/bus/pci/devices/<address>/vendor         of each of class 0x03 (display, 3D, …) or 0x12 (accelerator)
    read:/sys/bus/pci/devices/<address>/device         of the same
    link:/sys/bus/pci/devices/<address>/physfn         of each but the first of its vendor
"""

import msgspec

from llmprobe.machine.asking import Asker, items_of

PCI = "/sys/bus/pci/devices"
_CLASSES = ("0x03", "0x12")
_ACCELERATOR = "0x12"
_INTEL = "0x8086"
_FPGAS = frozenset({"0x10ee", "0x1172", "0x1204", "0x1bf4"})
"""Xilinx (now AMD), Altera, Lattice, Achronix: what is on such a card is its owner's design, no GPU."""


class PciDevice(msgspec.Struct, frozen=True, kw_only=True):
    """
    A display device or accelerator: its address (``0000:01:00.0``), and its vendor, device and class as in sysfs
    (``0x10de``).
    """

    address: str
    vendor: str | None
    device: str | None
    device_class: str

    @property
    def path(self) -> str:
        return f"{PCI}/{self.address}"


def display_devices(ask: Asker) -> tuple[PciDevice, ...]:
    """
    The display devices in the order of their addresses, which is also NVML's order.
    """
    found = []
    for address in items_of(ask.list(PCI)):
        device_class = ask.text(f"{PCI}/{address}/class")
        if device_class is None or not device_class.startswith(_CLASSES):
            continue
        vendor = ask.text(f"{PCI}/{address}/vendor")
        device = ask.text(f"{PCI}/{address}/device")
        found.append(
            PciDevice(
                address=str(address).lower(),
                vendor=vendor.strip() if vendor else None,
                device=device.strip() if device else None,
                device_class=device_class.strip(),
            )
        )
    gpus = [each for each in found if not _computes_otherwise(each)]
    return _without_shares(ask, sorted(gpus, key=lambda each: each.address))


def _computes_otherwise(device: PciDevice) -> bool:
    """
    Whether a device is an accelerator and no GPU: of Intel those that are no displays are NPUs (Meteor Lake and later)
    and FPGAs, of some makers all.
    """
    accelerator = device.device_class.startswith(_ACCELERATOR)
    return accelerator and (device.vendor == _INTEL or device.vendor in _FPGAS)


def _without_shares(ask: Asker, devices: list[PciDevice]) -> tuple[PciDevice, ...]:
    """
    The devices without the virtual functions of one that is there itself: shares of it for virtual machines (SR-IOV).

    A share has a link to the device that it is of. https://docs.kernel.org/PCI/pci-iov-howto.html
    """
    first: dict[str | None, PciDevice] = {}
    for device in devices:
        first.setdefault(device.vendor, device)
    return tuple(
        device
        for device in devices
        if device is first[device.vendor] or not ask.link(f"{device.path}/physfn").ok
    )
