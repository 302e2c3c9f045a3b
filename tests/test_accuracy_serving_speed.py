"""
The speeds of serving engines beside published ones, and what moves them.
"""

import msgspec
import pytest

from benchmarks.accuracy_serving_speed import Compared, Row, by_engine, compared, measure, quantity, rows


@pytest.fixture(scope="module")
def found() -> tuple[Compared, ...]:
    return measure()


def row(number: int, **changed: object) -> Row:
    return msgspec.structs.replace(rows()[number - 1], **changed)


def test_ranges_hold_what_was_published(found: tuple[Compared, ...]) -> None:
    """
    At least 40 speeds of each kind of source, nine of ten in their range, and the median within a fifth.
    """
    figures = by_engine(found)

    assert sum(each.count for each in figures.values()) >= 80
    assert all(each.in_range >= 0.9 * each.count for each in figures.values())
    assert all(0.8 <= each.median <= 1.2 for each in figures.values())
    assert quantity(found).held


def test_each_row_says_where_it_is_from() -> None:
    """
    No row without its source, and no two rows of the same case.
    """
    all_rows = rows()

    assert all(each.source.startswith("github:") for each in all_rows)
    assert len({each.id for each in all_rows}) == len(all_rows)


def test_prompts_that_others_begin_take_their_time() -> None:
    """
    64 requests that begin anew with as many tokens as they make are slower than 64 that only generate, and one request
    waits for nobody's prompts.
    """
    busy, quiet = compared(row(30)), compared(row(30, prompts=0))
    alone = compared(row(33)), compared(row(33, prompts=0))

    assert busy.times < quiet.times
    assert alone[0].times == alone[1].times


def test_packed_experts_wait_longer_on_cards_that_unpack_them() -> None:
    """
    A layer of experts in four bits takes 200 us at least on an A100 and 110 us on a GB300, which computes them: 36
    layers of gpt-oss 120B are 7.2 and 3.96 ms, so one request gets at most 1000 / 7.2 and 1000 / 3.96 tokens/s.
    """
    unpacked = compared(row(21))
    assert unpacked.times * 90 < 1000 / 7.2
    for card in ("GB300", "B200"):
        computed = compared(row(21, card=card))
        assert 1000 / 7.2 < computed.times * 90 < 1000 / 3.96


def test_mlx_computes_its_own_four_bits() -> None:
    """
    48 layers of Qwen3 30B A3B at 110 us are 5.3 ms of the published 8.8; at 200 us it would be 13.1 ms in all.
    """
    one = compared(row(51))

    assert 1000 / (one.times * 113.33) < 13.1 - 2


def test_amd_kernels_reach_less_of_the_same_bandwidth() -> None:
    """
    An H100 has 3.35 TB/s and a MI300X 5.3: 1.58 times as much, of which three quarters count.
    """
    one = row(1, card="MI300X", backend="rocm", prompts=0)
    other = row(1, prompts=0)

    assert 1.05 < compared(one).times / compared(other).times < 1.58 * 0.75
