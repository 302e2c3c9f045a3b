"""
A way to serve as the choice that is shown: its figures, reasons and command.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from llmprobe.advise.serving.ranking import points
from llmprobe.advise.serving.search import Way
from llmprobe.estimation.serving import MemoryModel, speed
from llmprobe.estimation.speed.network import beyond
from llmprobe.facts.estimate import Range, Speed
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Label, Wishes
from llmprobe.facts.serving import Card, Serving, Together
from llmprobe.model.formats.published import counted_bytes
from llmprobe.words.message import Message, message

Command = Callable[[Choice, ModelSpec, str | None], str | None]


def no_command(*_: object) -> None:
    """
    No line: what is typed is said elsewhere.
    """


def choice_of(
    model: ModelSpec,
    wishes: Wishes,
    way: Way,
    memory: MemoryModel,
    command: Command,
    cards: tuple[Card, ...],
    label: Label,
) -> Choice:
    assert way.result.pool is not None
    settings, pool, devices = way.settings, way.result.pool, len(cards)
    total = way.case.layers + 1
    kind = {"auto": "f16", "bfloat16": "bf16"}.get(settings.kv_cache_dtype, settings.kv_cache_dtype)
    short = way.tokens_per_s(1, 0, memory)
    network = way.case.network
    hop = beyond(speed.HOP_S, network)
    choice = Choice(
        label=label,
        quant=way.checkpoint.format,
        ctx_size=settings.max_model_len,
        parallel=max(1, wishes.parallel),
        cache_type_k=kind,
        cache_type_v=kind,
        gpu_layers=total,
        total_layers=total,
        devices=way.result.devices,
        fits=way.sure,
        speed=Speed(
            generation_tokens_per_s=short,
            generation_at_full_context_tokens_per_s=way.tokens_per_s(1, settings.max_model_len, memory),
            prompt_tokens_per_s=speed.prompt(way.case, settings),
            prompt_is_assumed=True,
            reason=message("speed.serving")
            if network is None
            else message("speed.serving-network", ms=hop.likely * 1000, bytes_per_s=network.bytes_per_s),
        ),
        quality=way.quality,
        reasons=_reasons(wishes, way, memory),
        commands={},
        use_devices=None if len(way.cards) == devices else tuple(card.id for card in way.cards),
        device_numbers=() if len(way.cards) == devices else tuple(range(len(way.cards))),
        download_bytes=stored(way),
        serving=Serving(
            checkpoint=way.checkpoint,
            settings=settings,
            pool=pool,
            together=_together(way, wishes, memory),
            sure=way.sure,
            points=round(points(way, wishes, memory)[1], 3),
        ),
    )
    line = command(choice, model, cards[0].backend)
    return choice if line is None else msgspec.structs.replace(choice, commands={settings.engine: line})


def stored(way: Way) -> int:
    """
    The bytes of the published weights.
    """
    plain = sum(tensor.elements * 2 for tensor in way.case.tensors)
    return plain if way.case.scheme is None else counted_bytes(way.case.scheme, way.case.tensors, 16) or plain


def _together(way: Way, wishes: Wishes, memory: MemoryModel) -> tuple[Together, ...]:
    """
    The speed of one request, of as many as were wished, and of as many as the pool holds with 4096 tokens each.
    """
    pool = way.result.pool
    assert pool is not None
    context = min(way.settings.max_model_len, 4096)
    most = int(min(way.settings.max_num_seqs, pool.tokens.low // context))
    counts = sorted({1, wishes.parallel, *(count for count in (8, 32, 128) if count <= most)})
    rates: list[tuple[int, Range | None]] = [
        (count, way.tokens_per_s(count, context, memory)) for count in counts
    ]
    return tuple(
        Together(users=count, ctx_size=context, tokens_per_s=rate)
        for count, rate in rates
        if rate is not None
    )


def _reasons(wishes: Wishes, way: Way, memory: MemoryModel) -> tuple[Message, ...]:
    settings, found = way.settings, []
    if settings.world_size > 1:
        found.append(
            message(
                "reason.serving-ranks",
                tensor=settings.tensor_parallel_size,
                pipeline=settings.pipeline_parallel_size if settings.pipeline_parallel_size > 1 else None,
                bytes=way.result.weights_bytes,
            )
        )
    if settings.enable_expert_parallel:
        found.append(message("reason.serving-experts", experts=way.case.sizes.n_expert))
    if way.kernels is not None:
        found.append(way.kernels)
    if way.gives_up:
        options = tuple(memory.levers[name] for name in way.gives_up)
        found.append(message("reason.serving-levers", options=options))
    if way.quality.value:
        found.append(
            message(
                "reason.loss",
                quant=way.checkpoint.format,
                quality=way.quality.words,
                divergence=way.quality.value,
                basis=way.quality.basis,
            )
        )
    pool = way.result.pool
    if pool is not None:
        found.append(
            message(
                "reason.serving-pool",
                requests=wishes.parallel,
                ctx_size=settings.max_model_len,
                low=pool.concurrency.low,
                high=pool.concurrency.high,
            )
        )
    return tuple(found)
