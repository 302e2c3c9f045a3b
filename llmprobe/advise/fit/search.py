"""
The best models for a use on a machine: those that may be among the first are searched, the highest bound first.
"""

from collections.abc import Callable, Iterable
from math import inf

import msgspec

from llmprobe.advise.choose.candidates import find
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.ranking import constrained
from llmprobe.advise.choose.variants import varied
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.advise.fit.bound import NOTHING
from llmprobe.advise.fit.contender import Contender, points
from llmprobe.errors import RefusedError
from llmprobe.facts.fit import Capability, Fitting
from llmprobe.site.site import Site

USUAL_QUANT = "Q4_K_M"
"""The file that most people take, and that loses little."""

_MOST_STEPS = 8
_LEAST_STEP = 64 << 20

SAME_SHAPE = 0.01
"""Models of one architecture whose counts of weights differ by less are variants of one."""


class Placing(msgspec.Struct, frozen=True, kw_only=True):
    """
    A contender as it would run here: its best candidate, the mode in which that is worth most, and its points.
    """

    contender: Contender
    problem: Problem
    capability: Capability
    candidate: Candidate
    points: float

    @property
    def name(self) -> tuple[str, str | None]:
        """
        The model and the mode in which it answers.
        """
        return self.contender.model.id, self.contender.answers


class Group(msgspec.Struct, kw_only=True):
    """
    Variants of one model, the one to show first.
    """

    placings: list[Placing]

    @property
    def first(self) -> Placing:
        return self.placings[0]

    @property
    def name(self) -> tuple[str, str | None]:
        return self.first.name


HOPE = 0.1
"""
Points by which an exact placing may exceed what was hoped for: layouts are found by the time of a token, and are worth
something for the time of an answer, too.
"""

Search = Callable[[Contender], Problem]
"""Asks for a contender here, as ``recommend`` does, and hopes that graphs take no memory."""

Exact = Callable[[Placing], Fitting | None]
"""What ``recommend`` says of a model that is hoped to run, None where it does not run as wished."""


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the best are sorted by, the most first: of a placing that is hoped for, which is no less than it can be, and
    of a row that is exact. Where it is ``bounded``, no contender has more than its bound.
    """

    hoped: Callable[[Placing], float]
    exact: Callable[[Fitting], float]
    bounded: bool = False


def searched(
    contenders: Iterable[Contender],
    problem_of: Search,
    top: int,
    allowed: Callable[[Problem, Candidate], bool],
    exactly: Exact,
    ranking: Ranking,
) -> tuple[list[Fitting], list[Contender]]:
    """
    The ``top`` rows, best first, and the contenders that were searched and cannot run as wished.

    Contenders are laid out as if graphs took no memory, the one with the highest bound first; the best of them are
    placed exactly, until nothing that is left can be among the first. ``allowed`` says of a candidate whether the
    wishes permit it.
    """
    waiting = sorted(contenders, key=lambda one: one.most)
    found: list[Placing] = []
    rows: dict[tuple[str, str | None], Fitting] = {}
    without: list[Contender] = []
    while True:
        groups = grouped(found, ranking.hoped)
        exact = sorted((ranking.exact(rows[one.name]) for one in groups if one.name in rows), reverse=True)
        enough = exact[top - 1] if len(exact) >= top else -inf
        hoped = next((one.first for one in groups if one.name not in rows), None)
        nearest = -inf if hoped is None else ranking.hoped(hoped)
        unseen = -inf if not waiting else waiting[-1].most if ranking.bounded else inf
        if max(nearest + (HOPE if ranking.bounded else 0.0), unseen) <= enough:
            break
        if unseen > nearest:
            one = waiting.pop()
            placing = _placed(one, problem_of(one), allowed)
            if placing is None:
                without.append(one)
            else:
                found.append(placing)
            continue
        assert hoped is not None
        row = exactly(hoped)
        if row is None:
            found.remove(hoped)
            without.append(hoped.contender)
        else:
            rows[hoped.name] = row
    shown = [(group, rows[group.name]) for group in groups if group.name in rows]
    shown.sort(key=lambda pair: -ranking.exact(pair[1]))
    return [_with_variants(row, group) for group, row in shown[:top]], without


def _with_variants(row: Fitting, group: Group) -> Fitting:
    others = tuple(one.contender.model.id for one in group.placings[1:])
    return msgspec.structs.replace(row, variants=others)


def grouped(
    found: Iterable[Placing], worth: Callable[[Placing], float] = lambda one: one.points
) -> list[Group]:
    """
    Placings best first, variants together: each stands below the best of its shape, a fine-tune below its base.
    """
    groups: list[Group] = []
    for placing in sorted(found, key=lambda one: -worth(one)):
        same = next((group for group in groups if _alike(group.first, placing)), None)
        if same is None:
            groups.append(Group(placings=[placing]))
        elif any(placing.contender.model == one.contender.model for one in same.placings):
            # The other mode of a model that is there.
            continue
        elif same.first.contender.is_fine_tune and not placing.contender.is_fine_tune:
            same.placings.insert(0, placing)
        else:
            same.placings.append(placing)
    return groups


def _alike(one: Placing, other: Placing) -> bool:
    ours, theirs = one.contender.weights, other.contender.weights
    near = abs(ours.parameters - theirs.parameters) <= SAME_SHAPE * ours.parameters
    return near and ours.architecture == theirs.architecture and ours.uses == theirs.uses


def _placed(
    contender: Contender, problem: Problem, allowed: Callable[[Problem, Candidate], bool]
) -> Placing | None:
    """
    A contender with the most that it is hoped to be worth, None where it cannot run.
    """
    best: Candidate | None = None
    for bound in sorted(contender.bounds, key=lambda one: -one.worth):
        if best is not None and bound.worth <= best.utility:
            break
        try:
            found = find(problem, (bound.quant,))[0]
        except RefusedError:
            return None
        usable = [one for one in constrained(problem, found)[0] if one.quality.usable is True]
        every = [other for one in usable for other in (one, *varied(problem, one))]
        kept = [one for one in every if allowed(problem, one)]
        best = max(kept if best is None else [best, *kept], key=lambda one: one.utility, default=None)
    return None if best is None else weighed(contender, problem, best)


def weighed(contender: Contender, problem: Problem, candidate: Candidate) -> Placing:
    """
    A candidate with its points, in the mode that is worth most.
    """
    worth = candidate.utility if contender.weights.generates else NOTHING
    mode = max(contender.capabilities, key=lambda one: points(one, worth))
    return Placing(
        contender=contender,
        problem=problem,
        capability=mode,
        candidate=candidate,
        points=points(mode, worth),
    )


def shortfall(problem: Problem) -> tuple[str, int | None]:
    """
    How much more memory a model needs in its usual 4-bit file, or in that which is published: RAM, or of memory that
    is shared all of it. None where it fits, or where that is not what it lacks.
    """
    model = problem.estimator.model
    quant = model.quant or model.published_quant or USUAL_QUANT
    added = 0
    for _ in range(_MOST_STEPS):
        asked = problem.changed(quants=(quant,), site=_with_more(problem.site, added))
        candidates, _, misfits = find(asked)
        if candidates:
            return quant, added or None
        if quant not in misfits or not misfits[quant].known:
            break
        # Layers are not divisible, so that what one placement lacks may not be enough for another.
        added += max(misfits[quant].missing_bytes, _LEAST_STEP)
    return quant, None


def _with_more(site: Site, added: int) -> Site:
    """
    The same machine with more memory beside the processor, which its GPU can use where the memory is shared.
    """

    def more(name: str, size: int | None) -> int | None:
        grows = name == "host" or site.pools.get(name) == "ram"
        return size + added if grows and size is not None else size

    return msgspec.structs.replace(
        site,
        capacities={name: more(name, size) for name, size in site.capacities.items()},
        shared_free_bytes=None if site.shared_free_bytes is None else site.shared_free_bytes + added,
    )
