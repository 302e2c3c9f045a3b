"""
Every candidate of a search as a point of loss against speed, and what does not fit.
"""

from collections.abc import Iterator, Sequence

from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.rated import rated
from llmprobe.advise.choose.shown import Shown
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.facts.recommendation import Point, Rejected
from llmprobe.words.message import Message


def points(
    problem: Problem, candidates: Sequence[Candidate], chosen: Shown, rejected: Sequence[Rejected]
) -> Iterator[Point]:
    """
    Yield the choices, every other candidate, and the quantizations that do not fit or that a wish excludes.
    """
    shown = [one for _, one in chosen]
    excluded = {one.what: one.why for one in rejected}
    for place, one in enumerate(shown):
        yield _of_candidate(problem, one, choice=place, why=None)
    others = (one for one in candidates if all(one is not other for other in shown))
    for one in _once(others):
        yield _of_candidate(problem, one, choice=None, why=excluded.get(one.quant))
    fitting = {one.quant for one in (*shown, *candidates)}
    for no in rejected:
        if no.what not in fitting:
            yield Point(
                quant=no.what,
                fits=False,
                quality=rated(problem.estimator, no.what, problem.site.abilities),
                why=no.why,
                missing_bytes=no.missing_bytes,
            )


def _once(candidates: Iterator[Candidate]) -> Iterator[Candidate]:
    """
    Yield the candidates that say something of their own.
    """
    seen: list[Candidate] = []
    for one in candidates:
        if one not in seen:
            seen.append(one)
            yield one


def _of_candidate(problem: Problem, one: Candidate, *, choice: int | None, why: Message | None) -> Point:
    settings = one.settings
    return Point(
        quant=one.quant,
        fits=True,
        quality=one.quality,
        choice=choice,
        why=why,
        tokens_per_s=one.speed.generation_tokens_per_s,
        time=problem.use.time(one.speed),
        ctx_size=settings.ctx_size,
        gpu_layers=one.on_gpu,
        total_layers=problem.estimator.total_layers,
        host_experts=one.host_experts,
        cache_type_k=settings.cache_type_k,
        cache_type_v=settings.cache_type_v,
        ubatch_size=settings.ubatch_size,
        kv_offload=settings.kv_offload,
        devices=tuple(device.id for device in one.devices),
    )
