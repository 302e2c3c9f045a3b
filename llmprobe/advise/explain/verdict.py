"""
The verdict: the answer in one line, for a choice and for a whole recommendation.
"""

from collections.abc import Mapping

from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.advise.search.case import Misfit
from llmprobe.facts.recommendation import Rejected
from llmprobe.words.message import Message, message

COMFORTABLE_TOKENS_PER_S = 15.0
"""About twice the speed at which people read."""

READING_TOKENS_PER_S = 5.0
"""The speed at which people read: 200 to 250 words a minute, of about 4 tokens for 3 words."""


def of_choice(problem: Problem, candidate: Candidate) -> Message:
    """
    A choice in one line: where it runs and how fast.
    """
    speed, where = candidate.speed.generation_tokens_per_s, placed(problem, candidate)
    likely = None if speed is None else speed.likely
    if candidate.quality.usable is False:
        return message(
            "verdict.last-resort",
            quant=candidate.quant,
            quality=candidate.quality.words,
            where=where,
            tokens_per_s=likely,
        )
    if not problem.estimator.generates:
        return message("verdict.vectors", where=where)
    if likely is None:
        return message("verdict.speed-unknown", where=where)
    if likely >= COMFORTABLE_TOKENS_PER_S:
        return message("verdict.good", where=where, tokens_per_s=likely)
    return message(
        "verdict.readable" if likely >= READING_TOKENS_PER_S else "verdict.slow",
        where=where,
        tokens_per_s=likely,
    )


def placed(problem: Problem, candidate: Candidate) -> Message:
    """
    Where a candidate runs, in a few words.
    """
    estimator, count = problem.estimator, len(candidate.devices)
    if not candidate.on_gpu:
        return message("where.cpu")
    if candidate.is_whole(estimator):
        return message("where.gpus", count=count) if count > 1 else message("where.gpu")
    if candidate.on_gpu == estimator.total_layers:
        if candidate.host_experts == estimator.n_layer:
            return message("where.all-experts", count=count, n_layer=estimator.n_layer)
        return message(
            "where.experts",
            count=count,
            expert_layers=candidate.host_experts,
            n_layer=estimator.n_layer,
        )
    return message(
        "where.partly", count=count, gpu_layers=candidate.on_gpu, total_layers=estimator.total_layers
    )


def of_no(problem: Problem, rejected: list[Rejected], misfits: Mapping[str, Misfit]) -> Message:
    """
    The answer "no" in one line: how much memory is short at the least, or what else is in the way.
    """
    known = {quant: misfit for quant, misfit in misfits.items() if misfit.known}
    if len(misfits) < len(rejected):
        # Some quantization fits or was never placed, so memory is not what is in the way.
        usable = any(one.why.id != "rejected.no-device" for one in rejected)
        if not usable:
            return message("verdict.no-device", engine=problem.wishes.engine)
        return message("verdict.limits-not-met")
    if not known:
        return message("verdict.memory-unknown")
    quant = min(known, key=lambda name: known[name].missing_bytes)
    least = known[quant].missing_bytes
    if known[quant].why is not None:
        return message("verdict.would-abort")
    if len(known) == 1:
        return message("verdict.does-not-fit-as", missing_bytes=least, quant=quant)
    return message("verdict.does-not-fit", missing_bytes=least, quant=quant)
