"""
The ways to serve a model on the devices of a machine: published weights x ranks x settings, each with its estimate.

For each format and number of devices the settings begin with the engine's own, and give up one thing after the other
until the worst end of the range holds what was asked for: requests in a batch, then a larger share, then a narrower
cache, then graphs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import sub
from typing import Any

import msgspec

from llmprobe.advise.serving.formats import cache_types, kernels, loss_of
from llmprobe.estimation.serving import MemoryModel, speed
from llmprobe.estimation.serving.case import Case, Result
from llmprobe.estimation.serving.stages import divided, even
from llmprobe.facts.devices import Network
from llmprobe.facts.estimate import Range
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Quality
from llmprobe.facts.serving import Card, Checkpoint, ServingOptions, ServingSettings
from llmprobe.model.archs import Sizes
from llmprobe.words.message import Message

Offer = tuple[Checkpoint, Mapping[str, Any] | None]
"""Published weights, and what their configuration says of the quantization."""

FEW_REQUESTS = (64, 16)
LARGEST_SHARE = 0.95
SMALL_BATCH = 2048
UNIFIED_SHARE = 0.855


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """
    One way to serve a model, and what comes of it. ``gives_up`` are the settings that are not the engine's own.
    """

    checkpoint: Checkpoint
    case: Case
    settings: ServingSettings
    result: Result
    quality: Quality
    kernels: Message | None
    cards: tuple[Card, ...]
    step_s: float | None
    users: int
    native: bool
    gives_up: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether even the worst end of the range holds what was asked for."""
        return _holds(self.result, self.users, surely=True)

    @property
    def serves(self) -> bool:
        """Whether it likely starts and holds what was asked for."""
        return _holds(self.result, self.users)

    def tokens_per_s(self, users: int, ctx_size: int, memory: MemoryModel) -> Range | None:
        """The speed of so many requests at once, each with so long a context."""
        read = memory.cache_read(self.case, self.settings, ctx_size)
        return speed.generation(self.case, self.settings, users, read)


def ways(
    model: ModelSpec,
    offers: Sequence[Offer],
    cards: tuple[Card, ...],
    memory: MemoryModel,
    version: tuple[int, ...],
    *,
    length: int,
    users: int,
    cache_type: str | None = None,
) -> Iterator[Way]:
    """
    For each of the offers that the cards load, and each number of devices: the first settings that surely hold
    ``users`` requests of ``length`` tokens, or else the last ones that likely do, or the last of all.
    """
    for used in _counts(cards):
        yield from _on(
            model, offers, cards[:used], memory, version, length=length, users=users, cache_type=cache_type
        )


def between(
    model: ModelSpec,
    offers: Sequence[Offer],
    machines: Sequence[tuple[Card, ...]],
    memory: MemoryModel,
    version: tuple[int, ...],
    *,
    network: Network,
    length: int,
    users: int,
    cache_type: str | None = None,
) -> Iterator[Way]:
    """
    The same over several machines, the first one the main one: each is a stage of a pipeline, and cuts its layers over
    as many of its devices as all machines have. Larger and faster machines may have more of the layers.
    """
    ranks = _widest(model, min(map(len, machines)))
    used = [each[:ranks] for each in machines]
    for partition in (None, *partitions(len(Sizes(model.hparams).trunk), used)):
        yield from _on(
            model,
            offers,
            tuple(card for each in used for card in each),
            memory,
            version,
            length=length,
            users=users,
            cache_type=cache_type,
            split=(ranks, len(used)),
            network=network,
            partition=partition,
        )


def partitions(layers: int, machines: Sequence[tuple[Card, ...]]) -> tuple[tuple[int, ...], ...]:
    """
    The layers of each machine by what is free on its least device, and by the bandwidth of its slowest, where these are
    no even parts.
    """
    if layers < len(machines):
        return ()
    rooms = [
        min(card.total_bytes if card.free_bytes is None else card.free_bytes for card in each)
        for each in machines
    ]
    rates = [min(card.bandwidth_bytes_per_s or 0 for card in each) for each in machines]
    found = [even(layers, len(machines))]
    for parts in (rooms, rates):
        sizes = divided(layers, parts) if all(parts) else found[0]
        # A layer more or less makes no difference.
        if all(max(map(abs, map(sub, sizes, other))) > 1 for other in found):
            found.append(sizes)
    return tuple(found[1:])


def _on(
    model: ModelSpec,
    offers: Sequence[Offer],
    cards: tuple[Card, ...],
    memory: MemoryModel,
    version: tuple[int, ...],
    *,
    length: int,
    users: int,
    cache_type: str | None,
    split: tuple[int, int] | None = None,
    network: Network | None = None,
    partition: tuple[int, ...] | None = None,
) -> Iterator[Way]:
    """
    One way for each of the offers that these devices load, all of them used.
    """
    for checkpoint, quantization in offers:
        found = [kernels(checkpoint.format, card) for card in cards]
        if not all(loads for loads, _, _ in found):
            continue
        case = Case(model, quantization, cards, version, network, partition)
        tensor, pipeline = split or _ranks(case, len(cards)) or (0, 0)
        if not tensor or pipeline > max(1, case.layers):
            continue
        best = _best(case, memory, length, users, cache_type, tensor, pipeline)
        if best is None:
            continue
        settings, result, given_up = best
        mine = checkpoint.folder is not None or checkpoint.repository == model.repo
        yield Way(
            checkpoint=checkpoint,
            case=case,
            settings=settings,
            result=result,
            quality=loss_of(model, checkpoint.format, own=mine),
            kernels=found[0][2],
            cards=cards,
            step_s=speed.step_seconds(case, settings, 1, 0),
            users=users,
            native=all(native for _, native, _ in found),
            gives_up=given_up,
        )


def _counts(cards: tuple[Card, ...]) -> list[int]:
    """
    How many devices to try: all of them, and powers of two below.
    """
    most = len(cards)
    return [most, *(2**power for power in range(most.bit_length() - 1, -1, -1) if 2**power < most)]


def _ranks(case: Case, devices: int) -> tuple[int, int] | None:
    """
    How to share the model between so many devices: cut over all, or in a pipeline where the heads do not divide.
    """
    heads = _heads(case.sizes)
    cut = next(
        (ranks for ranks in range(devices, 0, -1) if devices % ranks == 0 and heads % ranks == 0), None
    )
    return None if cut is None else (cut, devices // cut)


def _widest(model: ModelSpec, devices: int) -> int:
    """
    The most of so many devices that divide the heads.
    """
    heads = _heads(Sizes(model.hparams))
    return next(ranks for ranks in range(devices, 0, -1) if heads % ranks == 0)


def _heads(sizes: Sizes) -> int:
    return max((sizes.heads(layer) for layer in sizes.trunk), default=0) or 1


def _best(
    case: Case,
    memory: MemoryModel,
    length: int,
    users: int,
    cache_type: str | None,
    tensor: int,
    pipeline: int,
) -> tuple[ServingSettings, Result, tuple[str, ...]] | None:
    likely: tuple[ServingSettings, Result, tuple[str, ...]] | None = None
    last: tuple[ServingSettings, Result, tuple[str, ...]] | None = None
    for given, given_up in _levers(case, users, cache_type, memory.levers):
        asked: ServingOptions = {
            "max_model_len": length,
            "tensor_parallel_size": tensor,
            "pipeline_parallel_size": pipeline,
            "enable_expert_parallel": _deals(case, tensor),
            **given,
        }
        settings = memory.settled(case, asked)
        result = memory.estimate(case, settings)
        found = (settings, result, given_up)
        if _holds(result, users, surely=True):
            return found
        if _holds(result, users) and (likely is None or not settings.enforce_eager):
            likely = found
        last = found
        if result.failure is not None and result.failure.id == "failure.serving-loading":
            break
    return likely or last


def _holds(result: Result, users: int, *, surely: bool = False) -> bool:
    """
    Whether a start succeeds and its pool holds so many requests, likely or at the worst end of the range.
    """
    if result.failure is not None or result.pool is None or (surely and not result.sure):
        return False
    concurrency = result.pool.concurrency
    return (concurrency.low if surely else concurrency.likely) >= users


def _levers(
    case: Case, users: int, cache_type: str | None, levers: Mapping[str, str]
) -> Iterator[tuple[ServingOptions, tuple[str, ...]]]:
    """
    Settings that leave more and more for the pool, of those that the engine has, and the names of those that are not
    its own.
    """
    share = _share(case)
    given: ServingOptions = {}
    if cache_type is not None:
        given["kv_cache_dtype"] = cache_type
    if share is not None and "gpu_memory_utilization" in levers:
        given["gpu_memory_utilization"] = share
    yield given, ()
    steps: list[ServingOptions] = [
        {"max_num_seqs": requests} for requests in FEW_REQUESTS if requests >= users
    ]
    steps.append({"max_num_seqs": max(users, min(FEW_REQUESTS)), "max_num_batched_tokens": SMALL_BATCH})
    if share is None:
        steps.append({"gpu_memory_utilization": LARGEST_SHARE})
    if cache_type is None and "fp8" in cache_types(case.cards[0]):
        steps.append({"kv_cache_dtype": "fp8"})
    steps.append({"enforce_eager": True})
    up: tuple[str, ...] = ()
    for step in steps:
        new = tuple(name for name in step if name in levers)
        if not new:
            continue
        # A part of a step, by names that are its own.
        given = {**given, **{name: step[name] for name in new}}  # type: ignore[literal-required, typeddict-item]
        up = (*up, *(name for name in new if name not in up))
        yield given, up


def _share(case: Case) -> float | None:
    """
    The share of each device that is free, where that is less than the engine asks for by itself.
    """
    shares = [
        card.free_bytes / card.total_bytes
        for card in case.cards
        if card.free_bytes is not None and card.total_bytes
    ]
    least = min(shares, default=1.0)
    if case.cards[0].unified:
        # The system and other programs live there too.
        least = min(least, UNIFIED_SHARE)
    return None if least >= LARGEST_SHARE + 0.005 else max(0.05, int(least * 100 - 0.5) / 100)


def _deals(case: Case, tensor: int) -> bool:
    """
    Whether experts are dealt out whole: where many small ones would be cut into eight or more, or in the middle of a
    block that shares a scale.
    """
    width = case.sizes.number("expert_feed_forward_length", 0)
    if not width or tensor == 1:
        return False
    packing = None if case.scheme is None else case.scheme.packing
    rows = 0 if packing is None else packing.rows
    return (rows > 1 and width // tensor % rows != 0) or (tensor >= 8 and case.sizes.n_expert >= 128)
