"""
The published results that the index of capability is fitted to, the fit, and the file that is made of them.
"""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.capability import fit as fitting
from benchmarks.capability import index, rows, table
from benchmarks.capability.fit import Observation
from benchmarks.capability.index import fits
from benchmarks.capability.models import models
from benchmarks.capability.rows import RowError
from llmprobe.data import table as shipped
from llmprobe.model import capability, catalog

GOOD = ("qwen3-8b", "thinking", "GPQA Diamond", "57.58", "2026-01", "ynulihao-table6")


def with_field(place: int, value: str) -> tuple[str, ...]:
    return (*GOOD[:place], value, *GOOD[place + 1 :])


def test_a_result_says_when_where_and_by_whom() -> None:
    """
    The line of a result becomes a record with its unit, its mode and its source.
    """
    result = rows.result(GOOD)

    assert (result.value, result.benchmark.unit, result.mode, result.stated) == (57.58, "%", "thinking", True)
    assert result.origin.measured_by == "LLMRouterBench"
    assert result.origin.where.startswith("github.com/ynulihao/LLMRouterBench")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (with_field(0, ""), "no model"),
        (with_field(1, "perhaps"), "the mode 'perhaps' is not known"),
        (with_field(2, "Pub Quiz"), "is not in benchmarks.tsv"),
        (with_field(3, "good"), "'good' is no number"),
        (with_field(3, "157.58"), "157.58 is no value in %"),
        (with_field(3, "nan"), "nan is no value in %"),
        (with_field(4, ""), "'' is no date"),
        (with_field(4, "2026-13"), "'2026-13' is no date"),
        (with_field(4, "lately"), "'lately' is no date"),
        (with_field(5, ""), "the source '' is not in sources.tsv"),
        (with_field(5, "hearsay"), "the source 'hearsay' is not in sources.tsv"),
    ],
)
def test_a_value_without_date_or_source_cannot_be_in(line: tuple[str, ...], why: str) -> None:
    """
    A line that lacks something, or says what cannot be, is refused, and the refusal says what.
    """
    with pytest.raises(RowError, match=why):
        rows.result(line)


@pytest.mark.parametrize("text", ["a\tb\n1\n", "a\tb\n1\t2\t3\n", "b\ta\n"])
def test_a_table_with_other_columns_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    """
    Neither a line with a column too few or too many, nor a head with other columns.
    """
    (tmp_path / "some.tsv").write_text(text)
    monkeypatch.setattr(rows, "FOLDER", tmp_path)

    with pytest.raises(RowError, match=r"some\.tsv"):
        rows.lines("some.tsv", ("a", "b"))


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("\tOne\texample.org\t\t\n", "a source without place or measurer"),
        ("one\t\texample.org\t\t\n", "a source without place or measurer"),
        ("one\tOne\t\tcopy.example.org\t\n", "a source without place or measurer"),
        ("one\tOne\texample.org\t\t\none\tTwo\texample.com\t\t\n", "one is there twice"),
    ],
)
def test_a_source_says_who_measured_and_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: str, why: str
) -> None:
    """
    A source without a key, a measurer or a place is refused, and so is a key that two sources have.
    """
    (tmp_path / "sources.tsv").write_text("source\tmeasured_by\twhere\tread_in\tlicence\n" + lines)
    monkeypatch.setattr(rows, "FOLDER", tmp_path)

    with pytest.raises(RowError, match=why):
        rows.origins.__wrapped__()


def test_a_mode_that_the_source_does_not_name_is_marked() -> None:
    """
    A question mark after the mode says that it follows from the model.
    """
    assert rows.result(with_field(1, "thinking")).stated
    assert not rows.result(with_field(1, "thinking?")).stated
    assert not rows.result(with_field(1, "plain?")).stated
    assert rows.result(with_field(1, "plain?")).mode == "no thinking"


def test_every_result_is_read() -> None:
    """
    All lines pass the checks, every source and every benchmark is used, and every model is known.
    """
    found = rows.results()

    assert len(found) > 9000
    assert {result.origin.key for result in found} == set(rows.origins())
    assert {result.benchmark.name for result in found} == set(rows.benchmarks())
    assert {result.model for result in found} <= set(models())


def test_publishers_who_ask_for_their_name_are_named() -> None:
    """
    Artificial Analysis asks for attribution and Swallow's tables are CC-BY: the file names both, as every source does.
    """
    asking = {origin.measured_by for origin in rows.origins().values() if origin.licence}

    assert {"Artificial Analysis", "Swallow LLM leaderboard v2", "LMArena", "LiveBench"} == asking
    for name in ("Artificial Analysis", "Swallow", "CC-BY-4.0", "LMArena", "LiveBench"):
        assert name in shipped("capability")["source"]


def test_log_odds_of_what_is_published() -> None:
    """
    50 % is 0, 7.31 of 10 is 1, 1,216 Elo points are 7; nothing beyond 99.3 % counts as more.
    """
    assert fitting.log_odds(50, "%") == pytest.approx(0)
    assert fitting.log_odds(7.310586, "0-10") == pytest.approx(1)
    assert fitting.log_odds(7 * 173.7178, "Elo") == pytest.approx(7)
    assert fitting.log_odds(100, "%") == fitting.log_odds(99.3, "%")


@pytest.mark.parametrize(("unit", "value"), [("%", 62.0), ("0-10", 8.1), ("Elo", 1420.0)])
def test_published_is_the_inverse(unit: str, value: float) -> None:
    """
    Log odds read back as what was published.
    """
    assert fitting.published(fitting.log_odds(value, unit), unit) == pytest.approx(value)


def test_known_abilities_are_found_again() -> None:
    """
    40 made-up models on 12 tests of other levels and slopes: the fit orders them, though no test has all of them.

    A model that nobody measured has the largest error, and one with more results a smaller one than one with few.
    """
    random = np.random.default_rng(12)
    ability = random.normal(0, 1.2, 40)
    levels, slopes = random.normal(0, 1, 12), random.uniform(0.7, 1.4, 12)
    of: list[fitting.Entity] = [(f"model {n}", "no thinking") for n in range(41)]
    seen = [
        Observation(
            of[n], (f"test {t}", "us"), levels[t] + slopes[t] * ability[n] + random.normal(0, 0.1), 1.0
        )
        for n in range(40)
        for t in range(12)
        if n < 2 or random.random() < 0.5
    ]

    found = fitting.fit(of, seen, np.ones((41, 1)), np.array([1e-6]))

    assert np.corrcoef(found.ability[:40], ability)[0, 1] > 0.98
    assert found.variance[40] == max(found.variance)
    assert found.variance[0] < np.median(found.variance)


def test_a_mode_that_nobody_measured_follows_the_other() -> None:
    """
    Of two models that only one mode was measured of, the better one is the better in its other mode as well.
    """
    of: list[fitting.Entity] = [
        (f"model {n}", mode) for n in range(8) for mode in ("no thinking", "thinking")
    ]
    seen = [
        Observation(of[2 * n], (f"test {t}", "us"), n / 2 - 2 + t / 3, 1.0)
        for n in range(8)
        for t in range(6)
    ]
    design = np.array([[1.0, float(mode == "thinking")] for _, mode in of])

    found = fitting.fit(of, seen, design, np.array([1e-6, 0.1]))

    assert list(found.ability[1::2]) == sorted(found.ability[1::2])
    assert found.ability[15] - found.ability[1] > 1
    assert min(found.variance[1::2]) > max(found.variance[::2])


def test_a_source_with_many_columns_does_not_outvote_others() -> None:
    """
    Four results of one measurer for one model weigh half each, the one of another weighs whole.
    """
    measured = [result for result in rows.results() if result.model == "qwen3-8b"]

    found = fitting.observations(measured)

    for one in found:
        beside = [other for other in found if other.entity == one.entity and other.test[1] == one.test[1]]
        assert one.weight == pytest.approx(len(beside) ** -0.5)
    assert len({one.weight for one in found}) > 2


def test_a_harness_that_cuts_thinking_off_does_not_count() -> None:
    """
    The second Open LLM Leaderboard counts for models that do not think, and for no others.
    """
    counted = {row.model for row in rows.results() if fitting.counts(row) and row.origin.key == "modelrank"}

    assert "qwen2.5-7b-instruct" in counted
    assert not any(model.startswith("qwen3") or "r1-distill" in model for model in counted)


def test_a_model_of_vectors_that_nobody_measured_has_no_place() -> None:
    """
    Without its results bge-m3 is in the fit and is not ranked; the others are.
    """
    seen = [one for one in fitting.observations(rows.results()) if one.entity[0] != "bge-m3"]

    (vectors,) = fits(seen, ("embedding",))

    placed = {place.entity[0] for place in vectors.places()}
    assert "bge-m3" in {model for model, _ in vectors.of}
    assert "bge-m3" not in placed
    assert {"bge-large-en-v1.5", "qwen3-embedding-8b"} <= placed


def test_a_new_model_leaves_the_others_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Two entries without results, the largest of its maker and the smallest of a maker of its own, move no index.
    """
    known = models()
    one = known["qwen3.5-397b-a17b"]
    new = [
        msgspec.structs.replace(one, id="large", parameters=10**13, month=3.0),
        msgspec.structs.replace(one, id="small", maker="nobody", family="new", parameters=10**7),
    ]
    seen = fitting.observations(rows.results())
    before = {use.use: use.places() for use in fits(seen)}
    for module in (fitting, index):
        monkeypatch.setattr(module, "models", lambda: known | {model.id: model for model in new})

    after = {use.use: use.places() for use in fits(seen)}

    assert {place.entity[0] for place in after["chat"]} - {place.entity[0] for place in before["chat"]} == {
        "large",
        "small",
    }
    for use, places in before.items():
        stays = {place.entity: place for place in after[use]}
        for place in places:
            assert stays[place.entity].index == pytest.approx(place.index, abs=1e-6), (use, place.entity)
            assert stays[place.entity].error == pytest.approx(place.error, abs=1e-6), (use, place.entity)


@pytest.mark.parametrize("use", capability.USES)
def test_an_index_is_the_score_expected_on_the_reference_test(use: str) -> None:
    """
    What the shipped scale reads an index as is what the fit expects of that model in the reference test.
    """
    (found,) = fits(fitting.observations(rows.results()), (use,))
    test = index.REFERENCES[use]
    unit = capability.reference(use).unit

    for place in found.places():
        expected = found.predicted(Observation(place.entity, test, 0.0, 1.0))
        assert expected is not None
        assert capability.reads_as_of(use, place.index) == pytest.approx(fitting.published(expected[0], unit))


def test_the_stored_file_is_what_the_results_give() -> None:
    """
    Made again, the file says the same of every model, to a rounding; what was published is the same to the digit.
    """
    stored, again = shipped("capability"), table.document()

    assert {name: again[name] for name in ("dated", "tests", "places", "source", "about")} == {
        name: stored[name] for name in ("dated", "tests", "places", "source", "about")
    }
    for name, row in stored["uses"].items():
        assert again["uses"][name] == pytest.approx(row, abs=0.02), name
    assert list(again["models"]) == list(stored["models"]) == list(catalog.by_id())
    for model, uses in stored["models"].items():
        assert again["models"][model].keys() == uses.keys()
        for use in uses.keys() - {"kind"}:
            for mode, (position, error, *others) in uses[use].items():
                position_again, error_again, *others_again = again["models"][model][use][mode]
                assert others_again == others, (model, use)
                assert position_again == pytest.approx(position, abs=0.25), (model, use)
                assert error_again == pytest.approx(error, abs=0.25), (model, use)


def test_what_is_shown_was_published() -> None:
    """
    Each result that is told of a model is a line of the table: its value, its test, its month, its mode, its source.
    """
    values: dict[tuple[str, ...], set[str]] = {}
    for row in rows.results():
        key = (
            row.model,
            row.mode,
            row.benchmark.name,
            row.origin.measured_by,
            row.date[:7],
            row.origin.where,
        )
        values.setdefault(key, set()).add(f"{row.value:.4g}")
    told = 0
    for model in catalog.by_id():
        for use in capability.USES:
            for mode, standing in capability.of(model, use).items():
                assert len(standing.published) <= table.MOST_SHOWN
                assert bool(standing.published) == bool(standing.rows)
                for one in standing.published:
                    key = (model, mode, one.benchmark, one.measured_by, one.month, one.source)
                    assert f"{one.value:.4g}" in values[key]
                    told += 1
    assert told > 2000
