"""
The headers of safetensors files, and the index of a set of them: which tensors there are, not what is in them.

Format: https://github.com/huggingface/safetensors#format.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec

from llmprobe.errors import ModelError
from llmprobe.units import whole_number
from llmprobe.words.message import message

LARGEST_HEADER = 64 << 20
_NUMBERS = frozenset(("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"))
_WIDTHS = {
    **dict.fromkeys(("F64", "I64", "U64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "I8", "U8", "BOOL"), 8),
    "F4": 4,
}
"""Bits of a stored number."""
_OTHER_PARTS = (
    "vision",
    "visual",
    "audio",
    "vit.",
    "projector",
    "patch_embed",
    "talker",
    "token2wav",
    "image_newline",
)
_FURTHER = ("mtp.", ".mtp", "nextn")
_BESIDE = (
    "inv_freq",
    "_scale",
    "_scale_inv",
    "scales",
    "masked_bias",
    "attn.bias",
    "position_ids",
    "zero_point",
)
_HEADS = frozenset(("lm_head", "output_layer", "embed_out"))
_EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "tok_embeddings.weight")


class Stored(msgspec.Struct, frozen=True):
    """
    One tensor as a header lists it. ``shape`` has the rows first, other than in GGUF.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        count = 1
        for extent in self.shape:
            count *= extent
        return count


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the files of a model hold. Where only their index is known, ``shapes`` is empty.
    """

    names: frozenset[str]
    shapes: dict[str, Stored] = {}
    total_bytes: int | None = None

    @property
    def stored_bytes(self) -> int | None:
        """The bytes of all tensors, None where neither an index nor the headers say it."""
        if self.total_bytes is not None or not self.shapes:
            return self.total_bytes
        if any(stored.dtype not in _WIDTHS for stored in self.shapes.values()):
            return None
        return sum(stored.elements * _WIDTHS[stored.dtype] // 8 for stored in self.shapes.values())

    @property
    def encoder_parameters(self) -> int | None:
        """The numbers of encoders of images and sound, None where shapes are not known or there are none."""
        return (
            sum(stored.elements for name, stored in self.shapes.items() if _is_of(name, _OTHER_PARTS)) or None
        )

    @property
    def tied(self) -> bool:
        """Whether no matrix of its own makes the output."""
        return not any(name == "output.weight" or _module(name) in _HEADS for name in self.names)

    def vocabulary(self, width: int) -> int | None:
        """The rows of the embedding, None where no tensor is known to be it."""
        rows = {
            stored.shape[0]
            for name, stored in self.shapes.items()
            if name.endswith(_EMBEDDINGS)
            and "per_layer" not in name
            and not _is_of(name, _OTHER_PARTS)
            and stored.shape[1:] == (width,)
        }
        return rows.pop() if len(rows) == 1 else None

    def parameters(self, layers: int) -> int | None:
        """
        The parameters of the language model's first ``layers`` layers and what is around them.

        None where they can't be counted: shapes are not known, or several numbers are packed into one.
        """
        counted = 0
        for name, stored in self.shapes.items():
            if name.endswith(_BESIDE) or _is_of(name, _OTHER_PARTS) or _is_of(name, _FURTHER):
                continue
            if stored.dtype not in _NUMBERS:
                return None
            if (_layer(name) or 0) < layers:
                counted += stored.elements
        return counted or None


def index(content: bytes) -> tuple[Weights, tuple[str, ...]]:
    """
    What an index says of a set of files, and the names of the files.

    Raises:
        ModelError: it is no index.
    """
    try:
        found = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(message("error.index-not-json"), hint=message("hint.download-again")) from error
    where, said = found.get("weight_map"), found.get("metadata")
    if not isinstance(where, Mapping) or not all(_is_plain(name) for name in where.values()):
        raise ModelError(message("error.index-without-map"), hint=message("hint.download-again"))
    total = said.get("total_size") if isinstance(said, Mapping) else None
    weights = Weights(
        names=frozenset(map(str, where)), total_bytes=total if isinstance(total, int) and total > 0 else None
    )
    return weights, tuple(sorted(set(where.values())))


def header_length(start: bytes, name: str) -> int:
    """
    How many bytes a file's header has after the first eight, which say it.

    Raises:
        ModelError: it can't be so many.
    """
    length = int.from_bytes(start[:8], "little")
    if len(start) < 8 or not 2 <= length <= LARGEST_HEADER:
        raise ModelError(message("error.not-safetensors", file=name), hint=message("hint.download-again"))
    return length


def tensors(header: bytes, name: str) -> dict[str, Stored]:
    """
    The tensors that a header lists.

    Raises:
        ModelError: it is not sound.
    """
    try:
        found = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        found.pop("__metadata__", None)
        decoder = msgspec.json.Decoder(Stored)
        return {tensor: decoder.decode(raw) for tensor, raw in found.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(
            message("error.safetensors-header", file=name), hint=message("hint.download-again")
        ) from error


def _is_plain(name: Any) -> bool:
    """
    Whether this is the name of a file in the same folder.
    """
    return isinstance(name, str) and name.endswith(".safetensors") and not {"/", "\\"} & set(name)


def _module(name: str) -> str:
    """
    The module that a tensor is of, whatever its own name: packed weights have others.
    """
    return name.rpartition(".")[0].rpartition(".")[2]


def _is_of(name: str, marks: tuple[str, ...]) -> bool:
    return any(mark in name for mark in marks)


def _layer(name: str) -> int | None:
    parts = name.split(".")
    for mark, number in pairwise(parts):
        if mark in ("layers", "h", "blocks", "layer") and whole_number(number) is not None:
            return whole_number(number)
    return None
