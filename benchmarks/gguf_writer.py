"""
GGUF headers written byte by byte, so that they can be wrong in any way that a test or a fuzzer needs.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.truth.models import TruthModel
from llmprobe.facts.model import Tensor
from llmprobe.model.quants import FILE_TYPES, TYPES, assign, tensor_bytes, typed

_CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class Writer:
    """
    Bytes of one header in one byte order.
    """

    def __init__(self, *, big_endian: bool = False) -> None:
        self.order = ">" if big_endian else "<"
        self.out = bytearray()

    def number(self, code: str, value: Any) -> None:
        self.out += struct.pack(self.order + code, value)

    def text(self, text: str) -> None:
        raw = text.encode()
        self.number("Q", len(raw))
        self.out += raw

    def value(self, value: Any) -> None:
        """Write a value with its type: a whole number as 32 bits where it fits."""
        if isinstance(value, list):
            self.number("I", 9)
            kind = 8 if value and isinstance(value[0], str) else max(map(_kind, value)) if value else 4
            self.number("I", kind)
            self.number("Q", len(value))
            for part in value:
                self.text(part) if kind == 8 else self.number(_CODES[kind], part)
        elif isinstance(value, str):
            self.number("I", 8)
            self.text(value)
        else:
            kind = _kind(value)
            self.number("I", kind)
            self.number(_CODES[kind], value)


def header(
    metadata: Mapping[str, Any], tensors: Sequence[Tensor] = (), *, version: int = 3, big_endian: bool = False
) -> bytes:
    """
    Return the header of a file with these tensors, each with its type, one after the other.
    """
    writer = Writer(big_endian=big_endian)
    writer.out += b"GGUF"
    writer.number("I", version)
    writer.number("Q", len(tensors))
    writer.number("Q", len(metadata))
    for key, value in metadata.items():
        writer.text(key)
        writer.value(value)
    alignment = metadata.get("general.alignment", 32)
    offset = 0
    for tensor in tensors:
        writer.text(tensor.name)
        writer.number("I", len(tensor.shape))
        for extent in tensor.shape:
            writer.number("Q", extent)
        kind = str(tensor.type)
        writer.number("I", TYPES[kind].id)
        # Shapes made up to break a reader can leave the 64 bits that a file has for an offset.
        writer.number("Q", offset % 2**64)
        offset += -(-tensor_bytes(tensor.shape, kind) // alignment) * alignment
    writer.out += bytes(-len(writer.out) % alignment)
    return bytes(writer.out)


def of_model(model: TruthModel, file_type: str = "Q4_K_M", **more: Any) -> bytes:
    """
    Return the header of a measured model's file in a file type; ``more`` is metadata with dots as two underscores.
    """
    types = assign(model.tensors, model.architecture, model.hparams, file_type)
    metadata = {"general.architecture": model.architecture, "general.file_type": FILE_TYPES[file_type].id}
    metadata |= {
        key if key.startswith("tokenizer.") else f"{model.architecture}.{key}": value
        for key, value in model.hparams.items()
    }
    metadata |= {key.replace("__", "."): value for key, value in more.items()}
    return header(metadata, typed(model.tensors, types))


def _kind(value: Any) -> int:
    if isinstance(value, bool):
        return 7
    if isinstance(value, float):
        return 6
    if value >= 1 << 63:
        return 10
    return 4 if 0 <= value < 1 << 32 else 5 if -(1 << 31) <= value < 0 else 11
