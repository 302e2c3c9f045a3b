"""
The context that will be in force: the requested one, the longest, or the default.
"""

from llmprobe.errors import UsageError
from llmprobe.estimation.settings import slot_sizes
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Wishes
from llmprobe.words.message import message

DEFAULT_CONTEXT = 8192
"""Tokens, where none were requested and the model was trained for at least as many."""


def requested(model: ModelSpec, wishes: Wishes) -> int:
    """
    The context over all slots before rounding; where the longest is wished, the most that the model was trained for.

    Raises:
        UsageError: it is negative.
    """
    trained = model.max_context
    if wishes.max_ctx:
        return trained or DEFAULT_CONTEXT
    if wishes.ctx_size is None:
        return min(DEFAULT_CONTEXT, trained or DEFAULT_CONTEXT)
    if wishes.ctx_size < 0:
        raise UsageError(
            message("error.context-negative", given=wishes.ctx_size), hint=message("hint.context-one-or-more")
        )
    return wishes.ctx_size or trained or DEFAULT_CONTEXT


def in_force(model: ModelSpec, wishes: Wishes) -> int:
    """
    The context over all slots as the engine rounds it.

    Raises:
        UsageError: it is negative.
    """
    size = requested(model, wishes)
    return size if wishes.max_ctx else slot_sizes(size, wishes.parallel)[0]
