"""
Why a choice is as it is: reasons for every reader, decisions first, and details for ``--explain``.
"""

import msgspec

from llmprobe.advise.choose.balance import rule, score
from llmprobe.advise.choose.candidates import UBATCH_SIZES
from llmprobe.advise.choose.neighbours import neighbours
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.weighing import Candidate, weigh
from llmprobe.advise.explain.differences import differences, of_candidate, pace
from llmprobe.advise.explain.placement import named_experts, not_by_tensors, of_placement
from llmprobe.advise.search.case import Placed
from llmprobe.estimation.placement import HOST
from llmprobe.words.message import Message, Value, message


def reasons(
    problem: Problem, candidate: Candidate, best: Candidate, hopeful: Problem | None = None
) -> tuple[Message, ...]:
    """
    The reasons of a choice for every reader: of the best one its placement and the cost of its neighbours, of another
    what it would change. What a ``hopeful`` problem of the same found is not looked for again.
    """
    if candidate is not best:
        return (_beside(problem, candidate, best),)
    lines = list(of_placement(problem, candidate))
    if problem.estimator.is_moe:
        lines.append(experts_resident(problem))
    late = problem.estimator.table(candidate.quant).late_bytes
    if late:
        lines.append(message("reason.read-late", bytes=late))
    lines += _of_cache(problem, candidate)
    lines += _of_projector(problem, candidate)

    def instead(other: Candidate) -> dict[str, Value]:
        return {
            "quant": other.quant,
            "quality": other.quality.words,
            "differences": _differences(problem, other, candidate),
        }

    finer, faster = neighbours(problem, candidate, hopeful)
    if finer is not None:
        lines.append(Message("reason.not-finer", instead(finer)))
    if faster is not None:
        lines.append(Message("reason.not-faster", instead(faster)))
    return tuple(lines)


def details(problem: Problem, candidate: Candidate, best: Candidate) -> tuple[Message, ...]:
    """
    The reasons of the best choice that take an engineer to read, none of another.
    """
    if candidate is not best:
        return ()
    return (
        *named_experts(problem, candidate),
        *not_by_tensors(problem, candidate),
        *_of_batch(problem, candidate),
        _of_quality(candidate),
    )


def weighed(problem: Problem, shown: list[Candidate]) -> tuple[Message, ...]:
    """
    The rule of the balance, and the score of each choice that is shown.
    """
    priority, use = problem.wishes.priority, problem.use
    scored = [one.scored() for one in shown]
    lines = [score(one, use, priority, None if one is scored[0] else scored[0]) for one in scored]
    return (*rule(use, priority, projector=problem.loads_projector), *lines)


def experts_resident(problem: Problem) -> Message:
    """
    That all experts of a mixture must be in memory.
    """
    return message(
        "reason.experts-resident",
        expert_count=problem.estimator.expert_count,
        expert_used_count=problem.estimator.expert_used_count,
    )


def _beside(problem: Problem, candidate: Candidate, best: Candidate) -> Message:
    if candidate.quant == best.quant and candidate.divergence == best.divergence:
        return message(
            "reason.same-weights",
            quant=candidate.quant,
            differences=_differences(problem, candidate, best),
        )
    return message(
        "reason.closer" if candidate.divergence < best.divergence else "reason.further",
        quant=candidate.quant,
        quality=candidate.quality.words,
        than=best.quant,
        differences=_differences(problem, candidate, best),
    )


def _of_quality(candidate: Candidate) -> Message:
    quality = candidate.quality
    if quality.value is None:
        return message("reason.loss-unknown", quant=candidate.quant, basis=quality.basis)
    if not quality.value:
        return message("reason.no-loss", quant=candidate.quant, quality=quality.words, basis=quality.basis)
    return message(
        "reason.loss",
        quant=candidate.quant,
        quality=quality.words,
        divergence=quality.value,
        basis=quality.basis,
    )


def _of_cache(problem: Problem, candidate: Candidate) -> list[Message]:
    """
    Why the cache has its type, and why it is in RAM.
    """
    lines = []
    settings, wishes = candidate.settings, problem.wishes
    type_k = settings.cache_type_k
    type_v = None if settings.cache_type_v == type_k else settings.cache_type_v
    if wishes.cache_type_k or wishes.cache_type_v:
        lines.append(message("reason.cache-requested", cache_type_k=type_k, cache_type_v=type_v))
    elif (type_k, type_v) != ("f16", None):
        kept = _otherwise(problem, candidate, cache_type_k="f16", cache_type_v="f16")
        if kept is None:
            lines.append(
                message(
                    "reason.cache-needed",
                    cache_type_k=type_k,
                    cache_type_v=type_v,
                    ctx_size=settings.ctx_size,
                )
            )
        else:
            lines.append(
                message(
                    "reason.cache-chosen",
                    cache_type_k=type_k,
                    cache_type_v=type_v,
                    differences=_differences(problem, kept, candidate, cache=False),
                )
            )
    if not settings.kv_offload:
        caches = problem.estimator.caches(settings, candidate.placed.hardware, candidate.quant)
        full = candidate.speed.generation_at_full_context_tokens_per_s
        lines.append(
            message(
                "reason.cache-in-ram",
                bytes=sum(size for _, size in caches[HOST]),
                tokens_per_s=None if full is None else full.likely,
            )
        )
    return lines


def _of_projector(problem: Problem, candidate: Candidate) -> list[Message]:
    """
    Why the projector is in RAM beside layers on devices.
    """
    settings = candidate.settings
    if settings.mmproj_offload or not candidate.devices or not problem.loads_projector:
        return []
    estimator = problem.estimator
    held = estimator.projectors.most(estimator.setup(settings, candidate.placed.hardware))
    if problem.moved_projector(settings, candidate.devices):
        return [message("reason.projector-in-ram", bytes=held[HOST])]
    return [message("reason.projector-requested", bytes=held[HOST])]


def _of_batch(problem: Problem, candidate: Candidate) -> list[Message]:
    """
    Why the micro-batch is not the engine's own.
    """
    size, usual = candidate.settings.ubatch_size, UBATCH_SIZES[0]
    if not problem.estimator.generates:
        return [message("reason.ubatch-embedding", ubatch_size=size)]
    if size < usual:
        kept = _otherwise(problem, candidate, ubatch_size=usual)
        if kept is None:
            return [message("reason.ubatch-needed", ubatch_size=size, default=usual)]
        return [
            message(
                "reason.ubatch-smaller",
                ubatch_size=size,
                default=usual,
                differences=_differences(problem, candidate, kept),
            )
        ]
    if size == usual:
        return []
    placed = candidate.placed
    settings = msgspec.structs.replace(candidate.settings, ubatch_size=usual)
    smaller = problem.estimator.totals(candidate.quant, settings, placed.hardware)
    larger = problem.estimator.totals(candidate.quant, candidate.settings, placed.hardware)
    cost = tuple(
        message("cost.gpu", bytes=larger[one.id] - smaller[one.id], device=one.id)
        for one in candidate.devices
        if larger.get(one.id, 0) > smaller.get(one.id, 0)
    )
    before = weigh(problem, candidate.quant, msgspec.structs.replace(placed, settings=settings))
    now, then = candidate.speed.prompt_tokens_per_s, before.speed.prompt_tokens_per_s
    return [
        message(
            "reason.ubatch-larger",
            ubatch_size=size,
            default=usual,
            pace=pace(now, then) if now and then else None,
            cost=cost,
        )
    ]


def _otherwise(problem: Problem, candidate: Candidate, **changes: object) -> Candidate | None:
    """
    The same quantization placed anew for settings with changes, None where it does not fit.
    """
    settings = msgspec.structs.replace(candidate.settings, **changes)
    placed = problem.place(candidate.quant, settings, candidate.devices)
    return weigh(problem, candidate.quant, placed) if isinstance(placed, Placed) else None


def _differences(
    problem: Problem, other: Candidate, now: Candidate, *, cache: bool = True
) -> tuple[Message, ...]:
    return differences(of_candidate(other, problem), of_candidate(now, problem), cache=cache)
