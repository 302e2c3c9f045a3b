"""
Recommendations with drafting: planned where it is asked for, weighed where it is possible.
"""

import pytest

from llmprobe import api
from llmprobe.errors import UsageError
from llmprobe.facts.recommendation import Recommendation
from llmprobe.facts.settings import SpecType
from tests.advise.machines import machine

MODEL = api.load_model("qwen3.6-27b")
PLAIN = api.load_model("qwen3-32b")


def noted(answer: Recommendation) -> dict[str, object]:
    """
    Return the values of the note about drafting, with its id, or nothing.
    """
    notes = [note for note in answer.notes if note.id.startswith("note.drafts")]
    return {"id": notes[0].id, **notes[0].values} if notes else {}


def test_what_fits_beside_the_first_choice_is_said_with_what_it_gains() -> None:
    """
    A large card: the extra bytes are those between the two estimates, and the gain has a range.
    """
    snapshot = machine((47.0,))
    answer = api.recommend(MODEL, snapshot, ctx_size=8192, mmproj="none")
    note, best = noted(answer), answer.choices[0]
    ways: tuple[tuple[SpecType, ...], ...] = ((), ("draft-mtp",))
    plain, drafting = (
        api.estimate(MODEL, quant=best.quant, snapshot=snapshot, ctx_size=8192, mmproj="none", spec_type=way)
        for way in ways
    )

    assert note["id"] == "note.drafts-fit"
    assert note["worth"] is True
    # Weights that follow a rule are counted as the most that they may be.
    assert isinstance(note["bytes"], int)
    assert note["bytes"] == pytest.approx(drafting.total_bytes - plain.total_bytes, rel=0.06)
    low, likely, high = (note[name] for name in ("low", "likely", "high"))
    assert isinstance(low, float)
    assert isinstance(likely, float)
    assert isinstance(high, float)
    assert low < likely < high


def test_what_does_not_fit_says_what_it_would_displace() -> None:
    """
    A card that the model fills: so much is missing, and the best with drafts is another placement.
    """
    note = noted(api.recommend(MODEL, machine((15.2,)), ctx_size=16384, mmproj="none"))

    assert note["id"] == "note.drafts-displace"
    assert isinstance(note["missing"], int)
    assert note["missing"] > 0
    assert note["total"] == 66


def test_a_model_without_such_layers_has_no_note() -> None:
    """
    Nor one for which drafting was asked for.
    """
    assert noted(api.recommend(PLAIN, machine((23.0,)), ctx_size=8192)) == {}
    planned = api.recommend(MODEL, machine((23.0,)), ctx_size=8192, mmproj="none", spec_type="draft-mtp")
    assert noted(planned) == {}


def test_a_plan_with_drafting_fits_with_all_that_it_takes_and_its_command_says_so() -> None:
    """
    Every choice is placed with the layer, its context and the states; the same estimate by itself fits, too.
    """
    snapshot = machine((15.2,))
    answer = api.recommend(MODEL, snapshot, ctx_size=16384, mmproj="none", spec_type="draft-mtp")

    assert answer.choices
    for choice in answer.choices:
        assert choice.spec_type == ("draft-mtp",)
        assert choice.draft is not None
        assert choice.draft.rs_snapshots == 3
        assert sum(device.draft_bytes for device in choice.devices) > 0
        for device in choice.devices:
            assert device.budget_bytes is None or device.total_bytes <= device.budget_bytes
        assert "--spec-type draft-mtp --spec-draft-n-max 3" in choice.commands["llama.cpp"]
    whole = [choice for choice in answer.choices if choice.gpu_layers == choice.total_layers]
    assert whole
    # What the cards of 16 GB hold with drafts is smaller than without.
    without = api.recommend(MODEL, snapshot, ctx_size=16384, mmproj="none")
    assert whole[0].download_bytes is not None
    assert whole[0].download_bytes < 15.2 * 2**30
    assert without.choices[0].draft is None


@pytest.mark.parametrize(
    "wishes",
    [
        {"spec_type": "draft-simple"},
        {"spec_type": "draft-eagle3"},
        {"spec_type": "magic"},
        {"spec_type": "draft-mtp", "engine": "ollama"},
    ],
)
def test_what_cannot_be_planned_is_refused(wishes: dict[str, str]) -> None:
    """
    Draft models are not searched for, other engines are not told to draft, and magic does not exist.
    """
    with pytest.raises(UsageError):
        api.recommend(MODEL, machine((23.0,)), **wishes)  # type: ignore[arg-type]  # some of them are wrong
