"""
What people recommended, as a fixture: every pick says when and where, and the table has its models.
"""

import json
import re
from pathlib import Path

import pytest

import llmprobe
from benchmarks.picks import FIRST, machine, met
from llmprobe.model import capability, catalog

PICKS = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "expert_picks.json").read_text(encoding="utf-8")
)["picks"]


def test_every_pick_says_when_where_and_what_for() -> None:
    """
    A pick has a month, a source, a use of ours and its memory.
    """
    assert len(PICKS) == 30
    for pick in PICKS:
        assert re.fullmatch(r"202[56]-\d\d", pick["month"]), pick
        assert re.search(r"\w\.\w|^myblog", pick["source"]), pick
        assert pick["use"] in capability.USES
        assert pick["memory_gib"] > 0
        assert pick["memory"] in {"vram", "unified", "vram+ram", "any"}


def test_picks_are_models_of_the_catalog_with_a_place() -> None:
    """
    But for one model, which stands with its repository, each pick and each model that it beats has a place for the use.
    """
    outside = {pick["pick"] for pick in PICKS if pick["pick"] not in catalog.by_id()}

    assert outside == {"deepreinforce-ai/Ornith-1.0-35B"}
    for pick in PICKS:
        for model in {pick["pick"], *pick["beats"]} - outside:
            assert capability.of(model, pick["use"]), (model, pick["use"])


def test_people_mostly_agree_with_the_index() -> None:
    """
    Where somebody prefers one model to another, the index less two errors does as well in most pairs.

    The others are about speed (a mixture of experts instead of a dense model) and one test of retrieval.
    """

    def stands(model: str, use: str) -> float:
        return max(place.low for place in capability.of(model, use).values())

    pairs = [
        (pick["pick"], beaten, pick["use"])
        for pick in PICKS
        for beaten in pick["beats"]
        if pick["pick"] in catalog.by_id()
    ]
    agreed = [better for better, worse, use in pairs if stands(better, use) > stands(worse, use)]

    assert len(pairs) > 20
    assert len(agreed) / len(pairs) > 0.7


@pytest.mark.parametrize("number", [0, 6, 25], ids=lambda number: str(PICKS[number]["machine"]))
def test_fit_names_what_people_recommended(number: int) -> None:
    """
    A coding model for a card, a small one for chat, and one of embeddings (``make picks`` asks for all of them).
    """
    pick = PICKS[number]

    assert met(pick, llmprobe.fit(machine(pick), use=pick["use"], top=FIRST)) is not None
