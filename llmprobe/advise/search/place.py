"""
The best placement of one quantization at one context: what the search finds by sums, judged by the estimator.

Compute buffers are bounded by a few graphs for the whole search; what will be shown is placed by exact ones.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from llmprobe.advise.search.best import Corrections, Fewest, Role, Search, kind_of
from llmprobe.advise.search.case import Case, Misfit, Placed
from llmprobe.advise.search.layouts import ALIKE, Layout
from llmprobe.estimation.memory.largest import CacheTooLargeError
from llmprobe.estimation.placement import spans
from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.settings import Settings
from llmprobe.site.site import Shortfall

_REFINEMENTS = 16
_FEW_REFINEMENTS = 6
"""Where nothing fits by the bounds, and mostly nothing does."""

_BUFFERS_MAY_DIFFER = 0.25
"""By which part all compute buffers together may be smaller in another layout."""


def place(case: Case) -> Placed | Misfit:
    """
    The fastest placement that fits, its compute buffers bounded; by exact ones where that makes it fit at all.
    """
    return _unless_ended(lambda: _without_idle(case, _placed(case), _placed))


def refine(case: Case, placed: Placed) -> Placed | Misfit:
    """
    The best placement by exact compute buffers, which the search takes from a few graphs.
    """

    def again(fewer: Case) -> Placed | Misfit:
        found = _placed(fewer)
        return _exact(fewer, found) if isinstance(found, Placed) else found

    return _unless_ended(lambda: _without_idle(case, _exact(case, placed), again))


def hoped(case: Case) -> Placed | Misfit:
    """
    The fastest placement if graphs took no memory, for which none has to be made.
    """
    return _unless_ended(lambda: _without_idle(case, _hoped(case), _hoped))


def _unless_ended(search: Callable[[], Placed | Misfit]) -> Placed | Misfit:
    """
    What a search finds, or that the engine would end on a cache that a device cannot bind.
    """
    try:
        return search()
    except CacheTooLargeError as error:
        return Misfit(shortfalls=(Shortfall(error.device, error.beyond_bytes),), why=error.message)


def _hoped(case: Case) -> Placed | Misfit:
    if not case.devices:
        alone = case.placed(0)
        return case.judged(alone, case.without_compute(alone))
    if case.estimator.loaded_bytes(case.quant) > case.site.room(case.devices):
        return _hopeless(case)
    layout = Search(case).best(None)
    settings = case.laid_out(layout)
    return case.judged(settings, case.without_compute(settings), layout.seconds)


def _without_idle(
    case: Case, found: Placed | Misfit, again: Callable[[Case], Placed | Misfit]
) -> Placed | Misfit:
    """
    What is as fast without devices that got no layer: they would only hold the engine's own.
    """
    if isinstance(found, Misfit):
        return found
    holding = {part.device for part in spans(found.settings, found.hardware, case.estimator.n_layer)}
    busy = tuple(device for device in case.devices if device.id in holding)
    if not busy or busy == case.devices:
        return found
    fewer = again(msgspec.structs.replace(case, devices=busy))
    return fewer if isinstance(fewer, Placed) and fewer.seconds <= found.seconds * (1 + ALIKE) else found


def _placed(case: Case) -> Placed | Misfit:
    estimator, site = case.estimator, case.site
    if not case.devices:
        alone = case.placed(0)
        return case.judged(alone, case.totals(alone))
    if estimator.loaded_bytes(case.quant) > site.room(case.devices):
        return _hopeless(case)
    search = Search(case)
    layout = search.best({}, thorough=False)
    settings = case.laid_out(layout)
    judged = case.judged(settings, case.totals(settings), layout.seconds)
    if isinstance(judged, Misfit):
        hoped = case.laid_out(search.best(None))
        if not site.shortfalls(case.without_compute(hoped)):
            return _refined(search, _FEW_REFINEMENTS) or judged
    return judged


def _exact(case: Case, placed: Placed) -> Placed | Misfit:
    better = _refined(Search(case), _REFINEMENTS) if case.devices else None
    if better is not None and better.seconds <= placed.seconds * (1 + ALIKE):
        return better
    found = case.judged(placed.settings, case.totals(placed.settings, exact=True), placed.seconds)
    return found if better is None or isinstance(found, Placed) else better


def _refined(search: Search, rounds: int) -> Placed | None:
    """
    The best placement that fits by exact compute buffers, None where none is found.

    First is tried what would be best without such buffers. If it does not fit, its own exact ones say how much room
    there is for the next, until nothing new comes up.
    """
    case, layout = search.case, search.best(None)
    smallest: Corrections = {}
    fitting: dict[Settings, Placed] = {}
    fewest: Fewest = {}
    for _ in range(rounds):
        settings = case.laid_out(layout)
        if layout.excess or settings in fitting:
            break
        kind = kind_of(case, settings)
        exact, bounds = case.totals(settings, exact=True), case.totals(settings)
        judged = case.judged(settings, exact, layout.seconds)
        if isinstance(judged, Placed):
            fitting[settings] = judged
        elif _is_beyond(case, exact, settings):
            break
        else:
            told = fewest.setdefault(kind, {})
            told[layout.counts] = _more_left(case, layout, judged, told.get(layout.counts))
        for device, count, left in zip(case.devices, layout.counts, layout.left, strict=True):
            role: Role = "alone" if count == 1 else "some" if left else "all"
            known = smallest.setdefault(device.id, {})
            known[kind, role] = min(known.get((kind, role), 0), exact[device.id] - bounds[device.id])
        layout = search.best(smallest, fewest)
    return last_of_the_fastest(tuple(fitting.values()))


def last_of_the_fastest(found: Sequence[Placed]) -> Placed | None:
    """
    The last of the placements that are as fast as the fastest, which is the plainest of them; None of none.
    """
    if not found:
        return None
    fastest = min(one.seconds for one in found)
    return next(one for one in reversed(found) if one.seconds <= fastest * (1 + ALIKE))


def _is_beyond(case: Case, exact: Mapping[str, int], settings: Settings) -> bool:
    """
    Whether no other layout can fit where this one does not: all memory together is too small, by more than
    other buffers can make up for; or it is the host alone that lacks, which with less on the devices lacks more.
    """
    shortfalls = case.site.shortfalls(exact)
    if all(short.where in ("host", "shared") for short in shortfalls):
        return True
    bare = case.without_compute(settings)
    buffers = sum(exact.values()) - sum(bare.values())
    beyond = sum(exact.values()) - sum(max(0, case.site.capacities[name] or 0) for name in exact)
    return beyond > buffers * _BUFFERS_MAY_DIFFER


def _more_left(
    case: Case, layout: Layout, misfit: Misfit, known: tuple[int, ...] | None
) -> tuple[int, ...] | None:
    """
    Of how many layers each device must leave the experts to the host, where it lacks room for these; None
    where one has none left to leave.
    """
    short = {one.where for one in misfit.shortfalls}
    needed = list(known or (0,) * len(layout.counts))
    start = case.estimator.total_layers - layout.gpu_layers
    for at, (device, count) in enumerate(zip(case.devices, layout.counts, strict=True)):
        if device.id in short:
            needed[at] = layout.left[at] + 1
            if not case.estimator.is_moe or start + needed[at] > min(start + count, case.estimator.n_layer):
                return None
        start += count
    return tuple(needed)


def _hopeless(case: Case) -> Misfit:
    """
    What is missing where the weights alone exceed all memory: what the host lacks beyond the GPUs' room.

    It is the least that can be missing, reached when layers could be cut to fill the GPUs to the byte. Where an engine
    or a backend needs the GPUs for all, it is what they lack.
    """
    if not case.site.abilities.partial or not all(BACKENDS[one.backend].partial for one in case.devices):
        whole = case.placed(None)
        return Misfit(shortfalls=case.site.shortfalls(case.without_compute(whole)))
    totals = case.without_compute(case.placed(0))
    site = case.site
    if site.unified or site.capacities["host"] is None:
        return Misfit(shortfalls=site.shortfalls(totals))
    room = sum(max(0, (site.capacities[one.id] or 0) - totals[one.id]) for one in case.devices)
    missing = totals["host"] - (site.capacities["host"] or 0) - room
    return Misfit(shortfalls=(Shortfall("host", max(1, missing)),))
