"""
The bytes of a projector on the device that it is loaded to, and on the host.

Source: llama.cpp b11549, tools/mtmd/clip.cpp (``load_tensors``, ``warmup``, ``reserve_compute_meta``).
"""

from collections.abc import Iterable

import msgspec

from llmprobe.estimation.compute.scheduler import reserve
from llmprobe.estimation.memory.stored import stored_bytes
from llmprobe.estimation.placement import HOST
from llmprobe.estimation.projector.bound import Bound, bound
from llmprobe.estimation.projector.rules import has_flash, known, rules_on
from llmprobe.facts.model import Tensor
from llmprobe.facts.projector import Projector
from llmprobe.facts.settings import Switch
from llmprobe.model.archs._building.ops import Graph
from llmprobe.model.projectors import (
    ImageTokens,
    MissingTensorError,
    Sizes,
    encoders,
    family_of,
    graph,
    graph_of,
    kinds,
    limited,
    pictures,
)
from llmprobe.model.quants import tensor_bytes

_READ_APART = (".input_max", ".input_min", ".output_max", ".output_min")
"""Scalars that are read as numbers and take no memory on a device."""
_OF_EACH = frozenset({"v.class_embd", "v.patch_embd.weight", "v.patch_embd.weight.1", "v.patch_embd.bias"})
"""Tensors that every encoder of a file loads for itself, as an encoder of sound does beside one of pictures."""
_OF_NEMOTRON = frozenset(f"mm.model.mlp.{part}.weight" for part in (0, 1, 3))
"""The matrices after its pictures, which its encoder of sound loads too."""
_READ_APART_WHOLE = frozenset({"a.mel_filters", "a.window", "mm.embedding.weight", "mm.hard_emb_norm.weight"})


class Buffers(msgspec.Struct, frozen=True):
    """
    Compute buffers in bytes: on the device of the projector, and on the host beside it.
    """

    device: int
    host: int


class ProjectorBytes(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a projector takes on one device and, beside it, on the host.

    ``tensor_bytes`` is the sum of its tensors, ``weights_bytes`` that as devices hold it. ``warmup`` are
    the buffers that are reserved at the start, ``largest`` those after the largest image. ``side`` and ``largest_side``
    are the images in pixels a side, 0 where it hears only. ``low`` and ``high`` bound both where the graph of a type
    in ``unknown`` is not known; else they are None. ``measured`` False is a backend whose own rules are not known.
    ``seconds`` are those of the sound that is tried, where longer sound is taken in one piece and takes more.
    """

    tensor_bytes: int
    weights_bytes: int
    warmup: Buffers
    largest: Buffers
    flash_attn: bool
    side: int = 0
    largest_side: int = 0
    unknown: tuple[str, ...] = ()
    measured: bool = True
    seconds: int = 0
    low: Buffers | None = None
    high: Buffers | None = None


def loaded(projector: Projector) -> Iterable[int]:
    """
    The numbers of the tensors that are loaded: not those of an encoder of sound that llama.cpp leaves unread.
    """
    silent = projector.kind("vision") == "gemma3nv"
    for number, tensor in enumerate(projector.tensors):
        name = tensor.name
        if name.endswith(_READ_APART) or name in _READ_APART_WHOLE:
            continue
        if silent and name.startswith(("a.", "mm.a.")):
            continue
        yield number


def _twice(projector: Projector) -> Iterable[Tensor]:
    """
    The tensors that are loaded a second time, for the sound beside the pictures.

    Source: llama.cpp b11549, tools/mtmd/clip.cpp (``load_tensors``): names without a prefix for the modality.
    """
    both = [kind for _, kind in kinds(projector)]
    if len(both) < 2:
        return ()
    names = _OF_EACH | (_OF_NEMOTRON if both[1] == "parakeet" else frozenset())
    return (tensor for tensor in projector.tensors if tensor.name in names)


def measure(
    projector: Projector,
    asked: ImageTokens,
    *,
    backend: str,
    flash_attn: Switch = "auto",
    ubatch: int = 0,
) -> ProjectorBytes:
    """
    What a projector takes on a device of a backend (``host`` for the processor).

    ``ubatch`` is the micro-batch of the language model: some models see an image only if it is in one, so
    llama-server limits its tokens to that.

    Raises:
        RefusedError: llama.cpp would not load it, or the limits of an image contradict each other.
    """
    tensors = [projector.tensors[number] for number in loaded(projector)]
    warmup, largest, low, high = [], [], [], []
    flash = False
    unknown: list[str] = []
    sides, most, seconds = [0], [0], [0]
    for sizes in encoders(projector, limited(projector, asked, ubatch)):
        try:
            found = None
            if family_of(sizes.kind) is not None:
                found = _reserved(projector, sizes, backend, flash_attn)
        except (MissingTensorError, ArithmeticError, IndexError, ValueError):
            # Tensors that do not go together: llama.cpp would end, and no figure of ours would stand for it.
            found = None
        if found is None:
            guess = bound(projector, sizes)
            unknown.append(sizes.kind)
            found = (_on(guess.likely, guess.input, backend),) * 2 + (flash_attn != "off",)
            low.append(_on(guess.low, guess.input, backend))
            high.append(_on(guess.high, guess.input_high, backend))
        else:
            low.append(found[0])
            high.append(found[1])
        family = family_of(sizes.kind)
        seconds.append(0 if family is None else family.seconds)
        warmup.append(found[0])
        largest.append(found[1])
        flash = flash or found[2]
        if sizes.modality == "vision":
            sides.append(sizes.warmup)
            most.append(sizes.largest)
    return ProjectorBytes(
        tensor_bytes=sum(tensor_bytes(tensor.shape, str(tensor.type)) for tensor in tensors),
        weights_bytes=sum(stored_bytes(tensor, backend) for tensor in (*tensors, *_twice(projector))),
        warmup=_sum(warmup),
        largest=_sum(largest),
        flash_attn=flash,
        side=max(sides),
        largest_side=max(most),
        unknown=tuple(unknown),
        measured=known(backend),
        seconds=max(seconds),
        low=_sum(low) if unknown else None,
        high=_sum(high) if unknown else None,
    )


def _reserved(
    projector: Projector, sizes: Sizes, backend: str, flash_attn: Switch
) -> tuple[Buffers, Buffers, bool]:
    """
    The buffers at the start and after the largest image, and whether attention is one operation.

    ``auto`` tries flash attention first; buffers that it made larger stay so when it is given up.
    """
    first = graph(projector, sizes, sizes.warmup, flash=flash_attn != "off")
    flash = flash_attn != "off"
    if flash_attn == "auto" and not has_flash(first, backend):
        flash = False
        tried = _buffers(first, backend)
        warmup = _most(tried, _buffers(graph(projector, sizes, sizes.warmup, flash=False), backend))
    else:
        warmup = _buffers(first, backend)
    largest = warmup
    for picture in pictures(sizes):
        largest = _most(largest, _buffers(graph_of(projector, sizes, picture, flash=flash), backend))
    return warmup, largest, flash


def _buffers(built: Graph, backend: str) -> Buffers:
    if backend == HOST:
        sizes = reserve(built, (), op_offload=True, copies=1).sizes
        return Buffers(sizes[0], 0)
    device, host = reserve(built, (rules_on(backend),), op_offload=True, copies=1).sizes
    return Buffers(device, host)


def _most(one: Buffers, other: Buffers) -> Buffers:
    return Buffers(max(one.device, other.device), max(one.host, other.host))


def _sum(parts: list[Buffers]) -> Buffers:
    return Buffers(sum(part.device for part in parts), sum(part.host for part in parts))


def _on(compute: int, inputs: int, backend: str) -> Buffers:
    return Buffers(compute, 0 if backend == HOST else inputs)


__all__ = ["HOST", "Bound", "Buffers", "ProjectorBytes", "measure"]
