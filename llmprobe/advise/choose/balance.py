"""
The balance between time and loss: one utility, its few constants, and how the wishes move it.

    utility = - doublings(seconds / patience) - LOSS_WEIGHT x doublings(divergence / DIVERGENCE_THAT_SHOWS)
              - (FEW_BITS_COST for each bit below four) - (CODE_BOOK_COST if IQ…)
              - (QUANTIZED_CACHE_COST if the cache is quantized)
              - (CACHE_IN_RAM_COST if the cache is kept in RAM) - (PROJECTOR_IN_RAM_COST if the projector is)

    doublings(x) = log2(1 + x^2) / 2

``seconds`` is the time of one answer for the use in question. Both terms have one shape: below what one notices they
are quadratic and hardly count, far above it each doubling counts the same. A doubling of the time is then one point, a
doubling of the loss ``LOSS_WEIGHT``. Of choices that are ``NEARLY`` as good and as fast as the best, the one that loses
least comes first.
"""

from math import log2

import msgspec

from llmprobe.advise.choose.use import Use
from llmprobe.model.quants import followed
from llmprobe.words.message import Message, message

DIVERGENCE_THAT_SHOWS = 0.05
"""Nats per token. Q4_K_M of an 8B model (0.026) is under it, Q3_K_M (0.084) is over it."""

LOSS_WEIGHT = 0.5
"""
What a doubling of a loss that shows is worth in doublings of the time: people who measured both take Q4 for Q6 when it
is four times as fast, IQ3 for Q4 at two and a half times, and no Q2 for Q6 at a fifth more
(``fixtures/truth/expert_choices.json``).
"""

ENOUGH_BITS = 4

FEW_BITS_COST = 0.15
"""
What a type costs besides for each bit below four: divergences are measured on prose, and on code and calls of tools
the same file loses three to four times as much; who tried both for such work stayed at four bits.
"""


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """
    How a priority moves the balance: the weight of loss, and how many times as patient one is.
    """

    loss: float = LOSS_WEIGHT
    patience: float = 1.0


CODE_BOOK_COST = 0.1
"""
A tenth of a doubling: types with a code book (IQ…) are published by fewer, need an importance matrix, and
decode more slowly than their size says on processors and on Metal.
"""

QUANTIZED_CACHE_COST = 0.15
"""
As much as a bit less of the weights: what a smaller cache loses was measured for few families, and grows with a text.
Who has a card that is a little too small for four bits takes them with a cache in q8_0, not three bits with one in f16.
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

NEARLY = 0.03
"""Choices within this are as good as each other, so that the smaller loss decides: speeds are not known to 2 %."""

NEARLY_AS_FAST = 1.5
"""How many times as long an answer of a choice that is as good may take: no loss is worth a wait that shows."""

HARDLY = 0.05
"""Choices that are worth nearly the same: a twentieth of a doubling is below what the speeds are known to."""

PRIORITIES = {
    "balanced": Weights(),
    "quality": Weights(loss=6.0, patience=4.0),
    "speed": Weights(loss=0.2, patience=0.02),
    "context": Weights(),
}

# An unmeasured file type counts as the worst usable one: it wins only where nothing else fits.
UNKNOWN_DIVERGENCE = 0.6


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """
    One choice as the balance sees it. ``name`` is what a person calls it; speeds based on assumptions are not
    ``known``.
    """

    quant: str
    tokens_per_s: float
    prompt_tokens_per_s: float
    divergence: float | None
    name: str = ""
    cache_quantized: bool = False
    kv_offload: bool = True
    mmproj_offload: bool = True
    speed_known: bool = True
    prompts_known: bool = True

    def worth(self, use: Use, priority: str) -> float:
        """
        The value of the choice for a use and a priority; only differences between choices mean anything.
        """
        return (
            of_time(use.seconds(self.tokens_per_s, self.prompt_tokens_per_s), use, priority)
            - of_loss(self.divergence, priority)
            - _of_bits(self.quant, priority)
            - _of_code_book(self.quant)
            - (_of_small_cache(priority) if self.cache_quantized else 0.0)
            - (0.0 if self.kv_offload else CACHE_IN_RAM_COST)
            - (0.0 if self.mmproj_offload else PROJECTOR_IN_RAM_COST)
        )


def of_time(seconds: float, use: Use, priority: str) -> float:
    """
    The points of the time of an answer, 0 or below.
    """
    return -doublings(seconds / (use.patience_s * PRIORITIES[priority].patience))


def of_loss(divergence: float | None, priority: str) -> float:
    """
    What a loss costs.
    """
    loss = UNKNOWN_DIVERGENCE if divergence is None else divergence
    return PRIORITIES[priority].loss * doublings(loss / DIVERGENCE_THAT_SHOWS)


def doublings(ratio: float) -> float:
    """
    How often something doubled beyond what one notices: about half its square far below 1, its logarithm far above.
    """
    return log2(1 + ratio * ratio) / 2


def _of_bits(quant: str, priority: str) -> float:
    name = followed(quant)
    if not name.startswith(("Q", "IQ", "TQ")):
        return 0.0
    bits = next((int(letter) for letter in name if letter.isdigit()), ENOUGH_BITS)
    return FEW_BITS_COST * max(0, ENOUGH_BITS - bits) * PRIORITIES[priority].loss / LOSS_WEIGHT


def _of_code_book(quant: str) -> float:
    return CODE_BOOK_COST if followed(quant).startswith("IQ") else 0.0


def _of_small_cache(priority: str) -> float:
    return 0.0 if priority == "speed" else QUANTIZED_CACHE_COST * PRIORITIES[priority].loss / LOSS_WEIGHT


def rule(use: Use, priority: str, *, projector: bool = False) -> tuple[Message, ...]:
    """
    The balance, with the constants of a use and a priority; with a projector, also what that costs in RAM.
    """
    weights = PRIORITIES[priority]
    return (
        message("balance.priority", priority=priority),
        message(
            "balance.use",
            use=use.name,
            prompt_tokens=use.prompt,
            thinking_tokens=use.thinking or None,
            answer_tokens=use.answer,
        ),
        message("balance.time", patience_s=use.patience_s * weights.patience),
        message("balance.loss", points=weights.loss, divergence=DIVERGENCE_THAT_SHOWS),
        message("balance.nearly", points=NEARLY, times=NEARLY_AS_FAST),
        message(
            "balance.costs",
            few_bits_points=FEW_BITS_COST * weights.loss / LOSS_WEIGHT,
            code_book_points=CODE_BOOK_COST,
            small_cache_points=_of_small_cache(priority),
            cache_points=CACHE_IN_RAM_COST,
            projector_points=PROJECTOR_IN_RAM_COST if projector else None,
        ),
    )


def score(choice: Scored, use: Use, priority: str, first: Scored | None = None) -> Message:
    """
    The points of a choice, each part of them, and their distance from the ``first`` choice.
    """
    if choice.divergence is None:
        loss = message("balance.unmeasured-loss")
    elif not choice.divergence:
        loss = message("balance.no-loss")
    else:
        loss = message("balance.loss-of", divergence=choice.divergence)
    total = choice.worth(use, priority)
    seconds = use.seconds(choice.tokens_per_s, choice.prompt_tokens_per_s)
    return message(
        "balance.score",
        quant=choice.name or choice.quant,
        points=total,
        beside=None if first is None else _beside(total, first, use, priority),
        time_points=of_time(seconds, use, priority),
        seconds=seconds,
        tokens_per_s=choice.tokens_per_s,
        speed_known=choice.speed_known,
        prompt_tokens_per_s=choice.prompt_tokens_per_s,
        prompts_known=choice.prompts_known,
        loss_points=-of_loss(choice.divergence, priority),
        loss=loss,
        few_bits_points=-_of_bits(choice.quant, priority) or None,
        code_book_points=-_of_code_book(choice.quant) or None,
        small_cache_points=(-_of_small_cache(priority) or None) if choice.cache_quantized else None,
        cache_points=None if choice.kv_offload else -CACHE_IN_RAM_COST,
        projector_points=None if choice.mmproj_offload else -PROJECTOR_IN_RAM_COST,
    )


def _beside(total: float, first: Scored, use: Use, priority: str) -> Message:
    less = first.worth(use, priority) - total
    if abs(less) < HARDLY:
        return message("balance.about-equal", quant=first.name or first.quant)
    if less > 0:
        return message("balance.less", quant=first.name or first.quant, points=less)
    return message("balance.more", quant=first.name or first.quant, points=-less)
