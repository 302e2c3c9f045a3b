"""
The link of a card in a spelling: it is no name, and the hint says which option takes it.
"""

import pytest

from llmprobe.errors import UsageError
from llmprobe.machine.hypothetical import hypothetical
from llmprobe.machine.link_spelling import link_in
from llmprobe.machine.pcie import Slot, parse_slots
from llmprobe.units import GIB


@pytest.mark.parametrize(
    ("text", "before", "link"),
    [
        ("RTX 4090 via Thunderbolt", "RTX 4090", "3x4"),
        ("RTX 3090 over USB4", "RTX 3090", "3x4"),
        ("RTX 4070 (USB4)", "RTX 4070", "3x4"),
        ("rx 7900 xtx in a box by thunderbolt 5", "rx 7900 xtx in a box", "4x4"),
        ("RTX 3060, OCuLink", "RTX 3060", "4x4"),
        ("RTX 3060 on PCIe 3.0 x1 riser", "RTX 3060", "3x1"),
    ],
)
def test_a_link_stands_behind_what_it_connects(text: str, before: str, link: str) -> None:
    """
    Thunderbolt 3, 4 and USB4 tunnel 32 Gbit/s of PCIe (3x4), Thunderbolt 5 64 (4x4); OCuLink is 4x4.
    """
    assert link_in(text) == (before, link)


@pytest.mark.parametrize("text", ["A100 PCIe", "RTX 4090", "Thunderbolt", "A2 PCIe 4.0"])
def test_what_says_no_link_has_none(text: str) -> None:
    """
    A form of a card is no link, nor is one without a card.
    """
    assert link_in(text) is None


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("thunderbolt", Slot(generation=3, lanes=4)),
        (" Thunderbolt 4", Slot(generation=3, lanes=4)),
        ("usb4", Slot(generation=3, lanes=4)),
        ("TB5", Slot(generation=4, lanes=4)),
        ("OCuLink", Slot(generation=4, lanes=4)),
    ],
)
def test_a_link_of_a_box_is_a_word_of_pcie(text: str, slot: Slot) -> None:
    """
    Alone, and among others.
    """
    assert parse_slots(text) == (slot,)
    assert parse_slots(f"4x16,{text}") == (Slot(generation=4, lanes=16), slot)


def test_a_word_behind_a_link_is_none() -> None:
    """
    As any other text that is no slot.
    """
    with pytest.raises(UsageError, match="no PCIe link"):
        parse_slots("thunderbolt dock")


def test_the_hint_names_the_option_where_the_rest_is_a_card() -> None:
    """
    Only where what stands before the link is known: else the nearest names help more.
    """
    with pytest.raises(UsageError) as known:
        hypothetical(["RTX 4090 via Thunderbolt"], 32 * GIB)
    assert known.value.hint is not None
    assert known.value.hint.id == "hint.gpu-linked"
    assert dict(known.value.hint.values) == {"name": "RTX 4090", "link": "3x4"}
    with pytest.raises(UsageError) as unknown:
        hypothetical(["RTX 4091 via Thunderbolt"], 32 * GIB)
    assert unknown.value.hint is not None
    assert unknown.value.hint.id != "hint.gpu-linked"
