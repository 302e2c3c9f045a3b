"""
The estimate of one configuration of SGLang: the part of the device for weights and cache, and the cells in it.

What SGLang finds free differs from start to start (a pool of 125,555 to 184,183 tokens for one configuration in a
public log), so that pools are ranges. Source: SGLang 0.5.23, srt/mem_cache/kv_cache_configurator.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmprobe.estimation.serving.case import Case, RankWeights, Result
from llmprobe.estimation.serving.sglang import settings as defaults
from llmprobe.estimation.serving.terms import device_of, weight_terms
from llmprobe.estimation.serving.weights import rank_weights
from llmprobe.facts.estimate import Range, Term
from llmprobe.facts.serving import Bounds, Card, Counts, Pool, ServingOptions, ServingSettings
from llmprobe.units import GIB
from llmprobe.words.message import Message, message

_INDEX_BYTES = 132
_WINDOWED = 0.8
"""Tokens that layers with a window have cells for, as a part of those of the others (``--swa-full-tokens-ratio``)."""
_STATES = 48
"""Requests with a state of their own where the limit of requests is higher."""
_SHORT, _OVER = 0.35, 0.06
"""How far a pool may be below and above what follows from the free memory."""
_BESIDE = (0.1 * GIB, 0.5 * GIB, 2.0 * GIB)
"""What loading takes beside the weights, at the least, likely and at the most."""


class Sglang:
    """
    SGLang's memory model.
    """

    levers: Mapping[str, str] = {
        "max_num_seqs": "--max-running-requests",
        "kv_cache_dtype": "--kv-cache-dtype",
    }

    def version(self, text: str | None) -> tuple[int, ...]:
        """The version whose rules are known; raises ValueError for what is no version."""
        if text is None:
            return defaults.VERSION
        numbers = tuple(int(part) for part in text.removeprefix("v").split(".")[:3])
        if len(numbers) < 2:
            raise ValueError(text)
        return numbers

    def settled(self, case: Case, given: ServingOptions) -> ServingSettings:
        """The settings in force; raises UsageError where one is out of range."""
        return defaults.settled(case, given)

    def estimate(self, case: Case, settings: ServingSettings) -> Result:
        """What these settings take of each device; the cells are those of the stage with fewest."""
        tp, cards = settings.tensor_parallel_size, case.cards[: settings.world_size]
        held = [rank_weights(case, settings, stage) for stage in range(settings.pipeline_parallel_size)]
        pools = [
            _pool(settings, weights, (cards[stage * tp : (stage + 1) * tp] or cards[-1:])[0])
            for stage, weights in enumerate(held)
        ]
        cells = _cells(case, settings)
        states = _states(case, settings)
        pool = _holds(case, settings, pools, cells, states)
        devices = tuple(
            device_of(
                card,
                (
                    *weight_terms(case, settings, held[number // tp]),
                    *_terms(settings, pools[number // tp], card, states),
                ),
                budget=_free(card),
            )
            for number, card in enumerate(cards)
        )
        failure, sure = _failure(settings, cards, held, pools)
        notes = (
            () if pool is None or pool.longest.likely >= settings.max_model_len else (_cut(settings, pool),)
        )
        return Result(
            devices=devices,
            pool=pool,
            failure=failure,
            sure=sure,
            weights_bytes=max(weights.total for weights in held),
            notes=notes,
        )

    def cache_read(self, case: Case, settings: ServingSettings, ctx_size: int) -> int:
        """The bytes of cells of one request."""
        return max(_cells(case, settings)) * ctx_size


MODEL = Sglang()


def _free(card: Card) -> int:
    return card.total_bytes if card.free_bytes is None else card.free_bytes


def _pool(settings: ServingSettings, held: RankWeights, card: Card) -> Bounds:
    """
    What is left of the static part for cells: that part of what was free, less what loading took.
    """
    if settings.kv_cache_memory_bytes is not None:
        given = settings.kv_cache_memory_bytes
        return Bounds(low_bytes=given, likely_bytes=given, high_bytes=given)
    static = _free(card) * (settings.mem_fraction_static or 0)
    least, usual, most = _BESIDE
    likely = static - held.total - usual
    return Bounds(
        low_bytes=int((static - held.total - most) * (1 - _SHORT)),
        likely_bytes=int(likely),
        high_bytes=int((static - held.total - least) * (1 + _OVER)),
    )


def _cells(case: Case, settings: ServingSettings) -> list[int]:
    """
    The bytes of one token on a rank of each stage, over all of its layers.
    """
    tp, wide = settings.tensor_parallel_size, defaults.CACHE_BYTES[settings.kv_cache_dtype]
    parts = case.stages(settings.pipeline_parallel_size)
    sizes = [0.0] * len(parts)
    for cache in case.layout.kv:
        share = 1.0 if cache.window is None else _WINDOWED
        for layer in cache.layers:
            if cache.name == "indexer":
                size = float(_INDEX_BYTES)
            elif case.layout.latent or not layer.v:
                size = float(layer.k * wide)
            else:
                heads = max(1, layer.k // (layer.head_k or layer.k) // tp)
                size = float(heads * (layer.head_k + layer.head_v) * wide)
            stage = next(number for number, part in enumerate(parts) if layer.layer in part)
            sizes[stage] += size * share / cache.ratio
    return [max(1, int(size)) for size in sizes]


def _states(case: Case, settings: ServingSettings) -> int:
    """
    The bytes of the states of all requests on a rank, 0 without any; those of delta nets are kept in 32 bits.
    """
    if case.layout.state is None:
        return 0
    one = sum(2 * state.rolling + 4 * state.state for state in case.layout.state.layers)
    return one * min(settings.max_num_seqs, _STATES) // settings.tensor_parallel_size


def _holds(
    case: Case, settings: ServingSettings, pools: list[Bounds], cells: list[int], states: int
) -> Pool | None:
    if not case.layout.kv:
        return None
    given = settings.kv_cache_memory_bytes is not None
    taken = 0 if given else states
    tokens = [
        max(0, min((getattr(pool, name) - taken) // cell for pool, cell in zip(pools, cells, strict=True)))
        for name in ("low_bytes", "likely_bytes", "high_bytes")
    ]
    length = settings.max_model_len
    low, likely, high = (count / length for count in tokens)
    most = max(length, case.model.max_context or length)
    longest = [min(count, most) for count in tokens]
    return Pool(
        bytes=min(pools, key=lambda pool: pool.likely_bytes),
        tokens=Counts(low=tokens[0], likely=tokens[1], high=tokens[2]),
        concurrency=Range(low=low, likely=likely, high=high),
        longest=Counts(low=longest[0], likely=longest[1], high=longest[2]),
        request_bytes=max(cells) * length,
        block_bytes=max(cells),
        block_size=1,
        groups=1,
        given=given,
    )


def _terms(settings: ServingSettings, pool: Bounds, card: Card, states: int) -> tuple[Term, ...]:
    fraction = settings.mem_fraction_static or 0
    rest = int(_free(card) * (1 - fraction))
    cells = max(0, pool.likely_bytes - states)
    how = (
        message("how.serving-pool-given")
        if settings.kv_cache_memory_bytes is not None
        else message("how.serving-static", share=fraction, free_bytes=_free(card))
    )
    terms = [
        Term(
            name="cache-pool",
            kind="cache",
            bytes=cells,
            how=how,
            basis="assumed",
            low_bytes=max(0, pool.low_bytes - states),
            high_bytes=max(0, pool.high_bytes - states),
        ),
        Term(
            name="activations",
            kind="compute",
            bytes=rest // 2,
            how=message("how.serving-rest", bytes=rest),
            basis="assumed",
            low_bytes=0,
            high_bytes=rest,
        ),
    ]
    if states:
        requests = min(settings.max_num_seqs, _STATES)
        terms.append(
            Term(
                name="recurrent-state",
                kind="cache",
                bytes=states,
                how=message("how.serving-states", requests=requests),
                basis="assumed",
                low_bytes=states // 4,
                high_bytes=states * 2,
            )
        )
    return tuple(terms)


def _failure(
    settings: ServingSettings, cards: tuple[Card, ...], held: list[RankWeights], pools: list[Bounds]
) -> tuple[Message | None, bool]:
    """
    Why it does not start, and whether all of the range says so.
    """
    if len(cards) < settings.world_size:
        return message("failure.serving-ranks", ranks=settings.world_size, devices=len(cards)), True
    most = max(weights.total for weights in held)
    room = min(map(_free, cards))
    if most > room:
        return message("failure.serving-loading", device=cards[0].id, bytes=most, free_bytes=room), True
    least = min(pools, key=lambda pool: pool.likely_bytes)
    if least.likely_bytes <= 0:
        return message("failure.serving-static", bytes=-least.likely_bytes), least.high_bytes <= 0
    return None, least.low_bytes > 0


def _cut(settings: ServingSettings, pool: Pool) -> Message:
    return message(
        "note.serving-cut", ctx_size=settings.max_model_len, low=pool.longest.low, high=pool.longest.high
    )
