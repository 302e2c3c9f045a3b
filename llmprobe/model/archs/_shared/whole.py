"""
Whole numbers of a file that anyone may have written.
"""

from typing import Any

from llmprobe.errors import ModelError
from llmprobe.words.message import message

MAX_LAYERS = 512
"""llama.cpp loads no more (b11549, src/llama-hparams.h); a broken file must not make us count to its number."""


def whole(value: Any) -> int:
    """
    A value as a whole number.

    Raises:
        ModelError: it is none, such as a text or a list.
    """
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelError(message("hparam.no-number", value=str(value)[:40])) from error


def layer_count(count: int) -> int:
    """
    A number of layers.

    Raises:
        ModelError: no model has as many.
    """
    if count > MAX_LAYERS:
        raise ModelError(message("hparam.layers", layers=count, most=MAX_LAYERS))
    return count
