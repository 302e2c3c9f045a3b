"""
What a Hugging Face configuration says beside the tensors: its class, its notes, and whether the files agree.
"""

from typing import Any

import pytest

from llmprobe.errors import ModelError
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.formats import hf_config
from llmprobe.model.formats.hf_hparams import hparams
from llmprobe.model.formats.safetensors import Weights
from llmprobe.words.message import Message, message
from tests.model.formats.test_hf_config import LLAMA, content, files

SIZE = 2 * (files().parameters(2) or 0)
"""Bytes of the small Llama in 16 bits."""


def notes(weights: Weights | None = None, **more: Any) -> tuple[Message, ...]:
    """
    The notes of the small Llama whose configuration says this too.
    """
    return hf_config.spec(content(**more), "small", weights=files() if weights is None else weights).notes


def indexed(total_bytes: int | None = SIZE) -> Weights:
    """
    What an index alone says of the small Llama.
    """
    return Weights(names=files().names, total_bytes=total_bytes)


def refusal(**more: Any) -> ModelError:
    with pytest.raises(ModelError) as raised:
        hf_config.spec(content(**more), "small")
    return raised.value


def test_a_class_that_nobody_knows_is_named_in_short() -> None:
    """
    60 characters of it are enough; the hint is the file that works for any.
    """
    found = refusal(architectures=["X" * 99])

    assert found.message == message("config.class-unknown", name="X" * 60)
    assert found.hint == message("hint.gguf-of-model")
    assert refusal(architectures=None).message == message("config.lacks-in-file", keys=("architectures",))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"architectures": ["A", "B"]}, "A"),
        ({"architectures": ["A"], "text_config": {"architectures": ["B"]}}, "B"),
        ({"architectures": ["A"], "text_config": {"architectures": []}}, "A"),
        ({"architectures": ["A"], "text_config": "B"}, "A"),
        (
            {"architectures": ["KimiK3ForConditionalGeneration"], "text_config": {"architectures": ["B"]}},
            "KimiK3ForConditionalGeneration",
        ),
        ({}, None),
    ],
)
def test_the_class_of_the_language_model_decides(values: dict[str, Any], expected: str | None) -> None:
    """
    That of the part where it has one, but for the few whose part says something else.
    """
    assert hf_config.class_of(values) == expected


@pytest.mark.parametrize("number", ["Infinity", "NaN"])
def test_what_python_writes_for_no_number_is_read(number: str) -> None:
    """
    Strict JSON has neither; a key that nobody asks for does no harm.
    """
    raw = content()[:-1] + f', "time_step_limit": [0.0, {number}]}}'.encode()

    assert hf_config.spec(raw, "small").architecture == "llama"


@pytest.mark.parametrize("raw", [b"", b"[]", b"7", b"NaN", b"{", b"\xff"])
def test_what_is_no_object_is_no_configuration(raw: bytes) -> None:
    """
    The hint is to fetch it again.
    """
    with pytest.raises(ModelError) as raised:
        hf_config.spec(raw, "small")

    assert raised.value.message == message("config.not-json")
    assert raised.value.hint == message("hint.download-again")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"torch_dtype": None, "dtype": "float16"}, "float16"),
        ({"torch_dtype": "torch.float32"}, "float32"),
        ({"torch_dtype": None}, None),
        ({"torch_dtype": 7}, None),
        ({"quantization_config": {"quant_method": "gptq"}}, "GPTQ 4-bit, groups of 128"),
        ({"compression_config": {"format": "pack-quantized"}}, "compressed-tensors (compressed-tensors)"),
        ({"quantization_config": {"quant_method": "brand-new"}}, "brand-new"),
        ({"quantization_config": "gptq"}, "bfloat16"),
        ({"quantization_config": {"quant_method": 8}}, "8"),
    ],
)
def test_the_type_that_a_model_is_published_in_is_noted(more: dict[str, Any], expected: str | None) -> None:
    """
    Or the format that it was quantized in; what is no word says nothing.
    """
    found = [note.values["format"] for note in notes(**more) if note.id == "model.published"]

    assert found == ([] if expected is None else [expected])


@pytest.mark.parametrize("part", ["vision_config", "audio_config"])
@pytest.mark.parametrize(("value", "noted"), [({}, True), ({"depth": 2}, True), (None, False), ("x", False)])
def test_a_tower_that_is_left_out_is_noted(part: str, value: Any, noted: bool) -> None:
    """
    One of images or one of sounds.
    """
    found = notes(**{part: value})

    assert (message("model.projector-left-out") in found) is noted


@pytest.mark.parametrize("key", ["num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_layers"])
@pytest.mark.parametrize("layers", [0, 2])
def test_further_layers_that_are_left_out_are_noted(key: str, layers: int) -> None:
    """
    As many as the configuration says; none is nothing to note.
    """
    more: dict[str, Any] = {key: layers}
    expected = [message("model.next-n-left-out", layers=layers)] if layers else []

    assert [one for one in notes(**more) if one.id == "model.next-n-left-out"] == expected


def test_a_published_form_that_is_not_mxfp4_is_no_file_type() -> None:
    """
    Only MXFP4 is kept as it is.
    """
    asked = content(quantization_config={"quant_method": "fp8"})

    assert hf_config.spec(asked, "small", weights=files()).published_quant is None


@pytest.mark.parametrize(
    ("weights", "more", "checked"),
    [
        (indexed(), {}, True),
        (indexed(2 * SIZE), {"torch_dtype": "torch.float32"}, True),
        (indexed(), {"torch_dtype": "float8"}, False),
        (indexed(), {"vision_config": {}}, False),
        (indexed(), {"audio_config": {}}, False),
        (indexed(), {"quantization_config": {"quant_method": "gptq"}}, False),
        (indexed(None), {}, False),
    ],
)
def test_bytes_are_compared_where_nothing_else_is_among_them(
    weights: Weights, more: dict[str, Any], checked: bool
) -> None:
    """
    Of a type whose size is known, of no other tower, and not quantized.
    """
    assert (message("model.files-not-checkable") not in notes(weights, **more)) is checked


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (1.0009, None),
        (0.9991, None),
        (1.0011, "model.files-differ"),
        (0.9989, "model.files-differ"),
        (1.099, "model.files-differ"),
        (0.901, "model.files-differ"),
        (1.101, "error.files-of-another-model"),
        (0.899, "error.files-of-another-model"),
    ],
)
def test_files_differ_from_a_thousandth_on_and_are_others_from_a_tenth_on(
    part: float, expected: str | None
) -> None:
    """
    More or less alike, in parts of what is listed.
    """
    listed = SIZE // 2
    found = int(listed * part)
    weights = indexed(2 * found)
    if expected == "error.files-of-another-model":
        with pytest.raises(ModelError) as raised:
            notes(weights)
        assert raised.value.message == message(expected, found=found, listed=listed)
        assert raised.value.hint == message("hint.gguf-of-model")
    elif expected is None:
        assert [note.id for note in notes(weights)] == ["model.published"]
    else:
        off = abs(found - listed) / listed
        assert notes(weights)[-1] == message(expected, found=found, listed=listed, off=off)


def test_without_a_context_the_most_is_unknown() -> None:
    """
    A configuration need not say one.
    """
    assert hf_config.spec(content(max_position_embeddings=None), "small").max_context is None


def found(**more: Any) -> dict[str, Any]:
    """
    The metadata of the small Llama whose configuration says this too, without what a family adds.
    """
    return dict(hparams(Config(LLAMA | more, "other")))


def test_what_is_not_said_is_left_out() -> None:
    """
    Neither experts nor scales, and no flag but whether the output is tied.
    """
    assert found() == {
        "block_count": 2,
        "context_length": 512,
        "embedding_length": 64,
        "feed_forward_length": 128,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.key_length": 16,
        "attention.value_length": 16,
        "vocab_size": 100,
        "tie_word_embeddings": False,
        "rope.dimension_count": 16,
    }


@pytest.mark.parametrize(
    ("rope", "expected"),
    [
        (
            {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128},
            {"type": "yarn", "factor": 4.0, "original_context_length": 128},
        ),
        ({"type": "linear", "factor": 2.0}, {"type": "linear", "factor": 2.0}),
        (
            {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 128},
            {"type": "llama3"},
        ),
        ({"rope_type": "yarn"}, {}),
        ({"rope_type": "default", "factor": 4.0}, {}),
        ({"rope_type": "longrope"}, {"type": "longrope"}),
        ({"type": "su"}, {"type": "longrope"}),
        ({"type": "other", "long_factor": [1.0]}, {"type": "longrope"}),
        ({}, {}),
    ],
)
def test_the_scaling_of_positions_is_the_converters(rope: dict[str, Any], expected: dict[str, Any]) -> None:
    """
    llama3's factors are a tensor, so that the metadata have none; without a factor nothing is scaled.
    """
    scaling = {
        key.removeprefix("rope.scaling."): value
        for key, value in found(rope_scaling=rope).items()
        if key.startswith("rope.scaling.")
    }

    assert scaling == expected


def test_a_part_of_a_head_may_be_rotated() -> None:
    """
    Half of 16 values; the sections of images and time are always four.
    """
    half = found(partial_rotary_factor=0.5, rope_scaling={"mrope_section": [2, 3, 3]})

    assert half["rope.dimension_count"] == 8
    assert half["rope.dimension_sections"] == [2, 3, 3, 0]


@pytest.mark.parametrize(("count", "known"), [(0, False), (1, False), (2, True), ("8", False), (None, False)])
def test_a_mixture_has_two_experts_at_least(count: Any, known: bool) -> None:
    """
    One is an ordinary feed-forward part, and text is no number.
    """
    values = found(num_experts=count, num_experts_per_tok=2, moe_intermediate_size=32)

    assert (values.get("expert_count"), values.get("expert_used_count")) == (
        (count, 2) if known else (None, None)
    )
    assert ("expert_feed_forward_length" in values) is known


def test_sizes_of_experts_that_are_no_numbers_are_left_out() -> None:
    """
    A list of one width for each layer is the family's own to read.
    """
    values = found(num_experts=4, num_experts_per_tok=[1, 2], moe_intermediate_size=[32, 64])

    assert "expert_used_count" not in values
    assert "expert_feed_forward_length" not in values


def test_the_file_of_a_configuration_is_named_in_its_errors() -> None:
    """
    What the sizes lead to is said with the file that they stand in.
    """
    said = refusal(intermediate_size=None).message

    assert isinstance(said, Message)
    assert (said.id, said.values["file"]) == ("error.in-file", "config.json")
