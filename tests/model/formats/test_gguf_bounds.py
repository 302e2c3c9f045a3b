"""
What a GGUF header may hold at the most, and what is said of one that holds more.
"""

import struct
from typing import Any

import pytest

from benchmarks import gguf_writer as gguf_files
from llmprobe.errors import ModelError
from llmprobe.facts.model import Tensor
from llmprobe.model.formats.gguf import Header, read_header
from llmprobe.words.message import Message, message

CUT = message("error.gguf-ends-in-header", file="x.gguf")
AGAIN = message("hint.download-again")


def parse(data: bytes, size: int | None = None) -> Header:
    return read_header(
        lambda at, length: data[at : at + length], len(data) if size is None else size, "x.gguf"
    )


def error(data: bytes, size: int | None = None) -> ModelError:
    """
    The error that these bytes are.
    """
    with pytest.raises(ModelError) as raised:
        parse(data, size)
    return raised.value


def damage(data: bytes, size: int | None = None) -> Message:
    """
    What the error says that a damaged file has.
    """
    said = error(data, size).message
    assert isinstance(said, Message)
    assert said.id == "error.gguf-damaged"
    assert said.values["file"] == "x.gguf"
    what = said.values["what"]
    assert isinstance(what, Message)
    return what


def start(n_tensors: int, n_keys: int, rest: bytes = b"", version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, n_tensors, n_keys) + rest


def key(name: str, kind: int, rest: bytes = b"") -> bytes:
    return struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", kind) + rest


def tensor(name: bytes, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return struct.pack("<Q", len(name)) + name + sizes + struct.pack("<IQ", kind, offset)


@pytest.mark.parametrize(
    ("begins", "hint"),
    [
        (b"PK\x03\x04", "hint.looks-like-pytorch"),
        (b"\x80\x02ab", "hint.looks-like-pytorch"),
        (b"<!DOCTYPE html>", "hint.looks-like-page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "hint.looks-like-lfs"),
        (bytes(8) + b"{", "hint.looks-like-safetensors"),
        (b"{", "hint.file-or-name"),
        (b"GGUX", "hint.file-or-name"),
        (b"P", "hint.file-or-name"),
    ],
)
def test_what_a_file_looks_like_is_hinted(begins: bytes, hint: str) -> None:
    """
    By its first bytes: an archive or a pickle of PyTorch, a web page, a pointer of git LFS, safetensors.
    """
    found = error(begins + bytes(30))

    assert found.message == message(
        "error.not-gguf", file="x.gguf", begins=(begins + bytes(30))[:4].decode("latin-1")
    )
    assert found.hint == message(hint)


def test_an_empty_file_is_called_empty() -> None:
    """
    There is nothing in it that it could look like.
    """
    assert error(b"").message == message("error.gguf-empty", file="x.gguf")


@pytest.mark.parametrize(
    ("version", "hint"), [(0, None), (1, message("hint.gguf-version-1")), (4, None), (0x10000, None)]
)
def test_a_version_that_nobody_reads_is_named(version: int, hint: Message | None) -> None:
    """
    Version 1 has a hint of its own; a number in the upper half is one of the other byte order.
    """
    found = error(start(0, 0, version=version))

    assert found.message == message(
        "error.gguf-version", file="x.gguf", version=256 if version == 0x10000 else version
    )
    assert found.hint == hint


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(
            start(65_537, 0), message("gguf.too-many-tensors", count=65_537, most=65_536), id="tensors"
        ),
        pytest.param(
            start(0, 65_537), message("gguf.too-many-metadata-keys", count=65_537, most=65_536), id="keys"
        ),
        pytest.param(
            start(1 << 63, 0),
            message("gguf.too-many-tensors", count=1 << 63, most=(1 << 63) - 1),
            id="negative tensors",
        ),
        pytest.param(
            start(0, 1, struct.pack("<Q", 65_536)),
            message("gguf.long-metadata-key", length=65_536, longest=65_535),
            id="long key",
        ),
        pytest.param(
            start(0, 1, struct.pack("<Q", 2) + b"\xff\xfe" + bytes(50)),
            message("gguf.not-utf8-metadata-key"),
            id="not UTF-8",
        ),
        pytest.param(
            start(0, 1, key("a", 9, struct.pack("<IQ", 8, 4_000_001))),
            message("gguf.too-many-strings", count=4_000_001, most=4_000_000),
            id="strings",
        ),
        pytest.param(
            start(0, 1, key("a", 9, struct.pack("<IQ", 9, 1) + bytes(50))),
            message("gguf.nested-lists", key="a"),
            id="nested list",
        ),
        pytest.param(
            start(0, 1, key("a", 9, struct.pack("<IQ", 13, 1) + bytes(50))),
            message("gguf.value-type", key="a", type=13),
            id="list of what",
        ),
        pytest.param(
            start(0, 1, key("a", 13, bytes(50))), message("gguf.value-type", key="a", type=13), id="type"
        ),
        pytest.param(start(0, 2, 2 * key("a", 0, b"\1")), message("gguf.key-twice", key="a"), id="key twice"),
        pytest.param(
            start(0, 1, key("general.alignment", 4, struct.pack("<I", 33))),
            message("gguf.alignment", alignment="33"),
            id="odd alignment",
        ),
        pytest.param(
            start(0, 1, key("general.alignment", 4, struct.pack("<I", 0))),
            message("gguf.alignment", alignment="0"),
            id="no alignment",
        ),
        pytest.param(
            start(0, 1, key("general.alignment", 5, struct.pack("<i", -(1 << 31)))),
            message("gguf.alignment", alignment=str(-(1 << 31))),
            id="negative alignment",
        ),
        pytest.param(
            start(0, 1, key("general.alignment", 6, struct.pack("<f", 32.0))),
            message("gguf.alignment", alignment="32.0"),
            id="alignment that is no whole number",
        ),
        pytest.param(
            start(1, 0, tensor(b"a" * 64, (32,))),
            message("gguf.long-tensor-name", length=64, longest=63),
            id="long name",
        ),
        pytest.param(
            start(1, 0, tensor(b"a", (1, 1, 1, 1, 1))),
            message("gguf.tensor-dimensions", tensor="a", dimensions=5),
            id="five dimensions",
        ),
        pytest.param(
            start(1, 0, tensor(b"a", ()) + bytes(9)),
            message("gguf.tensor-dimensions", tensor="a", dimensions=0),
            id="no dimension",
        ),
        pytest.param(
            start(1, 0, tensor(b"a", (32, 0))),
            message("gguf.tensor-shape", tensor="a", type="f32", shape=(32, 0), offset=0),
            id="empty",
        ),
        pytest.param(
            start(1, 0, tensor(b"a", (33,), kind=8)),
            message("gguf.tensor-shape", tensor="a", type="q8_0", shape=(33,), offset=0),
            id="part of a block",
        ),
        pytest.param(
            start(1, 0, tensor(b"a", (32,), offset=16)),
            message("gguf.tensor-shape", tensor="a", type="f32", shape=(32,), offset=16),
            id="not aligned",
        ),
        pytest.param(
            start(1, 0, tensor(b"a", (1 << 61,))),
            message("gguf.tensor-shape", tensor="a", type="f32", shape=(1 << 61,), offset=0),
            id="beyond 63 bits",
        ),
        pytest.param(
            start(1, 0, tensor(b"a", ((1 << 48) + 8,))),
            message("gguf.tensor-shape", tensor="a", type="f32", shape=((1 << 48) + 8,), offset=0),
            id="beyond a petabyte",
        ),
        pytest.param(
            start(2, 0, 2 * tensor(b"a", (32,))), message("gguf.tensor-twice", tensor="a"), id="tensor twice"
        ),
    ],
)
def test_a_damaged_header_says_what_is_wrong(data: bytes, expected: Message) -> None:
    """
    One beyond the most, or what ggml could not hold.
    """
    assert damage(data, size=1 << 42) == expected


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(start(65_536, 0), id="tensors"),
        pytest.param(start(0, 65_536), id="keys"),
        pytest.param(start(0, 1, struct.pack("<Q", 65_535)), id="key"),
        pytest.param(start(0, 1, key("a", 9, struct.pack("<IQ", 8, 4_000_000))), id="strings"),
        pytest.param(start(0, 1, key("a", 9, struct.pack("<IQ", 4, (1 << 63) - 1))), id="numbers"),
        pytest.param(start(0, 1, key("a", 9, struct.pack("<IQ", 4, 8))), id="few numbers"),
        pytest.param(start(0, 1, key("a", 8, struct.pack("<Q", 1 << 30))), id="long text"),
        pytest.param(start(0, 1, key("a", 8, struct.pack("<Q", 5) + b"four")), id="text"),
        pytest.param(start(0, 1, key("a", 9, struct.pack("<IQQ", 8, 2, 1 << 30))), id="text in a list"),
    ],
)
def test_what_is_promised_and_not_there_is_cut_off(data: bytes) -> None:
    """
    Counts that a longer file could hold end in the header of this one.
    """
    found = error(data)

    assert (found.message, found.hint) == (CUT, AGAIN)


def test_the_longest_names_and_most_dimensions_are_read() -> None:
    """
    63 bytes and four dimensions are what ggml has room for; numbers of layers are whole.
    """
    rest = tensor(b"a" * 63, (32, 1, 2, 3)) + tensor(b"blk.12.x", (32,), offset=768)
    rest += tensor(b"blk.x.y", (32,), offset=896) + tensor("blk.².y".encode(), (32,), offset=1024)
    header = parse(start(4, 0, rest))

    assert [(one.shape, one.layer) for one in header.tensors] == [
        ((32, 1, 2, 3), None),
        ((32,), 12),
        ((32,), None),
        ((32,), None),
    ]
    assert header.data_bytes == 1024 + 32 * 4


def test_a_petabyte_is_read() -> None:
    """
    It is the most that the tensors of a file may take.
    """
    assert parse(start(1, 0, tensor(b"a", (1 << 48,)))).data_bytes == 1 << 50


def test_texts_of_a_page_are_kept_and_longer_ones_are_not() -> None:
    """
    4,096 bytes are kept; of the value after a longer one nothing is lost.
    """
    header = parse(gguf_files.header({"a": "x" * 4096, "b": "x" * 4097, "c": 7}))

    assert header.metadata == {"a": "x" * 4096, "c": 7}


def test_a_text_that_is_not_utf8_is_kept_as_well_as_can_be() -> None:
    """
    A license in another encoding is no reason to refuse a model.
    """
    header = parse(start(0, 1, key("a", 8, struct.pack("<Q", 2) + b"\xe9x")))

    assert header.metadata == {"a": "\N{REPLACEMENT CHARACTER}x"}


def test_lists_of_65536_numbers_are_kept_and_longer_ones_are_not() -> None:
    """
    Of those that are not kept the length is known.
    """
    header = parse(gguf_files.header({"a": [1] * 65_536, "b": [1] * 65_537, "c": 7}))

    assert header.metadata == {"a": [1] * 65_536, "c": 7}
    assert header.lengths == {"a": 65_536, "b": 65_537}


def test_more_metadata_than_any_model_has_are_refused() -> None:
    """
    Each value is small enough, all together are more than 4 MiB; long texts that are not kept do not count.
    """
    page: dict[str, Any] = {f"{number:04}": "x" * 4088 for number in range(1023)}
    # A key of three bytes and a truth value fill the 4 MiB to the byte.
    kept = parse(gguf_files.header(page | {"long": "x" * (1 << 20), "all": True}))

    assert len(kept.metadata) == 1024
    assert damage(gguf_files.header(page | {"all": True, "more": True})).id == "gguf.too-much-metadata"
    assert damage(gguf_files.header(page | {"more": "x" * 4088, "most": "x" * 4088})) == message(
        "gguf.too-much-metadata", most_bytes=4 << 20
    )


@pytest.mark.parametrize("alignment", [1, 8, 256])
def test_data_begin_at_the_next_multiple_of_the_alignment(alignment: int) -> None:
    """
    A power of two that the file says, 32 where it says none.
    """
    data = gguf_files.header({"general.alignment": alignment})
    header = parse(data)

    assert header.alignment == alignment
    assert header.data_offset == len(data)
    assert parse(gguf_files.header({})).alignment == 32


@pytest.mark.parametrize(("present", "complete"), [(0, False), (32, False), (16384, True), (20000, True)])
def test_a_header_with_all_or_none_of_its_data_is_read(present: int, complete: bool) -> None:
    """
    Padding up to the alignment is no data.
    """
    whole = gguf_files.header({}, (Tensor("a", (64, 64), None, "f32"),))

    assert parse(whole + bytes(present)).complete is complete


@pytest.mark.parametrize("present", [33, 16383])
def test_a_part_of_the_data_is_cut_off(present: int) -> None:
    """
    The error says how much there is and how much there should be.
    """
    whole = gguf_files.header({}, (Tensor("a", (64, 64), None, "f32"),))
    found = error(whole + bytes(present))

    assert found.message == message(
        "error.gguf-ends-in-data",
        file="x.gguf",
        size_bytes=len(whole) + present,
        needed_bytes=len(whole) + 16384,
    )
    assert found.hint == AGAIN


def test_an_unknown_type_of_tensor_may_be_a_newer_one() -> None:
    """
    The file is not damaged for that.
    """
    found = error(start(1, 0, tensor(b"a", (32,), kind=45)))

    assert found.message == message("error.tensor-type-unknown", file="x.gguf", tensor="a")
    assert found.hint == message("hint.tensor-type-unknown")


def test_a_list_of_texts_may_end_anywhere_in_a_piece() -> None:
    """
    Texts of many lengths, one longer than what is read at a time, and then another value.
    """
    words = ["x" * (number % 97) for number in range(20_000)]
    words[9_999] = "y" * 600_000
    header = parse(gguf_files.header({"tokenizer.ggml.tokens": words, "z": 7}))

    assert header.metadata == {"z": 7}
    assert header.lengths == {"tokenizer.ggml.tokens": 20_000}


def test_a_list_of_texts_may_be_the_end_of_a_file() -> None:
    """
    Its last byte is the file's last one.
    """
    data = start(0, 1, key("a", 9, struct.pack("<IQQ", 8, 1, 3) + b"xyz"))

    assert parse(data).lengths == {"a": 1}
    assert error(data[:-1]).message == CUT


def test_a_file_that_ends_before_its_size_is_cut_off() -> None:
    """
    A server may say a size and send less.
    """
    data = gguf_files.header({"a": [1] * 100})

    assert error(data[:-200], size=len(data)).message == CUT


def test_no_header_is_longer_than_a_gibibyte() -> None:
    """
    What a list that is stepped over pushes beyond is not read.
    """
    data = start(0, 2, key("a", 8, struct.pack("<Q", 1 << 30)))

    assert damage(data, size=1 << 42) == message("gguf.header-too-long", bytes=1 << 30)


@pytest.mark.parametrize(
    ("kind", "name", "size"),
    [(144, "iq4_ks", 2 * (2 * 136 + 4)), (158, "iq1_kt", 2 * (2 * 56 + 4)), (208, "q8_0_r8", 2 * 16 * 34)],
)
def test_a_type_of_the_fork_is_read_with_its_size(kind: int, name: str, size: int) -> None:
    """
    Two rows of 512 values, by ik_llama.cpp's table: scales of a row come before its blocks.
    """
    head = start(1, 0, tensor(b"a", (512, 2), kind=kind))
    raw = head + bytes(-len(head) % 32 + size)
    read = read_header(lambda at, count: raw[at : at + count], len(raw), "x.gguf")

    assert [one.type for one in read.tensors] == [name]
    assert read.data_bytes == size
