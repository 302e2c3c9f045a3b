"""
The marketing name of a GPU by its PCI device and revision, where the shipped table has it.

A name is for people and for figures that the device itself does not report. Nothing is guessed: a device
that the table lacks is called by its number.
"""

from typing import Literal

from llmprobe.data import table


def marketing_name(vendor: Literal["amd", "intel"], device: str | None, revision: str | None) -> str | None:
    """
    The name of a device; both numbers as sysfs writes them (``0x744c``, ``0xc8``).
    """
    names = table("pci_names")[vendor].get((device or "").lower(), {})
    number = (revision or "").lower().removeprefix("0x").zfill(2)
    found: str | None = names.get(number) or names.get("*")
    return found
