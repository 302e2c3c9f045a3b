"""
The estimate of one configuration of mlx-lm on a Mac: its peak, and the longest context below what the GPU may use.

mlx-lm prints its peak in decimal GB and without the cache of freed arrays. Beside weights and cache it holds the arrays
of a step: 0.6 to 0.8 GB for a prompt of 2048 tokens in public runs, next to nothing for a short one. They follow the
logits of a piece of the prompt. Source: mlx-lm 0.32.2 (generate_step, KVCache.step, RotatingKVCache).
"""

from __future__ import annotations

from collections.abc import Mapping

from llmprobe.errors import UsageError
from llmprobe.estimation.serving.case import Case, RankWeights, Result
from llmprobe.estimation.serving.terms import device_of, weight_terms
from llmprobe.estimation.serving.weights import rank_weights
from llmprobe.facts.estimate import Range, Term
from llmprobe.facts.given import count
from llmprobe.facts.serving import Bounds, Card, Counts, Pool, ServingOptions, ServingSettings
from llmprobe.model.archs import KvCache
from llmprobe.units import GIB
from llmprobe.words.message import Message, message

VERSION = (0, 32, 2)
FUSED = (0, 22, 2)
"""From here on attention over a prompt makes no mask and no scores of its own. Source: mlx-lm's change 40."""
_MAMBA_2 = frozenset(("granitehybrid", "nemotron_h", "nemotron_h_moe", "falcon-h1", "mamba2"))
GROWTH = 256
"""Tokens by which a cache grows; the whole is copied then."""
PIECE = 2048
_KEPT = 4
"""Tokens at the beginning that a cache with a window keeps beside it."""
_WIDE = 2
_MOST = 2**31 - 1
_NEAR = 0.9
"""Part of the working set beyond which mlx-lm warns that generation may be slow."""


class Mlx:
    """
    The memory model of mlx-lm.
    """

    levers: Mapping[str, str] = {}

    def version(self, text: str | None) -> tuple[int, ...]:
        """The version whose rules are known; raises ValueError for what is no version."""
        return VERSION if text is None else tuple(int(part) for part in text.split(".")[:3])

    def settled(self, case: Case, given: ServingOptions) -> ServingSettings:
        """The settings in force; raises UsageError where one is out of range or does not exist here."""
        for name in ("tensor_parallel_size", "pipeline_parallel_size"):
            if (given.get(name) or 1) != 1:
                raise UsageError(message("error.serving-one-device"), hint=message("hint.serving-one-device"))
        length = given.get("max_model_len") or case.model.max_context or PIECE
        return ServingSettings(
            engine="mlx",
            version=".".join(map(str, case.version)),
            max_model_len=count("max_model_len", length, least=1, most=_MOST),
            max_num_seqs=count("max_num_seqs", given.get("max_num_seqs") or 1, least=1, most=_MOST),
            max_num_batched_tokens=count(
                "max_num_batched_tokens", given.get("max_num_batched_tokens") or PIECE, least=1, most=_MOST
            ),
            block_size=GROWTH,
            kv_cache_memory_bytes=given.get("kv_cache_memory_bytes"),
        )

    def estimate(self, case: Case, settings: ServingSettings) -> Result:
        """What these settings take of the GPU's memory, and how long a context fits."""
        card = case.cards[0]
        held = rank_weights(case, settings, 0)
        weights = _kept(held)
        step = step_bytes(case, settings)
        budget = card.total_bytes if card.free_bytes is None else card.free_bytes
        cache = cache_bytes(case, settings.max_model_len) * settings.max_num_seqs
        pool = _pool(case, settings, budget, weights, step)
        terms = [term for term in weight_terms(case, settings, held) if term.name not in _DROPPED]
        device = device_of(card, (*terms, *_terms(settings, cache, step)), budget=budget)
        failure, sure = _failure(card, weights, cache, step, budget, settings, pool)
        notes: tuple[Message, ...] = ()
        if failure is None and weights > _NEAR * card.total_bytes:
            notes = (_near(weights, card),)
        return Result(
            devices=(device,), pool=pool, failure=failure, sure=sure, weights_bytes=weights, notes=notes
        )

    def cache_read(self, case: Case, settings: ServingSettings, ctx_size: int) -> int:  # noqa: ARG002 - as all have it
        """The bytes of cache of one request."""
        return cache_bytes(case, ctx_size)


MODEL = Mlx()


_DROPPED = ("rotary-tables", "latent-copies", "allocator-rounding", "encoder")
"""Terms of weights that mlx-lm does not have."""


def _kept(held: RankWeights) -> int:
    """
    The weights of the language model: sines and cosines are computed anew, experts and latent attention are held once,
    and encoders of images and sound are left out.
    """
    return held.total - held.tables - held.copies - held.rounding - held.encoder


def cache_bytes(case: Case, tokens: int) -> int:
    """
    The cache of so many tokens: rounded up to 256 of them, of layers with a window at most the window and the four
    first tokens; states do not grow.
    """
    total = 0
    for cache in case.layout.kv:
        kept = tokens if cache.window is None else min(tokens, cache.window + _KEPT)
        rounded = -(-kept // GROWTH) * GROWTH
        total += sum((layer.k + layer.v) * _WIDE for layer in cache.layers) * rounded // cache.ratio
    if case.layout.state is not None:
        total += sum(_WIDE * state.rolling + 4 * state.state for state in case.layout.state.layers)
    return total


def step_bytes(case: Case, settings: ServingSettings) -> Bounds:
    """
    The arrays of a step: the logits of a piece of the prompt, a layer's cache that is copied to grow, and a few small
    ones. CUDA keeps much more.

    Layers of Mamba 2 hold their state once for every token of the piece (models/ssm.py: y_prev); before 0.22.2 a layer
    of attention held the scores of the piece over the whole context, in part.
    """
    tokens = min(settings.max_model_len, settings.max_num_batched_tokens)
    logits = tokens * case.vocabulary * _WIDE
    grown = max((_layer_bytes(cache, settings.max_model_len) for cache in case.layout.kv), default=0)
    scores = 0
    if case.version < FUSED:
        scores = case.sizes.heads(0) * tokens * settings.max_model_len * _WIDE
    states = 0
    if case.layout.state is not None and case.model.architecture in _MAMBA_2:
        states = max(layer.state for layer in case.layout.state.layers) * tokens * _WIDE
    more = 0 if case.cards[0].capability is None else 3 * GIB
    return Bounds(
        low_bytes=0,
        likely_bytes=int(1.1 * logits + grown + 0.6 * scores + states + 0.05 * GIB) + more // 2,
        high_bytes=int(1.4 * logits + 3 * grown + 1.1 * scores + 1.3 * states + 0.3 * GIB) + more,
    )


def _layer_bytes(cache: KvCache, tokens: int) -> int:
    kept = tokens if cache.window is None else min(tokens, cache.window + _KEPT)
    return max((layer.k + layer.v for layer in cache.layers), default=0) * _WIDE * kept // cache.ratio


def peak(case: Case, settings: ServingSettings) -> Bounds:
    """
    What mlx-lm prints as its peak once the context is full.
    """
    held = rank_weights(case, settings, 0)
    fixed = _kept(held) + cache_bytes(case, settings.max_model_len)
    step = step_bytes(case, settings)
    loose = fixed // 200
    return Bounds(
        low_bytes=fixed + step.low_bytes - loose,
        likely_bytes=fixed + step.likely_bytes,
        high_bytes=fixed + step.high_bytes + loose,
    )


def _pool(case: Case, settings: ServingSettings, budget: int, weights: int, step: Bounds) -> Pool | None:
    if not case.layout.kv:
        return None
    length = settings.max_model_len
    each = cache_bytes(case, length)
    given = settings.kv_cache_memory_bytes
    ends = (
        [given, given, given]
        if given is not None
        else [budget - weights - size for size in (step.high_bytes, step.likely_bytes, step.low_bytes)]
    )
    most = max(length, case.model.max_context or length)
    longest = [_longest(case, end, most) for end in ends]
    times = [max(0, end) / each for end in ends]
    return Pool(
        bytes=Bounds(low_bytes=ends[0], likely_bytes=ends[1], high_bytes=ends[2]),
        tokens=Counts(low=int(times[0] * length), likely=int(times[1] * length), high=int(times[2] * length)),
        concurrency=Range(low=times[0], likely=times[1], high=times[2]),
        longest=Counts(low=longest[0], likely=longest[1], high=longest[2]),
        request_bytes=each,
        block_bytes=max(1, cache_bytes(case, GROWTH)),
        block_size=GROWTH,
        groups=1,
        given=given is not None,
    )


def _longest(case: Case, room: int, most: int) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if cache_bytes(case, middle) <= room:
            low = middle
        else:
            high = middle - 1
    return low


def _terms(settings: ServingSettings, cache: int, step: Bounds) -> tuple[Term, ...]:
    return (
        Term(
            name="kv-cache",
            kind="cache",
            bytes=cache,
            how=message("how.serving-grown", tokens=-(-settings.max_model_len // GROWTH) * GROWTH),
            basis="derived",
        ),
        Term(
            name="activations",
            kind="compute",
            bytes=step.likely_bytes,
            how=message("how.serving-activations", tokens=settings.max_num_batched_tokens),
            basis="assumed",
            low_bytes=step.low_bytes,
            high_bytes=step.high_bytes,
        ),
    )


def _failure(
    card: Card,
    weights: int,
    cache: int,
    step: Bounds,
    budget: int,
    settings: ServingSettings,
    pool: Pool | None,
) -> tuple[Message | None, bool]:
    """
    Why it does not fit what the GPU may use, and whether all of the range says so.
    """
    if weights > budget:
        return message("failure.serving-loading", device=card.id, bytes=weights, free_bytes=budget), True
    likely, low, high = (
        budget - weights - cache - size for size in (step.likely_bytes, step.high_bytes, step.low_bytes)
    )
    if likely < 0:
        longest = 0 if pool is None else pool.longest.likely
        failure = message(
            "failure.serving-length",
            ctx_size=settings.max_model_len,
            bytes=cache,
            free_bytes=max(0, budget - weights - step.likely_bytes),
            longest=longest,
        )
        return failure, high < 0
    return None, low >= 0


def _near(weights: int, card: Card) -> Message:
    return message("note.serving-wired", bytes=weights, limit_bytes=card.total_bytes)
