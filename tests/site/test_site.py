"""
What a machine offers: budgets less the reserve, memory that is shared counted once.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.machine import Limit
from llmprobe.facts.recommendation import Wishes
from llmprobe.machine.budget import given_back
from llmprobe.site.assumed import of_machine
from llmprobe.site.devices import left_over
from llmprobe.site.site import DEFAULT_RESERVE_BYTES, Shortfall, survey
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import machine, unified
from tests.machine_fixtures import replayed

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


@pytest.mark.parametrize("missing", [{"usable": False}, {"backend": None}, {"pools": ()}])
@pytest.mark.parametrize("offered", [survey, lambda made, _: of_machine(made)])
def test_a_device_that_cannot_be_used_is_not_offered(missing: dict[str, Any], offered: Any) -> None:
    """
    One that is not usable, has no backend or no memory is in no set and has no budget.
    """
    made = machine((8, 16))
    first, other = made.accelerators
    site = offered(
        msgspec.structs.replace(made, accelerators=(msgspec.structs.replace(first, **missing), other)), WISHES
    )

    assert "gpu0" not in site.budgets
    assert [one.id for one in getattr(site, "devices", None) or site.device_sets[0]] == ["gpu1"]


@pytest.mark.parametrize(
    ("system", "expected"), [("linux", {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}), ("win32", {})]
)
def test_windows_gets_no_variables_before_a_command(system: str, expected: dict[str, str]) -> None:
    """
    Two unlike cards need the order of the bus; the shell of Windows has no way to write it.
    """
    made = machine((8, 16))
    first, other = made.accelerators
    unlike = msgspec.structs.replace(
        made,
        host=msgspec.structs.replace(made.host, system=system),
        accelerators=(msgspec.structs.replace(first, name="another"), other),
    )
    site = survey(unlike, WISHES)

    assert site.environment(site.device_sets[0]) == expected


def test_instances_of_a_divided_gpu_are_named_by_uuid_and_used_alone() -> None:
    """
    CUDA gives a process one of them, so that the engine sees no others and needs no --device.
    """
    site = survey(machine((10, 20), mig=True), WISHES)
    alone = [devices for devices in site.device_sets if devices]

    assert max(map(len, alone)) == 1
    assert site.environment(alone[0]) == {"CUDA_VISIBLE_DEVICES": f"MIG-{alone[0][0].id[-1]}"}
    assert site.named(alone[0]) is None
    assert site.numbers(alone[0]) == (int(alone[0][0].id[-1]),)


def test_one_of_two_cards_is_named() -> None:
    """
    Both are used by themselves, one has to be named.
    """
    site = survey(machine((8, 16)), WISHES)
    both = site.device_sets[0]

    assert site.named(both) is None
    assert site.named(both[1:]) == ("gpu1",)


@pytest.mark.parametrize(("aside", "host"), [(None, 60), (20, 20)])
@pytest.mark.parametrize("idle", [False, True])
def test_the_host_has_what_is_not_set_aside(aside: int | None, host: int, idle: bool) -> None:
    """
    Of shared memory all that is free, or less where the firmware keeps a part for the GPU.
    """
    made = unified(60, 48)
    (ram,) = made.pools
    kept = msgspec.structs.replace(ram, limits=HELD, host_budget_bytes=None if aside is None else aside * GIB)
    site = survey(
        msgspec.structs.replace(made, pools=(kept,)), msgspec.structs.replace(WISHES, assume_idle=idle)
    )

    assert site.budgets["host"] == (host + 3 * idle) * GIB


def test_a_pool_that_is_not_listed_is_unknown() -> None:
    """
    A device that names one which the snapshot does not have is not used, and it is said why.
    """
    made = machine((8, 16))
    site = survey(msgspec.structs.replace(made, pools=made.pools[:2]), WISHES)

    assert site.budgets["gpu1"] is None
    assert message("note.free-memory-unknown", device="gpu1") in site.notes
    assert all(one.id != "gpu1" for devices in site.device_sets for one in devices)


def test_less_free_than_the_reserve_is_no_room() -> None:
    """
    What a full card lacks of the reserve is not taken off the room of the host.
    """
    site = survey(machine((1,), ram_gib=32), WISHES)

    assert site.capacities["gpu0"] == -GIB
    assert site.room(site.device_sets[0]) == 30 * GIB
    assert survey(unified(1, 1), WISHES).room(()) == 0


def test_unknown_memory_is_no_room() -> None:
    """
    Where nobody knows how much RAM is free, only the card has room.
    """
    made = machine((8,))
    ram = msgspec.structs.replace(made.pools[0], free_bytes=None, budget_bytes=None)
    site = survey(msgspec.structs.replace(made, pools=(ram, *made.pools[1:])), WISHES)

    assert site.capacities["host"] is None
    assert site.room(site.device_sets[0]) == 6 * GIB


def test_a_machine_without_a_pool_of_ram_knows_nothing_of_its_host() -> None:
    """
    Neither a budget nor shared memory, though an accelerator names the pool.
    """
    made = unified(60, 48)
    site = survey(msgspec.structs.replace(made, pools=()), WISHES)

    assert site.budgets["host"] is None
    assert not site.unified


@pytest.mark.parametrize("idle", [False, True])
def test_shared_memory_of_unknown_size_is_not_shared_out(idle: bool) -> None:
    """
    Nothing is given back to what nobody knows.
    """
    made = unified(60, 48)
    (ram,) = made.pools
    unknown = msgspec.structs.replace(ram, free_bytes=None, budget_bytes=None, limits=HELD)
    site = survey(
        msgspec.structs.replace(made, pools=(unknown,)), msgspec.structs.replace(WISHES, assume_idle=idle)
    )

    assert site.budgets == {"host": None, "gpu0": None}
    assert site.shared_free_bytes is None


def test_budgets_by_pool_are_of_all_that_is_free() -> None:
    """
    A shared pool has what host and GPU may take together, the GPU its part; separate pools have their own.
    """
    shared = survey(unified(60, 48), WISHES).pool_budgets()
    apart = survey(machine((8,), ram_gib=32), WISHES).pool_budgets()

    assert (shared["ram"], shared["gpu0"]) == (60 * GIB, 48 * GIB)
    assert (apart["ram"], apart["vram0"]) == (32 * GIB, 8 * GIB)


def test_a_card_beside_shared_graphics_keeps_its_own_pool() -> None:
    """
    What is put on it is no part of what host and graphics share.
    """
    made, apart = unified(60, 48), machine((8,))
    card = msgspec.structs.replace(apart.accelerators[0], id="gpu1")
    site = survey(
        msgspec.structs.replace(
            made, pools=(*made.pools, apart.pools[1]), accelerators=(*made.accelerators, card)
        ),
        WISHES,
    )

    assert site.pool_budgets()["vram0"] == 8 * GIB
    assert site.shortfalls({"host": 58 * GIB, "gpu0": 0, "gpu1": 6 * GIB}) == ()
    assert site.shortfalls({"host": 58 * GIB, "gpu0": 1, "gpu1": 6 * GIB}) == (Shortfall("shared", 1),)


@pytest.mark.parametrize(
    ("machine_name", "told"),
    [
        ("linux-strix-halo-96g-kernel-6.14", True),
        ("linux-strix-halo-128g-gtt-ttm", False),
        ("linux-4090-64g", False),
    ],
)
def test_a_backend_that_was_chosen_for_its_memory_is_told(machine_name: str, told: bool) -> None:
    """Where ROCm would be usual and reaches less; the figures of both are in the note."""
    notes = survey(replayed(machine_name), Wishes()).notes
    found = [each.values for each in notes if each.id == "note.vulkan-for-memory"]
    mapped = 16_900_000_000 - 150_000_000
    carved = 96 * GIB - 430_000_000

    expected = {"device": "gpu0", "vulkan_bytes": carved + mapped, "rocm_bytes": mapped}
    assert found == ([expected] if told else [])


def test_an_idle_mac_gives_its_gpu_no_more_than_macos_lets_it() -> None:
    """
    Of 24 GiB most are in use: without other programs all of it is free, and the GPU may have the working set of it.
    """
    snapshot = replayed("macos-m4pro-24g-full")
    idle = survey(snapshot, Wishes(assume_idle=True))
    assert snapshot.apple is not None
    assert snapshot.apple.working_set is not None

    assert idle.budgets["gpu0"] == snapshot.apple.working_set.bytes
    assert idle.budgets["gpu0"] < (idle.budgets["host"] or 0)


def test_what_is_freed_beside_a_limit_of_shared_memory_does_not_raise_it() -> None:
    """
    Linux maps so much of RAM for a GPU that shares it, in use or not.
    """
    snapshot = replayed("linux-strix-halo-128g")
    now, idle = survey(snapshot, Wishes()), survey(snapshot, Wishes(assume_idle=True))

    assert idle.budgets["gpu0"] == now.budgets["gpu0"]
    assert (idle.shared_free_bytes or 0) > (now.shared_free_bytes or 0)
