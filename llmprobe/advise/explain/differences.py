"""
How two ways to run a model differ: layers, experts, cache, context and speed.
"""

import msgspec

from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.facts.estimate import Range, Speed
from llmprobe.facts.recommendation import Choice
from llmprobe.units import format_pace, format_seconds
from llmprobe.words.message import Message, message

SAME_SPEED = 0.02
"""Speeds that differ by less than this part are the same."""


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """
    A way to run a model, as far as it is compared with another. ``ranking_speed`` may be based on assumptions.
    """

    quant: str
    quality: Message
    gpu_layers: int
    host_experts: int
    whole: bool
    cache_type_k: str
    kv_offload: bool
    ctx_size: int
    sliced: bool = False
    speed: Speed
    ranking_speed: float = 0.0
    mmproj_offload: bool = True
    answer_s: float | None = None


def of_candidate(candidate: Candidate, problem: Problem) -> Outline:
    """
    The outline of a candidate.
    """
    time = problem.use.time(candidate.speed)
    return Outline(
        quant=candidate.quant,
        quality=candidate.quality.words,
        gpu_layers=candidate.on_gpu,
        host_experts=candidate.host_experts,
        whole=candidate.is_whole(problem.estimator),
        cache_type_k=candidate.settings.cache_type_k,
        kv_offload=candidate.settings.kv_offload,
        mmproj_offload=candidate.settings.mmproj_offload,
        ctx_size=candidate.settings.ctx_size,
        sliced=candidate.settings.split_mode == "tensor",
        speed=candidate.speed,
        ranking_speed=candidate.ranking_speed,
        answer_s=None if time is None else time.seconds.likely,
    )


def of_choice(choice: Choice) -> Outline:
    """
    The outline of a choice.
    """
    host_experts = choice.n_cpu_moe + len(choice.cpu_moe_layers)
    return Outline(
        quant=choice.quant,
        quality=choice.quality.words,
        gpu_layers=choice.gpu_layers,
        host_experts=host_experts,
        whole=choice.gpu_layers == choice.total_layers and not host_experts,
        cache_type_k=choice.cache_type_k,
        kv_offload=choice.kv_offload,
        mmproj_offload=choice.mmproj_offload,
        ctx_size=choice.ctx_size,
        sliced=choice.split_mode == "tensor",
        speed=choice.speed,
        answer_s=None if choice.time is None else choice.time.seconds.likely,
    )


def in_short(other: Outline, now: Outline, *, full: bool = False) -> Message:
    """
    Another choice in a few words; ``full`` compares the speeds at the end of each context.
    """
    apart = placed_apart(other, now, context=not full)
    if full:
        speed = _at_full(other, now)
        apart += [] if speed is None else [speed]
    else:
        speed = pace(other.speed.generation_tokens_per_s, now.speed.generation_tokens_per_s)
        apart += [] if speed is None else [speed]
        at_full = _at_full(other, now) if _turns(other.speed, now.speed) else None
        apart += [] if at_full is None else [at_full]
    if other.quant == now.quant:
        return message("choice.same-quant", quant=other.quant, differences=tuple(apart))
    return message("choice.other-quant", quant=other.quant, quality=other.quality, differences=tuple(apart))


def differences(other: Outline, now: Outline, *, cache: bool = True) -> tuple[Message, ...]:
    """
    What another choice would change. Speeds are compared only where both are known.
    """
    apart = placed_apart(other, now, cache=cache)
    known, before = other.speed.generation_tokens_per_s, now.speed.generation_tokens_per_s
    if known and before:
        at_full = _at_full(other, now) if _differ_at_full_only(other.speed, now.speed) else None
        speed = at_full or pace(known, before)
        apart += [] if speed is None else [speed]
        apart += _answer(other, now)
    elif before:
        apart.append(message("pace.unknown"))
    elif other.ranking_speed and now.ranking_speed:
        apart.append(message("pace.relative", factor=other.ranking_speed / now.ranking_speed))
    return tuple(apart)


def _answer(other: Outline, now: Outline) -> list[Message]:
    """
    The time of an answer, where it differs.
    """
    if other.answer_s is None or not now.answer_s:
        return []
    if same_time(other.answer_s, now.answer_s):
        return []
    return [message("difference.answer", seconds=other.answer_s, instead_seconds=now.answer_s)]


def placed_apart(other: Outline, now: Outline, *, cache: bool = True, context: bool = True) -> list[Message]:
    """
    What another choice would place elsewhere, keep in another type or for another context.
    """
    apart = []
    if other.whole and not now.whole:
        apart.append(message("difference.all-on-gpu"))
    if other.sliced != now.sliced:
        apart.append(message("difference.by-tensors" if other.sliced else "difference.by-layers"))
    if other.gpu_layers != now.gpu_layers and not other.whole:
        apart.append(message("difference.layers", layers=other.gpu_layers, instead=now.gpu_layers))
    if other.host_experts != now.host_experts and not other.whole:
        apart.append(message("difference.experts", layers=other.host_experts, instead=now.host_experts))
    if cache and other.cache_type_k != now.cache_type_k:
        apart.append(
            message("difference.cache-type", cache_type=other.cache_type_k, instead=now.cache_type_k)
        )
    if other.kv_offload != now.kv_offload:
        apart.append(message("difference.cache-on-gpu" if other.kv_offload else "difference.cache-in-ram"))
    if other.mmproj_offload != now.mmproj_offload:
        apart.append(
            message("difference.projector-on-gpu" if other.mmproj_offload else "difference.projector-in-ram")
        )
    if context and other.ctx_size != now.ctx_size:
        apart.append(message("difference.context", ctx_size=other.ctx_size, instead=now.ctx_size))
    return apart


def pace(speed: Range | None, before: Range | None) -> Message | None:
    """
    A speed beside another, None where it is unknown.
    """
    if speed is None:
        return None
    if before is None:
        return message("pace.about", tokens_per_s=speed.likely)
    if _is_same(speed, before):
        return message("pace.same", tokens_per_s=speed.likely)
    return _instead(speed, before)


def _instead(speed: Range, before: Range) -> Message:
    return message("pace.instead", tokens_per_s=speed.likely, instead_tokens_per_s=before.likely)


def _at_full(other: Outline, now: Outline) -> Message | None:
    speed = pace(
        other.speed.generation_at_full_context_tokens_per_s,
        now.speed.generation_at_full_context_tokens_per_s,
    )
    return None if speed is None else message("pace.full", pace=speed)


def _differ_at_full_only(speed: Speed, before: Speed) -> bool:
    """
    Whether two ways are equally fast at a short context, and one is slower at a full one.
    """
    short, then = speed.generation_tokens_per_s, before.generation_tokens_per_s
    full, full_then = (
        speed.generation_at_full_context_tokens_per_s,
        before.generation_at_full_context_tokens_per_s,
    )
    if not (short and then and full and full_then):
        return False
    return _is_same(short, then) and not _is_same(full, full_then)


def _is_same(speed: Range, before: Range) -> bool:
    """
    Whether two speeds differ by too little to tell, or by less than is printed of them.
    """
    near = abs(speed.likely - before.likely) <= SAME_SPEED * before.likely
    return near or format_pace(speed.likely) == format_pace(before.likely)


def same_time(seconds: float, before_s: float) -> bool:
    """
    Whether two times differ by too little to tell, or by less than is printed of them.
    """
    return abs(seconds - before_s) <= SAME_SPEED * before_s or format_seconds(seconds) == format_seconds(
        before_s
    )


def _turns(speed: Speed, before: Speed) -> bool:
    """
    Whether what is slower at a short context is faster at a full one.
    """
    short, then = speed.generation_tokens_per_s, before.generation_tokens_per_s
    full, full_then = (
        speed.generation_at_full_context_tokens_per_s,
        before.generation_at_full_context_tokens_per_s,
    )
    if not (short and then and full and full_then):
        return False
    return short.likely < then.likely and full.likely > full_then.likely
