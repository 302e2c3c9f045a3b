"""
ggml's tensor types: how many values a block holds and how many bytes it takes.

Names are written as llama.cpp prints them (``q4_K``, ``iq2_xxs``, ``bf16``), numbers are those of GGUF files.
Source: llama.cpp b11549, ggml/include/ggml.h and ggml/src/ggml-common.h.
"""

import msgspec

from llmprobe.errors import UsageError
from llmprobe.words.message import message


class GgmlType(msgspec.Struct, frozen=True, gc=False):
    """
    One tensor type: ``block`` values are stored in ``block_bytes`` bytes.
    """

    name: str
    id: int
    block: int
    block_bytes: int

    @property
    def quantized(self) -> bool:
        return self.block > 1


TYPES: dict[str, GgmlType] = {
    name: GgmlType(name, number, block, block_bytes)
    for name, number, block, block_bytes in (
        ("f32", 0, 1, 4),
        ("f16", 1, 1, 2),
        ("q4_0", 2, 32, 18),
        ("q4_1", 3, 32, 20),
        ("q5_0", 6, 32, 22),
        ("q5_1", 7, 32, 24),
        ("q8_0", 8, 32, 34),
        ("q8_1", 9, 32, 36),
        ("q2_K", 10, 256, 84),
        ("q3_K", 11, 256, 110),
        ("q4_K", 12, 256, 144),
        ("q5_K", 13, 256, 176),
        ("q6_K", 14, 256, 210),
        ("q8_K", 15, 256, 292),
        ("iq2_xxs", 16, 256, 66),
        ("iq2_xs", 17, 256, 74),
        ("iq3_xxs", 18, 256, 98),
        ("iq1_s", 19, 256, 50),
        ("iq4_nl", 20, 32, 18),
        ("iq3_s", 21, 256, 110),
        ("iq2_s", 22, 256, 82),
        ("iq4_xs", 23, 256, 136),
        ("i8", 24, 1, 1),
        ("i16", 25, 1, 2),
        ("i32", 26, 1, 4),
        ("i64", 27, 1, 8),
        ("f64", 28, 1, 8),
        ("iq1_m", 29, 256, 56),
        ("bf16", 30, 1, 2),
        ("tq1_0", 34, 256, 54),
        ("tq2_0", 35, 256, 66),
        ("mxfp4", 39, 32, 17),
        ("nvfp4", 40, 64, 36),
        ("q1_0", 41, 128, 18),
        ("q2_0", 42, 64, 18),
    )
}

TYPE_NAMES: dict[int, str] = {kind.id: kind.name for kind in TYPES.values()}
"""The name of each type by its number in GGUF files."""

_BY_LOWER = {name.lower(): kind for name, kind in TYPES.items()}


def ggml_type(name: str) -> GgmlType:
    """
    A type by its name in any case (``Q8_0`` as ``-ctk`` is typed, ``q4_k``).

    Raises:
        UsageError: there is no such type.
    """
    kind = TYPES.get(name) or _BY_LOWER.get(name.lower())
    if kind is None:
        raise UsageError(
            message("error.type-unknown", type=name), hint=message("hint.one-of", names=tuple(TYPES))
        )
    return kind


def row_bytes(kind: str, ne0: int) -> int:
    """
    The bytes of a row of ``ne0`` values; a row that is not whole blocks is rounded down as ggml does.
    """
    traits = TYPES[kind]
    return traits.block_bytes * ne0 // traits.block


def tensor_bytes(shape: tuple[int, ...], kind: str) -> int:
    """
    The bytes of a tensor's data, without the padding up to the file's alignment.
    """
    rows = 1
    for extent in shape[1:]:
        rows *= extent
    return row_bytes(kind, shape[0]) * rows
