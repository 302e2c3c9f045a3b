"""
The search for the fastest layout that fits.

What belongs on the GPUs is decided by time: layers from the end of the model on, on the fastest device first; of a
mixture of experts attention before experts, which are most of the bytes and the least used. Devices that are equally
fast are filled evenly. The sums of a ledger say which layouts fit.
"""

from typing import Literal

from llmprobe.advise.search.case import Case
from llmprobe.advise.search.layouts import Layout, Layouts, Rooms
from llmprobe.estimation import second
from llmprobe.estimation.memory.overhead import device_overhead
from llmprobe.estimation.placement import spans
from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.devices import Device
from llmprobe.facts.settings import Settings
from llmprobe.units import MIB

_FEWER = 3
"""With several devices, how many layers fewer than the most are tried: the most need not be the fastest."""

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


class Search:
    """
    The layouts of one case.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        summed = case.summed()
        self._ledger, self._measured = summed.ledger, summed.layouts

    def best(
        self,
        corrections: Corrections | None,
        fewest: Fewest | None = None,
        *,
        thorough: bool = True,
    ) -> Layout:
        """
        The fastest layout whose devices have room for it, or the one that lacks the least.

        ``corrections`` are added to the bounds of the compute buffers, where exact ones are known; None leaves the
        buffers out. ``fewest`` is what exact ones said of layouts. Where all layers of a mixture fit without some
        experts, leaving out a layer for the sake of experts wins a percent at most: that is tried if ``thorough``.
        """
        case, ledger = self.case, self._ledger
        estimator, total = case.estimator, case.estimator.total_layers

        def layouts(kind: Settings, *, keep: bool) -> Layouts:
            rooms = self._rooms(kind, corrections)
            return Layouts(
                ledger,
                rooms,
                keep=keep,
                even=corrections is None,
                fewest=(fewest or {}).get(kind_of(case, kind)),
                measured=self._measured.setdefault((rooms, keep), {}),
            )

        everything = case.placed(None)
        free = self._rooms(everything, None)
        # The bounds of a kind take a graph or two, which what does not fit without buffers need not cost.
        if ledger.least(keep=False) > sum(free.all):
            whole = Layouts(ledger, free, keep=False).spread(total)
        else:
            whole = self._best(layouts(everything, keep=False), total)
            if not whole.excess:
                return whole
        abilities = case.site.abilities
        if not abilities.partial or not BACKENDS[case.devices[0].backend].partial:
            return whole
        keep = estimator.is_moe and abilities.experts_on_host
        n_cpu_moe = estimator.n_layer if keep else 0
        found = []
        apart = case.placed(None, n_cpu_moe=n_cpu_moe)
        if keep and ledger.least(keep=True) <= sum(free.all):
            found.append(self._best(layouts(apart, keep=True), total))
        if thorough or not found or found[0].excess:
            # One layer would be the output alone, which needs less than the others.
            partial = layouts(case.placed(2, n_cpu_moe=n_cpu_moe), keep=keep)
            most = min(total - 1, sum(partial.most()))
            lowest = 0 if keep and len(case.devices) == 1 else max(0, most - _FEWER)
            found += [self._best(partial, layers) for layers in range(most, lowest - 1, -1)]
        fitting = [layout for layout in found if not layout.excess]
        if not fitting:
            return whole
        best = min(fitting, key=lambda layout: layout.rank(even=corrections is None))
        if self._host_lacks(best, bounded=corrections is not None):
            # What is on a device is off the host, so if any fits it is the one with the most there.
            return max(fitting, key=lambda layout: layout.on_devices)
        return best

    def _best(self, layouts: Layouts, layers: int) -> Layout:
        """
        The best layout with this many layers on the devices; the only one where the engine splits by itself.
        """
        case = self.case
        if len(case.devices) > 1 and not case.site.abilities.tensor_split:
            counts = dict.fromkeys((device.id for device in case.devices), 0)
            for part in spans(case.placed(layers), case.hardware, case.estimator.n_layer):
                if part.device in counts:
                    counts[part.device] = part.stop - part.start
            return layouts.of(tuple(counts.values()))
        return layouts.best(layers)

    def _rooms(self, kind: Settings, corrections: Corrections | None) -> Rooms:
        """
        The bytes that layers may take on each device in a placement of this kind.

        Where exact buffers were seen, others are hoped to be a little smaller, and those of another role to be nothing,
        until one of these is seen as well.
        """
        case = self.case
        bounds = {} if corrections is None else case.estimator.compute_bounds(case.quant, kind, case.hardware)
        name = kind_of(case, kind)
        drafts = second.beside(case.estimator, case.quant, kind, case.hardware)
        beside = case.estimator.projectors.most(case.estimator.setup(kind, case.hardware))

        free = []
        for device in case.devices:
            rope = case.estimator.table(case.quant).shares(device.kind).rope
            others = device_overhead(device).bytes + beside.get(device.id, 0) + drafts.get(device.id, 0)
            free.append((case.site.capacities[device.id] or 0) - others - rope)
        if not corrections:
            alike = tuple(room - bounds.get(one.id, 0) for room, one in zip(free, case.devices, strict=True))
            return Rooms(alike, alike, alike)

        def buffer(device: Device, role: Role) -> int:
            compute = bounds.get(device.id, 0)
            known = corrections[device.id]
            own = known.get((name, role), -compute)
            compute += min(known.values()) if name == "whole" else own
            return max(0, compute - _SLACK_BYTES)

        roles: tuple[Role, ...] = ("some", "all", "alone")
        return Rooms(
            *(
                tuple(room - buffer(one, role) for room, one in zip(free, case.devices, strict=True))
                for role in roles
            )
        )

    def _host_lacks(self, layout: Layout, *, bounded: bool) -> bool:
        settings = self.case.laid_out(layout)
        totals = self.case.totals(settings) if bounded else self.case.without_compute(settings)
        return any(short.where == "host" for short in self.case.site.shortfalls(totals))


def kind_of(case: Case, settings: Settings) -> Kind:
    """
    Of which kind a placement is, by which its compute buffers differ most.
    """
    if settings.gpu_layers is not None and settings.gpu_layers < case.estimator.total_layers:
        return "partial"
    return "experts" if settings.n_cpu_moe or settings.cpu_moe_layers else "whole"
