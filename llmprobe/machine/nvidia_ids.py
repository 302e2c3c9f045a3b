"""
What the number of an NVIDIA device on the bus tells where the driver does not answer: its name, its generation, and the
branches of the driver that serve it.
"""

from llmprobe.data import table

_LAST_BRANCH = {"Fermi": 390, "Kepler": 470, "Maxwell": 580, "Pascal": 580, "Volta": 580}
"""
The last branch of the driver for each generation that newer ones dropped:
https://www.nvidia.com/en-us/drivers/unix/legacy-gpu/ and the announcement in the release notes of 580.
"""

_ONLY_OPEN = frozenset({"Blackwell"})
_NEVER_OPEN = frozenset({"Fermi", "Kepler", "Maxwell", "Pascal", "Volta"})
"""
By flavour of the kernel module: https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/kernel-modules.html.
"""


def name_of(device: str | None) -> str | None:
    """
    The name of a device by its number as sysfs writes it (``0x2684``), None where the table has none.
    """
    name: str | None = table("nvidia_ids")["names"].get((device or "").lower())
    return name


def generation_of(device: str | None) -> str | None:
    """
    The generation of a device (``Pascal``), by the range that its number is in.
    """
    try:
        number = int(device or "", 16)
    except ValueError:
        return None
    for first, last, generation in table("nvidia_ids")["generations"]:
        if int(first, 16) <= number <= int(last, 16):
            return str(generation)
    return None


def last_branch(generation: str | None) -> int | None:
    """
    The last branch of the driver that serves a generation, None for one that is still served.
    """
    return _LAST_BRANCH.get(generation or "")


def needs_module(generation: str | None, *, is_open: bool) -> str | None:
    """
    The flavour of the kernel module that a generation needs instead of the one that is loaded: ``open`` or
    ``proprietary``; None where it runs with this one.
    """
    if is_open:
        return "proprietary" if generation in _NEVER_OPEN else None
    return "open" if generation in _ONLY_OPEN else None
