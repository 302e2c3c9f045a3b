"""
Sizes up to their bounds are taken, and beyond them refused, each by its name.
"""

from typing import Any

import pytest

from llmprobe.errors import ModelError
from llmprobe.facts.model import Tensor
from llmprobe.model.archs._shared.limits import MOST_PARAMETERS, check_parameters, check_sizes
from llmprobe.model.archs._shared.shown import shown
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
    check_sizes(PLAIN | {key: most}, "it")

    others: tuple[Any, ...] = (most + 1, -1, 1.0, True, "1", {})
    for value in others:
        with pytest.raises(ModelError, match=f"for {key}, which is 0 to {most} in any model"):
            check_sizes(PLAIN | {key: value}, "it")


def test_some_sizes_have_one_value_per_layer() -> None:
    """
    Heads and widths may be lists, of which each value is held to the bound.
    """
    check_sizes(PLAIN | {"feed_forward_length": [0, 2**20]}, "it")

    for value in ([0, 2**20 + 1], [None], [[1]]):
        with pytest.raises(ModelError, match="for feed_forward_length"):
            check_sizes(PLAIN | {"feed_forward_length": value}, "it")


def test_what_is_not_said_is_not_refused() -> None:
    """
    Whether a size is missing is asked where it is needed.
    """
    check_sizes({}, "it")


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"expert_used_count": 8}, ""),
        ({"expert_used_count": 9}, "uses 9 of 8 experts"),
        ({"expert_used_count": 0}, "how many of its 8 experts"),
        ({"expert_count": 0, "expert_used_count": 0}, ""),
        ({"expert_count": None, "expert_used_count": 1}, "uses 1 of 0 experts"),
        ({"expert_group_count": 1, "expert_group_used_count": 0}, ""),
        ({"expert_group_count": 2, "expert_group_used_count": 2}, ""),
        ({"expert_group_count": 2, "expert_group_used_count": 3}, "2 groups of 8 experts"),
        ({"expert_group_count": 2, "expert_group_used_count": 0}, "2 groups of 8 experts"),
        ({"expert_group_count": 3, "expert_group_used_count": 1}, "3 groups of 8 experts"),
        ({"nextn_predict_layers": 7}, ""),
        ({"nextn_predict_layers": 8}, "all 8 layers predict further tokens"),
        ({"nextn_predict_layers": None}, ""),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(more: dict[str, Any], what: str) -> None:
    """
    No token uses more experts than there are, groups divide them, and some layer writes the next token.
    """
    hparams = PLAIN | EXPERTS | more
    if not what:
        check_sizes(hparams, "it")
        return
    with pytest.raises(ModelError, match=f"^it (says|does not say).*{what}"):
        check_sizes(hparams, "it")


def test_a_list_of_tensors_is_taken_up_to_more_parameters_than_any_model_has() -> None:
    """
    A hundred trillion are taken, one more is not, and nor is a tensor without any.
    """
    check_parameters([Tensor("a", (MOST_PARAMETERS - 1,)), Tensor("b", (1,))], "it")

    with pytest.raises(ModelError, match="more than any model has"):
        check_parameters([Tensor("a", (MOST_PARAMETERS,)), Tensor("b", (1,))], "it")
    with pytest.raises(ModelError, match="b would be empty"):
        check_parameters([Tensor("a", (1,)), Tensor("b", (1, 0))], "it")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12, "12"),
        (-(10**58), f"-{10**58}"),
        (10**60, "a number of more than 60 digits"),
        (1.5, "1.5"),
        (None, "None"),
        ("a\x1b\u202e\n", r"'a\x1b\u202e\n'"),
        ("x" * 58, f"'{'x' * 58}'"),
        ("x" * 59, f"'{'x' * 59}…"),
        ([1, 2], "a list of 2"),
        ({"a": 1}, "a dict"),
    ],
)
def test_a_value_is_shown_on_one_line(value: Any, text: str) -> None:
    """
    Without control characters, and no longer than a line.
    """
    assert shown(value) == text
