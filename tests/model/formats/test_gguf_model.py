"""
A model from the headers of its GGUF files: what they must say, and what is counted of them.
"""

from typing import Any

import pytest

from llmprobe.errors import ModelError
from llmprobe.facts.model import Tensor
from llmprobe.model.formats import gguf_model
from llmprobe.model.formats.gguf import Header
from llmprobe.words.message import Message, message

EMBEDDING = Tensor("token_embd.weight", (64, 32), None, "q8_0")
QUERY = Tensor("blk.0.attn_q.weight", (64, 64), 0, "q4_0")
LAST = Tensor("blk.1.attn_q.weight", (64, 64), 1, "q4_0")
SMALL = (EMBEDDING, QUERY, LAST)

ROUTER = Tensor("blk.0.ffn_gate_inp.weight", (64, 8), 0, "f32")
EXPERTS = Tensor("blk.0.ffn_up_exps.weight", (64, 16, 8), 0, "mxfp4")
FURTHER = Tensor("blk.1.ffn_up_exps.weight", (64, 16, 8), 1, "mxfp4")

SIZES: dict[str, Any] = {
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.context_length": 512,
}

OF_EXPERTS: dict[str, Any] = {
    "llama__expert_count": 8,
    "llama__expert_used_count": 2,
    "llama__expert_feed_forward_length": 16,
}


def header(
    tensors: tuple[Tensor, ...] = SMALL, *, complete: bool = True, tokens: int | None = None, **more: Any
) -> Header:
    """
    The header of a small Llama; of the further metadata ``__`` stands for a dot, and None leaves a key out.
    """
    metadata = {"general.architecture": "llama"} | SIZES
    metadata |= {key.replace("__", "."): value for key, value in more.items()}
    return Header(
        version=3,
        big_endian=False,
        metadata={key: value for key, value in metadata.items() if value is not None},
        lengths={} if tokens is None else {"tokenizer.ggml.tokens": tokens},
        tensors=tensors,
        alignment=32,
        data_offset=0,
        data_bytes=0,
        complete=complete,
    )


def refusal(*headers: Header) -> Message:
    """
    Why these headers are no model.
    """
    with pytest.raises(ModelError) as raised:
        gguf_model.spec(headers, "x.gguf")
    return raised.value.message


def reason(*headers: Header) -> object:
    """
    Why the metadata of these headers are none of a model, in the sentence that names the file.
    """
    said = refusal(*headers)
    assert said.id == "error.in-file"
    return said.values["reason"]


def test_the_parts_of_a_set_are_named_from_any_of_them() -> None:
    """
    All names of the set in order, in the case of the one that is given.
    """
    assert gguf_model.shard_names("a-b-00002-of-00003.GGUF", 3) == [
        "a-b-00001-of-00003.GGUF",
        "a-b-00002-of-00003.GGUF",
        "a-b-00003-of-00003.GGUF",
    ]


@pytest.mark.parametrize(
    ("name", "count"), [("m.gguf", 2), ("m-00001-of-00003.gguf", 2), ("m-00001-of-01025.gguf", 1025)]
)
def test_a_name_that_does_not_say_which_part_it_is_is_refused(name: str, count: int) -> None:
    """
    None, another count than the file's, or more parts than any set has; the hint shows a name.
    """
    with pytest.raises(ModelError) as raised:
        gguf_model.shard_names(name, count)

    assert raised.value.message == message("error.part-name", file=name, parts=count)
    assert raised.value.hint == message("hint.part-name", example=f"…-00001-of-{count:05}.gguf")


def test_the_largest_set_has_1024_parts() -> None:
    """
    So many are named.
    """
    assert len(gguf_model.shard_names("m-00001-of-01024.gguf", 1024)) == 1024


@pytest.mark.parametrize(
    ("name", "title", "expected"),
    [
        ("small.gguf", None, ("small", "small")),
        ("small.GGUF", "Small 1B", ("small", "Small 1B")),
        ("small-00001-of-00002.gguf", "", ("small", "small")),
    ],
)
def test_a_model_is_called_by_its_file(name: str, title: str | None, expected: tuple[str, str]) -> None:
    """
    Its id is the file's name without the part and the ending; its name is the one in the file, where there is one.
    """
    found = gguf_model.spec([header(general__name=title)], name)

    assert (found.id, found.name) == expected


def test_parameters_are_those_of_all_files() -> None:
    """
    Of a set the tensors of each part count, in order.
    """
    found = gguf_model.spec([header(SMALL[:2], split__tensors__count=3), header(SMALL[2:])], "x.gguf")

    assert found.tensors == SMALL
    assert found.parameters == found.file_parameters == 64 * 32 + 2 * 64 * 64
    assert found.active_parameters is None


def test_of_experts_only_those_in_use_are_active() -> None:
    """
    Two of eight, of the trunk alone: the last layer predicts further tokens and counts for nothing.
    """
    tensors = (EMBEDDING, QUERY, ROUTER, EXPERTS, FURTHER)
    more = OF_EXPERTS | {"llama__nextn_predict_layers": 1}
    found = gguf_model.spec([header(tensors, **more)], "x.gguf")
    dense, expert = 64 * 32 + 64 * 64 + 64 * 8, 64 * 16

    assert found.file_parameters == dense + 2 * 8 * expert
    assert found.parameters == dense + 8 * expert
    assert found.active_parameters == dense + 2 * expert
    assert found.published_quant == "MXFP4"


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("blk.0.ffn_up_exps.weight", (64, 16, 8), 0, "q4_0"),
        Tensor("blk.0.attn_k.weight", (64, 64), 0, "mxfp4"),
    ],
)
def test_only_experts_in_mxfp4_were_published_so(tensor: Tensor) -> None:
    """
    Experts of another type, or another tensor of that type, were converted.
    """
    assert gguf_model.spec([header((*SMALL, tensor), **OF_EXPERTS)], "x.gguf").published_quant is None


@pytest.mark.parametrize(
    ("more", "tokens", "expected"),
    [
        ({"llama__vocab_size": 30}, 31, 30),
        ({}, 31, 31),
        ({}, None, 32),
        ({"llama__vocab_size": "many"}, 31, "hparam.not-a-size"),
    ],
)
def test_the_vocabulary_is_said_or_counted(
    more: dict[str, Any], tokens: int | None, expected: object
) -> None:
    """
    The key of the metadata, else the tokenizer's list, else the rows of the embedding.
    """
    asked = header(tokens=tokens, **more)
    if isinstance(expected, str):
        assert getattr(reason(asked), "id", None) == expected
    else:
        assert gguf_model.spec([asked], "x.gguf").hparams["vocab_size"] == expected


def test_an_embedding_without_rows_has_no_vocabulary() -> None:
    """
    One extent alone is the width.
    """
    flat = Tensor("token_embd.weight", (64,), None, "f32")

    assert gguf_model.spec([header((flat, QUERY, LAST))], "x.gguf").hparams["vocab_size"] == 0


@pytest.mark.parametrize("output", [True, False])
def test_an_output_of_its_own_is_not_tied(output: bool) -> None:
    """
    Without one the embedding makes the output.
    """
    tensors = (*SMALL, Tensor("output.weight", (64, 32), None, "q8_0")) if output else SMALL

    assert gguf_model.spec([header(tensors)], "x.gguf").hparams["tie_word_embeddings"] is not output


@pytest.mark.parametrize(("number", "expected"), [(7, "Q8_0"), (None, "Q4_0"), (9999, "Q4_0"), ("7", "Q4_0")])
def test_a_file_type_that_is_not_said_is_that_of_most_bytes(number: object, expected: str) -> None:
    """
    Two matrices in Q4_0 are more than an embedding of half the size in Q8_0.
    """
    assert gguf_model.spec([header(general__file_type=number)], "x.gguf").quant == expected


def test_most_bytes_are_not_most_elements() -> None:
    """
    3,072 values in F32 are more bytes than 8,192 in Q4_0.
    """
    tensors = (Tensor("token_embd.weight", (64, 48), None, "f32"), QUERY, LAST)

    assert gguf_model.spec([header(tensors)], "x.gguf").quant == "F32"


@pytest.mark.parametrize(("length", "expected"), [(512, 512), (None, None)])
def test_the_longest_context_is_the_files(length: int | None, expected: int | None) -> None:
    """
    Unknown where the file does not say one.
    """
    assert gguf_model.spec([header(llama__context_length=length)], "x.gguf").max_context == expected


def test_a_header_alone_is_noted() -> None:
    """
    Where the data of any part are missing the model can be estimated and not run.
    """
    whole = gguf_model.spec([header()], "x.gguf")
    part = gguf_model.spec(
        [header(SMALL[:2], split__tensors__count=3), header(SMALL[2:], complete=False)], "x.gguf"
    )

    assert whole.notes == ()
    assert part.notes == (message("model.header-only"),)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (header(general__architecture=None), message("error.gguf-no-architecture", file="x.gguf")),
        (header(general__architecture=""), message("error.gguf-no-architecture", file="x.gguf")),
        (header(general__architecture=7), message("error.gguf-no-architecture", file="x.gguf")),
        (header(general__type="adapter"), message("error.gguf-part-of-model", file="x.gguf", kind="adapter")),
        (
            header(general__architecture="clip"),
            message("error.gguf-projector", file="x.gguf", base=None),
        ),
        (header((*SMALL, QUERY)), message("error.parts-repeat-tensor", file="x.gguf")),
        (
            header(split__tensors__count=4),
            message("error.parts-tensor-count", file="x.gguf", tensors=3, promised="4"),
        ),
        (
            header(SMALL[1:]),
            message("error.tensor-missing", tensor="token_embd.weight", architecture="llama"),
        ),
        (header(SMALL[:1]), message("error.gguf-no-layers", file="x.gguf")),
    ],
)
def test_what_is_no_language_model_is_refused(asked: Header, expected: Message) -> None:
    """
    One sentence says what is missing, repeated, or another kind of file.
    """
    assert refusal(asked) == expected


@pytest.mark.parametrize("count", [1, 4097, "2", None])
def test_layers_are_as_many_as_tensors_say_at_least(count: Any) -> None:
    """
    Fewer than the tensors', more than any model's, or no number make the file unsound, whoever wrote the key.
    """
    said = reason(header(llama__block_count=None, block_count=count))

    assert said == message("error.gguf-layer-count", layers=2, block_count=str(count))


@pytest.mark.parametrize("count", [2, 3])
def test_layers_may_be_without_tensors(count: int) -> None:
    """
    A file may leave out what another has.
    """
    found = gguf_model.spec([header(llama__block_count=count)], "x.gguf")

    assert found.hparams["block_count"] == count
    assert found.parameters == 64 * 32 + 2 * 64 * 64


@pytest.mark.parametrize(
    ("value", "sound"),
    [
        (0, True),
        ([4, 4], True),
        ([4, 4, 4], True),
        ([4], False),
        ([4, -1], False),
        ([4, 1.0], False),
        (-1, False),
        (1 << 31, False),
        ((1 << 31) - 1, True),
    ],
)
def test_a_size_is_one_number_or_one_for_each_layer(value: Any, sound: bool) -> None:
    """
    Of 31 bits, and a list is no shorter than the layers.
    """
    asked = header(feed_forward_length=value)
    if sound:
        assert gguf_model.spec([asked], "x.gguf").hparams["feed_forward_length"] == value
    else:
        assert getattr(reason(asked), "id", None) == "error.gguf-size"


def test_only_the_architectures_own_keys_are_checked_as_its_sizes() -> None:
    """
    A negative number of another program's key is nobody's size.
    """
    assert gguf_model.spec([header(other__score=-1.5)], "x.gguf").hparams["other.score"] == -1.5
    assert (
        getattr(reason(header(llama__expert_weights_scale=float("inf"))), "id", None) == "hparam.not-a-number"
    )


def test_tensors_that_contradict_the_metadata_are_refused() -> None:
    """
    Four heads of 32 values need a query of 128 rows; the error names the file and keeps the hint.
    """
    with pytest.raises(ModelError) as raised:
        gguf_model.spec([header(llama__attention__key_length=32)], "x.gguf")

    assert raised.value.message == message(
        "error.in-file",
        file="x.gguf",
        reason=message(
            "error.tensor-shape", tensor="blk.0.attn_q.weight", shape=(64, 64), expected=(64, 128)
        ),
    )
    assert raised.value.hint == message("hint.damaged-download-again")


def of_fork(*tensors: Tensor) -> ModelError:
    """
    The refusal of a file whose header has these tensors.
    """
    with pytest.raises(ModelError) as refused:
        gguf_model.spec([header((EMBEDDING, *tensors))], "x y.gguf")
    return refused.value


def test_types_of_the_fork_are_sized_and_sent_to_their_program() -> None:
    """
    IQ4_KS takes 136 bytes for 256 values and 4 more for each row: 16 rows of 8 experts are 128 x 140; the embedding of
    32 rows with 64 values is Q8_0, 68 bytes a row.
    """
    experts = Tensor("blk.0.ffn_up_exps.weight", (256, 16, 8), 0, "iq4_ks")
    found = of_fork(experts)

    assert found.message == message(
        "error.types-of-fork", file="x y.gguf", engine="ik_llama.cpp", types=("iq4_ks",)
    )
    assert found.hint is not None
    values = found.hint.values
    assert (values["bytes"], values["expert_bytes"], values["resident_bytes"]) == (
        17_920 + 2_176,
        17_920,
        2_176,
    )
    assert values["command"] == "llama-server -m 'x y.gguf' -c 8192 -ngl 99 -fa on --cpu-moe"


def test_a_dense_file_of_the_fork_keeps_nothing_in_ram() -> None:
    """
    Without experts all weights belong on the GPU.
    """
    found = of_fork(Tensor("blk.0.ffn_up.weight", (256, 4), 0, "iq2_kl"))

    assert found.hint is not None
    assert found.hint.values["bytes"] == 4 * (86 + 2) + 2_176
    assert found.hint.values["expert_bytes"] is None
    assert "cpu-moe" not in str(found.hint.values["command"])


def test_a_type_that_was_removed_is_named() -> None:
    """
    The reordered types of Q4_0 have its size and no program.
    """
    found = of_fork(Tensor("blk.0.ffn_up.weight", (64, 4), 0, "q4_0_8_8"))

    assert found.message == message("error.types-removed", file="x y.gguf", types=("q4_0_8_8",))
    assert found.hint == message("hint.types-removed", bytes=4 * 2 * 18 + 2_176, instead="Q4_0")
