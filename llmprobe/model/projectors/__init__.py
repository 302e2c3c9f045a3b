"""
Projectors: the encoders of images and sound beside a language model, by the type that llama.cpp calls them.

Every module whose name does not begin with an underscore lists types in ``FAMILIES``. Adding one is one function.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from llmprobe.facts.projector import Modality, Projector
from llmprobe.model.archs._building.ops import Graph
from llmprobe.model.projectors._described import described, descriptions
from llmprobe.model.projectors._encoder import Encoder, MissingTensorError
from llmprobe.model.projectors._family import Family, Picture
from llmprobe.model.projectors._sizes import ImageTokens, Rule, Sizes, sizes

__all__ = [
    "Encoder",
    "Family",
    "Graph",
    "ImageTokens",
    "MissingTensorError",
    "Picture",
    "Sizes",
    "batch_of",
    "described",
    "descriptions",
    "encoders",
    "families",
    "family_of",
    "graph",
    "graph_of",
    "kinds",
    "limited",
    "pictures",
]

_MOST_BATCHED = 1024
_OTHER_NAMES = {("qwen2.5o", "vision"): "qwen2.5vl_merger", ("qwen2.5o", "audio"): "qwen2a"}
_CAUSAL_WIDTHS = frozenset({1536, 2560})
"""The widths of the Gemma 4 models that see images like text."""
_SILENT = "gemma3nv"
"""The type beside which llama.cpp leaves the encoder of sound unread."""


@cache
def families() -> dict[str, Family]:
    """
    Every type of projector whose graph is known.
    """
    found: dict[str, Family] = {}
    for module in iter_modules(__path__):
        if not module.name.startswith("_"):
            found.update(import_module(f"{__name__}.{module.name}").FAMILIES)
    return found


def family_of(kind: str) -> Family | None:
    """
    What is known of a type of projector, None where its graph is not.
    """
    return families().get(kind)


def kinds(projector: Projector) -> tuple[tuple[Modality, str], ...]:
    """
    The encoders that llama.cpp loads of a projector, and their types.
    """
    found: list[tuple[Modality, str]] = []
    modalities: tuple[Modality, ...] = ("vision", "audio")
    for modality in modalities:
        if projector.has(modality) and not (found and found[0][1] == _SILENT):
            kind = projector.kind(modality)
            found.append((modality, _OTHER_NAMES.get((kind, modality), kind)))
    return tuple(found)


def encoders(projector: Projector, asked: ImageTokens) -> tuple[Sizes, ...]:
    """
    The encoders of a projector with their sizes; a type whose graph is not known has those of its metadata.

    Raises:
        RefusedError: a size is none that llama.cpp loads, or the limits of an image contradict each other.
    """
    result = []
    for modality, kind in kinds(projector):
        family = family_of(kind)
        rule = family.rule if family is not None else Rule()
        result.append(sizes(projector, modality, kind, rule, asked))
    return tuple(result)


def limited(projector: Projector, asked: ImageTokens, ubatch: int) -> ImageTokens:
    """
    The limits of an image that llama-server gives a projector for a micro-batch of the language model.

    Source: llama.cpp b11549, tools/server/server-context.cpp (``use_non_causal``).
    """
    for found in encoders(projector, asked) if ubatch else ():
        family = family_of(found.kind)
        if family is None or not family.in_one_batch or found.modality != "vision":
            continue
        side = found.largest // (found.patch * found.merge)
        causal = found.kind == "gemma4v" and _width(projector) in _CAUSAL_WIDTHS
        if found.largest > found.warmup and side * side > ubatch and not causal:
            return ImageTokens(min(asked.least, ubatch), ubatch)
    return asked


def _width(projector: Projector) -> int:
    return next(
        (tensor.shape[-1] for tensor in projector.tensors if tensor.name == "mm.input_projection.weight"), 0
    )


def batch_of(sizes: Sizes) -> int:
    """
    How many parts of an image are computed at once at the most.

    Source: llama.cpp b11549, tools/mtmd/mtmd.cpp (``batch_max_tokens``).
    """
    family = family_of(sizes.kind)
    if family is None or not family.batched:
        return 1
    side = sizes.warmup // (sizes.patch * sizes.merge)
    return max(1, _MOST_BATCHED // max(1, side * side))


def pictures(sizes: Sizes) -> tuple[Picture, ...]:
    """
    The pictures that may take more than the one that is tried; none where no other may come.
    """
    family = family_of(sizes.kind)
    if family is not None and family.pictures is not None:
        return family.pictures(sizes)
    batch = batch_of(sizes)
    if sizes.largest == sizes.warmup and batch == 1:
        return ()
    return (Picture(sizes.largest, sizes.largest, batch),)


def graph(projector: Projector, sizes: Sizes, side: int, *, flash: bool) -> Graph:
    """
    The graph of an encoder for a square image of so many pixels a side, or for so many frames of sound.

    Raises:
        MissingTensorError: the file lacks a tensor that its type needs.
    """
    height = sizes.mel if sizes.modality == "audio" else side
    return graph_of(projector, sizes, Picture(side, height), flash=flash)


def graph_of(projector: Projector, sizes: Sizes, picture: Picture, *, flash: bool) -> Graph:
    """
    The graph of an encoder for a picture.

    Raises:
        MissingTensorError: the file lacks a tensor that its type needs.
    """
    family = family_of(sizes.kind)
    assert family is not None
    encoder = Encoder(
        projector,
        sizes,
        picture.width,
        picture.height,
        flash=flash,
        batch=picture.batch,
        whole=picture.whole,
    )
    encoder.graph.expand(family.build(encoder))
    return encoder.graph
