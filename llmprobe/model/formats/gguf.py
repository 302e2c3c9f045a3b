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
from llmprobe.model.quants.types import TYPE_NAMES, TYPES, tensor_bytes

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
    Return the header of a GGUF file of ``size`` bytes.

    Raises:
        ModelError: it is no GGUF file, of a version that nobody reads, cut short, or not sound.
    """
    start = read_at(0, 24)
    if not start:
        raise ModelError(f"{name} is no GGUF file: it is empty", hint=_magic_hint(start))
    if start[:4] != _MAGIC:
        raise ModelError(f"{name} is no GGUF file: it begins with {start[:4]!r}", hint=_magic_hint(start))
    if len(start) < 24:
        raise ModelError(f"{name} is cut short: it ends within its header", hint="download it again")
    version, big_endian = _version(start[4:8], name)
    cursor = Cursor(read_at, size, name, big_endian=big_endian, position=8)
    n_tensors, n_keys = cursor.count("tensors"), cursor.count("metadata keys")
    cursor.plausible("tensors", n_tensors, _MAX_TENSORS, _SMALLEST_TENSOR)
    cursor.plausible("metadata keys", n_keys, _MAX_KEYS, _SMALLEST_KEY)
    metadata, lengths = _metadata(cursor, n_keys)
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise cursor.unsound(f"an alignment of {alignment!r}, which is no power of two")
    tensors, data_bytes = _tensors(cursor, n_tensors, alignment)
    data_offset = -(-cursor.position // alignment) * alignment
    present = size - data_offset
    if data_bytes > present > alignment:
        raise ModelError(
            f"{name} is cut short: it has {size} bytes, its tensors end at {data_offset + data_bytes}",
            hint="download it again",
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


def _magic_hint(start: bytes) -> str:
    if start[:2] == b"PK" or start[:1] == b"\x80":
        return "it looks like a PyTorch file; convert it with llama.cpp's convert_hf_to_gguf.py"
    if start[8:9] == b"{":
        return "it looks like a safetensors file; give the folder it is in, or a GGUF file"
    if start[:1] == b"<":
        return "it looks like a web page; give the address of the file itself (on Hugging Face with /resolve/ in it)"
    if start[:7] == b"version":
        return "it looks like a Git LFS pointer; run `git lfs pull`"
    return "give the path of a GGUF file, or the name of a model"


def _version(raw: bytes, name: str) -> tuple[int, bool]:
    version, swapped = int.from_bytes(raw, "little"), int.from_bytes(raw, "big")
    big_endian = version & 0xFFFF == 0
    version = swapped if big_endian else version
    if version not in (2, 3):
        hint = "version 1 has to be converted again from the original model" if version == 1 else None
        raise ModelError(f"{name} is of GGUF version {version}; versions 2 and 3 can be read", hint=hint)
    return version, big_endian


def _metadata(cursor: Cursor, count: int) -> tuple[dict[str, Any], dict[str, int]]:
    metadata: dict[str, Any] = {}
    lengths: dict[str, int] = {}
    seen: set[str] = set()
    kept = 0
    for _ in range(count):
        key = cursor.text("a metadata key", _MAX_KEY)
        if key in seen:
            raise cursor.unsound(f"the metadata key {key!r} twice")
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
            raise cursor.unsound(f"a value of the unknown type {kind} under {key!r}")
        if value is not None:
            kept += len(key) + cursor.position - before
            if kept > _MAX_KEPT_BYTES:
                raise cursor.unsound("more metadata than any model has")
            metadata[key] = value
    return metadata, lengths


def _array(cursor: Cursor, key: str) -> tuple[list[Any] | None, int]:
    kind = cursor.u32()
    count = cursor.count(f"values under {key!r}")
    if kind == _STRING:
        cursor.skip_texts(count)
        return None, count
    if kind not in _SCALARS:
        what = "lists in a list" if kind == _ARRAY else f"values of the unknown type {kind}"
        raise cursor.unsound(f"{what} under {key!r}")
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
        name = cursor.text("a tensor's name", _MAX_NAME)
        if name in names:
            raise cursor.unsound(f"the tensor {name!r} twice")
        names.add(name)
        n_dims = cursor.u32()
        if not 1 <= n_dims <= _MAX_DIMENSIONS:
            raise cursor.unsound(f"{n_dims} dimensions of the tensor {name!r}")
        shape = cursor.scalars("Q", n_dims)
        kind = TYPE_NAMES.get(cursor.u32())
        offset = cursor.scalars("Q", 1)[0]
        if kind is None:
            raise ModelError(
                f"{cursor.name} has the tensor {name!r} in a type that is not known here",
                hint="types that llama.cpp removed have to be quantized again; newer ones need a newer llmprobe",
            )
        if 0 in shape or shape[0] % TYPES[kind].block or offset % alignment:
            raise cursor.unsound(f"the tensor {name!r} of {kind} with the shape {shape} at {offset}")
        end = max(end, offset + tensor_bytes(shape, kind))
        if end >= 1 << 63:
            raise cursor.unsound(f"the tensor {name!r} with the shape {shape}")
        tensors.append(Tensor(name, shape, _layer(name), kind))
    return tuple(tensors), end


def _layer(name: str) -> int | None:
    if not name.startswith("blk."):
        return None
    number = name[4:].partition(".")[0]
    return int(number) if number.isascii() and number.isdigit() else None
