"""
The sizes of an encoder, and of the image or sound that it is tried with when it is loaded.

Source: llama.cpp b11549, tools/mtmd/clip.cpp (``load_hparams``) and clip-model.h (``set_limit_image_tokens``,
``set_warmup_n_tokens``).
"""

from math import isqrt
from typing import Any, Literal

import msgspec

from llmprobe.errors import RefusedError
from llmprobe.facts.projector import Modality, Projector
from llmprobe.words.message import message

WARMUP_FRAMES = 3000
"""The frames of sound that every encoder of sound is tried with."""

_MOST_PATCHES = 1 << 10
"""The patches of a side that no encoder comes near: attention over all of them would take terabytes."""

_USUAL_MERGE = 8
_MOST_TILES = 256
"""Beyond it llama.cpp ends."""

_MEL_OF_RAW = {"gemma4ua": 640}
"""Types that take a frame of the wave for a spectrum: the samples of a frame."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """
    How a type of projector limits its images.

    ``merge`` is how many patches a side become one token, ``merge_key`` the metadata that says another number.
    ``tokens`` are the fewest and the most tokens of an image, None where the size is fixed. ``pixels`` says when
    limits in the metadata count: ``always``, or ``unless asked`` for others. ``custom`` is a type without limits of its
    own that takes those asked for. ``warmup`` are the tokens of the image that is tried, 0 for the largest (or the
    fixed size). ``one_patch`` makes a patch of all that one token stands for.
    """

    merge: int = 1
    merge_key: str = ""
    tokens: tuple[int, int] | None = None
    pixels: Literal["", "always", "unless asked"] = ""
    custom: bool = False
    warmup: int = 0
    one_patch: bool = False
    fixed: tuple[int, int] | None = None


class ImageTokens(msgspec.Struct, frozen=True):
    """
    The limits of an image that were asked for (``--image-min-tokens``, ``--image-max-tokens``); 0 is none.
    """

    least: int = 0
    most: int = 0


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """
    An encoder's sizes. ``warmup`` is the side of the image that is tried, in pixels, or the frames of sound;
    ``largest`` that of the largest image that may come, equal to ``warmup`` where the size is fixed. ``tiles`` are the
    most tiles that a picture is cut into, 0 where the metadata do not say.
    """

    kind: str
    modality: Modality
    embd: int
    heads: int
    heads_kv: int
    head: int
    layers: int
    image: int
    patch: int
    merge: int
    mel: int
    activation: str
    warmup: int
    largest: int
    tiles: int = 0


def number(projector: Projector, key: str, default: int = 0) -> int:
    """
    A number of the metadata, ``default`` where it is not there.

    Raises:
        RefusedError: it is no number that llama.cpp would take.
    """
    value: Any = projector.metadata.get(key)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 31:
        raise _broken(projector, key, value)
    return value


def numbers(projector: Projector, key: str) -> tuple[int, ...]:
    """
    A list of numbers of the metadata, empty where it is not there.

    Raises:
        RefusedError: it is no list of numbers that llama.cpp would take.
    """
    value: Any = projector.metadata.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(
        isinstance(each, int) and abs(each) < 1 << 31 for each in value
    ):
        raise _broken(projector, key, value)
    return tuple(value)


def sizes(projector: Projector, modality: Modality, kind: str, rule: Rule, asked: ImageTokens) -> Sizes:
    """
    The sizes of one encoder of a projector.

    Raises:
        RefusedError: the limits contradict each other, or a size is none that llama.cpp loads.
    """
    embd = number(projector, f"{modality}.embedding_length")
    heads = number(projector, f"{modality}.attention.head_count")
    layers = number(projector, f"{modality}.block_count")
    for key, value, most in (
        ("embedding_length", embd, 1 << 16),
        ("attention.head_count", heads, 1 << 10),
        ("block_count", layers, 512),
    ):
        if not 0 < value <= most and not (key != "embedding_length" and value == 0):
            raise _broken(projector, f"{modality}.{key}", value)
    vision = modality == "vision"
    patch = number(projector, "vision.patch_size") if vision else 1
    image = number(projector, "vision.image_size") if vision else 0
    if rule.fixed is not None:
        image, patch = rule.fixed
    merge = number(projector, rule.merge_key, rule.merge) if rule.merge_key else rule.merge
    if vision and not 0 < patch < 1 << 16:
        raise _broken(projector, "vision.patch_size", patch)
    if image > 8192:
        raise _broken(projector, "vision.image_size", image)
    if not 0 < merge < 1 << 16:
        raise _broken(projector, rule.merge_key, merge)
    if rule.one_patch:
        patch, merge = patch * merge, 1
    warmup, largest = (
        _images(projector, rule, asked, image, patch * merge) if vision else (WARMUP_FRAMES,) * 2
    )
    if vision and max(warmup, largest) > _MOST_PATCHES * patch:
        key, value = (rule.merge_key, merge) if merge > _USUAL_MERGE else ("vision.patch_size", patch)
        raise _broken(projector, key, value)
    return Sizes(
        kind=kind,
        modality=modality,
        embd=embd,
        heads=heads,
        heads_kv=number(projector, f"{modality}.attention.head_count_kv", heads),
        head=number(projector, f"{modality}.attention.head_dim") or (embd // heads if heads else 0),
        layers=layers,
        image=image,
        patch=patch,
        merge=merge,
        mel=_MEL_OF_RAW.get(kind) or number(projector, "audio.num_mel_bins"),
        activation=_activation(projector),
        warmup=warmup,
        largest=max(warmup, largest),
        tiles=min(number(projector, "vision.preproc_max_tiles") or _grid(projector, image), _MOST_TILES),
    )


def _grid(projector: Projector, image: int) -> int:
    """
    The tiles of the largest size that the metadata list, 0 where they list none.
    """
    grid = numbers(projector, "vision.image_grid_pinpoints")
    sides = [max(0, side) // max(1, image) for side in grid]
    return max((wide * high for wide, high in zip(sides[::2], sides[1::2], strict=False)), default=0)


def _images(projector: Projector, rule: Rule, asked: ImageTokens, image: int, token: int) -> tuple[int, int]:
    """
    The side of the image that is tried, and of the largest, in pixels; ``token`` is the side of one token.
    """
    area = token * token
    least = most = -1
    warmup = image
    if rule.tokens is not None:
        least = (asked.least or rule.tokens[0]) * area
        most = (asked.most or rule.tokens[1]) * area
        warmup = isqrt(most)
    elif rule.custom:
        least, most = asked.least * area or -1, asked.most * area or -1
    if rule.pixels:
        if rule.pixels == "always" or not asked.least:
            least = number(projector, "vision.image_min_pixels", least)
        if rule.pixels == "always" or not asked.most:
            most = number(projector, "vision.image_max_pixels", most)
        if rule.tokens is not None:
            warmup = isqrt(max(0, most))
    if most < least:
        raise RefusedError(
            message("error.image-limits", least=least, most=most), hint=message("hint.image-limits")
        )
    if rule.warmup:
        side = isqrt(rule.warmup)
        if 0 < asked.most < rule.warmup:
            side = max(1, isqrt(asked.most))
        warmup = side * token
    return warmup, isqrt(most) // token * token if most > 0 and rule.warmup else warmup


def _activation(projector: Projector) -> str:
    if projector.metadata.get("use_gelu"):
        return "gelu"
    return "silu" if projector.metadata.get("use_silu") else "gelu_quick"


def _broken(projector: Projector, key: str, value: object) -> RefusedError:
    return RefusedError(
        message("error.projector-metadata", name=projector.name, key=f"clip.{key}", value=str(value)),
        hint=message("hint.projector-file"),
    )
