"""
From a model, a machine and wishes to the ways that are shown, best first, with their reasons and commands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2

import msgspec

from llmprobe.advise.explain.notes import findings
from llmprobe.advise.serving.formats import packed_as
from llmprobe.advise.serving.notes import nearest, notes_of
from llmprobe.advise.serving.search import Offer, Way, ways
from llmprobe.estimation.serving import MemoryModel, speed
from llmprobe.facts.estimate import Range, Speed, model_in_estimate
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import (
    Choice,
    Label,
    MachineInShort,
    Recommendation,
    Rejected,
    Wishes,
)
from llmprobe.facts.serving import Card, Serving, Together
from llmprobe.model.formats.published import counted_bytes
from llmprobe.words.message import Message, message

Command = Callable[[Choice, ModelSpec, str | None], str | None]

CACHE_TYPES = {"f16": "auto", "bf16": "bfloat16", "q8_0": "fp8"}
"""The types of llama.cpp's cache that have one of as many bits."""

DEFAULT_LENGTH = 32768
"""The length that is planned for where none is wished and the model was trained for more."""
SHORT_LENGTH = 8192
"""What is taken instead where that fits nowhere."""
_LOSS, _SPEED, _ROOM, _DEVICE, _UNPACKED = 14.0, 0.25, 0.1, 0.2, 0.15
"""What a unit of divergence, a doubling of the speed, of the requests at once, and of the devices is worth, and what it
costs that weights must be unpacked, which slows prompts and large batches."""
_PRIORITY = {
    "balanced": (1.0, 1.0, 1.0),
    "quality": (6.0, 0.4, 0.5),
    "speed": (0.4, 2.0, 1.0),
    "context": (0.4, 0.4, 6.0),
}


def recommend(
    model: ModelSpec,
    snapshot: Snapshot,
    wishes: Wishes,
    *,
    offers: Sequence[Offer],
    cards: tuple[Card, ...],
    memory: MemoryModel,
    version: tuple[int, ...],
    command: Command,
    backends: tuple[str, ...],
) -> Recommendation:
    """
    The recommendation of an engine that serves. ``offers`` are the published weights, the model's own first; ``cards``
    the devices that the engine can use, none where the machine has none, and ``backends`` what it uses them by.
    """
    length, notes = _length(model, wishes)
    found = _found(model, wishes, offers, cards, memory, version, length)
    if (
        wishes.ctx_size is None
        and not wishes.max_ctx
        and length > SHORT_LENGTH
        and not any(w.sure for w in found)
    ):
        shorter = _found(model, wishes, offers, cards, memory, version, SHORT_LENGTH)
        if any(way.sure for way in shorter) or not any(way.serves for way in found):
            found, length = shorter, SHORT_LENGTH
            notes = (message("note.serving-length-default", ctx_size=length),)
    if wishes.ctx_size is None:
        found = [_longest(way, memory) for way in found]
    kept = [way for way in found if way.serves and _is_fast(way, wishes, memory)]
    ranked = sorted(kept, key=lambda way: _points(way, wishes, memory), reverse=True)
    chosen = _distinct(ranked)[: wishes.top]
    choices = tuple(
        _choice(
            model,
            wishes,
            way,
            memory,
            command,
            cards,
            "recommended" if number == 0 else _label(way, chosen[0]),
        )
        for number, way in enumerate(chosen)
    )
    return Recommendation(
        this_machine=snapshot.this_machine,
        model=model_in_estimate(model, _named(choices, offers), 0),
        machine=MachineInShort(
            origin=snapshot.origin,
            cpu=snapshot.host.cpu.name,
            ram_bandwidth_bytes_per_s=snapshot.host.ram_bandwidth_bytes_per_s,
            ram_bandwidth_basis=snapshot.host.ram_bandwidth_basis,
            pools=snapshot.pools,
            accelerators=snapshot.accelerators,
        ),
        wishes=msgspec.structs.replace(wishes, ctx_size=length),
        choices=choices,
        verdict=_verdict(wishes, cards, chosen, length, backends),
        rejected=_rejected(found, chosen, offers, cards),
        nearest=() if choices else nearest(cards),
        findings=findings(snapshot, wishes),
        notes=(*model.notes, *notes, *notes_of(cards)),
        warnings=() if not chosen or chosen[0].sure else (message("warning.serving-may-fail"),),
    )


def _named(choices: tuple[Choice, ...], offers: Sequence[Offer]) -> str:
    """
    The format that the answer is about; none where nothing is known to be published.
    """
    return choices[0].quant if choices else offers[0][0].format if offers else ""


def _length(model: ModelSpec, wishes: Wishes) -> tuple[int, tuple[Message, ...]]:
    trained = model.max_context or int(model.hparams.get("context_length") or 0) or DEFAULT_LENGTH
    if wishes.ctx_size is not None:
        return wishes.ctx_size, ()
    length = min(trained, DEFAULT_LENGTH)
    return length, (message("note.serving-length-default", ctx_size=length),)


def _found(
    model: ModelSpec,
    wishes: Wishes,
    offers: Sequence[Offer],
    cards: tuple[Card, ...],
    memory: MemoryModel,
    version: tuple[int, ...],
    length: int,
) -> list[Way]:
    if not cards:
        return []
    return list(
        ways(
            model,
            offers,
            cards,
            memory,
            version,
            length=length,
            users=wishes.parallel,
            cache_type=_cache_type(wishes),
        )
    )


def _cache_type(wishes: Wishes) -> str | None:
    """
    A wished type of cache in the engine's word; llama.cpp's eight bits are FP8 here.
    """
    return None if wishes.cache_type_k is None else CACHE_TYPES[wishes.cache_type_k]


def _longest(way: Way, memory: MemoryModel) -> Way:
    """
    The same way with the longest requests, up to what the model was trained for, that the pool surely holds.
    """
    pool, asked = way.result.pool, way.settings.max_model_len
    if pool is None or not way.sure:
        return way
    most = pool.longest.low // way.users
    length = max(asked, most if most >= (way.case.model.max_context or most) else most // 1024 * 1024)
    settings = msgspec.structs.replace(
        way.settings, max_model_len=min(length, way.case.model.max_context or length)
    )
    longer = msgspec.structs.replace(way, settings=settings, result=memory.estimate(way.case, settings))
    return longer if longer.sure else way


def _is_fast(way: Way, wishes: Wishes, memory: MemoryModel) -> bool:
    if wishes.min_speed is None:
        return True
    found = way.tokens_per_s(1, 0, memory)
    return found is not None and found.likely >= wishes.min_speed


def _points(way: Way, wishes: Wishes, memory: MemoryModel) -> tuple[bool, float]:
    """
    What a way is worth: what is sure comes first; loss, speed, requests at once and devices count by their logarithms.
    """
    loss, pace, room = _PRIORITY[wishes.priority]
    users = max(wishes.parallel, 4)
    rate = way.tokens_per_s(users, min(way.settings.max_model_len, 4096), memory)
    pool = way.result.pool
    together = 0.0 if pool is None else min(64.0, max(0.1, pool.concurrency.likely))
    value = way.quality.value
    points = -_LOSS * loss * (0.1 if value is None else value)
    points += _SPEED * pace * (0.0 if rate is None else log2(rate.likely))
    points += _ROOM * room * log2(together or 0.1)
    points -= _DEVICE * log2(way.settings.world_size)
    points -= _UNPACKED * (not way.native) * (2 if way.checkpoint.format.startswith("NVFP4") else 1)
    points -= 0.3 * ("enforce_eager" in way.gives_up) + 0.05 * ("kv_cache_dtype" in way.gives_up)
    return way.sure, points


def _distinct(ranked: list[Way]) -> list[Way]:
    """
    The best way of each format, best first; formats that are packed alike count once.
    """
    found: dict[str, Way] = {}
    for way in ranked:
        found.setdefault(packed_as(way.checkpoint.format), way)
    return list(found.values())


def _label(way: Way, best: Way) -> Label:
    if (way.quality.value or 0) < (best.quality.value or 0):
        return "best-quality"
    if way.step_s is not None and best.step_s is not None and way.step_s < best.step_s:
        return "faster"
    mine, other = way.result.pool, best.result.pool
    if mine is not None and other is not None and mine.longest.likely > other.longest.likely:
        return "longest-context"
    return "alternative"


def _choice(
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
            reason=message("speed.serving"),
        ),
        quality=way.quality,
        reasons=_reasons(wishes, way, memory),
        commands={},
        use_devices=None if len(way.cards) == devices else tuple(card.id for card in way.cards),
        device_numbers=() if len(way.cards) == devices else tuple(range(len(way.cards))),
        download_bytes=_stored(way),
        serving=Serving(
            checkpoint=way.checkpoint,
            settings=settings,
            pool=pool,
            together=_together(way, wishes, memory),
            sure=way.sure,
        ),
    )
    line = command(choice, model, cards[0].backend)
    return choice if line is None else msgspec.structs.replace(choice, commands={settings.engine: line})


def _stored(way: Way) -> int:
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


def _verdict(
    wishes: Wishes,
    cards: tuple[Card, ...],
    chosen: list[Way],
    length: int,
    backends: tuple[str, ...],
) -> Message:
    if not cards:
        return message("verdict.serving-no-device", engine=wishes.engine, backends=backends)
    if not chosen:
        return message("verdict.serving-nothing", ctx_size=length, requests=wishes.parallel)
    best = chosen[0]
    rate = best.step_s
    return message(
        "verdict.serving",
        repository=best.checkpoint.repository or best.checkpoint.folder or best.checkpoint.format,
        format=best.checkpoint.format,
        devices=best.settings.world_size,
        ctx_size=best.settings.max_model_len,
        tokens_per_s=None if rate is None else 1 / rate,
    )


def _rejected(
    found: list[Way], chosen: list[Way], offers: Sequence[Offer], cards: tuple[Card, ...]
) -> tuple[Rejected, ...]:
    """
    Formats that are not shown: each with the reason of its best try, or that the card has no kernels for it.
    """
    shown = {way.checkpoint.format for way in chosen}
    rejected = []
    for checkpoint, _ in offers:
        if checkpoint.format in shown or not cards:
            continue
        tries = [way for way in found if way.checkpoint.format == checkpoint.format]
        failed = [way for way in tries if way.result.failure is not None]
        if not tries:
            why: Message = message("rejected.serving-no-kernels", device=cards[0].name)
        elif len(failed) == len(tries):
            last = failed[0].result.failure
            assert last is not None
            why = last
        elif not any(way.serves for way in tries):
            most = max(
                (way.result.pool.concurrency.likely for way in tries if way.result.pool is not None),
                default=0.0,
            )
            why = message("rejected.serving-few", likely=most, requests=tries[0].users)
        elif packed_as(checkpoint.format) in {packed_as(kind) for kind in shown}:
            why = message("rejected.serving-like-another")
        else:
            why = message("rejected.serving-lower")
        rejected.append(Rejected(what=checkpoint.format, why=why))
    return tuple(rejected)
