"""
Headers of GGUF files: what was written is read, and what is damaged or hostile is refused in one sentence.
"""

import struct
from pathlib import Path
from typing import Any

import gguf as reference
import numpy as np
import pytest

from benchmarks import gguf_writer as gguf_files
from benchmarks.truth.models import models
from llmprobe.errors import ModelError
from llmprobe.facts.model import Tensor
from llmprobe.model.formats.gguf import Header, read_header

TENSOR = Tensor("blk.0.attn_q.weight", (64, 4), 0, "f16")


def parse(data: bytes, size: int | None = None) -> Header:
    return read_header(
        lambda at, length: data[at : at + length], len(data) if size is None else size, "x.gguf"
    )


def two_numbers(n_tensors: int, n_keys: int, rest: bytes = b"", version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, n_tensors, n_keys) + rest


def key(name: str, kind: int, rest: bytes) -> bytes:
    return struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", kind) + rest


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("big_endian", [False, True])
def test_what_was_written_is_read(version: int, big_endian: bool) -> None:
    """
    Metadata and tensors come back in both versions and both byte orders.
    """
    metadata = {
        "general.architecture": "llama",
        "llama.block_count": 1,
        "llama.rope": 0.5,
        "a": [1, 2],
        "b": True,
    }
    header = parse(gguf_files.header(metadata, (TENSOR,), version=version, big_endian=big_endian))

    assert header.metadata == metadata
    assert header.tensors == (TENSOR,)
    assert (header.version, header.big_endian) == (version, big_endian)


def test_a_file_of_the_reference_package_is_read_alike(tmp_path: Path) -> None:
    """
    Fields, tensors, types and the place of the data agree with the gguf package.
    """
    path = tmp_path / "tiny.gguf"
    writer = reference.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_custom_alignment(64)
    writer.add_token_list(["a", "b", "ü" * 300])
    writer.add_array("llama.feed_forward_length", [7, 8])
    writer.add_tensor("token_embd.weight", np.zeros((3, 32), dtype=np.float16))
    writer.add_tensor(
        "blk.0.attn_q.weight",
        np.zeros((4, 34), dtype=np.uint8),
        raw_dtype=reference.GGMLQuantizationType.Q8_0,
    )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    theirs = reference.GGUFReader(path)
    ours = parse(path.read_bytes())

    assert ours.alignment == theirs.alignment == 64
    assert ours.data_offset == theirs.data_offset
    assert ours.lengths["tokenizer.ggml.tokens"] == 3
    assert ours.metadata["llama.feed_forward_length"] == [7, 8]
    assert [(t.name, list(t.shape), str(t.type).upper()) for t in ours.tensors] == [
        (t.name, t.shape.tolist(), t.tensor_type.name) for t in theirs.tensors
    ]
    assert ours.complete
    del theirs


@pytest.mark.parametrize("name", list(models())[::7])
def test_a_measured_model_comes_back(name: str) -> None:
    """
    A header written from a measured model holds that model's tensors in their order.
    """
    model = models()[name]
    header = parse(gguf_files.of_model(model, "Q8_0"))

    assert [(t.name, t.shape, t.layer) for t in header.tensors] == [
        (t.name, t.shape, t.layer) for t in model.tensors
    ]
    assert not header.complete


def test_a_vocabulary_is_counted_and_not_kept() -> None:
    """
    Of the tokenizer's lists only the length is known afterwards.
    """
    vocabulary: dict[str, Any] = {
        "tokenizer.ggml.tokens": [f"token {n}" for n in range(100_000)],
        "tokenizer.ggml.token_type": list(range(100_000)),
        "tokenizer.chat_template": "x" * 10_000,
        "z": 1,
    }
    header = parse(gguf_files.header(vocabulary))

    assert header.metadata == {"z": 1}
    assert header.lengths == {"tokenizer.ggml.tokens": 100_000, "tokenizer.ggml.token_type": 100_000}


def test_little_of_the_file_is_read_at_a_time() -> None:
    """
    A header is read in pieces, so a large file costs no large memory.
    """
    data = gguf_files.header({"tokenizer.ggml.tokens": ["word" * 10] * 100_000})
    asked: list[int] = []

    def read_at(at: int, length: int) -> bytes:
        asked.append(length)
        return data[at : at + length]

    read_header(read_at, len(data))

    assert max(asked) <= 1 << 18


@pytest.mark.parametrize(
    ("start", "hint"),
    [
        (b"PK\x03\x04" + bytes(30), "PyTorch"),
        (bytes(8) + b'{"__metadata__"' + bytes(20), "safetensors"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"", "GGUF file"),
        (b"GGML" + bytes(30), "GGUF file"),
    ],
)
def test_another_kind_of_file_is_named(start: bytes, hint: str) -> None:
    """
    What is no GGUF file is said to be none, with what it looks like.
    """
    with pytest.raises(ModelError, match="is not a GGUF file") as caught:
        parse(start)

    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("version", [0, 1, 4, 99])
def test_other_versions_are_refused(version: int) -> None:
    """
    Only versions 2 and 3 have this layout.
    """
    with pytest.raises(ModelError, match="GGUF version"):
        parse(two_numbers(0, 0, version=version))


def test_a_header_cut_anywhere_is_an_error() -> None:
    """
    Whatever byte a header ends at, one sentence says that it is cut short.
    """
    whole = gguf_files.header(
        {"general.architecture": "llama", "tokenizer.ggml.tokens": ["a", "bc"]}, (TENSOR,)
    )
    end = len(whole.rstrip(b"\0")) - 1

    for length in range(4, end):
        with pytest.raises(ModelError, match="cut short"):
            parse(whole[:length])


def test_a_file_without_all_its_data_is_cut_short() -> None:
    """
    Half a download is an error that says how much there should be.
    """
    whole = gguf_files.header({"general.architecture": "llama"}, (Tensor("a", (64, 64), None, "f32"),))

    with pytest.raises(ModelError, match="cut short: it has"):
        parse(whole + bytes(8192))


def test_a_file_of_a_header_alone_is_read() -> None:
    """
    Where no data follow at all, the header is what was meant to be read.
    """
    whole = gguf_files.header({"general.architecture": "llama"}, (Tensor("a", (64, 64), None, "f32"),))

    assert parse(whole).complete is False
    assert parse(whole + bytes(64 * 64 * 4)).complete is True


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(two_numbers(1 << 60, 0), id="tensors"),
        pytest.param(two_numbers(0, 1 << 60), id="keys"),
        pytest.param(two_numbers((1 << 64) - 1, 0), id="negative tensors"),
        pytest.param(two_numbers(0, 1, struct.pack("<Q", 1 << 63) + bytes(99)), id="key length"),
        pytest.param(two_numbers(0, 1, struct.pack("<Q", 1 << 40) + bytes(99)), id="long key"),
        pytest.param(two_numbers(0, 1, key("a", 8, struct.pack("<Q", (1 << 63) - 1))), id="string length"),
        pytest.param(two_numbers(0, 1, key("a", 9, struct.pack("<IQ", 8, 1 << 62))), id="list of strings"),
        pytest.param(two_numbers(0, 1, key("a", 9, struct.pack("<IQ", 8, 1 << 23))), id="many strings"),
        pytest.param(two_numbers(1 << 17, 0), id="many tensors"),
        pytest.param(two_numbers(0, 1, key("a", 9, struct.pack("<IQ", 4, 1 << 62))), id="list of numbers"),
        pytest.param(two_numbers(0, 1, key("a", 9, struct.pack("<IQ", 9, 1) + bytes(50))), id="nested list"),
        pytest.param(
            two_numbers(0, 1, key("a", 9, struct.pack("<IQ", 77, 1) + bytes(50))), id="list of what"
        ),
        pytest.param(two_numbers(0, 1, key("a", 77, bytes(50))), id="unknown type"),
        pytest.param(two_numbers(0, 2, 2 * key("a", 0, b"\1")), id="key twice"),
        pytest.param(two_numbers(0, 1, key("general.alignment", 4, struct.pack("<I", 33))), id="alignment"),
        pytest.param(two_numbers(0, 1, key("general.alignment", 4, struct.pack("<I", 0))), id="no alignment"),
        pytest.param(two_numbers(0, 1, struct.pack("<Q", 2) + b"\xff\xfe" + bytes(50)), id="not UTF-8"),
    ],
)
def test_a_hostile_header_is_refused(data: bytes) -> None:
    """
    Counts and lengths that can't be are an error at once, before anything is allocated for them.
    """
    with pytest.raises(ModelError):
        parse(data, size=1 << 42)


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(struct.pack("<Q1sIQIQ", 1, b"a", 1, 64, 4, 0), id="removed type"),
        pytest.param(struct.pack("<Q1sIQIQ", 1, b"a", 1, 64, 99, 0), id="unknown type"),
        pytest.param(struct.pack("<Q1sIQQQQQIQ", 1, b"a", 5, 1, 1, 1, 1, 1, 0, 0), id="five dimensions"),
        pytest.param(struct.pack("<Q1sIIQ", 1, b"a", 0, 0, 0), id="no dimension"),
        pytest.param(struct.pack("<Q1sIQIQ", 1, b"a", 1, 0, 0, 0), id="empty"),
        pytest.param(struct.pack("<Q1sIQIQ", 1, b"a", 1, 33, 8, 0), id="part of a block"),
        pytest.param(struct.pack("<Q1sIQIQ", 1, b"a", 1, 64, 0, 7), id="not aligned"),
        pytest.param(struct.pack("<Q1sIQQIQ", 1, b"a", 2, 1 << 40, 1 << 40, 0, 0), id="larger than any disk"),
        pytest.param(struct.pack("<Q64sIQIQ", 64, b"a" * 64, 1, 64, 0, 0), id="long name"),
    ],
)
def test_an_unsound_tensor_is_refused(rest: bytes) -> None:
    """
    A tensor that ggml could not hold makes the file unsound.
    """
    with pytest.raises(ModelError, match=r"x\.gguf has"):
        parse(two_numbers(1, 0, rest + bytes(64)))


def test_a_tensor_twice_is_refused() -> None:
    """
    A name stands for one tensor.
    """
    with pytest.raises(ModelError, match="twice"):
        parse(gguf_files.header({}, (TENSOR, TENSOR)))
