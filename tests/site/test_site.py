"""
What a machine offers: budgets less the reserve, memory that is shared counted once, and the sets of devices.
"""

import msgspec
import pytest

from llmprobe.facts.machine import Limit
from llmprobe.facts.recommendation import Wishes
from llmprobe.site.assumed import assumed, of_machine
from llmprobe.site.devices import MOST_DEVICES, left_over
from llmprobe.site.site import DEFAULT_RESERVE_BYTES, Shortfall, given_back, survey
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import machine, unified

RESERVE = 2 * GIB
WISHES = Wishes(ctx_size=8192, reserve_bytes=RESERVE)


def test_the_reserve_is_taken_off_every_budget() -> None:
    """
    2 GiB on the host and on each GPU stay free.
    """
    site = survey(machine((8, 16), ram_gib=32), WISHES)

    assert site.reserve_bytes == RESERVE
    assert {
        name: (site.budgets[name] or 0) - (site.capacities[name] or 0) for name in ("host", "gpu0", "gpu1")
    } == {"host": RESERVE, "gpu0": RESERVE, "gpu1": RESERVE}


def test_without_a_wish_the_reserve_is_the_default() -> None:
    """
    It is noted with its size.
    """
    site = survey(machine((8,)), Wishes())

    assert site.reserve_bytes == DEFAULT_RESERVE_BYTES
    assert site.notes == (message("note.reserve", bytes=DEFAULT_RESERVE_BYTES),)


def test_the_reserve_is_taken_off_shared_memory_once() -> None:
    """
    Host and GPU together may fill 118 GiB to all but the reserve, not to the last byte.
    """
    site = survey(unified(118, 106, total_gib=128), WISHES)
    room = 118 * GIB - RESERVE

    assert site.room(site.device_sets[0]) == room
    assert site.shortfalls({"host": room - 60 * GIB, "gpu0": 60 * GIB}) == ()
    assert site.shortfalls({"host": room - 60 * GIB + 1, "gpu0": 60 * GIB}) == (Shortfall("shared", 1),)


def test_separate_memory_adds_up() -> None:
    """
    The room of host and GPU is the sum of their capacities.
    """
    site = survey(machine((8,), ram_gib=32), WISHES)

    assert site.room(site.device_sets[0]) == (site.capacities["host"] or 0) + (site.capacities["gpu0"] or 0)
    assert site.room(()) == site.capacities["host"]
    assert not site.unified


def test_each_pool_is_short_by_its_own() -> None:
    """
    One byte too many on the GPU is missed there, and nothing on the host.
    """
    site = survey(machine((8,), ram_gib=32), WISHES)

    assert site.shortfalls({"host": GIB, "gpu0": (site.capacities["gpu0"] or 0)}) == ()
    assert site.shortfalls({"host": GIB, "gpu0": (site.capacities["gpu0"] or 0) + 1}) == (
        Shortfall("gpu0", 1),
    )


def test_unknown_memory_fits_nothing_and_is_not_used() -> None:
    """
    A GPU whose free memory is unknown is in no set of devices, and all that would be put there is missing.
    """
    made = machine((8,))
    pools = tuple(
        msgspec.structs.replace(pool, free_bytes=None, budget_bytes=None) if pool.id != "ram" else pool
        for pool in made.pools
    )
    site = survey(msgspec.structs.replace(made, pools=pools), WISHES)

    assert site.device_sets == ((),)
    assert message("note.free-memory-unknown", device="gpu0") in site.notes
    assert site.shortfalls({"gpu0": 5}) == (Shortfall("gpu0", 5, known=False),)


HELD = (
    Limit(by="in-use", bytes=2 * GIB),
    Limit(by="display", bytes=GIB),
    Limit(by="driver-reserve", bytes=4 * GIB),
)
"""What of a pool is taken: by what could end, and by the driver."""


def test_only_what_can_end_is_given_back() -> None:
    """
    Programs and a display, not the driver's reserve.
    """
    pool = msgspec.structs.replace(machine((8,)).pools[1], limits=HELD)

    assert given_back(pool) == 3 * GIB


@pytest.mark.parametrize("idle", [False, True])
def test_what_other_programs_hold_is_free_only_if_asked(idle: bool) -> None:
    """
    ``assume_idle`` gives back what programs hold of VRAM, and says so.
    """
    made = machine((8,))
    ram, vram = made.pools
    busy = msgspec.structs.replace(made, pools=(ram, msgspec.structs.replace(vram, limits=HELD)))
    site = survey(busy, msgspec.structs.replace(WISHES, assume_idle=idle))

    assert site.budgets == {"host": 60 * GIB, "gpu0": (11 if idle else 8) * GIB}
    assert (message("note.assume-idle") in site.notes) == idle


@pytest.mark.parametrize("idle", [False, True])
def test_shared_memory_that_programs_hold_is_free_only_if_asked(idle: bool) -> None:
    """
    Host, GPU and both together get it back.
    """
    made = unified(60, 48)
    (ram,) = made.pools
    busy = msgspec.structs.replace(made, pools=(msgspec.structs.replace(ram, limits=HELD),))
    site = survey(busy, msgspec.structs.replace(WISHES, assume_idle=idle))
    more = 3 * GIB if idle else 0

    assert site.shared_free_bytes == 60 * GIB + more
    assert site.budgets == {"host": 60 * GIB + more, "gpu0": 48 * GIB + more}


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


def test_assumed_devices_are_equal_and_unknown() -> None:
    """
    Two of CUDA by default, each with a pool of its own; of the processor alone none.
    """
    two = assumed(2, None)

    assert [(one.id, one.backend, one.pool) for one in two.devices] == [
        ("gpu0", "cuda", "vram0"),
        ("gpu1", "cuda", "vram1"),
    ]
    assert (two.budgets, two.this_machine) == ({}, False)
    assert len(assumed(None, "vulkan").devices) == 1
    assert assumed(None, "cpu").devices == assumed(0, None).devices == ()
    assert len(assumed(MOST_DEVICES, None).devices) == MOST_DEVICES


def test_integrated_graphics_beside_a_card_are_left_alone() -> None:
    """
    An engine without further settings uses the card; two cards it would both use.
    """
    made = machine((8, 16))
    card, other = made.accelerators
    graphics = msgspec.structs.replace(other, integrated=True)
    used = survey(made, WISHES).device_sets[0][:1]

    assert left_over((card, other), used)
    assert not left_over((card, graphics), used)
    assert left_over((graphics,), ())
