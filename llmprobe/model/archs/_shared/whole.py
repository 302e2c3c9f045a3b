"""
Whole numbers of a file that anyone may have written, and what a message shows of what is none.
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
        raise ModelError(message("hparam.no-number", value=excerpt(value))) from error


def layer_count(count: int) -> int:
    """
    A number of layers.

    Raises:
        ModelError: no model has as many.
    """
    if count > MAX_LAYERS:
        raise ModelError(message("hparam.layers", layers=count, most=MAX_LAYERS))
    return count


def excerpt(value: Any) -> str:
    """
    The beginning of a value as a message carries it: no more than 60 signs, also where some have to be written out.
    """
    text = str(value)[:60]
    return text if text.isprintable() else text.encode("unicode_escape").decode()[:60]
