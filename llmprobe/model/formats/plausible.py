"""
Whether hyper-parameters can be those of a model: checked once for a file that anyone may have written.

The bounds are far above every model that exists. They keep a damaged or hostile file from making us count, allocate
or print what no memory holds; what they let through may still be wrong, and is then refused by what reads it.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs import CacheLayout
from llmprobe.model.archs._shared.limits import check_sizes
from llmprobe.model.archs._shared.whole import excerpt
from llmprobe.words.message import Message, message

MOST = 1 << 31
"""llama.cpp keeps these numbers in 32 bits."""

LONGEST_LIST = 65_536

_SIZE = r"(count|length|size|kernel|rank|groups|window|top_k|interval|dimension_sections|layers|step)$"
MOST_PER_TOKEN = 1 << 28
"""Values that one token may keep, in all layers."""

MOST_PER_SEQUENCE = 1 << 36
"""Values that one sequence may keep whatever its length, in all layers."""


def check(hparams: Hparams) -> None:
    """
    Refuse hyper-parameters that no model has; keys are those of the architecture, without its prefix.

    Raises:
        ModelError: names the key, its value, and what it may be.
    """
    for key, value in hparams.items():
        _check_value(key, value)
    check_sizes(hparams)


def check_caches(layout: CacheLayout) -> None:
    """
    Refuse a model that keeps more than any model does for a token or for a sequence.

    Raises:
        ModelError: says how much it would keep.
    """
    per_token = sum(layer.k + layer.v for cache in layout.kv for layer in cache.layers)
    per_sequence = sum(sum(layer.parts) for layer in (layout.state.layers if layout.state else ()))
    for values, most in ((per_token, MOST_PER_TOKEN), (per_sequence, MOST_PER_SEQUENCE)):
        if not 0 <= values <= most:
            raise _refused(message("hparam.cache-too-large", values=values, most=most))


def check_tensors(tensors: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    """
    Refuse tensors that contradict the metadata: ``expected`` are those that the metadata describe.

    Only shapes inside the layers are compared, as an embedding may be padded, and only of tensors that both have, as a
    file may leave optional ones out. llama.cpp refuses other shapes as well.

    Raises:
        ModelError: names the tensor, its shape, and the one that the metadata imply.
    """
    shapes = {tensor.name: tensor.shape for tensor in expected if tensor.layer is not None}
    for tensor in tensors:
        shape = shapes.get(tensor.name, tensor.shape)
        if shape != tensor.shape:
            raise _refused(
                message("error.tensor-shape", tensor=tensor.name, shape=tensor.shape, expected=shape)
            )


def _check_value(key: str, value: Any) -> None:
    if isinstance(value, list | tuple):
        if len(value) > LONGEST_LIST:
            raise _refused(message("hparam.list-too-long", key=key, length=len(value), most=LONGEST_LIST))
        for part in value:
            _check_value(key, part)
    elif isinstance(value, bool):
        if re.search(_SIZE, key) and not key.endswith("window_pattern"):
            raise _refused(message("hparam.not-a-size", key=key, value=value))
    elif isinstance(value, int):
        if not 0 <= value < MOST:
            raise _refused(message("hparam.out-of-range", key=key, value=value, most=MOST - 1))
    elif isinstance(value, float):
        if not math.isfinite(value) or re.search(_SIZE, key):
            raise _refused(message("hparam.not-a-number", key=key, value=str(value)))
    elif isinstance(value, str) and re.search(_SIZE, key):
        raise _refused(message("hparam.not-a-size", key=key, value=excerpt(value)))


def _refused(what: Message) -> ModelError:
    return ModelError(what, hint=message("hint.damaged-download-again"))
