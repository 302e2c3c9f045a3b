"""
Our figures against the measured ones: a fixed sample of what ``make accuracy`` recomputes, and what it wrote.
"""

import msgspec
import pytest

from benchmarks import (
    accuracy,
    accuracy_loads,
    accuracy_logs,
    accuracy_pages,
    accuracy_parameters,
    accuracy_published,
    accuracy_recipes,
    accuracy_second,
)
from benchmarks.accuracy_table import Accuracy
from benchmarks.truth.models import TRUTH

WRITTEN = msgspec.json.decode((TRUTH / "accuracy.json").read_bytes(), type=Accuracy)
STEP = 20
PARTS = 4


def test_every_bound_holds() -> None:
    """
    No quantity of the last full comparison misses what it must be.
    """
    assert [quantity.name for quantity in WRITTEN.quantities if not quantity.held] == []


@pytest.mark.parametrize("part", range(PARTS))
def test_every_twentieth_load_is_as_it_was_written(part: int) -> None:
    """
    Weights, caches and compute buffers are equal to the byte, but for the devices that are listed as differing.
    """
    counts = accuracy_loads.measure(accuracy_loads.sample(STEP * PARTS, STEP * part))

    assert set(counts.differing) <= set(WRITTEN.differing)
    assert counts.weights_equal == counts.caches_equal == counts.devices
    assert counts.output_equal == counts.loads


def test_second_contexts_are_as_they_were_measured() -> None:
    """
    Draft models, layers for a further token and their targets: weights and caches to the byte, no compute buffer lower.
    """
    for counts in accuracy_second.measure(STEP // 4).values():
        assert counts.weights_equal == counts.caches_equal == counts.devices
        assert counts.compute_low == 0
        assert counts.compute_near >= 0.99 * counts.devices


def test_llama_cpp_itself_takes_less_with_more_in_one_case() -> None:
    """
    Measured totals fall once when context, micro-batch or slots grow: a quantized cache of 8192 instead of 2048.
    """
    assert accuracy_loads.falls() == [
        "qwen3.5-122b-a10b devices=1 ctx_size=2048 cache_type_k=q8_0 cache_type_v=q8_0 outputs_max=0: "
        "-14155776 with ctx_size=8192"
    ]


def test_what_llama_cpp_refuses_is_refused() -> None:
    """
    Every measured refusal is one of ours.
    """
    count, taken = accuracy_loads.measure_refusals()

    assert (taken, count > 0) == ([], True)


def test_weights_and_caches_are_those_of_pasted_logs() -> None:
    """
    At least 95% of 25 rows or more agree within a percent.
    """
    counts = accuracy_logs.measure()

    assert counts.rows >= 25
    assert counts.rows_near >= 0.95 * counts.rows


def test_compute_of_older_builds_is_within_its_range() -> None:
    """
    In 90% of 50 buffers or more, and nearly half of all that logs show are within a percent.
    """
    counts = accuracy_logs.measure()

    assert counts.compute_in_range >= 0.9 * counts.compute_ranged
    assert counts.compute_ranged >= 50
    assert counts.compute_near >= 0.4 * counts.compute


def test_sizes_are_those_that_others_published() -> None:
    """
    Every size that is not explained agrees within half a percent, and every other has its reason.
    """
    counts = accuracy_published.measure()

    assert counts.differing == []
    assert accuracy_published.unexplained() == []


def test_parameters_are_those_of_the_released_models() -> None:
    """
    No entry of the catalog is further off than a ten-thousandth, none by more than a millionth without a reason.
    """
    counts = accuracy_parameters.measure()

    assert (counts.near, counts.differing) == (counts.models, [])


def test_the_coverage_is_as_it_was_written() -> None:
    """
    The architectures that are modelled, bounded and refused are those of the last full comparison.
    """
    assert accuracy.coverage() == WRITTEN.coverage


def test_the_pages_show_what_was_written() -> None:
    """
    The tables on all pages are those of the last full comparison; `make accuracy` rewrites them.
    """
    assert accuracy_pages.stale(WRITTEN) == []
    assert all("<!-- accuracy -->\n\n|" in page.read_text(encoding="utf-8") for page in accuracy_pages.PAGES)


def test_a_page_with_another_figure_is_stale() -> None:
    """
    A comparison that found one device less equal leaves no page as it is.
    """
    name, row = next(item for item in WRITTEN.architectures.items() if item[1].devices)
    worse = msgspec.structs.replace(row, compute_equal=row.compute_equal - 1, worst_total=0.02)
    changed = msgspec.structs.replace(WRITTEN, architectures={**WRITTEN.architectures, name: worse})

    assert accuracy_pages.stale(changed) == [page.name for page in accuracy_pages.PAGES]
    assert "| compute buffers per device |" in (
        table := accuracy_pages.PAGES[accuracy_pages.ROOT / "README.md"](changed)
    )
    assert "99.99% equal to the byte" in table
    assert "the worst 2.00% off" in table


def test_files_are_within_the_range_of_their_name() -> None:
    """
    Dynamic files are within 3 % at the median and 7 % in nine of ten; none of any name is outside its range.
    """
    counts = accuracy_recipes.measure()

    assert counts.middle <= accuracy_recipes.NEAR
    assert counts.within_far >= 0.9 * len(counts.errors)
    assert counts.differing == []
    assert counts.residents_in_range == counts.residents > 0
