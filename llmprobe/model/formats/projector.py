"""
An mmproj file: the projector in it, and which of several files beside a model is its own.

Sources: llama.cpp b11549, common/download.cpp (a projector lies beside its model, ``mmproj`` is in its name) and
tools/mtmd/clip.cpp; LM Studio keeps both in one folder.
"""

import re
from collections.abc import Iterable, Sequence

from llmprobe.errors import ModelError
from llmprobe.facts.projector import Projector
from llmprobe.model.formats.foreign_types import refuse_foreign
from llmprobe.model.formats.gguf import Header
from llmprobe.model.formats.parts import PROJECTORS
from llmprobe.words.message import message

_PREFIX = "clip."
_PREFERRED = ("f16", "bf16", "f32", "q8_0")
_TYPE = re.compile(r"(?i)(?:^|[-_.])(bf16|f16|f32|q\d_\w+|iq\d_\w+)(?=$|[-_.])")


def projector(header: Header, name: str, path: str | None = None) -> Projector:
    """
    The projector in a file.

    Raises:
        ModelError: it is another kind of file.
    """
    architecture = str(header.metadata.get("general.architecture"))
    if architecture not in PROJECTORS:
        raise ModelError(
            message("error.not-a-projector", file=name, architecture=architecture),
            hint=message("hint.mmproj"),
        )
    refuse_foreign(name, header.tensors)
    return Projector(
        name=name,
        metadata={
            key.removeprefix(_PREFIX): value
            for key, value in header.metadata.items()
            if key.startswith(_PREFIX)
        },
        tensors=header.tensors,
        path=path,
    )


def beside(model: str, files: Iterable[str]) -> tuple[str, ...]:
    """
    The files of a folder that may be a model's projector, the likeliest first.

    In a folder with several models only files that carry the model's name count.
    """
    listed = sorted(file for file in files if file.lower().endswith(".gguf"))
    found = [file for file in listed if "mmproj" in file.lower()]
    stems = {_stem(file) for file in listed if file not in found}
    if len(stems) > 1:
        found = [file for file in found if _belongs(file, model)]
    return tuple(sorted(found, key=_rank))


def _rank(file: str) -> tuple[int, str]:
    types = [kind.lower() for kind in _TYPE.findall(file.rpartition(".")[0])]
    return min(
        (_PREFERRED.index(kind) for kind in types if kind in _PREFERRED), default=len(_PREFERRED)
    ), file


def _stem(file: str) -> str:
    """
    A file's name without its part of a set and its quantization.
    """
    name = re.sub(r"-\d{5}-of-\d{5}$", "", file.rpartition(".")[0].lower())
    return re.sub(r"(?:[-_.](?:ud|i1))?[-_.](?:bf16|f16|f32|t?q\d\w*|iq\d\w*|mxfp4\w*)$", "", name)


def _belongs(file: str, model: str) -> bool:
    words = [word for word in _words(_stem(file)) if word not in ("mmproj", "model", "projector")]
    own = _words(_stem(model))
    return bool(words) and (_within(words, own) or _within(own, words))


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+|\d+", name)


def _within(some: Sequence[str], all_of: Sequence[str]) -> bool:
    return bool(some) and set(some) <= set(all_of)
