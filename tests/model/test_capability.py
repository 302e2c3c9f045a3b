"""
How able models are: the shipped index, and how it reads.
"""

from typing import Any

import pytest

from llmprobe import data
from llmprobe.model import capability, catalog

UNIT = {"at_50": 0.0, "per_10": 1.0}


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """
    A table of one model, whose index is its ability: one standard deviation is one unit of log odds.
    """
    content: dict[str, Any] = {
        "dated": "2026-10",
        "uses": {
            "coding": {"test": "Quiz", "measured_by": "Quizzers", "unit": "%", **UNIT},
            "chat": {"test": "Duel", "measured_by": "Duellists", "unit": "Elo", **UNIT, "at_50": 7.0},
        },
        "tests": [["Quiz", "maker", "%"]],
        "places": ["example.org/other", "example.org/quiz"],
        "models": {
            "one": {
                "kind": "special",
                "coding": {"t": [60.0, 5.0, 1, 9, [[0, 41.5, "2026-03", 1]]], "n": [50.0, 1.0, 3, 0, []]},
                "chat": {"n": [52.0, 0.5, 0, 4, []]},
            }
        },
    }
    monkeypatch.setattr(capability, "table", {"capability": content}.__getitem__)
    return content


def test_a_share_reads_by_the_logistic_curve(table: dict[str, Any]) -> None:
    """
    Log odds of 0 are 50 %, of 1 are 1 / (1 + 1/e) = 73.1 %, two standard errors of 5 below and above 50 and 88.1 %.
    """
    thinking = capability.of("one", "coding")["thinking"]

    assert (thinking.reads_as, thinking.reads_low, thinking.reads_high) == (73.1, 50.0, 88.1)
    assert thinking.low == 50.0


def test_elo_reads_in_points_of_400_per_tenfold_odds(table: dict[str, Any]) -> None:
    """
    Log odds of 7.2 are 7.2 x 400 / ln 10 = 1,250.8 points, which are told whole.
    """
    assert capability.of("one", "chat")["no thinking"].reads_as == 1251


def test_a_standing_says_what_it_rests_on(table: dict[str, Any]) -> None:
    """
    Three results of the use are measured, one is few, none of the use but of others is other uses, none is the prior.
    """
    table["models"]["two"] = {"coding": {"n": [40.0, 4.0, 0, 0, []]}}

    assert capability.of("one", "coding")["no thinking"].basis == "measured"
    assert capability.of("one", "coding")["thinking"].basis == "few rows"
    assert capability.of("one", "chat")["no thinking"].basis == "other uses"
    assert capability.of("two", "coding")["no thinking"].basis == "prior only"


def test_a_published_result_is_told_whole(table: dict[str, Any]) -> None:
    """
    Benchmark, value, unit, who measured it, when, and where it was published.
    """
    assert capability.of("one", "coding")["thinking"].published == (
        capability.Published(
            benchmark="Quiz",
            value=41.5,
            unit="%",
            measured_by="maker",
            month="2026-03",
            source="example.org/quiz",
        ),
    )


def test_the_better_mode_has_the_higher_index(table: dict[str, Any]) -> None:
    """
    Thinking at 60 is better than not thinking at 50, although it is known less well.
    """
    assert capability.best_mode("one", "coding") == "thinking"
    assert capability.best_mode("one", "vision") is None
    assert capability.best_mode("nobody", "coding") is None


@pytest.mark.parametrize(
    ("model", "use"), [("one", "kind"), ("one", "cooking"), ("nobody", "coding"), ("", "")]
)
def test_what_is_not_known_has_no_place(table: dict[str, Any], model: str, use: str) -> None:
    """
    Neither an unknown model nor an unknown use, not even one that is called like a field of the table.
    """
    assert capability.of(model, use) == {}


def test_an_unknown_use_has_no_reference() -> None:
    """
    Asking how a position of it reads is a mistake of the program.
    """
    with pytest.raises(KeyError):
        capability.reads_as_of("cooking", 50)


@pytest.mark.parametrize("use", capability.USES)
@pytest.mark.parametrize("index", [20.0, 50.0, 72.5])
def test_scores_and_positions_are_inverse(use: str, index: float) -> None:
    """
    The index of the score that is expected at an index is that index.
    """
    assert capability.index_of(use, capability.reads_as_of(use, index)) == pytest.approx(index)


@pytest.mark.parametrize("score", [0.0, 100.0, -1.0, 150.0])
def test_no_index_belongs_to_certainty(score: float) -> None:
    """
    A share of 0 or 100 % is no finite position.
    """
    with pytest.raises(ValueError, match="no model is expected"):
        capability.index_of("coding", score)


def test_every_model_of_the_catalog_has_its_places() -> None:
    """
    A model that writes has a place in every use of text, one that sees in vision, one that makes vectors in no other.
    """
    for entry in catalog.by_id().values():
        uses = {use for use in capability.USES if capability.of(entry.id, use)}
        if entry.modality == "embedding":
            assert uses <= {"embedding"}, entry.id
        else:
            seeing = {"vision"} if "vision" in entry.modality else set()
            assert uses == {"chat", "coding", "reasoning", "agent", "japanese", "long"} | seeing, entry.id


def test_a_model_has_the_modes_that_the_catalog_gives_it() -> None:
    """
    One that cannot think has no place as one that does, one whose thinking can be switched off has two.
    """
    for entry in catalog.by_id().values():
        modes = set(capability.of(entry.id, "coding"))
        if entry.modality != "embedding" and entry.thinking is not None:
            both = {"thinking", "no thinking"} if entry.thinking_switch else {"thinking"}
            assert modes == (both if entry.thinking else {"no thinking"}), entry.id


def test_the_table_names_its_month_and_no_model_that_is_gone() -> None:
    """
    Every model of the table is in the catalog, and the newest result is of 2026.
    """
    assert capability.dated().startswith("2026-")
    assert set(data.table("capability")["models"]) == set(catalog.by_id())


@pytest.mark.parametrize(
    ("better", "worse", "use"),
    [
        # Sizes and generations whose order every source agrees on.
        ("qwen3-32b", "qwen3-8b", "reasoning"),
        ("qwen3-8b", "qwen3-0.6b", "coding"),
        ("llama-3.3-70b-instruct", "llama-2-70b-chat", "chat"),
        ("qwen3.6-27b", "qwen2.5-32b-instruct", "coding"),
        ("qwen3-embedding-8b", "all-minilm-l6-v2", "embedding"),
    ],
)
def test_what_nobody_doubts(better: str, worse: str, use: str) -> None:
    """
    A larger or much newer model, at the lower end of its range, stands above the other.
    """
    above = max(place.low for place in capability.of(better, use).values())

    assert above > max(place.index for place in capability.of(worse, use).values())


def test_models_for_one_purpose_are_marked() -> None:
    """
    A guard and a model that completes code are no assistants; others are not marked.
    """
    assert capability.kind("llama-guard-3-8b") == "special"
    assert capability.kind("starcoder2-7b") == "base"
    assert capability.kind("qwen3-8b") is None
    assert capability.kind("nobody") is None
