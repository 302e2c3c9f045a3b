"""
A damaged config.json ends in an answer that can be, or in one sentence; never in a traceback.
"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_config import answer, mutated, published
from llmprobe.errors import ModelError
from llmprobe.model.formats import hf_config

NEMOTRON = "nemotron-3-nano-30b-a3b"
MIXTURE = "qwen3-30b-a3b"


def read(name: str, **more: Any) -> Any:
    return hf_config.spec(json.dumps(published()[name] | more).encode(), name)


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0, max_value=2**40))
def test_a_damaged_configuration_is_answered_or_refused_in_one_sentence(number: int) -> None:
    """
    One to three values of a published configuration are others, or its text is cut or changed.
    """
    assert answer(mutated(number)) in ("answered", "refused")


def test_the_same_number_makes_the_same_damage() -> None:
    """
    A failure can be made again from the number that is printed.
    """
    assert mutated(7) == mutated(7)
    assert len({mutated(number) for number in range(50)}) == 50


@pytest.mark.parametrize("value", [float("inf"), float("nan"), float("-inf")])
def test_what_python_writes_for_numbers_without_end_is_read_where_it_decides_nothing(value: float) -> None:
    """
    Nemotron 3 is published with a time_step_limit of [0.0, Infinity], which strict JSON does not know.
    """
    assert read(NEMOTRON, time_step_limit=[0.0, value]).tensors == read(NEMOTRON).tensors


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"num_experts_per_tok": 2147483648}, "expert_used_count is 2147483648; 0 to 65536"),
        ({"num_experts_per_tok": 256}, "uses 256 experts, and the model has 128"),
        ({"num_experts_per_tok": None}, "number of the 128 experts"),
        ({"n_group": 3, "topk_group": 1}, "128 experts do not divide into 3 groups"),
        ({"n_group": 8, "topk_group": 9}, "128 experts do not divide into 8 groups"),
        ({"moe_intermediate_size": 10**13}, "expert_feed_forward_length is 10000000000000;"),
        ({"intermediate_size": 1e300}, r"feed_forward_length is '1e\+300'"),
        ({"intermediate_size": 10**400}, r"feed_forward_length is 10{59}; "),
        ({"hidden_size": 2**30}, "embedding_length is 1073741824;"),
        ({"hidden_size": 2**20, "moe_intermediate_size": 2**20}, "no model has more than"),
        ({"rope_theta": float("inf")}, "rope_theta is inf"),
        ({"routed_scaling_factor": float("nan")}, "routed_scaling_factor is nan"),
        ({"num_hidden_layers": 513}, "block_count is 513;"),
        ({"num_hidden_layers": [48]}, r"num_hidden_layers is '\[48\]'"),
        ({"vocab_size": "\x1b[2J" * 100}, r"^config.json: vocab_size is '(\\x1b\[2J){8}\\x1b', and"),
        ({"architectures": ["\x1b]0;title\x07"]}, r"class '\\x1b"),
    ],
)
def test_what_no_model_has_is_refused_by_its_name(more: dict[str, Any], what: str) -> None:
    """
    One line says what was seen and where, and repeats no more of it than fits.
    """
    with pytest.raises(ModelError, match=what) as caught:
        read(MIXTURE, **more)

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200
