"""
The sets of devices that can be used together: all of a backend, fewer and fewer, each alone, none.
"""

import msgspec

from llmprobe.facts.recommendation import Wishes
from llmprobe.site.assumed import of_machine
from llmprobe.site.devices import MOST_DEVICES
from llmprobe.site.site import survey
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import machine, unified

RESERVE = 2 * GIB
WISHES = Wishes(ctx_size=8192, reserve_bytes=RESERVE)


def test_sets_shrink_from_all_devices_to_none() -> None:
    """
    Of two unlike cards: both, each alone, the processor.
    """
    sets = [tuple(one.id for one in devices) for devices in survey(machine((8, 16)), WISHES).device_sets]

    assert sets[0] == ("gpu0", "gpu1")
    assert sets[-1] == ()
    assert set(sets) == {("gpu0", "gpu1"), ("gpu0",), ("gpu1",), ()}


def test_equal_cards_are_tried_alone_once() -> None:
    """
    What one of two equals can do, so can the other.
    """
    sets = [tuple(one.id for one in devices) for devices in survey(machine((8, 8)), WISHES).device_sets]

    assert sets == [("gpu0", "gpu1"), ("gpu0",), ()]


def test_a_mac_has_no_set_without_its_gpu() -> None:
    """
    The processor is no way around the limit of shared memory.
    """
    made = unified(60, 48, total_gib=64)
    mac = msgspec.structs.replace(
        made,
        accelerators=tuple(msgspec.structs.replace(one, backend="metal") for one in made.accelerators),
    )

    assert () not in survey(mac, WISHES).device_sets


def test_no_more_devices_than_llama_cpp_uses() -> None:
    """
    Of 20 it is 16, which is noted; an estimate places on as many.
    """
    many = machine((8,) * 20)
    site = survey(many, WISHES)

    assert max(map(len, site.device_sets)) == MOST_DEVICES
    assert message("note.most-devices", most=MOST_DEVICES, found=20) in site.notes
    assert len(of_machine(many).devices) == MOST_DEVICES


def test_equally_free_cards_of_unknown_speed_are_offered() -> None:
    """
    One whose bandwidth nobody knows is put behind one whose is known, in either order.
    """
    made = machine((8, 8, 8))
    known, *others = made.accelerators
    unknown = [msgspec.structs.replace(one, bandwidth_bytes_per_s=None) for one in others]
    site = survey(msgspec.structs.replace(made, accelerators=(unknown[0], known, unknown[1])), WISHES)

    assert [[one.id for one in devices] for devices in site.device_sets] == [
        ["gpu1", "gpu0", "gpu2"],
        ["gpu1", "gpu0"],
        ["gpu1"],
        ["gpu0"],
        [],
    ]


def test_one_card_after_another_is_left_out_by_speed_and_by_room() -> None:
    """
    Sets shrink by the slowest card and by the fullest one, as a fast one may be full.
    """
    made = machine((4, 8, 16))
    rates = (1000, 500, 250)
    cards = tuple(
        msgspec.structs.replace(one, bandwidth_bytes_per_s=rate)
        for one, rate in zip(made.accelerators, rates, strict=True)
    )
    site = survey(msgspec.structs.replace(made, accelerators=cards), WISHES)

    assert [[one.id for one in devices] for devices in site.device_sets] == [
        ["gpu0", "gpu1", "gpu2"],
        ["gpu0", "gpu1"],
        ["gpu1", "gpu2"],
        ["gpu2"],
        ["gpu1"],
        ["gpu0"],
        [],
    ]


def test_beyond_the_most_the_slowest_card_is_left_out() -> None:
    """
    Of 17 the one that reads its memory at half the speed; 16 are none too many.
    """
    made = machine((8,) * 17)
    first, *others = made.accelerators
    slow = msgspec.structs.replace(first, bandwidth_bytes_per_s=504_000_000_000)
    site = survey(msgspec.structs.replace(made, accelerators=(slow, *others)), WISHES)
    most = survey(machine((8,) * 16), WISHES)

    assert "gpu0" not in [one.id for devices in site.device_sets for one in devices]
    assert message("note.most-devices", most=16, found=16) not in most.notes


def test_devices_of_two_backends_are_not_put_together() -> None:
    """
    A build has one of them, and numbers its own alone.
    """
    made = machine((8, 16))
    first, second = made.accelerators
    site = survey(
        msgspec.structs.replace(
            made, accelerators=(first, msgspec.structs.replace(second, backend="vulkan", vendor="amd"))
        ),
        WISHES,
    )

    assert [[one.id for one in devices] for devices in site.device_sets] == [["gpu1"], ["gpu0"], []]
    assert site.numbers(site.device_sets[1]) == (0,)
    assert site.numbers(()) == ()


def test_of_equally_fast_cards_the_smallest_is_left_out_first() -> None:
    """
    Of 16, 8 and 24 GiB the one of 8, then that of 16.
    """
    site = survey(machine((16, 8, 24)), WISHES)

    assert [[one.id for one in devices] for devices in site.device_sets] == [
        ["gpu0", "gpu1", "gpu2"],
        ["gpu0", "gpu2"],
        ["gpu2"],
        ["gpu0"],
        ["gpu1"],
        [],
    ]
