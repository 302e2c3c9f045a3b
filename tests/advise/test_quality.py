"""
What a quantization loses: measured figures, in words, and what they are scaled by.
"""

import pytest

from llmprobe.advise.choose.quality import cache_loss, family_factor, in_words, quality, size_factor
from llmprobe.data import table
from llmprobe.words.message import message
from tests.advise.messages import figure, inner

BILLION = 1_000_000_000


def test_the_measured_model_has_the_measured_loss() -> None:
    """
    Q4_K_M of an 8B is the divergence that was measured on one, and the basis says where.
    """
    loss = quality("Q4_K_M", 8_030_261_248)

    assert loss.value == 0.02815
    assert loss.basis.id == "quality.basis.measured"
    assert (loss.basis.values["model"], loss.basis.values["divergence"]) == ("Llama-3-8B", 0.028152)
    assert "perplexity +2.4%" in str(loss.basis)


def test_a_type_that_nobody_measured_has_no_figure() -> None:
    """
    Unknown is None, and its level is called so.
    """
    loss = quality("TQ1_0", 8 * BILLION)

    assert (loss.value, loss.words) == (None, message("quality.unknown"))
    assert loss.basis == message("quality.basis.unmeasured", quant="TQ1_0")


def test_fewer_bits_lose_more() -> None:
    """
    Down the usual types the loss only grows.
    """
    usual = ("BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_M", "IQ3_XXS", "Q2_K", "IQ2_XXS")
    values = [quality(quant, 8 * BILLION).value for quant in usual]

    assert values == sorted(values, key=lambda value: value or 0.0)


def test_a_published_four_bit_model_is_the_original() -> None:
    """
    A model that was published in MXFP4 loses nothing in it.
    """
    loss = quality("MXFP4", 21 * BILLION, native=True)

    assert (loss.value, loss.basis) == (0.0, message("quality.basis.published", cache=None))


@pytest.mark.parametrize(
    ("parameters", "factor"), [(1 * BILLION, 1.0), (8_030_261_248, 1.0), (13_015_864_320, 0.82)]
)
def test_size_counts_as_far_as_it_was_measured(parameters: int, factor: float) -> None:
    """
    A 13B loses less than an 8B; below the measured sizes nothing is assumed.
    """
    assert round(size_factor(parameters), 2) == factor


def test_beyond_the_measured_sizes_nothing_more_is_gained() -> None:
    """
    A 70B is given the factor of a 13B, since nothing larger was measured.
    """
    assert size_factor(70 * BILLION) == size_factor(13_015_864_320)


def test_a_family_that_was_measured_has_its_own_factor() -> None:
    """
    Llama 2 loses less than half of what Llama 3 loses, and no more is said of others.
    """
    assert family_factor("llama-2-7b-chat") == 0.41
    assert family_factor("llama-3.1-8b-instruct") == 1.0
    own = quality("Q4_K_M", 7 * BILLION, model="llama-2-7b-chat").basis
    other = quality("Q4_K_M", 8 * BILLION, model="llama-3.1-8b-instruct").basis

    assert (own.values["family_factor"], other.values["family_factor"]) == (0.41, None)


def test_a_q8_0_cache_adds_what_was_measured() -> None:
    """
    K and V in q8_0 add 0.0014 nats, measured; f16 adds nothing.
    """
    loss, basis = cache_loss("q8_0", "q8_0")

    assert (round(loss, 4), basis) == (0.0014, "measured")
    assert cache_loss("f16", "bf16") == (0.0, "measured")


def test_a_cache_that_nobody_measured_is_said_to_be_assumed() -> None:
    """
    The basis of a sum is its weakest: derived from perplexity for q4_0, assumed for q4_1.
    """
    assert cache_loss("q8_0", "q4_0")[1] == "derived"
    assert cache_loss("q4_1", "q8_0")[1] == "assumed"
    cache = inner(quality("Q8_0", 8 * BILLION, cache_type_k="q4_1").basis, "cache")

    assert inner(cache, "basis").id == "quality.cache.assumed"
    assert figure(cache, "divergence") == cache_loss("q4_1", "f16")[0]


def test_keys_lose_more_than_values() -> None:
    """
    For every type K costs more than V.
    """
    caches = table("quality")["caches"]

    assert all(caches["k"][kind][0] > caches["v"][kind][0] for kind in caches["k"])


def test_gpt_oss_does_not_bear_a_quantized_k_cache() -> None:
    """
    Its attention sinks make q8_0 keys a loss that shows, while q8_0 values stay harmless.
    """
    keys = quality("MXFP4", 21 * BILLION, native=True, cache_type_k="q8_0", architecture="gpt-oss")
    values = quality("MXFP4", 21 * BILLION, native=True, cache_type_v="q8_0", architecture="gpt-oss")

    assert keys.words.id == "quality.loss-on-hard-tasks"
    assert values.words.id == "quality.no-noticeable-loss"


@pytest.mark.parametrize(
    ("divergence", "level"),
    [
        (0.0, "no-noticeable-loss"),
        (0.003, "practically-lossless"),
        (0.012, "very-close"),
        (0.028, "good"),
        (0.045, "loss-on-hard-tasks"),
        (0.11, "clear-loss"),
        (0.25, "heavy-loss"),
        (0.6, "barely-usable"),
        (5.0, "barely-usable"),
    ],
)
def test_a_divergence_has_a_level(divergence: float, level: str) -> None:
    """
    Every figure has a level that a person can weigh; a level begins at its limit.
    """
    assert in_words(divergence).id == f"quality.{level}"
