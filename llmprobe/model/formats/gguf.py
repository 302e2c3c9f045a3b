"""
The header of a GGUF file: metadata and the list of tensors, without the tensors' data.

Rule 1: nothing is read but through ``read_at``, so that this parses bytes from anywhere. Rule 2: every count and
length is checked against the file's size and a fixed bound before anything is allocated or looped over, so that a
hostile header costs no more time and memory than a large honest one. Rule 3: a vocabulary is stepped over, not kept.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Versions 2 and 3 in both byte orders; version 1
had other widths, and llama.cpp refuses it too.
"""

import struct
from collections.abc import Callable
from typing import Any

import msgspec

from llmprobe.errors import ModelError
from llmprobe.facts.model import Tensor
from llmprobe.model.formats.gguf_cursor import Cursor
from llmprobe.model.quants.fork_types import FORK_TYPES
from llmprobe.model.quants.types import TYPE_NAMES, TYPES, tensor_bytes
from llmprobe.units import whole_number
from llmprobe.words.message import Message, message

ReadAt = Callable[[int, int], bytes]
"""Returns up to ``length`` bytes from ``offset``; fewer only at the end of the file."""

_MAGIC = b"GGUF"
_MAX_KEYS = 65_536
_MAX_TENSORS = 65_536
_MAX_NAME = 63  # ggml's names are 64 bytes with their final zero
_MAX_KEY = 65_535
_MAX_DIMENSIONS = 4
_MAX_KEPT_STRING = 4096
_MAX_KEPT_ARRAY = 65_536
_MAX_KEPT_BYTES = 4 << 20
_MOST_BYTES = 1 << 50  # a petabyte: no disk has a larger file, and none that exists is a hundredth of it
_SMALLEST_KEY = 8 + 4 + 1
_SMALLEST_TENSOR = 8 + 4 + 8 + 4 + 8

_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a file's header says.

    ``metadata`` leaves out long texts and the tokenizer's lists; ``lengths`` has the length of every list.
    Tensors carry their types. ``data_offset`` is where their data begin, ``data_bytes`` how much there should be;
    ``complete`` is false for a file that ends where its data should begin.
    """

    version: int
    big_endian: bool
    metadata: dict[str, Any]
    lengths: dict[str, int]
    tensors: tuple[Tensor, ...]
    alignment: int
    data_offset: int
    data_bytes: int
    complete: bool


def read_header(read_at: ReadAt, size: int, name: str = "the file") -> Header:
    """
    The header of a GGUF file of ``size`` bytes.

    Raises:
        ModelError: it is no GGUF file, of a version that nobody reads, cut short, or not sound.
    """
    start = read_at(0, 24)
    if not start:
        raise ModelError(message("error.gguf-empty", file=name), hint=_magic_hint(start))
    if start[:4] != _MAGIC:
        begins = start[:4].decode("latin-1")
        raise ModelError(message("error.not-gguf", file=name, begins=begins), hint=_magic_hint(start))
    if len(start) < 24:
        raise ModelError(message("error.gguf-ends-in-header", file=name), hint=message("hint.download-again"))
    version, big_endian = _version(start[4:8], name)
    cursor = Cursor(read_at, size, name, big_endian=big_endian, position=8)
    n_tensors, n_keys = cursor.count("tensors"), cursor.count("metadata-keys")
    cursor.plausible("tensors", n_tensors, _MAX_TENSORS, _SMALLEST_TENSOR)
    cursor.plausible("metadata-keys", n_keys, _MAX_KEYS, _SMALLEST_KEY)
    metadata, lengths = _metadata(cursor, n_keys)
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise cursor.unsound(message("gguf.alignment", alignment=str(alignment)))
    tensors, data_bytes = _tensors(cursor, n_tensors, alignment)
    data_offset = -(-cursor.position // alignment) * alignment
    present = size - data_offset
    if data_bytes > present > alignment:
        raise ModelError(
            message(
                "error.gguf-ends-in-data", file=name, size_bytes=size, needed_bytes=data_offset + data_bytes
            ),
            hint=message("hint.download-again"),
        )
    return Header(
        version=version,
        big_endian=big_endian,
        metadata=metadata,
        lengths=lengths,
        tensors=tensors,
        alignment=alignment,
        data_offset=data_offset,
        data_bytes=data_bytes,
        complete=data_bytes <= present,
    )


def _magic_hint(start: bytes) -> Message:
    if start[:2] == b"PK" or start[:1] == b"\x80":
        return message("hint.looks-like-pytorch")
    if start[8:9] == b"{":
        return message("hint.looks-like-safetensors")
    if start[:1] == b"<":
        return message("hint.looks-like-page")
    if start[:7] == b"version":
        return message("hint.looks-like-lfs")
    return message("hint.file-or-name")


def _version(raw: bytes, name: str) -> tuple[int, bool]:
    version, swapped = int.from_bytes(raw, "little"), int.from_bytes(raw, "big")
    big_endian = version & 0xFFFF == 0
    version = swapped if big_endian else version
    if version not in (2, 3):
        hint = message("hint.gguf-version-1") if version == 1 else None
        raise ModelError(message("error.gguf-version", file=name, version=version), hint=hint)
    return version, big_endian


def _metadata(cursor: Cursor, count: int) -> tuple[dict[str, Any], dict[str, int]]:
    metadata: dict[str, Any] = {}
    lengths: dict[str, int] = {}
    seen: set[str] = set()
    kept = 0
    for _ in range(count):
        key = cursor.text("metadata-key", _MAX_KEY)
        if key in seen:
            raise cursor.unsound(message("gguf.key-twice", key=key))
        seen.add(key)
        kind = cursor.u32()
        before = cursor.position
        if kind == _STRING:
            value: Any = cursor.text_or_skip(_MAX_KEPT_STRING)
        elif kind == _ARRAY:
            value, lengths[key] = _array(cursor, key)
        elif kind in _SCALARS:
            value = cursor.scalars(_SCALARS[kind], 1)[0]
        else:
            raise cursor.unsound(message("gguf.value-type", key=key, type=kind))
        if value is not None:
            kept += len(key) + cursor.position - before
            if kept > _MAX_KEPT_BYTES:
                raise cursor.unsound(message("gguf.too-much-metadata", most_bytes=_MAX_KEPT_BYTES))
            metadata[key] = value
    return metadata, lengths


def _array(cursor: Cursor, key: str) -> tuple[list[Any] | None, int]:
    kind = cursor.u32()
    count = cursor.count("values")
    if kind == _STRING:
        cursor.skip_texts(count)
        return None, count
    if kind not in _SCALARS:
        if kind == _ARRAY:
            raise cursor.unsound(message("gguf.nested-lists", key=key))
        raise cursor.unsound(message("gguf.value-type", key=key, type=kind))
    code = _SCALARS[kind]
    if key.startswith("tokenizer.") or count > _MAX_KEPT_ARRAY:
        cursor.skip(count * struct.calcsize(f"={code}"))
        return None, count
    return list(cursor.scalars(code, count)), count


def _tensors(cursor: Cursor, count: int, alignment: int) -> tuple[tuple[Tensor, ...], int]:
    tensors: list[Tensor] = []
    names: set[str] = set()
    end = 0
    for _ in range(count):
        name = cursor.text("tensor-name", _MAX_NAME)
        if name in names:
            raise cursor.unsound(message("gguf.tensor-twice", tensor=name))
        names.add(name)
        n_dims = cursor.u32()
        if not 1 <= n_dims <= _MAX_DIMENSIONS:
            raise cursor.unsound(message("gguf.tensor-dimensions", tensor=name, dimensions=n_dims))
        shape = cursor.scalars("Q", n_dims)
        number = cursor.u32()
        foreign = FORK_TYPES.get(number)
        kind = TYPE_NAMES.get(number) or (foreign.name if foreign is not None else None)
        offset = cursor.scalars("Q", 1)[0]
        if kind is None:
            raise ModelError(
                message("error.tensor-type-unknown", file=cursor.name, tensor=name),
                hint=message("hint.tensor-type-unknown"),
            )
        block = TYPES[kind].block if foreign is None else foreign.block
        if 0 in shape or shape[0] % block or offset % alignment:
            raise cursor.unsound(
                message("gguf.tensor-shape", tensor=name, type=kind, shape=tuple(shape), offset=offset)
            )
        end = max(end, offset + (tensor_bytes(shape, kind) if foreign is None else foreign.bytes_of(shape)))
        if end > _MOST_BYTES:
            raise cursor.unsound(
                message("gguf.tensor-shape", tensor=name, type=kind, shape=tuple(shape), offset=offset)
            )
        tensors.append(Tensor(name, shape, _layer(name), kind))
    return tuple(tensors), end


def _layer(name: str) -> int | None:
    """The N of ``blk.N.``, of an encoder's and a decoder's layers (``enc.``, ``dec.``) too."""
    name = name[4:] if name.startswith(("enc.", "dec.")) else name
    if not name.startswith("blk."):
        return None
    return whole_number(name[4:].partition(".")[0])
