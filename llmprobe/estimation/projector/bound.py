"""
How much an encoder may take whose graph is not known here.

The widest results of a layer, and scores of whole attention where it may be without a kernel: bounds, no figure.
"""

from typing import Any

import msgspec

from llmprobe.facts.projector import Projector
from llmprobe.model.projectors import Sizes
from llmprobe.model.projectors._sizes import number

_SMALLEST_STEP = 2
_F32 = 4
_LARGEST_SIDE = 1 << 16
_TOGETHER = 4
"""How many pictures of those that llama.cpp batches are computed at once (Gemma 4 and InternVL)."""


class Bound(msgspec.Struct, frozen=True):
    """
    Bounds of a compute buffer and a figure between them, and of what the inputs take; all in bytes.
    """

    low: int
    likely: int
    high: int
    input: int
    input_high: int


def bound(projector: Projector, sizes: Sizes) -> Bound:
    """
    Bounds for the largest image or sound of an encoder.

    At the most, scores are computed without a kernel, and twice where positions are added to them (the first stage
    of DeepSeek's OCR), a mask says what sees what, and all tiles of a picture go through at once.
    """
    tiles = _tiles(projector, sizes)
    if sizes.modality == "audio":
        inputs = _F32 * sizes.warmup * max(1, sizes.mel)
        positions = sizes.warmup // _SMALLEST_STEP
        columns = inputs // 4 * 9 * 2 // 4
    else:
        side = max(sizes.warmup, sizes.largest, sizes.patch)
        inputs = _F32 * 3 * side * side
        positions = (side // sizes.patch) ** 2
        columns = inputs // 2
    matrices = [t.shape for t in projector.tensors if len(t.shape) == 2 and "embd" not in t.name]
    widest = max(map(max, matrices), default=sizes.embd)
    convolved = max((t.shape[-1] for t in projector.tensors if len(t.shape) == 4), default=0)
    rows = _F32 * positions * sizes.embd
    low = 2 * rows
    stages = number(projector, "vision.sam.head_count")
    scores = 2 * _F32 * max(1, sizes.heads, 2 * stages) * positions * positions
    high = 4 * rows + 2 * _F32 * positions * widest + scores + columns + _F32 * positions * convolved * 8
    high *= tiles
    return Bound(
        low=low,
        likely=max(low, high // 2),
        high=high,
        input=inputs,
        # Q, K, V and the result of attention go over where the device is tried with flash attention that it lacks.
        # A mask is of each head where distances between points are added to the scores.
        input_high=tiles
        * (_TOGETHER * inputs + _F32 * positions * (positions * max(1, stages) + 16) + 4 * rows),
    )


def _tiles(projector: Projector, sizes: Sizes) -> int:
    """
    Into how many tiles a picture is cut at the most, the whole of it among them.
    """
    grid: Any = projector.metadata.get("vision.image_grid_pinpoints")
    if sizes.modality == "audio" or not isinstance(grid, list | tuple) or not sizes.image:
        return 1
    sides = [side for side in grid if isinstance(side, int) and 0 < side < _LARGEST_SIDE]
    pairs = zip(sides[::2], sides[1::2], strict=False)
    return 1 + max((-(-wide // sizes.image) * -(-high // sizes.image) for wide, high in pairs), default=0)
