r"""
The adapters in the registry of Windows: keys of a device class, numbered from 0000, one of each installed driver.

The key of a card that was taken out stays, so that these are adapters that are or were here.
https://learn.microsoft.com/windows-hardware/drivers/install/system-defined-device-setup-classes-available-to-vendors
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from llmprobe.machine.asking import Asker, as_int, as_text

_CLASS = r"HKLM\SYSTEM\CurrentControlSet\Control\Class"
DISPLAYS = rf"{_CLASS}\{{4d36e968-e325-11ce-bfc1-08002be10318}}"
COMPUTING = rf"{_CLASS}\{{f01a9d53-3ff6-48d2-9f97-c8a7004be10c}}"
"""The class ``ComputeAccelerator``, which drivers of NPUs belong to."""

SIZE, OLD_SIZE = "HardwareInformation.qwMemorySize", "HardwareInformation.MemorySize"
_MOST, _GAP, _GAP_OF_FEW = 64, 8, 2
"""Numbers of removed drivers are given away again, so that long gaps do not exist."""

_LARGEST_OLD = 0xFFF00000
"""The most that drivers write into 32 bits, whatever the card has."""

_ID = r"(?i)^PCI\\VEN_([0-9A-F]{4})&DEV_([0-9A-F]{4})(?:&SUBSYS_[0-9A-F]{8})?(?:&REV_([0-9A-F]{2}))?"
_SIGNS = r"\((?:R|TM|C)\)"


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """
    One key: an adapter's name without signs of trademarks, its hardware id, its memory in bytes.

    ``vendor``, ``device`` and ``revision`` are its PCI numbers as sysfs would write them, None of what is not on PCI.
    """

    name: str
    hardware_id: str = ""
    vendor: str | None = None
    device: str | None = None
    revision: str | None = None
    memory_bytes: int | None = None
    driver_version: str | None = None
    evidence: tuple[str, ...] = ()


def displays(ask: Asker) -> tuple[Listed, ...]:
    """
    The display adapters, in the order of their keys.
    """
    return tuple(_display(ask, key, name) for key, name in _keys(ask, DISPLAYS, _GAP))


def computing(ask: Asker) -> tuple[Listed, ...]:
    """
    The devices that compute and have no display: NPUs.
    """
    return tuple(
        Listed(name=name or "NPU", evidence=(f"registry:{key} DriverDesc",))
        for key, name in _keys(ask, COMPUTING, _GAP_OF_FEW)
    )


def parse_memory(value: Any) -> int | None:
    """
    The size in bytes that a driver wrote: a number, or bytes (little-endian, as hexadecimal text).
    """
    if isinstance(value, str) and re.fullmatch(r"(?:[0-9a-fA-F]{2}){1,8}", value):
        value = int.from_bytes(bytes.fromhex(value), "little")
    return as_int(value) or None


def parse_hardware_id(text: str) -> tuple[str, str, str | None] | None:
    r"""
    Vendor, device and revision of ``PCI\VEN_1002&DEV_744C&REV_C8`` as sysfs writes them; None where it is not on PCI.

    https://learn.microsoft.com/windows-hardware/drivers/install/identifiers-for-pci-devices
    """
    found = re.match(_ID, text)
    if found is None:
        return None
    revision = f"0x{found[3].lower()}" if found[3] else None
    return f"0x{found[1].lower()}", f"0x{found[2].lower()}", revision


def plain_name(text: str) -> str:
    """
    A name without signs of trademarks: ``AMD Radeon(TM) 8060S Graphics`` is ``AMD Radeon 8060S Graphics``.
    """
    return " ".join(re.sub(_SIGNS, "", text).split())


def _keys(ask: Asker, device_class: str, gap: int) -> Iterator[tuple[str, str]]:
    """
    The keys of a class with their names; one whose name alone cannot be read has none.
    """
    missing = 0
    for number in range(_MOST):
        key = rf"{device_class}\{number:04}"
        name, hardware_id = (
            as_text(ask.registry(key, value)) for value in ("DriverDesc", "MatchingDeviceId")
        )
        if name or hardware_id:
            missing = 0
            yield key, plain_name(name or "")
        else:
            missing += 1
            if missing == gap:
                return


def _display(ask: Asker, key: str, name: str) -> Listed:
    hardware_id = as_text(ask.registry(key, "MatchingDeviceId")) or ""
    numbers = parse_hardware_id(hardware_id)
    size, asked = parse_memory(ask.registry(key, SIZE).value), SIZE
    if size is None:
        size, asked = parse_memory(ask.registry(key, OLD_SIZE).value), OLD_SIZE
        size = size if size is not None and size < _LARGEST_OLD else None
    return Listed(
        name=name or hardware_id,
        hardware_id=hardware_id,
        vendor=numbers[0] if numbers else None,
        device=numbers[1] if numbers else None,
        revision=numbers[2] if numbers else None,
        memory_bytes=size,
        driver_version=as_text(ask.registry(key, "DriverVersion")),
        evidence=(
            f"registry:{key} DriverDesc",
            f"registry:{key} MatchingDeviceId",
            *((f"registry:{key} {asked}",) if size else ()),
        ),
    )
