"""
The estimate of one configuration of vLLM: its budget, what of it is taken, the pool that is left, and what fails.

Source: vLLM 0.33, v1/worker/gpu_worker.py (determine_available_memory), v1/worker/utils.py (request_memory),
v1/core/kv_cache_planning.py (_check_enough_kv_cache_memory).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from llmprobe.estimation.serving.case import Case, RankWeights, Result
from llmprobe.estimation.serving.terms import device_of, weight_terms
from llmprobe.estimation.serving.vllm import settings as defaults
from llmprobe.estimation.serving.vllm import step
from llmprobe.estimation.serving.vllm.pages import Plan, plan
from llmprobe.estimation.serving.vllm.versions import (
    CUT_ENCODERS,
    TRITON_EXPERTS,
    WHOLE_PIECES,
    version_of,
)
from llmprobe.estimation.serving.weights import Loading, rank_weights
from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.estimate import DeviceEstimate, Range, Term
from llmprobe.facts.serving import Bounds, Card, Counts, Pool, ServingOptions, ServingSettings
from llmprobe.words.message import Message, message

_CARDS_VARY = 0.004
"""How far the memory that a driver shows may be off the label less its usual reserve, as a share."""


class Vllm:
    """
    vLLM's memory model.
    """

    levers: Mapping[str, str] = {
        "max_num_seqs": "--max-num-seqs",
        "max_num_batched_tokens": "--max-num-batched-tokens",
        "gpu_memory_utilization": "--gpu-memory-utilization",
        "kv_cache_dtype": "--kv-cache-dtype",
        "enforce_eager": "--enforce-eager",
    }

    def version(self, text: str | None) -> tuple[int, ...]:
        """A version by its numbers; raises ValueError where it is none."""
        return version_of(text)

    def settled(self, case: Case, given: ServingOptions) -> ServingSettings:
        """The settings in force; raises UsageError where one is out of range."""
        return defaults.settled(case, given)

    def estimate(self, case: Case, settings: ServingSettings) -> Result:
        """
        What these settings take of each device. All ranks of a stage are alike; the pool is that of the least one.
        """
        tp = settings.tensor_parallel_size
        cards = case.cards[: settings.world_size]
        devices, pools, weights = [], [], []
        for stage in range(settings.pipeline_parallel_size):
            held = rank_weights(case, settings, stage, loading_of(case))
            weights.append(held)
            mine = cards[stage * tp : (stage + 1) * tp] or cards[-1:]
            pools.append(min((_pool(case, settings, held, card) for card in mine), key=_likely))
        pages = plan(case, settings)
        pool = None if pages is None else _holds(case, settings, pages, pools)
        failure, sure = _failure(case, settings, weights, pools, pages)
        for number, card in enumerate(cards):
            stage = number // tp
            devices.append(_device(case, settings, weights[stage], pools[stage], card))
        return Result(
            devices=tuple(devices),
            pool=pool,
            failure=failure,
            sure=sure,
            weights_bytes=max(held.total for held in weights),
        )

    def cache_read(self, case: Case, settings: ServingSettings, ctx_size: int) -> int:
        """
        The bytes of cache that a rank reads for one token: all pages of a request but those that batches need besides.
        """
        pages = plan(case, settings)
        if pages is None or not ctx_size:
            return 0
        return msgspec.structs.replace(pages, in_flight=0).request_bytes(ctx_size)


MODEL = Vllm()


def _likely(pool: Bounds) -> int:
    return pool.likely_bytes


def loading_of(case: Case) -> Loading:
    """
    What this version does with weights. On some backends it asks the device what they take.
    """
    version = case.version
    return Loading(
        whole_encoder=version < CUT_ENCODERS,
        marlin=version < TRITON_EXPERTS,
        whole_pieces=version >= WHOLE_PIECES,
        by_device=BACKENDS[case.cards[0].backend].torch_counts_by_device,
    )


def requested(card: Card, settings: ServingSettings) -> int:
    """
    The budget: a part of all of the device's memory, whatever is free of it.
    """
    return math.ceil(card.total_bytes * (settings.gpu_memory_utilization or 0))


def _pool(case: Case, settings: ServingSettings, held: RankWeights, card: Card) -> Bounds:
    """
    What is left of the budget of a device for the pool, which may be less than nothing.
    """
    if settings.kv_cache_memory_bytes is not None:
        given = settings.kv_cache_memory_bytes
        return Bounds(low_bytes=given, likely_bytes=given, high_bytes=given)
    budget = requested(card, settings)
    parts = _taken(case, settings)
    unsure = int(card.total_bytes * _CARDS_VARY) if card.assumed else 0
    loose = held.total // 200
    return Bounds(
        low_bytes=budget - held.total - loose - unsure - sum(part.bytes.high_bytes for part in parts),
        likely_bytes=budget - held.total - sum(part.bytes.likely_bytes for part in parts),
        high_bytes=budget - held.total + loose + unsure - sum(part.bytes.low_bytes for part in parts),
    )


def _taken(case: Case, settings: ServingSettings) -> list[step.Part]:
    parts = [step.activations(case, settings), step.process(case, settings)]
    graphs = step.graphs(case, settings)
    if graphs is not None and step.counts_graphs(case):
        parts.append(graphs)
    return parts


def _holds(case: Case, settings: ServingSettings, pages: Plan, pools: list[Bounds]) -> Pool:
    """
    What a pool holds: requests of the whole length, tokens, and the longest that one request may be.
    """
    length, each = settings.max_model_len, pages.request_blocks(settings.max_model_len)
    most = max(length, case.model.max_context or length)
    ends = [
        pages.blocks([max(0, getattr(pool, name)) for pool in pools])
        for name in ("low_bytes", "likely_bytes", "high_bytes")
    ]
    concurrency = [blocks / each for blocks in ends]
    tokens = [int(times * length) for times in concurrency]
    longest = [pages.longest(blocks, most) for blocks in ends]
    least = min(pools, key=_likely)
    return Pool(
        bytes=least,
        tokens=Counts(low=tokens[0], likely=tokens[1], high=tokens[2]),
        concurrency=Range(low=concurrency[0], likely=concurrency[1], high=concurrency[2]),
        longest=Counts(low=longest[0], likely=longest[1], high=longest[2]),
        request_bytes=pages.request_bytes(length),
        block_bytes=max(pages.block_bytes),
        block_size=pages.block,
        groups=len(pages.groups),
        given=settings.kv_cache_memory_bytes is not None,
    )


def _failure(
    case: Case,
    settings: ServingSettings,
    weights: list[RankWeights],
    pools: list[Bounds],
    pages: Plan | None,
) -> tuple[Message | None, bool]:
    """
    Why vLLM does not start, in the order in which it looks; whether all of the range says so.
    """
    cards = case.cards[: settings.world_size]
    if len(cards) < settings.world_size:
        return message("failure.serving-ranks", ranks=settings.world_size, devices=len(cards)), True
    given = settings.kv_cache_memory_bytes is not None
    for card in cards:
        budget = requested(card, settings)
        if not given and card.free_bytes is not None and card.free_bytes < budget:
            return (
                message(
                    "failure.serving-free",
                    device=card.id,
                    free_bytes=card.free_bytes,
                    total_bytes=card.total_bytes,
                    share=settings.gpu_memory_utilization or 0,
                    budget_bytes=budget,
                ),
                True,
            )
    tp = settings.tensor_parallel_size
    for stage, held in enumerate(weights):
        for card in cards[stage * tp : (stage + 1) * tp]:
            room = card.total_bytes if card.free_bytes is None else card.free_bytes
            if held.total > room:
                return (
                    message("failure.serving-loading", device=card.id, bytes=held.total, free_bytes=room),
                    held.total > room * 1.01,
                )
    if pages is None:
        return None, True
    least = min(pools, key=_likely)
    if least.likely_bytes <= 0:
        return message("failure.serving-no-pool", bytes=least.likely_bytes), least.high_bytes <= 0
    needed = pages.request_blocks(settings.max_model_len)
    ends = [
        pages.blocks([max(0, getattr(pool, name)) for pool in pools])
        for name in ("likely_bytes", "high_bytes")
    ]
    if needed > ends[0] - 1:
        return (
            message(
                "failure.serving-length",
                ctx_size=settings.max_model_len,
                bytes=pages.request_bytes(settings.max_model_len),
                free_bytes=least.likely_bytes,
                longest=pages.longest(ends[0], settings.max_model_len),
            ),
            needed > ends[1] - 1,
        )
    return None, _surely(pools, pages, needed)


def _surely(pools: list[Bounds], pages: Plan, needed: int) -> bool:
    """
    Whether the least that the pools may be holds a request of the whole length too.
    """
    return needed <= pages.blocks([max(0, pool.low_bytes) for pool in pools]) - 1


def _device(
    case: Case, settings: ServingSettings, held: RankWeights, pool: Bounds, card: Card
) -> DeviceEstimate:
    """
    One rank's device, term by term. Graphs that are not counted come on top, as the context of the driver does.
    """
    parts = _taken(case, settings)
    graphs = step.graphs(case, settings)
    if graphs is not None and not step.counts_graphs(case):
        parts.append(graphs)
    parts.append(step.outside(case))
    cache = max(0, pool.likely_bytes)
    terms = [
        *weight_terms(case, settings, held),
        Term(
            name="cache-pool",
            kind="cache",
            bytes=cache,
            how=_pool_how(settings, card),
            basis="declared" if settings.kv_cache_memory_bytes is not None else "derived",
            low_bytes=max(0, pool.low_bytes),
            high_bytes=max(0, pool.high_bytes),
        ),
        *(
            Term(
                name=part.name,
                kind="compute" if part.name in ("activations", "cuda-graphs") else "overhead",
                bytes=part.bytes.likely_bytes,
                how=part.how,
                basis="assumed",
                low_bytes=part.bytes.low_bytes,
                high_bytes=part.bytes.high_bytes,
            )
            for part in parts
        ),
    ]
    # What is outside of the share counts too, so that the device's whole memory is what all must fit.
    return device_of(card, terms, budget=card.total_bytes)


def _pool_how(settings: ServingSettings, card: Card) -> Message:
    if settings.kv_cache_memory_bytes is not None:
        return message("how.serving-pool-given")
    return message(
        "how.serving-pool",
        share=settings.gpu_memory_utilization or 0,
        total_bytes=card.total_bytes,
        budget_bytes=requested(card, settings),
    )
