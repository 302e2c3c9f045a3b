"""
The search for the best placement of one quantization at one context: the fastest that fits, exactly measured.

What belongs on the GPUs is decided by time: layers from the end of the model on, on the fastest device first; of a
mixture of experts attention before experts, which are most of the bytes and the least used. Devices that are equally
fast are filled evenly. The sums of a ledger say which layouts fit; the estimator has the last word.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from llmprobe.advise.layouts import ALIKE, Layout, Layouts, Rooms
from llmprobe.advise.ledger import Ledger
from llmprobe.advise.site import Shortfall, Site
from llmprobe.estimate.estimator import Estimator
from llmprobe.estimate.overhead import device_overhead
from llmprobe.estimate.placement import spans
from llmprobe.facts.plan import Device, Placement, Workload
from llmprobe.units import MIB

WHOLE_OR_NOT = "metal"
"""
On a Mac processor and GPU read the same memory, so a part on the processor gains none; and with a part of the
layers llama.cpp maps the file's whole span for the GPU, which fails beyond the working set.
"""

_FEWER = 3
"""With several devices, how many layers fewer than the most are tried: the most need not be the fastest."""

_REFINEMENTS = 16
_FEW_REFINEMENTS = 6
"""Where nothing fits by the bounds, and mostly nothing does."""

_BUFFERS_MAY_DIFFER = 0.25
"""By which part all compute buffers together may be smaller in another layout."""

_SLACK_BYTES = 16 * MIB
"""How much buffers of one kind and role differ between placements."""

Role = Literal["some", "all", "alone"]
"""What a device has: layers that leave experts to the host, layers with all of theirs, one layer alone."""

Kind = Literal["whole", "experts", "partial"]
"""What is on the devices: everything, all but experts, some layers."""

Fewest = dict[Kind, dict[tuple[int, ...], tuple[int, ...] | None]]
"""What exact buffers say of layouts that do not fit, by kind, as ``Layouts`` takes it."""

Corrections = dict[str, dict[tuple[Kind, Role], int]]
"""By how much exact compute buffers were below their bounds, by device, and by kind of placement and role."""


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """
    A placement that fits, what each device then holds, and the time for a token that it was chosen by.
    """

    placement: Placement
    totals: dict[str, int]
    seconds: float = 0.0


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """
    That nothing fits, and what the placement that misses least still lacks.
    """

    shortfalls: tuple[Shortfall, ...]

    @property
    def missing_bytes(self) -> int:
        """
        How much more memory would have to be free. A shared shortfall contains that of its device.
        """
        shared = [short.missing_bytes for short in self.shortfalls if short.where == "shared"]
        return max(
            [sum(short.missing_bytes for short in self.shortfalls if short.where != "shared"), *shared]
        )


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is to be placed, and where.
    """

    estimator: Estimator
    quant: str
    workload: Workload
    devices: tuple[Device, ...]
    site: Site
    kv_offload: bool = True

    def placement(self, gpu_layers: int | None, **more: object) -> Placement:
        """
        Return a placement on the devices of the case.
        """
        placement = Placement(
            devices=self.devices,
            gpu_layers=gpu_layers,
            kv_offload=self.kv_offload or not self.devices,
            cpu=self.site.cpu,
        )
        return msgspec.structs.replace(placement, **more)

    def totals(self, placement: Placement, *, exact: bool = False) -> dict[str, int]:
        """
        Return what each device holds.
        """
        return self.estimator.totals(self.quant, self.workload, placement, exact=exact)

    def judged(self, placement: Placement, totals: dict[str, int], seconds: float = 0.0) -> Placed | Misfit:
        """
        Return a placement as one that fits, or what it lacks.
        """
        shortfalls = self.site.shortfalls(totals)
        if shortfalls:
            return Misfit(shortfalls=shortfalls)
        return Placed(placement=placement, totals=totals, seconds=seconds)


def place(case: Case) -> Placed | Misfit:
    """
    Return the fastest placement that fits, its compute buffers bounded; by exact ones where that makes it fit at all.
    """
    estimator, site = case.estimator, case.site
    if not case.devices:
        placement = case.placement(0)
        return case.judged(placement, case.totals(placement))
    if estimator.tensor_bytes(case.quant) > site.room(case.devices):
        return _hopeless(case)
    layout = _found(case, {}, thorough=False)
    placement = _placement(case, layout)
    judged = case.judged(placement, case.totals(placement), layout.seconds)
    if isinstance(judged, Misfit):
        hoped = _placement(case, _found(case, None))
        if not site.shortfalls(estimator.without_compute(case.quant, case.workload, hoped)):
            return _refined(case, _FEW_REFINEMENTS) or judged
    return judged


def refine(case: Case, placed: Placed) -> Placed | Misfit:
    """
    Return the best placement by exact compute buffers, which the search takes from a few graphs.
    """
    better = _refined(case, _REFINEMENTS) if case.devices else None
    if better is not None and better.seconds <= placed.seconds * (1 + ALIKE):
        return better
    found = case.judged(placed.placement, case.totals(placed.placement, exact=True), placed.seconds)
    return found if better is None or isinstance(found, Placed) else better


def _refined(case: Case, rounds: int) -> Placed | None:
    """
    Return the best placement that fits by exact compute buffers, None where none is found.

    First is tried what would be best without such buffers. If it does not fit, its own exact ones say how much room
    there is for the next, until nothing new comes up.
    """
    layout = _found(case, None)
    smallest: Corrections = {}
    fitting: dict[Placement, Placed] = {}
    fewest: Fewest = {}
    for _ in range(rounds):
        placement = _placement(case, layout)
        if layout.excess or placement in fitting:
            break
        kind = _kind(case, placement)
        exact, bounds = case.totals(placement, exact=True), case.totals(placement)
        judged = case.judged(placement, exact, layout.seconds)
        if isinstance(judged, Placed):
            fitting[placement] = judged
        elif _is_beyond(case, exact, placement):
            break
        else:
            told = fewest.setdefault(kind, {})
            told[layout.counts] = _more_left(case, layout, judged, told.get(layout.counts))
        for device, count, left in zip(case.devices, layout.counts, layout.left, strict=True):
            role: Role = "alone" if count == 1 else "some" if left else "all"
            known = smallest.setdefault(device.id, {})
            known[kind, role] = min(known.get((kind, role), 0), exact[device.id] - bounds[device.id])
        layout = _found(case, smallest, fewest)
    # The last of those that are as fast as the fastest is the plainest.
    fastest = min((one.seconds for one in fitting.values()), default=0.0)
    return next((one for one in reversed(fitting.values()) if one.seconds <= fastest * (1 + ALIKE)), None)


def _is_beyond(case: Case, exact: Mapping[str, int], placement: Placement) -> bool:
    """
    Tell whether no other layout can fit where this one does not: all memory together is too small, by more than
    other buffers can make up for; or it is the host alone that lacks, which with less on the devices lacks more.
    """
    shortfalls = case.site.shortfalls(exact)
    if all(short.where in ("host", "shared") for short in shortfalls):
        return True
    bare = case.estimator.without_compute(case.quant, case.workload, placement)
    buffers = sum(exact.values()) - sum(bare.values())
    beyond = sum(exact.values()) - sum(max(0, case.site.capacities[name] or 0) for name in exact)
    return beyond > buffers * _BUFFERS_MAY_DIFFER


def _more_left(
    case: Case, layout: Layout, misfit: Misfit, known: tuple[int, ...] | None
) -> tuple[int, ...] | None:
    """
    Return of how many layers each device must leave the experts to the host, where it lacks room for these; None
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
    Return what is missing where the weights alone exceed all memory: what the host lacks beyond the GPUs' room.

    It is the least that can be missing, reached when layers could be cut to fill the GPUs to the byte. Where an engine
    needs the GPUs for all, it is what they lack.
    """
    if not case.site.abilities.partial:
        whole = case.placement(None)
        return Misfit(
            shortfalls=case.site.shortfalls(case.estimator.without_compute(case.quant, case.workload, whole))
        )
    totals = case.estimator.without_compute(case.quant, case.workload, case.placement(0))
    site = case.site
    if site.unified:
        return Misfit(shortfalls=site.shortfalls(totals))
    room = sum(max(0, (site.capacities[one.id] or 0) - totals[one.id]) for one in case.devices)
    missing = totals["host"] - (site.capacities["host"] or 0) - room
    return Misfit(shortfalls=(Shortfall("host", max(1, missing)),))


def _found(
    case: Case,
    corrections: Corrections | None,
    fewest: Fewest | None = None,
    *,
    thorough: bool = True,
) -> Layout:
    """
    Return the fastest layout whose devices have room for it, or the one that lacks the least.

    ``corrections`` are added to the bounds of the compute buffers, where exact ones are known; None leaves the buffers
    out. ``fewest`` is what exact ones said of layouts. Where all layers of a mixture fit without some experts, leaving
    out a layer for the sake of experts wins a percent at most: that is tried if ``thorough``.
    """
    estimator, total = case.estimator, case.estimator.total_layers
    ledger = Ledger(estimator, case.quant, case.workload, case.devices, case.site, kv_offload=case.kv_offload)

    def layouts(kind: Placement, *, keep: bool) -> Layouts:
        return Layouts(
            ledger,
            _rooms(case, kind, corrections),
            keep=keep,
            even=corrections is None,
            fewest=(fewest or {}).get(_kind(case, kind)),
        )

    everything = case.placement(None)
    free = _rooms(case, everything, None)
    # The bounds of a kind take a graph or two, which what does not fit without buffers need not cost.
    if ledger.least(keep=False) > sum(free.all):
        whole = Layouts(ledger, free, keep=False).of((total, *[0] * (len(case.devices) - 1)))
    else:
        whole = _best(case, layouts(everything, keep=False), total)
        if not whole.excess:
            return whole
    abilities = case.site.abilities
    if not abilities.partial or case.devices[0].backend == WHOLE_OR_NOT:
        return whole
    keep = estimator.is_moe and abilities.experts_on_host
    n_cpu_moe = estimator.n_layer if keep else 0
    found = []
    apart = case.placement(None, n_cpu_moe=n_cpu_moe)
    if keep and ledger.least(keep=True) <= sum(free.all):
        found.append(_best(case, layouts(apart, keep=True), total))
    if thorough or not found or found[0].excess:
        # One layer would be the output alone, which needs less than the others.
        partial = layouts(case.placement(2, n_cpu_moe=n_cpu_moe), keep=keep)
        most = min(total - 1, sum(partial.most()))
        lowest = 0 if keep and len(case.devices) == 1 else max(0, most - _FEWER)
        found += [_best(case, partial, layers) for layers in range(most, lowest - 1, -1)]
    fitting = [layout for layout in found if not layout.excess]
    if not fitting:
        return whole
    best = min(fitting, key=lambda layout: layout.rank(even=corrections is None))
    if _host_lacks(case, best, bounded=corrections is not None):
        # What is on a device is off the host, so if any fits it is the one with the most there.
        return max(fitting, key=lambda layout: layout.on_devices)
    return best


def _best(case: Case, layouts: Layouts, layers: int) -> Layout:
    """
    Return the best layout with this many layers on the devices; the only one where the engine splits by itself.
    """
    if len(case.devices) > 1 and not case.site.abilities.tensor_split:
        counts = dict.fromkeys((device.id for device in case.devices), 0)
        for part in spans(case.placement(layers), case.estimator.n_layer):
            if part.device in counts:
                counts[part.device] = part.stop - part.start
        return layouts.of(tuple(counts.values()))
    return layouts.best(layers)


def _kind(case: Case, placement: Placement) -> Kind:
    if placement.gpu_layers is not None and placement.gpu_layers < case.estimator.total_layers:
        return "partial"
    return "experts" if placement.n_cpu_moe or placement.cpu_moe_layers else "whole"


def _rooms(case: Case, kind: Placement, corrections: Corrections | None) -> Rooms:
    """
    Return the bytes that layers may take on each device in a placement of this kind.

    Where exact buffers were seen, others are hoped to be a little smaller, and those of another role to be nothing,
    until one of these is seen as well.
    """
    bounds = {} if corrections is None else case.estimator.compute_bounds(case.quant, case.workload, kind)
    name = _kind(case, kind)

    def room(device: Device, role: Role) -> int:
        compute = bounds.get(device.id, 0)
        if corrections:
            known = corrections[device.id]
            own = known.get((name, role), -compute)
            compute += min(known.values()) if name == "whole" else own
            compute = max(0, compute - _SLACK_BYTES)
        rope = case.estimator.table(case.quant).shares(device.backend).rope
        return (case.site.capacities[device.id] or 0) - device_overhead(device).bytes - compute - rope

    roles: tuple[Role, ...] = ("some", "all", "alone")
    return Rooms(*(tuple(room(device, role) for device in case.devices) for role in roles))


def _host_lacks(case: Case, layout: Layout, *, bounded: bool) -> bool:
    placement, without = _placement(case, layout), case.estimator.without_compute
    totals = case.totals(placement) if bounded else without(case.quant, case.workload, placement)
    return any(short.where == "host" for short in case.site.shortfalls(totals))


def _placement(case: Case, layout: Layout) -> Placement:
    """
    Return a layout as the engine is told it: experts of the first layers by number, those of others by layer.
    """
    n_cpu_moe, others = 0, tuple(_layers(layout))
    if layout.plain and layout.kept:
        n_cpu_moe, others = layout.kept[0].stop, ()
    shares = tuple(float(count) for count in layout.counts)
    return case.placement(
        layout.gpu_layers,
        n_cpu_moe=n_cpu_moe,
        cpu_moe_layers=others,
        tensor_split=shares if len(shares) > 1 and case.site.abilities.tensor_split else (),
    )


def _layers(layout: Layout) -> Iterator[int]:
    for run in layout.kept:
        yield from run
