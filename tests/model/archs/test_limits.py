"""
Sizes up to their bounds are taken, and beyond them refused, each by its name.
"""

from typing import Any

import pytest

from llmprobe.errors import ModelError
from llmprobe.facts.model import Tensor
from llmprobe.model.archs._shared.limits import MOST_PARAMETERS, check_parameters, check_sizes, short
from llmprobe.words.message import message
from tests.model.archs.test_families_contract import EXPERTS, PLAIN


@pytest.mark.parametrize(
    ("key", "most"),
    [
        ("block_count", 512),
        ("context_length", 2**31),
        ("vocab_size", 2**24),
        ("embedding_length", 2**20),
        ("ssm.inner_size", 2**20),
        ("attention.head_count", 2**16),
        ("ssm.group_count", 2**16),
    ],
)
def test_a_size_is_taken_up_to_its_bound(key: str, most: int) -> None:
    """
    The largest value is one that a model may have, the next is none; nor is one below zero.
    """
    check_sizes(PLAIN | {key: most})

    for value in (most + 1, -1):
        with pytest.raises(ModelError) as caught:
            check_sizes(PLAIN | {key: value})
        assert caught.value.message == message("hparam.out-of-range", key=key, value=value, most=most)
    others: tuple[Any, ...] = (1.0, True, "1", {})
    for value in others:
        with pytest.raises(ModelError, match=f"^{key} is '.*', and a whole number belongs there$"):
            check_sizes(PLAIN | {key: value})


def test_some_sizes_have_one_value_per_layer() -> None:
    """
    Heads and widths may be lists, of which each value is held to the bound.
    """
    check_sizes(PLAIN | {"feed_forward_length": [0, 2**20]})

    for value in ([0, 2**20 + 1], [None], [[1]]):
        with pytest.raises(ModelError, match=r"^feed_forward_length is"):
            check_sizes(PLAIN | {"feed_forward_length": value})


@pytest.mark.parametrize("key", ["block_count", "nextn_predict_layers", "expert_count", "embedding_length"])
def test_a_size_of_the_model_is_no_list(key: str) -> None:
    """
    There is one number of layers, and so of all that is not the layers' own.
    """
    with pytest.raises(ModelError, match=f"^{key} is "):
        check_sizes(PLAIN | {key: [1, 2, 3]})


def test_what_is_not_said_is_not_refused() -> None:
    """
    Whether a size is missing is asked where it is needed.
    """
    check_sizes({})


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"expert_used_count": 8}, ""),
        ({"expert_used_count": 9}, "hparam.more-experts-used"),
        ({"expert_used_count": 0}, "hparam.experts-used-missing"),
        ({"expert_count": 0, "expert_used_count": 0}, ""),
        ({"expert_count": None, "expert_used_count": 1}, "hparam.more-experts-used"),
        ({"expert_group_count": 1, "expert_group_used_count": 0}, ""),
        ({"expert_group_count": 2, "expert_group_used_count": 2}, ""),
        ({"expert_group_count": 2, "expert_group_used_count": 3}, "hparam.expert-groups"),
        ({"expert_group_count": 2, "expert_group_used_count": 0}, "hparam.expert-groups"),
        ({"expert_group_count": 3, "expert_group_used_count": 1}, "hparam.expert-groups"),
        ({"nextn_predict_layers": 7}, ""),
        ({"nextn_predict_layers": 8}, "hparam.all-layers"),
        ({"nextn_predict_layers": None}, ""),
        ({"attention.head_count": 8, "attention.head_count_kv": 8}, ""),
        ({"attention.head_count": 8, "attention.head_count_kv": 9}, "hparam.more-kv-heads"),
        ({"attention.head_count": 8, "attention.head_count_kv": [0, 9]}, "hparam.more-kv-heads"),
        ({"attention.head_count": [4, 8], "attention.head_count_kv": [4, 0]}, ""),
        ({"attention.head_count": [4, 8], "attention.head_count_kv": [8, 0]}, "hparam.kv-heads-divide"),
        ({"attention.head_count": 40, "attention.head_count_kv": 12}, "hparam.kv-heads-divide"),
        ({"attention.head_count": [12, 16], "attention.head_count_kv": [3, 5]}, "hparam.kv-heads-divide"),
        ({"attention.head_count": 8, "attention.head_count_kv": [0, 8, 3]}, "hparam.kv-heads-divide"),
        ({"attention.head_count": [], "attention.head_count_kv": 9}, ""),
        ({"attention.head_count": None, "attention.head_count_kv": 9}, ""),
        ({"attention.shared_kv_layers": 7}, ""),
        ({"attention.shared_kv_layers": 8}, "hparam.all-layers"),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(more: dict[str, Any], what: str) -> None:
    """
    No token uses more experts than there are, groups divide them, queries share keys and values and not the
    other way, and some layer writes the next token.
    """
    hparams = PLAIN | EXPERTS | more
    if not what:
        check_sizes(hparams)
        return
    with pytest.raises(ModelError) as caught:
        check_sizes(hparams)
    assert caught.value.message.id == what


def test_a_list_of_tensors_is_taken_up_to_more_parameters_than_any_model_has() -> None:
    """
    A hundred trillion are taken, one more is not, and nor is a tensor without any.
    """
    check_parameters([Tensor("a", (MOST_PARAMETERS - 1,)), Tensor("b", (1,))])

    with pytest.raises(ModelError, match="no model has more than"):
        check_parameters([Tensor("a", (MOST_PARAMETERS,)), Tensor("b", (1,))])
    with pytest.raises(ModelError, match="b would be empty"):
        check_parameters([Tensor("a", (1,)), Tensor("b", (1, 0))])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12, 12),
        (-(2**63) + 1, -(2**63) + 1),
        (2**63, str(2**63)),
        (10**80, "1" + "0" * 59),
        (1.5, "1.5"),
        ("x" * 70, "x" * 60),
    ],
)
def test_a_value_in_a_message_is_short(value: Any, expected: int | str) -> None:
    """
    What 64 bits hold stays a number, and anything else is at most a line of text.
    """
    assert short(value) == expected
