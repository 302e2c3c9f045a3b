"""
The search for the best placement of one quantization at one context: as much on the GPUs as fits.

What a device holds grows with the layers that are put on it, so the largest number that fits is found by
bisection. Of a mixture of experts, attention goes to the GPU first and experts stay on the host from the
first layer on, as few as possible: they are most of the bytes and the least used.
"""

from collections.abc import Callable, Mapping

import msgspec

from llmprobe.advise.site import Shortfall, Site
from llmprobe.estimate.estimator import Estimator
from llmprobe.facts.plan import Device, Placement, Workload

WHOLE_OR_NOT = "metal"
"""
On a Mac processor and GPU read the same memory, so a part on the processor gains none; and with a part of the
layers llama.cpp maps the file's whole span for the GPU, which fails beyond the working set.
"""

_SPLIT_ROUNDS = 24
_STEPS_BACK = 3


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """
    A placement that fits, and what each device then holds.
    """

    placement: Placement
    totals: dict[str, int]


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


def place(
    estimator: Estimator, quant: str, workload: Workload, devices: tuple[Device, ...], site: Site
) -> Placed | Misfit:
    """
    Return the placement on these devices with the most layers, then the most experts, on the GPUs.
    """

    def attempt(gpu_layers: int, n_cpu_moe: int) -> Placed | Misfit:
        return _attempt(estimator, quant, workload, devices, site, gpu_layers, n_cpu_moe)

    total = estimator.total_layers
    if not devices:
        return attempt(0, 0)
    if estimator.tensor_bytes(quant) > site.room(devices):
        return _hopeless(estimator, quant, workload, devices, site)
    everything = attempt(total, 0)
    if isinstance(everything, Placed):
        return everything
    if not site.abilities.partial or devices[0].backend == WHOLE_OR_NOT:
        return everything
    # What is on a GPU is off the host, so the largest count that fits the GPUs is also the best for the host.
    if estimator.is_moe and site.abilities.experts_on_host:
        all_experts = estimator.moe_layers
        experts = _least(1, all_experts, lambda count: _gpus_fit(attempt(total, count)))
        if experts is not None:
            return attempt(total, experts)
        layers = _most(0, total - 1, lambda count: _gpus_fit(attempt(count, all_experts)))
        return everything if layers is None else attempt(layers, all_experts)
    layers = _most(0, total - 1, lambda count: _gpus_fit(attempt(count, 0)))
    return everything if layers is None else attempt(layers, 0)


def _hopeless(
    estimator: Estimator, quant: str, workload: Workload, devices: tuple[Device, ...], site: Site
) -> Misfit:
    """
    Return what is missing where the weights alone exceed all memory: what the host lacks beyond the GPUs' room.

    It is the least that can be missing, reached when layers could be cut to fill the GPUs to the byte.
    """
    totals = estimator.totals(quant, workload, Placement(devices=devices, gpu_layers=0))
    if site.unified:
        return Misfit(shortfalls=site.shortfalls(totals))
    room = sum(max(0, (site.capacities[one.id] or 0) - totals[one.id]) for one in devices)
    missing = totals["host"] - (site.capacities["host"] or 0) - room
    return Misfit(shortfalls=(Shortfall("host", max(1, missing)),))


def refine(
    estimator: Estimator, quant: str, workload: Workload, placed: Placed, site: Site
) -> Placed | Misfit:
    """
    Return the best neighbour of a placement by exact compute buffers, which the search takes from a few graphs.

    The search errs by less than a layer, so the next step up and the steps down are all that can be better or needed.
    """
    placement = placed.placement
    layers, experts = placement.gpu_layers or 0, placement.n_cpu_moe

    def exact(step: int) -> Placed | Misfit:
        by_experts = layers == estimator.total_layers and experts > 0
        return _attempt(
            estimator,
            quant,
            workload,
            placement.devices,
            site,
            layers if by_experts else layers + step,
            experts - step if by_experts else experts,
            exact=True,
        )

    whole = not placement.devices or (layers == estimator.total_layers and not experts)
    if not whole and isinstance(better := exact(1), Placed):
        return better
    found = exact(0)
    for step in range(1, min(_STEPS_BACK, layers) + 1):
        if isinstance(found, Placed) or not placement.devices:
            break
        found = exact(-step)
    return found


def _attempt(
    estimator: Estimator,
    quant: str,
    workload: Workload,
    devices: tuple[Device, ...],
    site: Site,
    gpu_layers: int,
    n_cpu_moe: int,
    *,
    exact: bool = False,
) -> Placed | Misfit:
    def evaluate(counts: tuple[int, ...]) -> tuple[Placement, dict[str, int]]:
        placement = Placement(
            devices=devices,
            gpu_layers=gpu_layers,
            n_cpu_moe=n_cpu_moe,
            cpu=site.cpu,
            split_mode="layer",
            tensor_split=tuple(float(count) for count in counts) if len(devices) > 1 else (),
        )
        return placement, estimator.totals(quant, workload, placement, exact=exact)

    if len(devices) > 1 and gpu_layers and site.abilities.tensor_split:
        capacities = {device.id: max(0, site.capacities[device.id] or 0) for device in devices}
        placement, totals = split(gpu_layers, capacities, evaluate)
    else:
        placement, totals = evaluate(())
    shortfalls = site.shortfalls(totals)
    if shortfalls:
        return Misfit(shortfalls=shortfalls)
    return Placed(placement=placement, totals=totals)


def split(
    layers: int,
    capacities: Mapping[str, int],
    evaluate: Callable[[tuple[int, ...]], tuple[Placement, dict[str, int]]],
) -> tuple[Placement, dict[str, int]]:
    """
    Share layers out: in proportion to the capacities, then moved from the fullest device to the emptiest.

    Layers weigh differently (the output, experts kept on the host), so what a device really holds decides.
    Where that finds nothing, every device but the last is filled as far as it goes, which finds what there is.
    """
    ids = tuple(capacities)
    counts = _proportional(layers, [capacities[device] for device in ids])
    seen: set[tuple[int, ...]] = set()
    best = _tried(counts, ids, capacities, evaluate)
    for _ in range(_SPLIT_ROUNDS):
        tried = _tried(counts, ids, capacities, evaluate)
        best = min(best, tried, key=lambda one: one.excess)
        seen.add(counts)
        fullest = max(range(len(ids)), key=lambda at: tried.over[at])
        emptiest = min(range(len(ids)), key=lambda at: tried.over[at])
        if tried.excess == 0 or tried.over[emptiest] >= 0 or counts[fullest] == 0:
            break
        per_layer = max(1, tried.totals[ids[fullest]] // counts[fullest])
        moved = max(
            1, min(counts[fullest], tried.over[fullest] // per_layer, -tried.over[emptiest] // per_layer)
        )
        changed = list(counts)
        changed[fullest] -= moved
        changed[emptiest] += moved
        counts = tuple(changed)
        if counts in seen:
            break
    if best.excess:
        filled = _tried(_filled(layers, ids, capacities, evaluate), ids, capacities, evaluate)
        best = min(best, filled, key=lambda one: one.excess)
    return best.placement, best.totals


class _Tried(msgspec.Struct, frozen=True):
    placement: Placement
    totals: dict[str, int]
    over: tuple[int, ...]

    @property
    def excess(self) -> int:
        return sum(max(0, over) for over in self.over)


def _tried(
    counts: tuple[int, ...],
    ids: tuple[str, ...],
    capacities: Mapping[str, int],
    evaluate: Callable[[tuple[int, ...]], tuple[Placement, dict[str, int]]],
) -> _Tried:
    placement, totals = evaluate(counts)
    return _Tried(placement, totals, tuple(totals[device] - capacities[device] for device in ids))


def _filled(
    layers: int,
    ids: tuple[str, ...],
    capacities: Mapping[str, int],
    evaluate: Callable[[tuple[int, ...]], tuple[Placement, dict[str, int]]],
) -> tuple[int, ...]:
    """
    Return the split that gives each device in turn as many layers as it holds, and the last one the rest.
    """
    counts = [0] * len(ids)
    for at in range(len(ids) - 1):
        left = layers - sum(counts[:at])

        def holds(count: int, at: int = at, left: int = left) -> bool:
            trial = [*counts[:at], count, *[0] * (len(ids) - at - 2), left - count]
            return _tried(tuple(trial), ids, capacities, evaluate).over[at] <= 0

        counts[at] = _most(0, left, holds) or 0
    counts[-1] = layers - sum(counts[:-1])
    return tuple(counts)


def _proportional(layers: int, weights: list[int]) -> tuple[int, ...]:
    total = sum(weights) or 1
    counts = [layers * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: -(layers * weights[at] % total))
    for at in by_remainder[: layers - sum(counts)]:
        counts[at] += 1
    return tuple(counts)


def _gpus_fit(result: Placed | Misfit) -> bool:
    """
    Tell whether only the host is too small: then fewer layers on the GPUs would not help.
    """
    return isinstance(result, Placed) or not any(short.where.startswith("gpu") for short in result.shortfalls)


def _most(low: int, high: int, fits: Callable[[int], bool]) -> int | None:
    """
    Return the largest count in low..high that fits, given that every smaller one does too; None if none does.
    """
    if not fits(low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _least(low: int, high: int, fits: Callable[[int], bool]) -> int | None:
    """
    Return the smallest count in low..high that fits, given that every larger one does too; None if none does.
    """
    if low > high or not fits(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low
