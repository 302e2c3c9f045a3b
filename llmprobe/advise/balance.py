"""
The balance between quality and speed: one utility, its few constants, and how the wishes move it.

    utility = speed_value - loss_weight x (divergence / DIVERGENCE_THAT_SHOWS)^2 - (CODE_BOOK_COST if IQ…)

``speed_value`` counts doublings of generation speed. Below a comfortable speed a doubling counts fully;
above it, where text already comes faster than it is read, it counts for little. The loss is squared,
because the first steps down from 16 bits cost nothing that shows and the last ones cost the model.
"""

from math import log2

import msgspec

DIVERGENCE_THAT_SHOWS = 0.05
"""Nats per token. Q4_K_M of an 8B model (0.028) is under it, Q3_K_M (0.084) is over it."""

COMFORTABLE_TOKENS_PER_S = 15.0
"""About twice the speed at which people read."""

SPEED_BEYOND_COMFORT = 0.02
"""What a doubling beyond the comfortable speed is worth."""


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """
    How a priority moves the balance.
    """

    loss: float
    beyond_comfort: float = SPEED_BEYOND_COMFORT


CODE_BOOK_COST = 0.1
"""
A tenth of a doubling: types with a code book (IQ…) are published by fewer, need an importance matrix, and
decode more slowly than their size says on processors and on Metal.
"""

PRIORITIES = {
    "balanced": Weights(loss=0.6),
    "quality": Weights(loss=8.0),
    "speed": Weights(loss=0.02, beyond_comfort=0.6),
    "context": Weights(loss=0.6),
}

# An unmeasured file type counts as the worst usable one: it wins only where nothing else fits.
UNKNOWN_DIVERGENCE = 0.6


def utility(tokens_per_s: float, divergence: float | None, quant: str, priority: str) -> float:
    """
    Return how good a choice is for a priority; only differences between choices mean anything.
    """
    weights = PRIORITIES[priority]
    comfortable = min(tokens_per_s, COMFORTABLE_TOKENS_PER_S)
    value = log2(max(comfortable, 1e-3))
    if tokens_per_s > COMFORTABLE_TOKENS_PER_S:
        value += weights.beyond_comfort * log2(tokens_per_s / COMFORTABLE_TOKENS_PER_S)
    loss = UNKNOWN_DIVERGENCE if divergence is None else divergence
    value -= weights.loss * (loss / DIVERGENCE_THAT_SHOWS) ** 2
    return value - (CODE_BOOK_COST if quant.startswith("IQ") else 0.0)
