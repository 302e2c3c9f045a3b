"""
Corrections of speeds: for which models they hold, and what they change.
"""

import msgspec
import pytest

from llmprobe.estimation.speed.correction import about, corrected, correction_of, places_of
from llmprobe.facts.estimate import Range, Speed
from llmprobe.facts.measured import Correction, Measurement
from llmprobe.words.message import message
from tests.estimation.shares import GPU, HALF, HOST

CARD = "NVIDIA GeForce RTX 4090"
DENSE = Correction(
    places=(CARD, "cpu"), experts=False, generation=0.5, prompt=2.0, model="Llama", date="2026-11-30"
)
SPEED = Speed(
    generation_tokens_per_s=Range(low=8, likely=10, high=12),
    generation_at_full_context_tokens_per_s=Range(low=4, likely=6, high=8),
    prompt_tokens_per_s=Range(low=100, likely=200, high=300),
    reason=message("speed.no-generation"),
)


def test_places_are_those_that_count() -> None:
    """
    The rows of an embedding in RAM are no place.
    """
    assert places_of((GPU, HALF)) == (CARD, "cpu")
    assert places_of((GPU, HOST)) == (CARD,)


def test_a_correction_is_for_the_same_places_and_kind() -> None:
    """
    Other devices, and mixtures of experts, have their own.
    """
    experts = msgspec.structs.replace(DENSE, experts=True)
    known = (experts, DENSE)

    assert correction_of(known, (GPU, HALF), moe=False) is DENSE
    assert correction_of(known, (GPU, HALF), moe=True) is experts
    assert correction_of(known, (GPU, HOST), moe=False) is None
    assert correction_of((), (GPU, HALF), moe=False) is None


def test_a_corrected_speed_says_so() -> None:
    """
    Generation is halved at either context, the prompt doubled, and the reason names model and day.
    """
    found = corrected(SPEED, DENSE)

    assert found.generation_tokens_per_s == Range(low=4, likely=5, high=6)
    assert found.generation_at_full_context_tokens_per_s == Range(low=2, likely=3, high=4)
    assert found.prompt_tokens_per_s == Range(low=200, likely=400, high=600)
    assert found.reason == message("speed.corrected", correction=about(DENSE), why=SPEED.reason)


@pytest.mark.parametrize("missing", ["generation", "prompt"])
def test_what_was_not_measured_is_not_corrected(missing: str) -> None:
    """
    An unknown speed stays unknown, too.
    """
    found = corrected(SPEED, msgspec.structs.replace(DENSE, **{missing: None}))

    same = {"generation": "generation_tokens_per_s", "prompt": "prompt_tokens_per_s"}[missing]
    assert getattr(found, same) == getattr(SPEED, same)
    unknown = msgspec.structs.replace(SPEED, generation_tokens_per_s=None)
    assert corrected(unknown, DENSE).generation_tokens_per_s is None
    assert corrected(SPEED, None) is SPEED


def test_a_correction_counts_as_long_as_its_measurement() -> None:
    """
    It was made beside predictions for that hardware.
    """
    assert Measurement(corrections=(DENSE,)).counting_corrections == (DENSE,)
    assert Measurement(corrections=(DENSE,), changed=("cpu",)).counting_corrections == ()
