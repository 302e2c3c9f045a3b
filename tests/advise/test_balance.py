"""
The balance between time and loss, by its published constants.
"""

from math import log2

import pytest

from llmprobe.advise.choose.balance import (
    LOSS_WEIGHT,
    Scored,
    doublings,
    of_loss,
    of_time,
    rule,
    score,
)
from llmprobe.advise.choose.use import CHAT, REASONING, USES, use_of
from llmprobe.facts.estimate import Range, Speed
from llmprobe.facts.recommendation import Wishes
from llmprobe.model.loading import load
from llmprobe.words.message import Message, message


def points(
    loss: float | None = 0.0,
    quant: str = "Q8_0",
    priority: str = "balanced",
    *,
    speed: float = 10.0,
    cache_quantized: bool = False,
    kv_offload: bool = True,
    mmproj_offload: bool = True,
) -> float:
    one = Scored(
        quant=quant,
        tokens_per_s=speed,
        prompt_tokens_per_s=500.0,
        divergence=loss,
        cache_quantized=cache_quantized,
        kv_offload=kv_offload,
        mmproj_offload=mmproj_offload,
    )
    return one.worth(CHAT, priority)


def test_a_doubling_counts_fully_far_above_and_hardly_far_below() -> None:
    """
    log2(1 + x^2) / 2: half a point at 1, one more for each doubling far above, a quarter for each far below.
    """
    assert doublings(1.0) == pytest.approx(0.5)
    assert doublings(64.0) - doublings(32.0) == pytest.approx(1.0, abs=0.001)
    assert doublings(0.02) / doublings(0.01) == pytest.approx(4.0, abs=0.001)
    assert doublings(0.0) == 0.0


@pytest.mark.parametrize(
    ("better", "worse", "expected"),
    [
        (points(0.0), points(0.05), LOSS_WEIGHT * 0.5),
        (points(0.0, priority="quality"), points(0.05, priority="quality"), 3.0),
        (points(0.0, priority="speed"), points(0.05, priority="speed"), 0.1),
        (points(0.6), points(None), 0.0),
        (points(quant="Q4_K_M"), points(quant="IQ4_XS"), 0.1),
        (points(quant="Q4_K_M"), points(quant="Q3_K_M"), 0.15),
        (points(quant="Q4_K_M"), points(quant="IQ2_M"), 0.4),
        (points(quant="Q4_K_M"), points(quant="MXFP4"), 0.0),
        (points(quant="Q4_K_M"), points(quant="BF16"), 0.0),
        (points(), points(cache_quantized=True), 0.15),
        (points(priority="quality"), points(priority="quality", cache_quantized=True), 1.8),
        (points(priority="speed"), points(priority="speed", cache_quantized=True), 0.0),
        (points(), points(kv_offload=False), 0.2),
        (points(), points(mmproj_offload=False), 0.5),
    ],
)
def test_points_are_doublings_of_the_time(better: float, worse: float, expected: float) -> None:
    """
    Loss, few bits, code books, a small cache, a cache and a projector in RAM have their price.
    """
    assert better - worse == pytest.approx(expected)


def test_loss_is_quadratic_while_it_hardly_shows_and_logarithmic_beyond() -> None:
    """
    Twice the loss costs four times as much at a hundredth of what shows, and half a point far above it.
    """
    assert of_loss(0.001, "balanced") / of_loss(0.0005, "balanced") == pytest.approx(4.0, abs=0.01)
    assert of_loss(3.2, "balanced") - of_loss(1.6, "balanced") == pytest.approx(LOSS_WEIGHT, abs=0.001)


def test_where_speed_has_priority_every_second_counts() -> None:
    """
    60 seconds of a chat are half a point; where speed has priority they are fifty times what one waits for.
    """
    assert of_time(60.0, CHAT, "balanced") == pytest.approx(-0.5)
    assert of_time(60.0, CHAT, "speed") == pytest.approx(-log2(1 + 50**2) / 2)


def test_no_speed_is_bounded() -> None:
    """
    A speed of 0 is the worst and still a number.
    """
    assert points(speed=0.0) == points(speed=0.0005) < points(speed=0.002)


def test_a_code_book_costs_under_any_name() -> None:
    """
    UD-IQ4_XS is made of IQ4_XS, whose lookups are slow on a CPU; UD-Q3_K_XL has as few bits as Q3_K_M.
    """
    assert points(quant="UD-IQ4_XS") == points(quant="IQ4_XS") < points(quant="UD-Q4_K_XL")
    assert points(quant="UD-Q3_K_XL") == points(quant="Q3_K_M")


def test_an_answer_takes_the_time_of_reading_thinking_and_writing() -> None:
    """
    With thinking: 600 tokens at 300 tokens/s and 3,500 at 38 tokens/s are 94 seconds, the range by the speeds'.
    """
    speed = Speed(
        generation_tokens_per_s=Range(low=19.0, likely=38.0, high=76.0),
        prompt_tokens_per_s=Range(low=150.0, likely=300.0, high=600.0),
        reason=message("speed.nothing-read"),
    )
    time = REASONING.time(speed)

    assert time is not None
    assert (time.prompt_tokens, time.thinking_tokens, time.answer_tokens) == (600, 3000, 500)
    assert time.seconds == Range(low=47.1, likely=94.1, high=188.2)
    assert (
        CHAT.time(
            Speed(
                generation_tokens_per_s=None, prompt_tokens_per_s=None, reason=message("speed.nothing-read")
            )
        )
        is None
    )


def test_the_use_is_that_of_the_model_unless_one_was_asked_for() -> None:
    """
    Qwen3 thinks, 1,000 to 4,000 tokens; Llama 3 does not; DeepSeek R1 does, and nobody said how long.
    """
    assert use_of(load("qwen3-32b"), Wishes()).name == "reasoning"
    assert use_of(load("qwen3-32b"), Wishes()).thinking == 2500
    assert use_of(load("deepseek-r1-distill-qwen-7b"), Wishes()).thinking == 3000
    assert use_of(load("llama3-70b"), Wishes()) == CHAT
    assert use_of(load("qwen3-32b"), Wishes(use="agent")) == USES["agent"]
    assert use_of(load("qwen3-embedding-8b"), Wishes(), generates=False).written == 0


def test_a_time_needs_both_speeds() -> None:
    """
    An answer whose prompt takes an unknown time takes an unknown time.
    """
    rate = Range(low=19.0, likely=38.0, high=76.0)
    reason = message("speed.nothing-read")

    for generation, prompts in ((rate, None), (None, rate)):
        speed = Speed(generation_tokens_per_s=generation, prompt_tokens_per_s=prompts, reason=reason)
        assert CHAT.time(speed) is None


def test_the_rule_has_the_costs_of_its_priority() -> None:
    """
    With quality first a loss counts twelve times as much, 6 instead of 0.5, and so do few bits and a small cache.
    """
    usual, best = (
        {one.id: one.values for one in rule(CHAT, priority)} for priority in ("balanced", "quality")
    )

    assert usual["balance.costs"]["few_bits_points"] == pytest.approx(0.15)
    assert best["balance.costs"]["few_bits_points"] == pytest.approx(12 * 0.15)
    assert best["balance.costs"]["small_cache_points"] == pytest.approx(12 * 0.15)
    assert usual["balance.costs"]["projector_points"] is None
    assert usual["balance.use"]["thinking_tokens"] is None


def test_a_score_names_only_the_costs_that_it_has() -> None:
    """
    Eight bits cost none for few bits, code book, cache or projector; two bits of a code book cost for both.
    """
    plain, small = (
        score(
            Scored(quant=quant, tokens_per_s=10.0, prompt_tokens_per_s=500.0, divergence=0.0),
            CHAT,
            "balanced",
        ).values
        for quant in ("Q8_0", "IQ2_M")
    )

    parts = ("few_bits_points", "code_book_points", "small_cache_points", "cache_points", "projector_points")
    assert [plain[part] for part in parts] == [None] * 5
    assert small["few_bits_points"] == pytest.approx(-0.3)
    assert small["code_book_points"] == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ("speed", "told"), [(10.0, "balance.about-equal"), (2.0, "balance.less"), (50.0, "balance.more")]
)
@pytest.mark.parametrize("name", ["", "UD-Q8_K_XL"])
def test_a_score_is_compared_with_the_first_choice_by_its_name(speed: float, told: str, name: str) -> None:
    """
    By what a person calls it, or by its file type where it has no other name.
    """
    first = Scored(quant="Q8_0", name=name, tokens_per_s=10.0, prompt_tokens_per_s=500.0, divergence=0.0)
    other = Scored(quant="Q8_0", tokens_per_s=speed, prompt_tokens_per_s=500.0, divergence=0.0)

    beside = score(other, CHAT, "balanced", first).values["beside"]
    assert isinstance(beside, Message)

    assert (beside.id, beside.values["quant"]) == (told, name or "Q8_0")
