"""
The balance between quality and speed: one utility, its few constants, and how the wishes move it.

    utility = speed_value + prompt_value - loss_weight x (divergence / DIVERGENCE_THAT_SHOWS)^2
              - (CODE_BOOK_COST if IQ…) - (CACHE_IN_RAM_COST if the cache is kept in RAM)
              - (PROJECTOR_IN_RAM_COST if the projector is)

``speed_value`` counts doublings of generation speed. Below a comfortable speed a doubling counts fully;
above it, where text already comes faster than it is read, it counts for little. ``prompt_value`` counts doublings of
the speed at which prompts are read, as little as they are waited for. The loss is squared,
because the first steps down from 16 bits cost nothing that shows and the last ones cost the model.
"""

from math import log2

import msgspec

from llmprobe.model.quants import followed
from llmprobe.words.message import Message, message

DIVERGENCE_THAT_SHOWS = 0.05
"""Nats per token. Q4_K_M of an 8B model (0.028) is under it, Q3_K_M (0.084) is over it."""

COMFORTABLE_TOKENS_PER_S = 15.0
"""About twice the speed at which people read."""

SPEED_BEYOND_COMFORT = 0.015
"""What a doubling beyond the comfortable speed is worth."""

COMFORTABLE_PROMPT_TOKENS_PER_S = 500.0
"""A prompt of 8,192 tokens is then read in 16 seconds."""

PROMPT_DOUBLING = 0.15
"""What a doubling of the speed of prompts is worth below that: in a conversation only what is new is read."""


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

CACHE_IN_RAM_COST = 0.2
"""
A fifth of a doubling: with the whole cache in RAM the processor computes all attention, slower with every token of
context, and nobody published how fast that is.
"""

PROJECTOR_IN_RAM_COST = 0.5
"""
Half a doubling: the processor then reads images, in seconds to a minute each instead of at once, and a model whose
projector is loaded is there for them.
"""

HARDLY = 0.05
"""Choices that are worth nearly the same: a twentieth of a doubling is below what the speeds are known to."""

PRIORITIES = {
    "balanced": Weights(loss=0.6),
    "quality": Weights(loss=8.0),
    "speed": Weights(loss=0.02, beyond_comfort=0.6),
    "context": Weights(loss=0.6),
}

# An unmeasured file type counts as the worst usable one: it wins only where nothing else fits.
UNKNOWN_DIVERGENCE = 0.6


def utility(
    tokens_per_s: float,
    prompt_tokens_per_s: float,
    divergence: float | None,
    quant: str,
    priority: str,
    *,
    kv_offload: bool = True,
    mmproj_offload: bool = True,
) -> float:
    """
    The value of a choice for a priority; only differences between choices mean anything.
    """
    return (
        _of_speed(tokens_per_s, priority)
        + _of_prompts(prompt_tokens_per_s)
        - _of_loss(divergence, priority)
        - _of_type(quant)
        - (0.0 if kv_offload else CACHE_IN_RAM_COST)
        - (0.0 if mmproj_offload else PROJECTOR_IN_RAM_COST)
    )


def _of_speed(tokens_per_s: float, priority: str) -> float:
    value = log2(max(min(tokens_per_s, COMFORTABLE_TOKENS_PER_S), 1e-3))
    if tokens_per_s > COMFORTABLE_TOKENS_PER_S:
        value += PRIORITIES[priority].beyond_comfort * log2(tokens_per_s / COMFORTABLE_TOKENS_PER_S)
    return value


def _of_prompts(tokens_per_s: float) -> float:
    return PROMPT_DOUBLING * log2(min(max(tokens_per_s, 1.0) / COMFORTABLE_PROMPT_TOKENS_PER_S, 1.0))


def _of_loss(divergence: float | None, priority: str) -> float:
    loss = UNKNOWN_DIVERGENCE if divergence is None else divergence
    return PRIORITIES[priority].loss * (loss / DIVERGENCE_THAT_SHOWS) ** 2


def _of_type(quant: str) -> float:
    return CODE_BOOK_COST if followed(quant).startswith("IQ") else 0.0


def rule(priority: str, *, projector: bool = False) -> tuple[Message, ...]:
    """
    The balance, with the constants of a priority; with a projector, also what that costs in RAM.
    """
    weights = PRIORITIES[priority]
    return (
        message("balance.priority", priority=priority),
        message(
            "balance.speed",
            comfortable_tokens_per_s=COMFORTABLE_TOKENS_PER_S,
            points_beyond=weights.beyond_comfort,
        ),
        message(
            "balance.prompts",
            points=PROMPT_DOUBLING,
            comfortable_tokens_per_s=COMFORTABLE_PROMPT_TOKENS_PER_S,
        ),
        message("balance.loss", points=weights.loss, divergence=DIVERGENCE_THAT_SHOWS),
        message(
            "balance.costs",
            code_book_points=CODE_BOOK_COST,
            cache_points=CACHE_IN_RAM_COST,
            projector_points=PROJECTOR_IN_RAM_COST if projector else None,
        ),
    )


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """
    One choice as the balance sees it. Speeds based on assumptions are not ``known``.
    """

    name: str
    quant: str
    tokens_per_s: float
    prompt_tokens_per_s: float
    divergence: float | None
    kv_offload: bool = True
    mmproj_offload: bool = True
    speed_known: bool = True
    prompts_known: bool = True

    def worth(self, priority: str) -> float:
        """
        The utility of the choice.
        """
        return utility(
            self.tokens_per_s,
            self.prompt_tokens_per_s,
            self.divergence,
            self.quant,
            priority,
            kv_offload=self.kv_offload,
            mmproj_offload=self.mmproj_offload,
        )


def score(choice: Scored, priority: str, first: Scored | None = None) -> Message:
    """
    The points of a choice, each part of them, and their distance from the ``first`` choice.
    """
    if choice.divergence is None:
        loss = message("balance.unmeasured-loss")
    elif not choice.divergence:
        loss = message("balance.no-loss")
    else:
        loss = message("balance.loss-of", divergence=choice.divergence)
    total = choice.worth(priority)
    return message(
        "balance.score",
        quant=choice.name,
        points=total,
        beside=None if first is None else _beside(total, first, priority),
        speed_points=_of_speed(choice.tokens_per_s, priority),
        tokens_per_s=choice.tokens_per_s,
        speed_known=choice.speed_known,
        prompt_points=_of_prompts(choice.prompt_tokens_per_s),
        prompt_tokens_per_s=choice.prompt_tokens_per_s,
        prompts_known=choice.prompts_known,
        loss_points=-_of_loss(choice.divergence, priority),
        loss=loss,
        code_book_points=-_of_type(choice.quant) or None,
        cache_points=None if choice.kv_offload else -CACHE_IN_RAM_COST,
        projector_points=None if choice.mmproj_offload else -PROJECTOR_IN_RAM_COST,
    )


def _beside(total: float, first: Scored, priority: str) -> Message:
    less = first.worth(priority) - total
    if abs(less) < HARDLY:
        return message("balance.about-equal", quant=first.name)
    if less > 0:
        return message("balance.less", quant=first.name, points=less)
    return message("balance.more", quant=first.name, points=-less)
