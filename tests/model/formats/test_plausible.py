"""
Hyper-parameters that no model has are refused, and those of the largest models are not.
"""

from typing import Any

import pytest

from llmprobe.errors import ModelError
from llmprobe.facts.model import Tensor
from llmprobe.model.archs import CacheLayout, KvCache, KvLayer, State, StateLayer
from llmprobe.model.formats import plausible
from llmprobe.words.message import message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("some_count", 0),
        ("some_count", (1 << 31) - 1),
        ("some_count", [1, 2]),
        ("rope.freq_base", 1e6),
        ("attention.sliding_window_pattern", True),
        ("attention.causal", False),
        ("rope.scaling.type", "yarn"),
        ("list_of_scores", [0.5] * plausible.LONGEST_LIST),
    ],
)
def test_what_a_model_may_say_is_let_through(key: str, value: Any) -> None:
    """
    Numbers of 31 bits, flags and texts where they belong, lists up to the longest.
    """
    plausible.check({key: value})


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("some_count", -1, message("hparam.out-of-range", key="some_count", value=-1, most=(1 << 31) - 1)),
        (
            "some_count",
            1 << 31,
            message("hparam.out-of-range", key="some_count", value=1 << 31, most=(1 << 31) - 1),
        ),
        ("some_count", True, message("hparam.not-a-size", key="some_count", value=True)),
        ("some_count", "two", message("hparam.not-a-size", key="some_count", value="two")),
        ("some_count", "x" * 70, message("hparam.not-a-size", key="some_count", value="x" * 60)),
        ("some_count", 1.5, message("hparam.not-a-number", key="some_count", value="1.5")),
        ("scale", float("nan"), message("hparam.not-a-number", key="scale", value="nan")),
        ("scale", float("-inf"), message("hparam.not-a-number", key="scale", value="-inf")),
        (
            "some_count",
            [1, -2],
            message("hparam.out-of-range", key="some_count", value=-2, most=(1 << 31) - 1),
        ),
        (
            "scores",
            [0.5] * (plausible.LONGEST_LIST + 1),
            message("hparam.list-too-long", key="scores", length=65_537, most=65_536),
        ),
        (
            "expert_count",
            [4, 4],
            message("hparam.not-a-size", key="expert_count", value="[4, 4]"),
        ),
    ],
)
def test_what_no_model_says_is_refused(key: str, value: Any, expected: object) -> None:
    """
    The key, its value and what it may be; parts of a list are checked like the whole.
    """
    with pytest.raises(ModelError) as raised:
        plausible.check({key: value})

    assert raised.value.message == expected
    assert raised.value.hint == message("hint.damaged-download-again")


def layout(token: int, sequence: int) -> CacheLayout:
    """
    A cache of two layers that keeps so many values for a token, and states of so many for a sequence.
    """
    halves = (KvLayer(0, token // 2, 0, 64, 64), KvLayer(1, 0, token - token // 2, 64, 64))
    parts = (StateLayer(0, sequence // 2, 0), StateLayer(1, 0, sequence - sequence // 2))
    return CacheLayout(
        kv=(KvCache(halves[:1]), KvCache(halves[1:])), state=State(parts) if sequence else None
    )


@pytest.mark.parametrize(
    ("token", "sequence"), [(0, 0), (plausible.MOST_PER_TOKEN, 0), (1, plausible.MOST_PER_SEQUENCE)]
)
def test_caches_up_to_the_most_are_let_through(token: int, sequence: int) -> None:
    """
    Of all layers and caches together.
    """
    plausible.check_caches(layout(token, sequence))


@pytest.mark.parametrize(
    ("token", "sequence", "values", "most"),
    [
        (plausible.MOST_PER_TOKEN + 1, 0, plausible.MOST_PER_TOKEN + 1, plausible.MOST_PER_TOKEN),
        (1, plausible.MOST_PER_SEQUENCE + 1, plausible.MOST_PER_SEQUENCE + 1, plausible.MOST_PER_SEQUENCE),
        (-1, 0, -1, plausible.MOST_PER_TOKEN),
    ],
)
def test_more_than_any_model_keeps_is_refused(token: int, sequence: int, values: int, most: int) -> None:
    """
    For a token or for a sequence, with what would be kept.
    """
    with pytest.raises(ModelError) as raised:
        plausible.check_caches(layout(token, sequence))

    assert raised.value.message == message("hparam.cache-too-large", values=values, most=most)


def test_only_tensors_of_layers_that_both_have_are_compared() -> None:
    """
    An embedding may be padded, and a file may have fewer tensors or others.
    """
    expected = [Tensor("token_embd.weight", (64, 32), None), Tensor("blk.0.attn_q.weight", (64, 64), 0)]

    plausible.check_tensors([Tensor("token_embd.weight", (64, 40), None)], expected)
    plausible.check_tensors([Tensor("blk.0.other.weight", (1, 1), 0), expected[1]], expected)
    with pytest.raises(ModelError) as raised:
        plausible.check_tensors([Tensor("blk.0.attn_q.weight", (64, 65), 0)], expected)

    assert raised.value.message == message(
        "error.tensor-shape", tensor="blk.0.attn_q.weight", shape=(64, 65), expected=(64, 64)
    )
