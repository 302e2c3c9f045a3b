"""
What holds for AMD and Intel cards as for NVIDIA's: how they are connected, asleep, lent to a virtual machine.

Their probes know devices by PCI address. Used by the rules that own these findings.
"""

from collections.abc import Iterator
from typing import Any

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Accelerator, Snapshot

_VENDORS = ("amd", "intel")
_NEEDED_SHARE = 0.9
_FEW_LANES = 4
_SMALL_BYTES = 256 * 1024**2
"""Without Resizable BAR the window has this size, whatever the memory behind it."""


def small_windows(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The processor reaches a card's memory through a window smaller than it.
    """
    for each, visible, evidence in _observed(snapshot, "visible_bytes"):
        pool = snapshot.pool(each.pools[0]) if each.pools else None
        total = pool.total_bytes if pool else None
        arc = each.vendor == "intel"
        if visible > _SMALL_BYTES if total is None else visible >= _NEEDED_SHARE * total:
            continue
        yield Finding(
            id="rebar-off",
            severity="warning" if arc else "note",
            title=f"Resizable BAR is off ({each.name})",
            detail=f"The processor sees {visible // 1024**2} MiB of the card's memory at a time. "
            + (
                "Arc cards run several times slower so."
                if arc
                else "Loading a model takes longer, and Vulkan can be slower."
            ),
            evidence=evidence,
            remedy=Remedy(text="Switch on Above 4G Decoding and Resizable BAR in the firmware."),
        )


def narrow_links(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A card has fewer lanes than it could have.
    """
    for each, link, evidence in _observed(snapshot, "link"):
        lanes, most = link["width"], link["max_width"]
        if not lanes or lanes >= most:
            continue
        yield Finding(
            id="pcie-narrow",
            severity="warning" if lanes <= _FEW_LANES else "note",
            title=f"{each.name} is connected by a narrow link",
            detail=f"{lanes} of {most} lanes are connected. Loading a model and layers on the processor or on several "
            "cards wait for it; a model that is whole on this card runs at full speed.",
            evidence=evidence,
            remedy=Remedy(text="Put the card into the slot nearest the processor, without a riser."),
        )


def asleep(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A card sleeps and was not woken.
    """
    for each, _, evidence in _observed(snapshot, "asleep"):
        yield Finding(
            id="gpu-asleep",
            severity="note",
            title=f"{each.name} is asleep and was not woken",
            detail=f"The device at {each.pci} is powered down, as laptops do to save the battery. What it has free is "
            "not known, so that nothing is planned on it.",
            evidence=evidence,
            remedy=Remedy(
                text="Ask for its own figures, which wakes it.", commands=("llmprobe check --wake",)
            ),
        )


def lent(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A card is reserved for virtual machines.
    """
    for each in snapshot.accelerators:
        if each.vendor not in _VENDORS or each.driver != "vfio-pci":
            continue
        yield Finding(
            id="gpu-vfio",
            severity="warning",
            title=f"{each.name} is reserved for virtual machines",
            detail=f"The device at {each.pci} is bound to vfio-pci, so that no program of this system can use it.",
            evidence=(f"link:/sys/bus/pci/devices/{each.pci}/driver",),
            remedy=Remedy(text="Run the model in the virtual machine, or bind the device to its own driver."),
        )


def _observed(snapshot: Snapshot, name: str) -> Iterator[tuple[Accelerator, Any, tuple[str, ...]]]:
    for each in snapshot.accelerators:
        if each.vendor not in _VENDORS:
            continue
        value: Any = None
        if name == "asleep":
            value, name_of = each.state == "asleep" or None, "state"
        elif name == "link":
            link, name_of = each.link, "link"
            value = {"width": link.width, "max_width": link.max_width} if link and link.max_width else None
        else:
            value, name_of = each.window.visible_bytes if each.window else None, "window"
        if value is not None:
            yield each, value, each.evidence_of(name_of)
