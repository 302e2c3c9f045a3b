"""
A machine with one thing changed: what is changed, what stays, and that a pool still adds up.
"""

import msgspec
import pytest

import llmprobe
from llmprobe.facts.machine import Accelerator, Limit, Link, MemoryPool, Snapshot
from llmprobe.machine import changed
from llmprobe.machine.pcie import LANE_BYTES_PER_S, Slot
from llmprobe.units import GIB, MIB
from llmprobe.words.message import message
from tests.advise.machines import machine, unified
from tests.machine_fixtures import MACHINES, replayed


def pool_of(snapshot: Snapshot, name: str) -> MemoryPool:
    pool = snapshot.pool(name)
    assert pool is not None
    return pool


def adds_up(pool: MemoryPool) -> bool:
    """
    Whether total less limits is the budget, and the budget no more than is free of the total.
    """
    if pool.total_bytes is None or pool.budget_bytes is None or pool.free_bytes is None:
        return True
    taken = sum(limit.bytes for limit in pool.limits)
    return pool.total_bytes - taken == pool.budget_bytes and 0 <= pool.budget_bytes <= pool.free_bytes


def same_but(snapshot: Snapshot, other: Snapshot, *names: str) -> bool:
    """
    Whether two snapshots differ in these pools alone.
    """
    return (
        all(one == other.pool(one.id) for one in snapshot.pools if one.id not in names)
        and snapshot.accelerators == other.accelerators
    )


@pytest.mark.parametrize("name", MACHINES)
def test_pools_add_up_after_every_change(name: str) -> None:
    """
    On each recorded machine whose pools add up, they do after its programs end, its limits rise and RAM is added.
    """
    before = replayed(name)
    after = [changed.freed(before), changed.raised(before), changed.without_group_limit(before)]
    ram = before.pool("ram")
    if ram is not None and ram.kind == "system":
        after.append(changed.with_ram(before, 32 * GIB))
    for snapshot in after:
        for pool in () if snapshot is None else snapshot.pools:
            assert not adds_up(pool_of(before, pool.id)) or adds_up(pool), pool.id


def test_ended_programs_leave_the_driver_its_reserve() -> None:
    """
    An RTX 3060 of 12 GiB whose driver keeps 368 MiB has the rest when the game has ended; RAM is as it was.
    """
    before = replayed("linux-3060-12g-16g-desktop")
    after = changed.freed(before)
    pool = pool_of(after, "vram0")

    assert pool.budget_bytes == pool.free_bytes
    assert pool.total_bytes is not None
    assert pool.budget_bytes == pool.total_bytes - sum(
        limit.bytes for limit in pool_of(before, "vram0").limits if limit.by == "driver-reserve"
    )
    assert pool.held_by == ()
    assert "vram-held" not in {finding.id for finding in after.findings}
    assert same_but(before, after, "vram0")


def test_a_mac_whose_programs_end_keeps_what_macos_takes() -> None:
    """
    Of 24 GiB, 20.2 are in use: an idle system keeps 2 GiB, and macOS lets the GPU have less than the rest.
    """
    before = replayed("macos-m4pro-24g-full")
    pool = pool_of(changed.freed(before), "ram")
    assert before.apple is not None
    assert before.apple.working_set is not None

    assert pool.free_bytes == 22 * GIB
    assert pool.budget_bytes == before.apple.working_set.bytes < 22 * GIB


def test_memory_under_another_limit_is_not_freed() -> None:
    """
    Where a limit takes a part of memory that is shared, nobody knows what more is left by it.
    """
    limits = (
        Limit(by="in-use", bytes=12 * GIB, detail=message("test")),
        Limit(by="working-set", bytes=4 * GIB, detail=message("test")),
    )
    before = unified(52, 48)
    before = msgspec.structs.replace(before, pools=(msgspec.structs.replace(before.pools[0], limits=limits),))

    assert changed.freed(before).pools == before.pools


def test_a_raised_limit_is_a_macs() -> None:
    """
    56 of 64 GiB, and no more than the 52 that are free; elsewhere there is none.
    """
    before = replayed("macos-m3max-64g")
    after = changed.raised(before)
    assert after is not None

    assert pool_of(after, "ram").budget_bytes == pool_of(before, "ram").free_bytes
    assert changed.raised(replayed("linux-strix-halo-128g")) is None


def test_a_container_gets_what_its_host_has_free() -> None:
    """
    8 GiB are allowed, 52.6 are free on the host.
    """
    before = replayed("linux-container-8g")
    after = changed.without_group_limit(before)
    assert after is not None

    assert pool_of(after, "ram").budget_bytes == pool_of(before, "ram").free_bytes
    assert changed.without_group_limit(replayed("linux-4090-64g")) is None


def test_more_ram_is_all_free() -> None:
    """
    As many bytes more in all, free and to be had; the rate stays unless a second channel is filled.
    """
    before = replayed("linux-laptop-single-channel-8g")
    old, rate = pool_of(before, "ram"), before.host.ram_bandwidth_bytes_per_s
    assert None not in (old.total_bytes, old.free_bytes, old.budget_bytes, rate)
    for second in (False, True):
        after = changed.with_ram(before, 8 * GIB, second_channel=second)
        new = pool_of(after, "ram")

        assert new.total_bytes == (old.total_bytes or 0) + 8 * GIB
        assert new.free_bytes == (old.free_bytes or 0) + 8 * GIB
        assert new.budget_bytes == (old.budget_bytes or 0) + 8 * GIB
        assert after.host.ram_bandwidth_bytes_per_s == (rate or 0) * (2 if second else 1)


def test_another_card_is_idle_and_has_the_next_number() -> None:
    """
    A copy of a card that is half full has all but the driver's reserve; the others stay as they are.
    """
    before = replayed("linux-2x3090-64g-half-full")
    full = before.accelerators[1]
    after = changed.with_card(before, changed.copy_of(before, full))
    pool = pool_of(after, "vram2")

    assert after.accelerators[:2] == before.accelerators
    assert (after.accelerators[2].id, after.accelerators[2].pools) == ("gpu2", ("vram2",))
    assert (after.accelerators[2].uuid, after.accelerators[2].pci) == (None, None)
    assert (
        pool.budget_bytes
        == pool.free_bytes
        == (pool.total_bytes or 0) - 316 * MIB - (sum(one.bytes for one in pool.limits) - 316 * MIB)
    )
    assert {limit.by for limit in pool.limits} == {"driver-reserve"}
    assert pool_of(after, "vram1") == pool_of(before, "vram1")


def test_a_card_runs_on_the_backend_of_its_maker_there() -> None:
    """
    Where ROCm cannot be used another Radeon runs on Vulkan, too, so that both can be used together.
    """
    before = replayed("linux-rx9070xt-16g-no-kfd-access")
    after = changed.with_card(before, changed.sold("RX 9070 XT", before))
    alone = changed.with_card(machine(), changed.sold("RX 9070 XT", machine()))

    assert [one.backend for one in after.accelerators if one.usable] == ["vulkan", "vulkan"]
    assert alone.accelerators[0].backend == "rocm"


def test_a_card_that_is_gone_takes_its_memory_along() -> None:
    """
    Nothing else changes.
    """
    before = machine((24, 12))
    after = changed.without_card(before, before.accelerators[0])

    assert [one.id for one in after.accelerators] == ["gpu1"]
    assert [pool.id for pool in after.pools] == ["ram", "vram1"]


def test_a_repaired_card_is_like_its_own_kind() -> None:
    """
    A lost RTX 3090 comes back as the one beside it is, under its own name and place.
    """
    before = replayed("linux-2x3090-64g-one-lost")
    after = changed.repaired(before, [before.accelerators[1]])
    assert after is not None
    good = replayed("linux-2x3090-64g")

    assert after.accelerators[0] == before.accelerators[0]
    assert (after.accelerators[1].id, after.accelerators[1].usable) == ("gpu1", True)
    assert after.accelerators[1].pci == before.accelerators[1].pci
    assert pool_of(after, "vram1").total_bytes == pool_of(good, "vram1").total_bytes


def test_a_repaired_card_alone_is_as_it_is_sold() -> None:
    """
    An RTX 3070 has 8 GiB; a card of which only a number is known has no known size.
    """
    before = replayed("linux-nvidia-driver-mismatch")
    after = changed.repaired(before, [before.accelerators[0]])
    assert after is not None
    named = replayed("linux-4070ti-nouveau")
    numbered = msgspec.structs.replace(named.accelerators[0], name="NVIDIA GPU (0xffff)", pools=())

    assert after.accelerators[0].bandwidth_bytes_per_s == 448_000_000_000
    assert pool_of(after, "vram0").total_bytes == 8 * GIB
    assert changed.repaired(named, [named.accelerators[0]]) is not None
    assert changed.repaired(msgspec.structs.replace(named, accelerators=(numbered,)), [numbered]) is None


def test_memory_that_a_mode_hides_is_there_after_a_repair() -> None:
    """
    The third card of the lab is idle and forbidden: allowed, it has all but the driver's reserve.
    """
    before = replayed("linux-lab-5-cards-256g")
    forbidden = next(one for one in before.accelerators if one.id == "gpu2")
    after = changed.repaired(before, [forbidden])
    assert after is not None
    pool = pool_of(after, "vram2")

    assert pool.budget_bytes == pool.free_bytes
    assert {limit.by for limit in pool.limits} == {"driver-reserve"}


@pytest.mark.parametrize(
    ("width", "most", "wider"), [(4, 16, 16), (16, 16, None), (None, 16, None), (4, None, None)]
)
def test_a_full_slot_has_all_lanes(width: int | None, most: int | None, wider: int | None) -> None:
    """
    16 lanes of generation 3 where four are in use; nothing where they are not known, or all are.
    """
    before = machine((24,))
    link = Link(max_generation=3, device_max_generation=4, width=width, max_width=most, bytes_per_s=1)
    card = msgspec.structs.replace(before.accelerators[0], link=link)
    before = msgspec.structs.replace(before, accelerators=(card,))
    after = changed.in_full_slot(before, card)

    if wider is None:
        assert after is None
    else:
        assert after is not None
        new = after.accelerators[0].link
        assert new is not None
        assert (new.width, new.max_generation, new.bytes_per_s) == (wider, 3, wider * LANE_BYTES_PER_S[3])


def test_a_slot_narrows_a_link() -> None:
    """
    A card of 16 lanes of generation 5 has four of generation 4 in a second slot; one of 8 lanes no more than them.
    """
    wide = Link(max_generation=5, device_max_generation=5, width=16, max_width=16)
    found = changed.in_slot(wide, changed.SECOND_SLOT)
    eight = changed.in_slot(msgspec.structs.replace(wide, width=8), Slot(lanes=16))

    assert (found.width, found.max_generation) == (4, 4)
    assert found.bytes_per_s == 4 * LANE_BYTES_PER_S[4]
    assert eight.width == 8


def test_cards_that_can_be_used_have_memory_of_a_known_size() -> None:
    """
    Not graphics that share RAM, not what engines cannot use, not what reports no size.
    """
    before = machine((24, 24, 24, 24))
    first, second, third, fourth = before.accelerators
    unknown = msgspec.structs.replace(pool_of(before, "vram3"), total_bytes=None)
    cards: tuple[Accelerator, ...] = (
        msgspec.structs.replace(first, integrated=True),
        msgspec.structs.replace(second, usable=False),
        third,
        fourth,
    )
    snapshot = msgspec.structs.replace(before, accelerators=cards, pools=(*before.pools[:-1], unknown))

    assert changed.usable_cards(snapshot) == (third,)


def test_a_changed_machine_is_not_this_one() -> None:
    """
    What is said of it must not be taken for what is there.
    """
    here = msgspec.structs.replace(machine((24,)), this_machine=True)

    assert not changed.with_ram(here, GIB).this_machine
    assert llmprobe.probe(gpus="RTX 4090", ram_bytes=32 * GIB).this_machine is False
