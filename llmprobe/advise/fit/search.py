"""
The best models for a use on a machine: those that may be among the first are searched, the highest bound first.
"""

from collections.abc import Callable, Iterable

import msgspec

from llmprobe.advise.choose.candidates import find
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.ranking import best_of
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.advise.fit.bound import NOTHING
from llmprobe.advise.fit.contender import Contender, points
from llmprobe.errors import RefusedError
from llmprobe.facts.fit import Capability
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


class Group(msgspec.Struct, kw_only=True):
    """
    Variants of one model, the one to show first.
    """

    placings: list[Placing]

    @property
    def first(self) -> Placing:
        return self.placings[0]


EXACTLY_MORE = 1.0
"""Points that a finer quantization may bring, which fits by exact buffers only."""

Search = Callable[[Contender], Problem]
"""Loads a contender and asks for it here, as ``recommend`` does."""


def searched(
    contenders: Iterable[Contender],
    problem_of: Search,
    top: int,
    allowed: Callable[[Problem, Candidate], bool],
    order: Callable[[Placing], float] | None = None,
) -> tuple[list[Group], list[Contender]]:
    """
    The ``top`` groups by points and those that exact buffers may put among them, and the contenders that were searched
    and cannot run as wished.

    ``allowed`` says of a candidate whether the wishes permit it. With another ``order`` than points everything is
    searched, as only points are bounded.
    """
    found: list[Placing] = []
    without: list[Contender] = []
    for one in sorted(contenders, key=lambda one: -one.most):
        groups = grouped(found, order)
        if order is None and len(groups) >= top and one.most <= groups[top - 1].first.points - EXACTLY_MORE:
            break
        placing = _placed(one, problem_of(one), allowed)
        if placing is None:
            without.append(one)
        else:
            found.append(placing)
    groups = grouped(found, order)
    if order is not None or len(groups) <= top:
        return groups[:top], without
    enough = groups[top - 1].first.points - EXACTLY_MORE
    return [group for group in groups if group.first.points >= enough], without


def grouped(found: Iterable[Placing], order: Callable[[Placing], float] | None = None) -> list[Group]:
    """
    Placings best first, variants together: each stands below the best of its shape, a fine-tune below its base.
    """
    groups: list[Group] = []
    for placing in sorted(found, key=order or (lambda one: -one.points)):
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
    try:
        candidates = find(problem)[0]
    except RefusedError:
        return None
    best = best_of(problem, [one for one in candidates if allowed(problem, one)])
    if best is None or best.quality.usable is not True:
        return None
    return weighed(contender, problem, best)


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
