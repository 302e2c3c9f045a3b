"""
How fast PCIe is: the only place that knows the rate of a lane.
"""

import re
import unicodedata

import msgspec

from llmprobe.errors import UsageError
from llmprobe.facts.machine import Link
from llmprobe.machine.link_spelling import link_named
from llmprobe.words.message import message

LANE_BYTES_PER_S = {
    1: 250_000_000,
    2: 500_000_000,
    3: 984_600_000,
    4: 1_969_200_000,
    5: 3_938_500_000,
    6: 7_562_500_000,
}
"""
One lane, one direction, by generation, after the line code (PCI-SIG base specifications): 2.5 and 5 GT/s with 8b/10b,
8 to 32 GT/s with 128b/130b, 64 GT/s with flits of 256 bytes, of which 14 are a checksum and error correction.
"""


def pcie_link(
    *,
    generation: int | None = None,
    max_generation: int | None = None,
    device_max_generation: int | None = None,
    width: int | None = None,
    max_width: int | None = None,
) -> Link | None:
    """
    The link of a device with its rate; None where nothing of it is known.
    """
    known = (generation, max_generation, device_max_generation, width, max_width)
    if all(value is None for value in known):
        return None
    lane = None if max_generation is None else LANE_BYTES_PER_S.get(max_generation)
    return Link(
        generation=generation,
        max_generation=max_generation,
        device_max_generation=device_max_generation,
        width=width,
        max_width=max_width,
        bytes_per_s=width * lane if width and lane is not None else None,
    )


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """
    A slot of a machine: the generation of its link and its lanes, None where they are not said.
    """

    generation: int | None = None
    lanes: int | None = None


_WRITTEN = (
    r"(?i)\s*(?:pci-?e(?:xpress)?\s*)?(?:gen\s*)?"
    r"(?:([1-6])(?:\.0)?(?:\s*[x×*]\s*([0-9]{1,2}))?|[x×*]\s*([0-9]{1,2}))\s*"
)
_LANES = (1, 2, 4, 8, 16)


def parse_slots(text: str) -> tuple[Slot, ...]:
    """
    Slots as people write them: ``4x8`` (generation 4, 8 lanes), ``PCIe 4.0 x16``, ``x4``, ``Thunderbolt 4``,
    ``OCuLink``; several separated by commas.

    Raises:
        UsageError: a part names no generation from 1 to 6 and no lanes that there are.
    """
    slots = []
    for part in re.split(r"[,+]", unicodedata.normalize("NFKC", text)):
        found = re.fullmatch(_WRITTEN, link_named(part) or part)
        slot = Slot() if found is None else Slot(generation=_int(found[1]), lanes=_int(found[2] or found[3]))
        if slot == Slot() or slot.lanes not in (None, *_LANES):
            raise UsageError(message("error.pcie-spelling", given=text), hint=message("hint.pcie-spelling"))
        slots.append(slot)
    return tuple(slots)


def _int(text: str | None) -> int | None:
    return None if text is None else int(text)
