"""
When nothing fits, or only what hardly serves: the shorter context, and the smaller model that would do.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

from llmprobe.advise.choose.candidates import CONTEXT_STEP, find, quants_for
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.ranking import constrained
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.advise.explain.verdict import COMFORTABLE_TOKENS_PER_S
from llmprobe.advise.search.case import Misfit
from llmprobe.errors import RefusedError
from llmprobe.estimation.compute.upper_bound import WIDER
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.model import ModelSpec
from llmprobe.words.message import Message, message

Relatives = Callable[[], Iterable[ModelSpec]]
"""The smaller models of the family, the largest first."""

_RELATIVES = 12
"""How many smaller models are tried before giving up."""

_RELATIVE_QUANTS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M")
_USUAL_QUANT = ("Q4_K_M",)
SMALLER_SHOWN = 3
FASTER_SHOWN = 2
LITTLE_LOSS = 0.11
"""Divergence up to which a smaller model is worth naming."""


def nearest(problem: Problem, misfits: Mapping[str, Misfit], relatives: Relatives) -> tuple[Message, ...]:
    """
    A context or a smaller model that would fit; the smallest shortfall is in the verdict.
    """
    lines: list[Message] = []
    if len(misfits) == len(quants_for(problem.estimator, problem.wishes)):
        shorter = _shorter(problem)
        if shorter is not None:
            lines.append(message("nearest.shorter-context", quant=shorter[0], ctx_size=shorter[1]))
    smaller = islice(_smaller(problem, relatives, _RELATIVE_QUANTS), SMALLER_SHOWN)
    if problem.wishes.min_speed is not None:
        lines.extend(_at_its_speed(model, best) for model, best in smaller)
    else:
        lines.extend(
            message("nearest.smaller-model", model=model.name, id=model.id, quant=best.quant)
            for model, best in smaller
        )
    return tuple(lines)


def faster(problem: Problem, slow: Candidate, relatives: Relatives) -> tuple[Message, ...]:
    """
    The smaller models that run at a comfortable speed where this one does not.
    """
    lines: list[Message] = []
    for model, best in _smaller(problem, relatives, _USUAL_QUANT):
        speed = best.speed.generation_tokens_per_s
        if speed is not None and speed.likely >= min(COMFORTABLE_TOKENS_PER_S, 2 * slow.ranking_speed):
            lines.append(_at_its_speed(model, best))
        if len(lines) == FASTER_SHOWN:
            break
    return tuple(lines)


def _at_its_speed(model: ModelSpec, best: Candidate) -> Message:
    speed = best.speed.generation_tokens_per_s
    return message(
        "nearest.faster-model",
        model=model.name,
        id=model.id,
        quant=best.quant,
        tokens_per_s=None if speed is None else speed.likely,
    )


def _shorter(problem: Problem) -> tuple[str, int] | None:
    """
    The longest context, in steps of a quarter, at which some quantization fits, and that quantization.
    """
    smallest = 4 * CONTEXT_STEP
    if problem.ctx_size <= smallest:
        return None
    # What does not fit at the smallest context fits at none, and mostly nothing does.
    fitting, _, _ = find(problem.changed(ctx_size=smallest, max_ctx=False))
    if not fitting:
        return None
    quants = tuple(dict.fromkeys(one.quant for one in fitting))
    size = problem.ctx_size
    while True:
        size = max(smallest, (size * 3 // 4) // CONTEXT_STEP * CONTEXT_STEP)
        fitting, _, _ = find(problem.changed(ctx_size=size, max_ctx=False, quants=quants))
        if fitting or size == smallest:
            return max(fitting, key=lambda one: one.utility).quant, size


def _fitting(relative: ModelSpec, problem: Problem) -> list[Candidate]:
    """
    The ways to run a smaller model that meet the wishes.

    Of most models all layers fit even with the most that compute buffers can be, which costs no graph; the speed is
    then the least.
    """
    exact = relative.architecture in WIDER
    rough = problem.changed(estimator=Estimator(relative, rough=not exact))
    found, _, _ = find(rough)
    found, _ = constrained(rough, found)
    on_devices = [one for one in found if one.on_gpu == rough.estimator.total_layers]
    if on_devices or exact or not problem.site.device_sets[0]:
        return on_devices or found
    exactly = problem.changed(estimator=Estimator(relative))
    return constrained(exactly, find(exactly)[0])[0]


def _smaller(
    problem: Problem, relatives: Relatives, quants: tuple[str, ...]
) -> Iterator[tuple[ModelSpec, Candidate]]:
    """
    The relatives that fit with little loss and meet the wishes, each size once, with the best way to run it.
    """
    seen: set[int] = set()
    for relative in islice(relatives(), _RELATIVES):
        size = round(relative.parameters / 1e9)
        if size in seen:
            continue
        ctx_size = min(problem.ctx_size, relative.max_context or problem.ctx_size)
        tried = () if relative.published_quant else quants
        try:
            fitting = _fitting(relative, problem.changed(ctx_size=ctx_size, max_ctx=False, quants=tried))
        except RefusedError:
            # The requested type of cache suits this model and not that one.
            continue
        usable = [one for one in fitting if one.divergence < LITTLE_LOSS]
        if usable:
            seen.add(size)
            yield relative, max(usable, key=lambda one: one.utility)
