"""
Which file of a repository or folder is the model: by the names of its files alone.
"""

import re
from collections.abc import Sequence

import msgspec

from llmprobe.errors import ModelError
from llmprobe.model.quants.file_types import FILE_TYPES, file_type, is_file_type
from llmprobe.model.quants.recipes import followed
from llmprobe.words.message import Message, message

_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE | re.DOTALL)
_QUANT = re.compile(
    r"(?<![a-z0-9])(?:ud-|i1-)?(i?q\d(?:_(?:k|0|1|nl|xxs|xs|s|m|l|xl|xxl))*|tq\d_0|bf16|f16|f32|fp16|fp32|mxfp4(?:_moe)?)"
    r"(?![a-z0-9])",
    re.IGNORECASE,
)
_OTHER_PARTS = re.compile(r"(^|[-_./])(mmproj|imatrix|vocab|lora|adapter|projector)([-_./]|$)")
_PREFERRED = (
    "Q4_K_M",
    "Q4_K_S",
    "Q4_0",
    "IQ4_XS",
    "Q5_K_M",
    "MXFP4_MOE",
    "Q6_K",
    "Q3_K_M",
    "Q8_0",
    "Q2_K",
    "F16",
    "BF16",
)
_SHOWN = 6


class Chosen(msgspec.Struct, frozen=True):
    """
    A file, the first of its set where it is one of several parts, and a sentence where there were others.
    """

    name: str
    note: Message | None = None


def gguf_file(names: Sequence[str], where: str, quant: str | None = None) -> Chosen | None:
    """
    The GGUF file to take: the one in the file type asked for, or Q4_K_M, or the nearest to it.

    None where there is no model in GGUF at all.
    """
    models = _models(names)
    if not models:
        return None
    wanted = _in_file_names(quant) if quant is not None else None
    order = [kind for kind in (wanted, *_PREFERRED) if kind is not None]
    # The first place counts: what was asked for is among the preferred ones too.
    ranks = {kind: rank for rank, kind in reversed(list(enumerate(order)))}
    best = min(models, key=lambda name: (ranks.get(_quant_of(name) or "", len(order)), len(name), name))
    if len(models) == 1:
        return Chosen(best)
    kinds = sorted({kind for kind in map(_quant_of, models) if kind is not None})
    note = message(
        "model.one-of-repository",
        repo=where,
        models=len(models),
        file=best,
        lacks=None if _quant_of(best) == wanted else wanted,
        quants=tuple(kinds[:_SHOWN]),
        more=max(0, len(kinds) - _SHOWN) or None,
    )
    return Chosen(best, note)


def named_file(names: Sequence[str], name: str, where: str) -> str:
    """
    The file of that name, or the one whose name ends so.

    Raises:
        ModelError: there is none, or there are several.
    """
    if name in names:
        return name
    same = [found for found in names if found.casefold().endswith("/" + name.casefold())]
    if len(same) == 1:
        return same[0]
    models = _models(names)
    hint = message(
        "hint.files-of-repo", files=tuple(models[:_SHOWN]), more=max(0, len(models) - _SHOWN) or None
    )
    raise ModelError(message("error.repo-lacks-file", repo=where, file=name), hint=hint if models else None)


def _models(names: Sequence[str]) -> list[str]:
    """
    The files that hold models; of a split set, its first part where all parts are there.
    """
    there = set(names)
    found = []
    for name in names:
        lower = name.casefold()
        if not lower.endswith(".gguf") or _OTHER_PARTS.search(lower.removesuffix(".gguf")):
            continue
        shard = _SHARD.fullmatch(name)
        if shard is None or (int(shard[2]) == 1 and _is_whole(shard, there)):
            found.append(name)
    return found


def _is_whole(shard: re.Match[str], there: set[str]) -> bool:
    end = shard.string[shard.end(2) :]
    return all(f"{shard[1]}-{number:05}{end}" in there for number in range(1, min(int(shard[3]), 1024) + 1))


def says(name: str, quant: str) -> bool:
    """
    Whether a file's name ends in a quantization.
    """
    return _quant_of(name) == _in_file_names(quant)


def _in_file_names(quant: str) -> str:
    """
    A quantization as ``_quant_of`` tells it: that of a stock name whoever mixed the file.
    """
    name = file_type(quant).name
    return followed(name) if followed(name) == name.partition("-")[2] else name


def _quant_of(name: str) -> str | None:
    """
    The file type that a file's name, or the folder it is in, says last.
    """
    found = [match for match in _QUANT.finditer(name) if is_file_type(match[0]) or is_file_type(match[1])]
    if not found:
        return None
    whole, own = found[-1][0], found[-1][1]
    # A file of a stock name is that whoever mixed it; a name that only its publisher has is told whole.
    return file_type(own if own.upper() in FILE_TYPES or not is_file_type(whole) else whole).name
