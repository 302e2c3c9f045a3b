"""
Whether drafting with the model's own layers is worth its memory here: beside the first choice, or instead of it.
"""

from collections.abc import Iterator

import msgspec

from llmprobe.advise.choose.candidates import find
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.ranking import best_of
from llmprobe.advise.choose.weighing import Candidate, weigh
from llmprobe.advise.explain.differences import pace
from llmprobe.advise.search.case import Placed
from llmprobe.data import table
from llmprobe.estimation.kept import estimator_of
from llmprobe.model.next_token import has_next_token, publishes_next_token, with_next_token
from llmprobe.words.message import Message, message

WORTH_GAINING = 1.1
"""How many times faster it must be to be worth any memory."""

DRAFTS = "draft-mtp"


def of_drafting(problem: Problem, order: list[Candidate]) -> Iterator[Message]:
    """
    A note where the model has such layers, or can be had with them, and none are planned.
    """
    model = problem.estimator.model
    possible = has_next_token(model) or publishes_next_token(model)
    if not (possible and order and order[0].devices) or problem.wishes.spec_type:
        return
    best = order[0]
    drafting = problem.changed(
        estimator=estimator_of(with_next_token(model)), spec_type=(DRAFTS,), quants=_quants(order)
    )
    estimator, hardware = drafting.estimator, best.placed.hardware
    layers = best.placed.settings.gpu_layers
    settings = msgspec.structs.replace(
        best.placed.settings,
        spec_type=(DRAFTS,),
        gpu_layers=None
        if best.is_whole(problem.estimator) or layers is None
        else layers + estimator.n_layer - problem.estimator.n_layer,
    )
    totals = estimator.totals(best.quant, settings, hardware, exact=True)
    before = problem.estimator.totals(best.quant, best.placed.settings, hardware, exact=True)
    shortfalls = problem.site.shortfalls(totals)
    if not shortfalls:
        yield _fits(drafting, best, Placed(settings=settings, hardware=hardware, totals=totals), before)
        return
    missing = max(short.missing_bytes for short in shortfalls)
    other = best_of(drafting, find(drafting)[0])
    if other is None:
        yield message("note.drafts-fit-nothing", missing=missing)
        return
    yield message(
        "note.drafts-displace",
        missing=missing,
        quant=other.quant,
        layers=other.on_gpu,
        total=estimator.total_layers,
        pace=pace(other.speed.generation_tokens_per_s, best.speed.generation_tokens_per_s),
        better=other.utility > best.utility,
    )


def _quants(order: list[Candidate]) -> tuple[str, ...]:
    """
    The quantizations to try with drafts: the first choice's, and those that are shown beside it.
    """
    return tuple(dict.fromkeys(one.quant for one in order))


def _fits(drafting: Problem, best: Candidate, placed: Placed, before: dict[str, int]) -> Message:
    drafted = weigh(drafting, best.quant, placed)
    speed, plain = drafted.speed.generation_tokens_per_s, _likely(best)
    known = speed is not None and plain is not None
    return message(
        "note.drafts-fit",
        bytes=sum(placed.totals.values()) - sum(before.values()),
        likely=speed.likely if speed is not None and known else None,
        low=speed.low if speed is not None and known else None,
        high=speed.high if speed is not None and known else None,
        plain=plain if known else None,
        accepted=table("drafting")["acceptance"][DRAFTS]["likely"],
        worth=drafted.ranking_speed >= WORTH_GAINING * best.ranking_speed,
    )


def _likely(candidate: Candidate) -> float | None:
    speed = candidate.speed.generation_tokens_per_s
    return None if speed is None else speed.likely
