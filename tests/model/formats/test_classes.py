"""
Every class of text models that llama.cpp's converter registers is read, or said to be no text model.
"""

import json
from pathlib import Path

import pytest

from llmprobe.errors import ModelError
from llmprobe.model import archs
from llmprobe.model.formats import hf_config
from llmprobe.model.formats.classes import NO_TEXT

CLASSES: list[str] = json.loads(
    (Path(__file__).parents[3] / "fixtures" / "hf_classes.json").read_text(encoding="utf-8")
)["classes"]
NOT_MODELLED = {"NemotronHPuzzleForCausalLM"}
"""Registered, and unknown here: how such a file is made was not seen."""


@pytest.mark.parametrize(
    "name", [name for name in CLASSES if name not in NO_TEXT and name not in NOT_MODELLED]
)
def test_a_class_of_text_models_has_an_architecture_with_a_graph(name: str) -> None:
    """
    It is the one of the family that lists the class.
    """
    architecture = hf_config.architecture_of({"architectures": [name]})

    assert architecture is not None
    assert archs.graph_of(architecture) is not None


@pytest.mark.parametrize("name", sorted(NO_TEXT))
def test_a_class_of_no_text_model_is_said_to_be_what_it_is(name: str) -> None:
    """
    The class is listed by the converter, and its refusal names it and is not that of an unknown class.
    """
    with pytest.raises(ModelError) as caught:
        hf_config.spec(json.dumps({"architectures": [name]}).encode(), "x")

    assert name in CLASSES
    assert caught.value.message.id.startswith("error.gguf-")
    assert name in str(caught.value)


@pytest.mark.parametrize("name", sorted(NOT_MODELLED))
def test_a_class_that_is_not_modelled_is_refused_by_name(name: str) -> None:
    """
    Nothing is guessed from a related class.
    """
    with pytest.raises(ModelError, match=name) as caught:
        hf_config.spec(json.dumps({"architectures": [name]}).encode(), "x")

    assert caught.value.message.id == "config.class-unknown"
    assert name in CLASSES
