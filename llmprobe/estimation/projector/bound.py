"""
How much an encoder may take whose graph is not known here.

The widest results of a layer, and scores of whole attention where it may be without a kernel: bounds, no figure.
"""

import msgspec

from llmprobe.facts.projector import Projector
from llmprobe.model.projectors import Sizes

_SMALLEST_STEP = 2
_F32 = 4


class Bound(msgspec.Struct, frozen=True):
    """
    Bounds of a compute buffer and a figure between them, and what the input takes; all in bytes.
    """

    low: int
    likely: int
    high: int
    input: int


def bound(projector: Projector, sizes: Sizes) -> Bound:
    """
    Bounds for the largest image or sound of an encoder.
    """
    if sizes.modality == "audio":
        inputs = _F32 * sizes.warmup * max(1, sizes.mel)
        positions = sizes.warmup // _SMALLEST_STEP
        columns = inputs // 4 * 9 * 2 // 4
    else:
        side = max(sizes.warmup, sizes.largest, sizes.patch)
        inputs = _F32 * 3 * side * side
        positions = (side // sizes.patch) ** 2
        columns = inputs // 2
    widest = max((max(t.shape) for t in projector.tensors if len(t.shape) == 2), default=sizes.embd)
    convolved = max((t.shape[-1] for t in projector.tensors if len(t.shape) == 4), default=0)
    rows = _F32 * positions * sizes.embd
    low = 2 * rows
    scores = 2 * _F32 * max(1, sizes.heads) * positions * positions
    high = 4 * rows + 2 * _F32 * positions * widest + scores + columns + _F32 * positions * convolved * 8
    return Bound(low, max(low, high // 2), high, inputs)
