"""
Settings are checked in one place: kinds, ranges, words, and names.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.errors import UsageError
from llmprobe.estimation.options import MOST_SLOTS, check_counts, checked
from llmprobe.facts.given import count, one_of
from llmprobe.facts.settings import Settings, SettingsOptions
from llmprobe.words.message import message

LEAST = {"ctx_size": 0, "parallel": 1, "batch_size": 1, "ubatch_size": 1, "outputs_max": 0, "n_cpu_moe": 0}
LEAST |= {"spec_draft_n_max": 0, "spec_draft_ngl": 0}
"""The smallest value of each size."""


def _refused(**given: Any) -> UsageError:
    with pytest.raises(UsageError) as raised:
        checked(given)
    return raised.value


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_a_size_has_a_smallest_value(name: str, least: int) -> None:
    """
    The least is kept, one below is refused, by name and in a record alike.
    """
    assert checked({name: least}) == {name: least}
    assert _refused(**{name: least - 1}).message.id == "error.setting-out-of-range"
    check_counts(msgspec.structs.replace(Settings(), **{name: least}))
    with pytest.raises(UsageError):
        check_counts(msgspec.structs.replace(Settings(), **{name: least - 1}))


@pytest.mark.parametrize(("name", "most"), [("parallel", MOST_SLOTS), ("ctx_size", 2**31 - 1)])
def test_a_size_has_a_largest_value(name: str, most: int) -> None:
    """
    llama.cpp serves 256 slots and counts tokens in 32 bits.
    """
    assert checked({name: most}) == {name: most}
    assert _refused(**{name: most + 1}).message.values == {
        "setting": name,
        "given": most + 1,
        "least": LEAST[name],
        "most": most,
    }


@pytest.mark.parametrize("value", ["8k", 2.0, True, (1,)])
def test_a_size_is_a_whole_number(value: Any) -> None:
    """
    No text, no fraction, no switch.
    """
    refused = _refused(ctx_size=value)

    assert refused.message.id == "error.setting-not-a-count"
    assert refused.hint == message("hint.whole-number")


@pytest.mark.parametrize("name", ["kv_unified", "swa_full", "kv_offload", "op_offload", "repack", "cpu_moe"])
def test_a_switch_is_true_or_false(name: str) -> None:
    """
    Words and numbers are not.
    """
    assert checked({name: True}) == {name: True}
    assert checked({name: False}) == {name: False}
    assert _refused(**{name: 1}).message == message("error.setting-not-a-switch", setting=name, given="1")


@pytest.mark.parametrize(
    ("name", "words"),
    [("flash_attn", ("auto", "on", "off")), ("split_mode", ("none", "layer", "row", "tensor"))],
)
def test_a_word_is_one_of_few(name: str, words: tuple[str, ...]) -> None:
    """
    The hint names them.
    """
    assert [checked({name: word}) for word in words] == [{name: word} for word in words]
    refused = _refused(**{name: "maybe"})
    assert refused.message == message("error.setting-not-a-choice", setting=name, given="maybe")
    assert refused.hint == message("hint.one-of", names=words)
    with pytest.raises(UsageError):
        one_of(name, None, words)


def test_a_cache_type_is_named_as_ggml_does() -> None:
    """
    In any case; anything but text is refused.
    """
    assert checked({"cache_type_k": "Q8_0", "cache_type_v": "F16"}) == {
        "cache_type_k": "q8_0",
        "cache_type_v": "f16",
    }
    assert _refused(cache_type_v=8).message.id == "error.setting-not-a-choice"


def test_what_is_none_is_left_to_the_engine() -> None:
    """
    Where an engine has its own; where it has none, None is refused.
    """
    own = {"parallel", "batch_size", "ubatch_size", "flash_attn", "kv_unified", "outputs_max", "gpu_layers"}
    own |= {"spec_draft_ngl", "pooling"}

    assert checked(dict.fromkeys(own)) == {}
    for name in set(SettingsOptions.__annotations__) - own:
        with pytest.raises(UsageError):
            checked({name: None})


def test_all_layers_may_be_said_as_a_word() -> None:
    """
    None, as in ``Settings``; no other word.
    """
    assert checked({"gpu_layers": "all"}) == {"gpu_layers": None}
    assert checked({"gpu_layers": 0}) == {"gpu_layers": 0}
    assert _refused(gpu_layers="most").message.id == "error.setting-not-a-count"


@pytest.mark.parametrize("value", ["1,2", (1, -1), (float("inf"),), (float("nan"),), ("1",), 3])
def test_a_tensor_split_is_a_list_of_proportions(value: Any) -> None:
    """
    Of 0 or more, and finite.
    """
    assert checked({"tensor_split": [1, 0.5, 0]}) == {"tensor_split": (1.0, 0.5, 0.0)}
    assert _refused(tensor_split=value).message.id == "error.tensor-split-not-numbers"


def test_one_override_may_be_text() -> None:
    """
    A list of patterns otherwise.
    """
    assert checked({"override_tensor": "exps=CPU"}) == {"override_tensor": ("exps=CPU",)}
    assert checked({"override_tensor": ["a=CPU", "b=CPU"]}) == {"override_tensor": ("a=CPU", "b=CPU")}
    assert _refused(override_tensor=(5,)).message.id == "error.setting-not-a-list"
    assert _refused(override_tensor=5).message.id == "error.setting-not-a-list"


def test_a_name_that_does_not_exist_is_refused() -> None:
    """
    A typing error is not silently ignored.
    """
    assert _refused(ctx=8192).message == message("error.setting-unknown", setting="ctx")


def test_a_count_without_a_most_is_unbounded() -> None:
    """
    Its sentence says so.
    """
    assert count("top", 10**12, least=1) == 10**12
    with pytest.raises(UsageError, match="top must be 1 or more, not 0"):
        count("top", 0, least=1)


def test_a_count_may_be_nothing() -> None:
    """
    0 unless a least is given.
    """
    assert count("reserve_bytes", 0) == 0
    with pytest.raises(UsageError):
        count("reserve_bytes", -1)
