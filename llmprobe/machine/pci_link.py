"""
The PCIe link of a card on Linux, as sysfs reports it.

A card may have a switch of its own behind its edge (AMD since Navi, Intel Arc), and then the GPU function reports the
link to that switch: Arc says x1 at 2.5 GT/s whatever the slot is. The link that counts is that of the card's edge: the
first device below the root port that is of the GPU's vendor. https://docs.kernel.org/PCI/sysfs-pci.html

Questions, in order (``<edge>`` and ``<slot>``, the port above it, are below /sys/bus/pci/devices):

    link:/sys/bus/pci/devices/<address>
    read:/sys/bus/pci/devices/<bridge>/vendor          of each between root port and GPU
    read:<edge>/current_link_speed
    read:<edge>/max_link_speed
    read:<edge>/current_link_width
    read:<edge>/max_link_width
    read:<slot>/max_link_speed                         where a port above the edge is known
"""

import re

from llmprobe.facts.machine import Link
from llmprobe.machine.asking import Asker, as_int, as_text
from llmprobe.machine.pci_bus import PCI, PciDevice
from llmprobe.machine.pcie import pcie_link

_ADDRESS = r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"
_SPEED = r"([0-9]{1,3}(?:\.[0-9])?) GT/s"
_GENERATIONS = {"2.5": 1, "5": 2, "8": 3, "16": 4, "32": 5, "64": 6}
_INTERNAL = 1
"""No card of the last fifteen years is made for generation 1 only: such a link is one within the card."""


def ask_link(ask: Asker, device: PciDevice) -> tuple[Link | None, tuple[str, ...]]:
    """
    The link of a card to its slot, and the answers that it rests on.
    """
    slot, edge = _edge(ask, device)
    path = f"{PCI}/{edge}"
    speed = parse_link_speed(ask.text(f"{path}/current_link_speed") or "")
    most = parse_link_speed(ask.text(f"{path}/max_link_speed") or "")
    width = as_int(ask.text(f"{path}/current_link_width"))
    widest = as_int(ask.text(f"{path}/max_link_width"))
    of_slot = parse_link_speed(ask.text(f"{PCI}/{slot}/max_link_speed") or "") if slot else None
    if most == _INTERNAL:
        return None, ()
    both = [each for each in (most, of_slot) if each is not None]
    link = pcie_link(
        generation=speed,
        max_generation=min(both, default=None),
        device_max_generation=most,
        width=width or None,
        max_width=widest or None,
    )
    asked = [f"read:{path}/{name}" for name in ("current_link_width", "max_link_width")]
    asked += [f"read:{path}/max_link_speed"] if most is not None else []
    asked += [f"read:{PCI}/{slot}/max_link_speed"] if of_slot is not None else []
    return link, tuple(asked) if link is not None else ()


def parse_link_speed(text: str) -> int | None:
    """
    The generation of a speed as sysfs writes it: ``16.0 GT/s PCIe`` is 4; None for ``Unknown``.
    """
    match = re.match(_SPEED, text.strip())
    return _GENERATIONS.get(match[1].removesuffix(".0")) if match else None


def parse_ancestors(link: str) -> tuple[str, ...]:
    """
    The addresses on the way to a device, the root port first, from where its link leads.
    """
    return tuple(name for name in link.lower().split("/") if re.fullmatch(_ADDRESS, name))


def _edge(ask: Asker, device: PciDevice) -> tuple[str | None, str]:
    """
    The port above a card and the card's own first device.
    """
    way = parse_ancestors(as_text(ask.link(device.path)) or "")
    if not way or way[-1] != device.address:
        return None, device.address
    for place in range(1, len(way) - 1):
        if (ask.text(f"{PCI}/{way[place]}/vendor") or "").strip() == device.vendor:
            return way[place - 1], way[place]
    return way[-2] if len(way) > 1 else None, device.address
