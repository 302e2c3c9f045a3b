"""
Models: by their name, in a quantization, and from this disk where an engine keeps them.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.errors import UsageError
from llmprobe.facts.machine import EngineOnMachine, ModelOnDisk
from llmprobe.model.loading import load
from llmprobe.tasks.arguments import check_model
from llmprobe.tasks.models import load_model, models, quant_name
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, machine, model

HALF = ModelOnDisk(
    name="qwen3-8b", kept_by=message("kept-by.ollama"), problem=message("model.half-downloaded")
)
HERE = msgspec.structs.replace(
    machine(()), this_machine=True, engines=(EngineOnMachine(name="ollama", models=(HALF,)),)
)


def test_a_model_of_the_catalog_is_loaded_by_its_name() -> None:
    """
    With the types of a quantization where one is wanted, in capitals or not.
    """
    assert load_model("qwen3-8b") == load("qwen3-8b")
    assert load_model("qwen3-8b", "q4_k_m") == load("qwen3-8b", quant="Q4_K_M")


def test_a_kept_model_comes_before_the_catalogs() -> None:
    """
    Where the machine is given: one that is half there is spoken of, and another name is the catalog's.
    """
    kept = load_model("qwen3-8b", "Q8_0", snapshot=HERE)

    assert [note.id for note in kept.notes[:2]] == ["model.kept-unusable", "model.from-catalog"]
    assert kept.tensors == load("qwen3-8b", quant="Q8_0").tensors
    assert load_model("qwen3-4b", snapshot=HERE) == load("qwen3-4b")
    assert load_model("qwen3-8b") == load("qwen3-8b")


@pytest.mark.parametrize("snapshot", [None, HERE])
def test_a_quantization_that_does_not_exist_is_refused(snapshot: Any) -> None:
    """
    Before the name is looked up.
    """
    with pytest.raises(UsageError) as refused:
        load_model("no such model", "Q9", snapshot=snapshot)

    assert refused.value.message == message("error.quant-unknown", quant="Q9")


@pytest.mark.parametrize(("name", "expected"), [("q4_k_m", "Q4_K_M"), ("Q8_0", "Q8_0"), ("bf16", "BF16")])
def test_a_quantization_is_written_as_llama_cpp_does(name: str, expected: str) -> None:
    """
    However it was typed.
    """
    assert quant_name(name) == expected


def test_without_a_text_all_models_are_listed() -> None:
    """
    With one, those that it may mean.
    """
    every = models().models

    assert models("").models == models(None).models == every
    few = models("qwen3-8b").models
    assert "qwen3-8b" in [one.id for one in few]
    assert 0 < len(few) < len(every)


@pytest.mark.parametrize("other", ["qwen3-8b", None, 3])
def test_what_was_not_loaded_is_no_model(other: Any) -> None:
    """
    A name least of all; a loaded one is.
    """
    with pytest.raises(UsageError) as refused:
        check_model(other)

    assert refused.value.message == message("error.not-a-model", given=type(other).__name__)
    assert refused.value.hint == message("hint.load-the-model")
    check_model(model("llama", LLAMA_8B))
