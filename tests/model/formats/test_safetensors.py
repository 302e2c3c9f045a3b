import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.errors import ModelError
from llmprobe.model.formats import safetensors
from llmprobe.model.formats.safetensors import Stored, Weights

WIDTH = 8


def weights(shapes: dict[str, tuple[str, tuple[int, ...]]]) -> Weights:
    stored = {name: Stored(*what) for name, what in shapes.items()}
    return Weights(names=frozenset(stored), shapes=stored)


def test_a_header_lists_tensors() -> None:
    """
    Types and shapes are kept, offsets and remarks are not.
    """
    header = {
        "__metadata__": {"format": "pt"},
        "a.weight": {"dtype": "BF16", "shape": [3, 4], "data_offsets": [0, 24]},
    }

    assert safetensors.tensors(json.dumps(header).encode(), "x") == {"a.weight": Stored("BF16", (3, 4))}


@pytest.mark.parametrize("start", [b"", b"1234567", bytes(8), b"\xff" * 8, (1).to_bytes(8, "little")])
def test_a_length_that_can_not_be_is_refused(start: bytes) -> None:
    """
    Before a header is read its length is looked at.
    """
    with pytest.raises(ModelError, match="not a safetensors file"):
        safetensors.header_length(start, "x")


@pytest.mark.parametrize(
    "header",
    [b"", b"[]", b'{"a": 1}', b'{"a": {"dtype": 1, "shape": []}}', b'{"a": {"dtype": "F16"}}', b"[" * 9999],
)
def test_a_header_that_is_not_sound_is_refused(header: bytes) -> None:
    """
    What is no list of tensors is one sentence.
    """
    with pytest.raises(ModelError, match="damaged header"):
        safetensors.tensors(header, "x")


def test_an_index_names_its_files_and_tensors() -> None:
    """
    Each file is named once, in order.
    """
    index = {
        "metadata": {"total_size": 10},
        "weight_map": {"b": "2.safetensors", "a": "1.safetensors", "c": "1.safetensors"},
    }
    found, files = safetensors.index(json.dumps(index).encode())

    assert sorted(found.names) == ["a", "b", "c"]
    assert (found.total_bytes, files) == (10, ("1.safetensors", "2.safetensors"))


@pytest.mark.parametrize(
    "index",
    [
        [],
        {},
        {"weight_map": []},
        {"weight_map": {"a": 1}},
        {"weight_map": {"a": "../b.safetensors"}},
        {"weight_map": {"a": "/etc/passwd"}},
    ],
)
def test_an_index_that_is_none_is_refused(index: Any) -> None:
    """
    The files of a set lie beside their index, nowhere else.
    """
    with pytest.raises(ModelError, match="index"):
        safetensors.index(json.dumps(index).encode())


@pytest.mark.parametrize(
    ("name", "tied"),
    [
        ("lm_head.weight", False),
        ("language_model.lm_head.weight", False),
        ("output.weight", False),
        ("transformer.output_layer.weight", False),
        ("embed_out.weight", False),
        ("model.layers.0.attention.output.weight", True),
    ],
)
def test_an_output_matrix_has_many_names(name: str, tied: bool) -> None:
    """
    Any of them says that the output is not the embedding.
    """
    assert weights({name: ("BF16", (WIDTH, WIDTH))}).tied == tied


def test_only_the_language_model_is_counted() -> None:
    """
    Towers, scales, buffers and further layers are no parameters of it.
    """
    found = weights(
        {
            "model.embed_tokens.weight": ("BF16", (10, WIDTH)),
            "model.layers.0.mlp.weight": ("F8_E4M3", (4, WIDTH)),
            "model.layers.0.mlp.weight_scale_inv": ("F32", (4,)),
            "model.layers.0.rotary_emb.inv_freq": ("F32", (4,)),
            "model.layers.1.mlp.weight": ("BF16", (4, WIDTH)),
            "model.visual.blocks.0.weight": ("BF16", (100, 100)),
            "multi_modal_projector.weight": ("BF16", (100, 100)),
            "mtp.fc.weight": ("BF16", (100, 100)),
        }
    )

    assert found.parameters(1) == 10 * WIDTH + 4 * WIDTH
    assert found.vocabulary(WIDTH) == 10


def test_a_vocabulary_of_two_sizes_is_unknown() -> None:
    """
    What can't be told apart is not guessed.
    """
    found = weights(
        {"a.embed_tokens.weight": ("BF16", (9, WIDTH)), "b.embed_tokens.weight": ("BF16", (10, WIDTH))}
    )

    assert found.vocabulary(WIDTH) is None


@given(st.binary(max_size=300))
def test_any_bytes_end_in_an_answer(raw: bytes) -> None:
    """
    Parsers raise their own error only.
    """
    for parse in (safetensors.index, lambda part: safetensors.tensors(part, "x")):
        try:
            parse(raw)
        except ModelError:
            continue
