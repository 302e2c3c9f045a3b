"""
What may be taken of a memory pool.
"""

from hypothesis import given
from hypothesis import strategies as st

from llmprobe.facts.machine import Limit, MemoryPool
from llmprobe.machine.budget import settle
from llmprobe.words.message import message


def pool(
    total: int | None, free: int | None, budget: int | None = None, limits: tuple[Limit, ...] = ()
) -> MemoryPool:
    return MemoryPool(
        id="ram", kind="system", total_bytes=total, free_bytes=free, budget_bytes=budget, limits=limits
    )


def limit(by: str, size: int) -> Limit:
    return Limit(by=by, bytes=size)


def told(settled: MemoryPool) -> list[tuple[str, int]]:
    """
    Return the limits in short.
    """
    return [(each.by, each.bytes) for each in settled.limits]


def test_what_is_free_is_the_budget() -> None:
    """Without further limits, what is free may be taken, and the rest is in use."""
    settled = settle(pool(100, 70))

    assert (settled.budget_bytes, told(settled)) == (70, [("in-use", 30)])


def test_named_use_is_not_named_twice() -> None:
    """What a probe says is in use is not counted again."""
    settled = settle(pool(100, 70, 70, (limit("processes", 25), limit("driver-reserve", 5))))

    assert (settled.budget_bytes, told(settled)) == (70, [("processes", 25), ("driver-reserve", 5)])


def test_a_cap_takes_what_is_above_it() -> None:
    """A container that may use 20 more of 70 free loses 50 of them."""
    settled = settle(pool(100, 70), caps=(limit("cgroup", 20),))

    assert (settled.budget_bytes, told(settled)) == (20, [("in-use", 30), ("cgroup", 50)])


def test_a_cap_that_does_not_bind_is_still_named() -> None:
    """A working set larger than what is free takes nothing, and one sees that it is there."""
    settled = settle(pool(100, 70), caps=(limit("working-set", 75),))

    assert (settled.budget_bytes, told(settled)) == (70, [("in-use", 30), ("working-set", 0)])


def test_the_tightest_cap_counts() -> None:
    """Two caps are not added."""
    settled = settle(pool(100, 70), caps=(limit("cgroup", 50), limit("working-set", 40)))

    assert (settled.budget_bytes, told(settled)) == (
        40,
        [("in-use", 30), ("cgroup", 20), ("working-set", 10)],
    )


def test_limits_that_overlap_take_no_more_than_there_is() -> None:
    """More taken than there is leaves nothing, and it is said that it was cut."""
    settled = settle(pool(100, 100), (limit("driver-reserve", 60), limit("hidden", 80)))

    assert (settled.budget_bytes, told(settled)) == (0, [("driver-reserve", 60), ("hidden", 40)])
    assert settled.limits[1].detail == message("limit.cut-to-rest", limit="hidden", left_bytes=40)


def test_more_free_than_there_is_is_not_believed() -> None:
    """A driver that reports 110 of 100 free is corrected, and that is said."""
    settled = settle(pool(100, 110))

    assert (settled.free_bytes, settled.budget_bytes) == (100, 100)
    assert settled.limits[0].detail == message("limit.free-not-plausible", free_bytes=110, total_bytes=100)


def test_unknown_stays_unknown() -> None:
    """A pool whose free memory nobody knows has no budget, not one of 0."""
    assert settle(pool(100, None)).budget_bytes is None
    assert settle(pool(None, None)).budget_bytes is None


def test_nothing_free_is_a_measured_zero() -> None:
    """A full pool has a budget of 0."""
    assert settle(pool(100, 0)).budget_bytes == 0


SIZES = st.integers(-10, 1000)
LIMITS = st.lists(
    st.builds(Limit, by=st.sampled_from(["in-use", "cgroup", "os"]), bytes=SIZES), max_size=4
).map(tuple)


@given(st.none() | st.integers(0, 1000), st.none() | SIZES, st.none() | SIZES, LIMITS, LIMITS, LIMITS)
def test_sums_are_always_right(
    total: int | None,
    free: int | None,
    budget: int | None,
    own: tuple[Limit, ...],
    limits: tuple[Limit, ...],
    caps: tuple[Limit, ...],
) -> None:
    """Total less all limits is the budget, and 0 <= budget <= free <= total, whatever is given."""
    settled = settle(pool(total, free, budget, own), limits, caps)
    if settled.budget_bytes is not None:
        assert settled.budget_bytes >= 0
        assert all(settled.budget_bytes <= max(0, cap.bytes) for cap in caps)
    if settled.total_bytes is not None and settled.budget_bytes is not None:
        taken = sum(each.bytes for each in settled.limits)
        known = [each for each in (settled.free_bytes, settled.total_bytes) if each is not None]

        assert settled.total_bytes - taken == settled.budget_bytes
        assert [settled.budget_bytes, *known] == sorted([settled.budget_bytes, *known])
        assert all(each.bytes >= 0 for each in settled.limits)
