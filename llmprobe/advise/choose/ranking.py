"""
The order of candidates: what the wishes exclude, what another candidate beats in everything, and the best first.
"""

from collections.abc import Iterable
from math import inf

import msgspec

from llmprobe.advise.choose.balance import HARDLY, NEARLY, NEARLY_AS_FAST
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.rated import rated
from llmprobe.advise.choose.shown import is_on_disk, shown
from llmprobe.advise.choose.variants import most_varied, varied
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.facts.recommendation import Rejected, Wishes
from llmprobe.model.quants import file_type
from llmprobe.words.message import Message, message

EQUAL_TO = 4
"""Digits of a utility that count: what differs by less differs by rounding."""

VARIED = 4
"""The least number of choices for which other micro-batches, and the cache in RAM, are tried."""


def ranked(problem: Problem, candidates: list[Candidate]) -> tuple[list[Candidate], list[Rejected]]:
    """
    The candidates that meet the wishes and are not dominated, best first, and the quantizations that are excluded.
    """
    kept, excluded = constrained(problem, candidates)
    kept = spared(kept)
    # A quantization that is excluded on some devices may be a choice on others.
    quants = {one.quant for one in kept}
    rejected = [one for one in excluded if one.what not in quants]
    every = _varied(problem, kept)
    return _sorted(_undominated(problem, every), problem.wishes), rejected


def best_of(problem: Problem, candidates: list[Candidate]) -> Candidate | None:
    """
    The best candidate that meets the wishes, in its best variant; None where none does.

    What ``ranked`` puts first, but that the variants of one alone are tried.
    """
    kept = spared(constrained(problem, candidates)[0])
    if not kept:
        return None
    first = _sorted(kept, problem.wishes)[0]
    return _in_its_best_variant(problem, first)


def spared(candidates: list[Candidate]) -> list[Candidate]:
    """
    The candidates without those that use more devices than help: each one more must make generation or prompts faster
    by ``HARDLY`` of a doubling, the least that speeds are known to.

    Equal cards run one after the other, so that a model that fits one is no faster on several; where they compute each
    layer together it is, but only what counts is worth a card.
    """
    return [one for one in candidates if not any(_spares(other, one) for other in candidates)]


def _spares(fewer: Candidate, more: Candidate) -> bool:
    """
    Whether one is as good on fewer devices, of which there are some.
    """
    added = len(more.devices) - len(fewer.devices)
    if not fewer.devices or added <= 0 or fewer.quant != more.quant:
        return False
    if fewer.divergence > more.divergence or fewer.settings.ctx_size < more.settings.ctx_size:
        return False
    if more.settings.split_mode == "tensor" and more.utility < fewer.utility + HARDLY * added:
        return True
    gain = 2 ** (HARDLY * added)
    return (
        more.ranking_speed < gain * fewer.ranking_speed
        and more.ranking_prompt_speed < gain * fewer.ranking_prompt_speed
    )


def constrained(
    problem: Problem, candidates: Iterable[Candidate]
) -> tuple[list[Candidate], tuple[Rejected, ...]]:
    """
    The candidates that meet the wishes, and the first reason against each quantization of the others.
    """
    wishes = problem.wishes
    floor = None
    if wishes.min_quality is not None:
        name = file_type(wishes.min_quality).name
        floor = rated(problem.estimator, name, problem.site.abilities).value
    kept: list[Candidate] = []
    excluded: dict[str, Rejected] = {}
    for candidate in candidates:
        why: Message | None = None
        if not _is_fast_enough(candidate, wishes):
            why = _too_slow(candidate, wishes)
        elif floor is not None and candidate.divergence > floor:
            why = message(
                "rejected.loses-more", quality=candidate.quality.words, min_quality=wishes.min_quality
            )
        if why is None:
            kept.append(candidate)
        else:
            excluded.setdefault(candidate.quant, Rejected(what=candidate.quant, why=why))
    return kept, tuple(excluded.values())


def _is_fast_enough(candidate: Candidate, wishes: Wishes) -> bool:
    speed = candidate.speed.generation_tokens_per_s
    return wishes.min_speed is None or (speed is not None and speed.likely >= wishes.min_speed)


def _too_slow(candidate: Candidate, wishes: Wishes) -> Message:
    speed = candidate.speed.generation_tokens_per_s
    if speed is None:
        return message("rejected.speed-unknown", min_tokens_per_s=wishes.min_speed)
    assert wishes.min_speed is not None
    return message(
        "rejected.too-slow",
        tokens_per_s=speed.likely,
        min_tokens_per_s=wishes.min_speed,
        may_be=speed.high if speed.high >= wishes.min_speed else None,
    )


def _sorted(candidates: Iterable[Candidate], wishes: Wishes) -> list[Candidate]:
    """
    Candidates best first: by context where that counts most, what is usable, then by utility; of the nearly best the
    one that loses least, where it is nearly as fast on no more devices.
    """

    def order(candidate: Candidate) -> tuple[float, bool, float, int, str]:
        context = candidate.settings.ctx_size if wishes.priority == "context" else 0
        last_resort = wishes.priority != "speed" and candidate.quality.usable is False
        # Of equals the one on fewer devices: a card that is left alone stays free for something else.
        return (
            -context,
            last_resort,
            -round(candidate.utility, EQUAL_TO),
            len(candidate.devices),
            candidate.quant,
        )

    ranked = sorted(candidates, key=order)
    if not ranked:
        return ranked
    best = ranked[0]
    near = [
        one
        for one in ranked
        if one.utility >= best.utility - NEARLY
        and one.settings.ctx_size >= best.settings.ctx_size
        and one.seconds <= best.seconds * NEARLY_AS_FAST
        and len(one.devices) <= len(best.devices)
    ]
    first = min(near, key=lambda one: one.divergence)
    return [first, *(one for one in ranked if one is not first)]


def _undominated(problem: Problem, candidates: list[Candidate]) -> list[Candidate]:
    """
    The candidates that none beats, and the file that is on this disk.
    """
    return [
        one
        for one in candidates
        if is_on_disk(problem.estimator.model, one.quant)
        or not any(dominates(other, one) for other in candidates if one.hoped or not other.hoped)
    ]


def dominates(better: Candidate, worse: Candidate) -> bool:
    """
    Whether one is at least as good in everything, in what it is worth as well, and better in something.
    """
    pairs = (
        # A cache or a projector in RAM costs something that no speed tells.
        (better.utility, worse.utility),
        (-better.divergence, -worse.divergence),
        (better.ranking_speed, worse.ranking_speed),
        (better.ranking_prompt_speed, worse.ranking_prompt_speed),
        (better.settings.ctx_size, worse.settings.ctx_size),
    )
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _in_its_best_variant(problem: Problem, one: Candidate) -> Candidate:
    variants = [other for other in varied(problem, one) if _is_fast_enough(other, problem.wishes)]
    # Of equals the one nearest to the engine's own settings comes first.
    return max([one, *variants], key=lambda one: round(one.utility, 3))


def _varied(problem: Problem, candidates: list[Candidate]) -> list[Candidate]:
    """
    The candidates, in their best variant each that would be shown and each that may be the first by that.
    """
    wishes = problem.wishes
    # The best choice must not depend on how many are shown.
    enough = msgspec.structs.replace(wishes, top=max(wishes.top, VARIED))
    unbeaten = _sorted(_undominated(problem, candidates), wishes)
    best = {id(one): _in_its_best_variant(problem, one) for _, one in shown(unbeaten, enough, problem.use)}
    # Nor on what else is shown: what is beaten as it is may be the best in another variant.
    most = max((one.utility for one in best.values() if _counts(one)), default=-inf)
    for one in sorted(candidates, key=lambda one: -one.utility):
        if id(one) not in best and most_varied(problem, one) >= most - NEARLY:
            found = best[id(one)] = _in_its_best_variant(problem, one)
            most = max(most, found.utility) if _counts(found) else most
    return [best.get(id(one), one) for one in candidates]


def _counts(one: Candidate) -> bool:
    """
    Whether a candidate is placed, and leaves the model usable.
    """
    return not one.hoped and one.quality.usable is not False
