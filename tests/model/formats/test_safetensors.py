"""
Headers and indices of safetensors: the parameters that they add up to, and what is refused.
"""

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
        ("lm_head.qweight", False),
        ("lm_head.q_weight", False),
        ("language_model.lm_head.weight_packed", False),
        ("model.lm_head_norm.weight", True),
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


@pytest.mark.parametrize("length", [2, safetensors.LARGEST_HEADER])
def test_a_length_of_a_header_is_in_its_first_eight_bytes(length: int) -> None:
    """
    Little-endian, from an empty object to 64 MiB; what follows is no part of it.
    """
    start = length.to_bytes(8, "little")

    assert safetensors.header_length(start, "x") == safetensors.header_length(start + b"{}", "x") == length


def test_a_header_longer_than_any_is_refused() -> None:
    """
    One byte more than 64 MiB.
    """
    with pytest.raises(ModelError, match="not a safetensors file"):
        safetensors.header_length((safetensors.LARGEST_HEADER + 1).to_bytes(8, "little"), "x")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"total_size": 1}, 1),
        ({"total_size": 0}, None),
        ({"total_size": -5}, None),
        ({"total_size": "10"}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_a_size_that_an_index_does_not_say_is_unknown(said: Any, expected: int | None) -> None:
    """
    Neither none nor less than none is a size.
    """
    index = {"metadata": said, "weight_map": {"a": "1.safetensors"}}

    assert safetensors.index(json.dumps(index).encode())[0].total_bytes == expected


@pytest.mark.parametrize("name", ["a\\b.safetensors", "a/b.safetensors", "a.bin", "", None])
def test_a_file_of_another_folder_or_kind_is_refused(name: Any) -> None:
    """
    One such name among others is enough.
    """
    index = {"weight_map": {"a": "1.safetensors", "b": name}}

    with pytest.raises(ModelError, match="index"):
        safetensors.index(json.dumps(index).encode())


@pytest.mark.parametrize(
    "name",
    [
        "model.embed_tokens_per_layer.weight",
        "model.per_layer.embed_tokens.weight",
        "vision.embed_tokens.weight",
        "model.norm.weight",
    ],
)
def test_other_tables_are_not_the_vocabulary(name: str) -> None:
    """
    Tables of each layer, of another tower, or of another width.
    """
    found = weights({"wte.weight": ("F16", (7, WIDTH)), name: ("F16", (9, WIDTH))})

    assert found.vocabulary(WIDTH) == 7
    assert found.vocabulary(WIDTH + 1) is None
    assert weights({name: ("F16", (9, WIDTH))}).vocabulary(WIDTH) is None


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("transformer.h.1.w", True),
        ("model.blocks.1.w", True),
        ("encoder.layer.1.w", True),
        ("model.layers.2.w", False),
        ("model.layers.²3.w", True),
        ("model.other.2.w", True),
        ("2.w", True),
    ],
)
def test_layers_beyond_the_models_are_not_counted(name: str, counted: bool) -> None:
    """
    The number after one of the words for a layer says which; what names none belongs to no layer.
    """
    found = weights({name: ("F16", (3, 5)), "x": ("F16", (1,))})

    assert found.parameters(2) == 1 + 15 * counted


def test_nothing_to_count_is_unknown() -> None:
    """
    Without shapes, or with none of the language model.
    """
    assert Weights(names=frozenset({"a"})).parameters(2) is None
    assert weights({"visual.x": ("F16", (3, 5))}).parameters(2) is None


def test_packed_numbers_of_what_is_left_out_do_not_matter() -> None:
    """
    Only where the language model's own are packed its parameters can't be counted.
    """
    found = {"a": ("F16", (3, 5)), "a.zero_point": ("I32", (3,))}

    assert weights(found).parameters(1) == 15
    assert weights(found | {"b": ("I32", (3,))}).parameters(1) is None


def test_a_tensor_without_extents_is_one_number() -> None:
    """
    The product of none is one.
    """
    assert (Stored("F16", ()).elements, Stored("F16", (3, 4, 5)).elements) == (1, 60)
