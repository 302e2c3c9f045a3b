"""
File types: the names under which a quantized model is published, each a mixture of tensor types.

Which tensor gets which type is in ``rules``. Source: llama.cpp b11549, include/llama.h and tools/quantize.
"""

from functools import cache

import msgspec

from llmprobe.errors import UsageError
from llmprobe.model.quants.foreign import foreign
from llmprobe.model.quants.recipes import followed, published_name, recipe_names
from llmprobe.words.message import message


class FileType(msgspec.Struct, frozen=True, gc=False):
    """
    One file type: its name in file names, its number in ``general.file_type``, the type of most tensors.

    ``needs_imatrix`` means that llama-quantize makes it only with an importance matrix.
    """

    name: str
    id: int
    base: str
    needs_imatrix: bool = False


FILE_TYPES: dict[str, FileType] = {
    name: FileType(name, number, base, name.startswith(("IQ1", "IQ2", "IQ3_XX")) or name == "Q2_K_S")
    for name, number, base in (
        ("F32", 0, "f32"),
        ("F16", 1, "f16"),
        ("BF16", 32, "bf16"),
        ("Q8_0", 7, "q8_0"),
        ("Q6_K", 18, "q6_K"),
        ("Q5_K_M", 17, "q5_K"),
        ("Q5_K_S", 16, "q5_K"),
        ("Q5_1", 9, "q5_1"),
        ("Q5_0", 8, "q5_0"),
        ("Q4_K_M", 15, "q4_K"),
        ("Q4_K_S", 14, "q4_K"),
        ("Q4_1", 3, "q4_1"),
        ("Q4_0", 2, "q4_0"),
        ("IQ4_NL", 25, "iq4_nl"),
        ("IQ4_XS", 30, "iq4_xs"),
        ("MXFP4_MOE", 38, "mxfp4"),
        ("Q3_K_L", 13, "q3_K"),
        ("Q3_K_M", 12, "q3_K"),
        ("Q3_K_S", 11, "q3_K"),
        ("IQ3_M", 27, "iq3_s"),
        ("IQ3_S", 26, "iq3_s"),
        ("IQ3_XS", 22, "iq3_s"),
        ("IQ3_XXS", 23, "iq3_xxs"),
        ("Q2_K", 10, "q2_K"),
        ("Q2_K_S", 21, "q2_K"),
        ("Q2_0", 41, "q2_0"),
        ("IQ2_M", 29, "iq2_s"),
        ("IQ2_S", 28, "iq2_xs"),
        ("IQ2_XS", 20, "iq2_xs"),
        ("IQ2_XXS", 19, "iq2_xxs"),
        ("TQ2_0", 37, "tq2_0"),
        ("TQ1_0", 36, "tq1_0"),
        ("IQ1_M", 31, "iq1_m"),
        ("IQ1_S", 24, "iq1_s"),
        ("Q1_0", 40, "q1_0"),
    )
}

FILE_TYPE_NAMES: dict[int, str] = {kind.id: kind.name for kind in FILE_TYPES.values()} | {39: "NVFP4"}
"""The name of each file type by its number in ``general.file_type``."""

_ALIASES = {
    "Q3_K": "Q3_K_M",
    "Q4_K": "Q4_K_M",
    "Q5_K": "Q5_K_M",
    "Q8": "Q8_0",
    "Q6": "Q6_K",
    "Q5": "Q5_K_M",
    "Q4": "Q4_K_M",
    "Q3": "Q3_K_M",
    "Q2": "Q2_K",
    "FP16": "F16",
    "FP32": "F32",
    "HALF": "F16",
    "MXFP4": "MXFP4_MOE",
    "8BIT": "Q8_0",
    "6BIT": "Q6_K",
    "5BIT": "Q5_K_M",
    "4BIT": "Q4_K_M",
    "INT8": "Q8_0",
    "INT4": "Q4_K_M",
}

_ONLY_BITS = frozenset(("8BIT", "6BIT", "5BIT", "4BIT", "INT8", "INT4"))


def _compact(text: str) -> str:
    return "".join(letter for letter in text.upper() if letter.isalnum())


_BY_COMPACT = {_compact(name): FILE_TYPES[name] for name in FILE_TYPES} | {
    _compact(alias): FILE_TYPES[name] for alias, name in _ALIASES.items()
}


@cache
def _recipes() -> dict[str, FileType]:
    """
    The names of recipes as file types: each with the number and base of the one that it follows.
    """
    found = {}
    for name in recipe_names():
        kind = FILE_TYPES[followed(published_name(name))]
        found[_compact(name)] = FileType(published_name(name), kind.id, kind.base, kind.needs_imatrix)
    return found


def _found(name: str) -> FileType | None:
    compact = _compact(name)
    if compact.startswith("IMAT"):
        compact = f"I1{compact[4:]}"
    # Most mixtures are the same with an importance matrix and without.
    return _BY_COMPACT.get(compact) or _recipes().get(compact) or _BY_COMPACT.get(compact.removeprefix("I1"))


def file_type(name: str) -> FileType:
    """
    The file type that a name means, in any case and spelling: ``q4_k_m``, ``Q4-K-M``, ``fp16``, ``ud-q4_k_xl``.

    Raises:
        UsageError: nothing has that name, or llama.cpp does not load it; what to take instead is named.
    """
    found = _found(name)
    if found is None and (other := foreign(name)) is not None:
        raise UsageError(
            message("error.quant-removed", quant=name)
            if other.engine is None
            else message("error.quant-of-other-engine", quant=name, engine=other.engine),
            hint=message(
                "hint.quant-instead",
                address=None if other.loader is None else other.loader.address,
                command=None if other.loader is None else other.loader.command,
                instead=other.instead,
            ),
        )
    if found is None:
        from difflib import get_close_matches

        near = get_close_matches(name.upper(), FILE_TYPES, n=4, cutoff=0.5) or ["Q4_K_M", "Q6_K", "Q8_0"]
        raise UsageError(
            message("error.quant-unknown", quant=name), hint=message("hint.did-you-mean", names=tuple(near))
        )
    return found


def taken_for(name: str) -> str | None:
    """
    The file type that a name without a mixture is taken for (``4bit``, ``int8``), None where it says one.
    """
    return _ALIASES[_compact(name)] if _compact(name) in _ONLY_BITS else None


def is_file_type(name: str) -> bool:
    """
    Whether ``file_type`` knows the name.
    """
    return _found(name) is not None
