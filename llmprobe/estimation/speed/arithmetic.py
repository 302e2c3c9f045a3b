"""
What one token is multiplied by: the weights of the layers, and the values that their matrices read and write.

Neither the rows of an embedding nor the output matrix count, which a prompt needs for its last token alone.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from itertools import accumulate

import msgspec

from llmprobe.estimation.memory.weights import Sums
from llmprobe.facts.model import ModelSpec, Tensor

_FUSED = (".bias", ".attn_sinks.weight")
"""What adds these is part of the kernel before it."""

_NARROW = 8
"""A matrix that is no wider is a filter over time or a table of scales, which no token is multiplied by."""


class Arithmetic(msgspec.Struct, frozen=True, kw_only=True):
    """
    The weights that a token is multiplied by, those of its experts apart, and the values that it moves on the way.

    ``widths`` and ``expert_widths`` are inputs and outputs of all matrices, added up; ``width`` is what passes from one
    layer to the next.
    """

    dense: int
    experts: int
    widths: int
    expert_widths: int
    expert_count: int = 0
    expert_used_count: int = 0
    width: int = 0


def kernels(tensors: Iterable[Tensor], blocks: Sequence[int], n_layer: int) -> Sums:
    """
    About how many kernels each layer starts: one for each tensor of its block. Layers behind the blocks have none.
    """
    counts = Counter(tensor.layer for tensor in tensors if not tensor.name.endswith(_FUSED))
    ran = (*blocks, *range(len(blocks), n_layer))
    return Sums(tuple(accumulate((counts[block] for block in ran), initial=0)))


def arithmetic(model: ModelSpec, ran: Collection[int]) -> Arithmetic:
    """
    The arithmetic of the blocks that a token runs through, some of which it may run more than once.
    """
    count, used = (int(model.hparams.get(name) or 0) for name in ("expert_count", "expert_used_count"))
    blocks = frozenset(ran)
    passes = len(ran) / max(len(blocks), 1)
    dense = experts = widths = expert_widths = 0
    for tensor in model.tensors:
        shape = tensor.shape
        if (tensor.layer is not None and tensor.layer not in blocks) or not _multiplied(tensor):
            continue
        if "_exps" in tensor.name and len(shape) > 2:
            experts += math.prod(shape) // shape[-1] * used
            expert_widths += (shape[0] + shape[1]) * used
        else:
            dense += math.prod(shape)
            widths += shape[0] + shape[1]
    return Arithmetic(
        dense=round(dense * passes),
        experts=round(experts * passes),
        widths=round(widths * passes),
        expert_widths=round(expert_widths * passes),
        expert_count=count,
        expert_used_count=used,
        width=int(model.hparams.get("embedding_length") or 0),
    )


def _multiplied(tensor: Tensor) -> bool:
    if tensor.layer is None and ("embd" in tensor.name or tensor.name == "output.weight"):
        return False
    return len(tensor.shape) > 1 and min(tensor.shape[:2]) > _NARROW and "conv" not in tensor.name


@cache
def touched(count: int, used: int, tokens: int, skew: float) -> float:
    """
    The part of the experts of a layer that some tokens use together.

    Experts are not equally popular: the one of rank r is chosen as 1 / r to the ``skew``.
    """
    if not count or used >= count:
        return 1.0
    weights = [rank**-skew for rank in range(1, count + 1)]
    choices = tokens * used / sum(weights)
    return max(used / count, sum(1 - math.exp(-choices * weight) for weight in weights) / count)
