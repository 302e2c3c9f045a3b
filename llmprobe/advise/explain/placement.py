"""
Where the parts of the best choice lie and why there: how full it makes each device, and what one more layer takes.
"""

from collections.abc import Iterator

from llmprobe.advise.choose.weighing import Candidate
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.placement import Span, consecutive, host_experts, spans
from llmprobe.facts.devices import Device
from llmprobe.site.site import Site
from llmprobe.units import format_bytes, format_rate

_EVEN = 0.1
"""Devices whose fullness differs by less than this part are filled alike."""


def of_placement(estimator: Estimator, site: Site, candidate: Candidate) -> Iterator[str]:
    """
    Yield why the layers and experts are where they are, and why devices are shared or left out.
    """
    settings, hardware = candidate.settings, candidate.placed.hardware
    if not hardware.devices:
        yield _on_the_processor(site, candidate)
        return
    yield _on_devices(estimator, site, candidate)
    used = [part for part in spans(settings, hardware, estimator.n_layer) if part.device != "host"]
    if len(used) > 1:
        yield _split(estimator, site, candidate, used)
    if settings.cpu_moe_layers:
        runs = " and ".join(
            _run(run) for run in consecutive(host_experts(settings, hardware, estimator.n_layer))
        )
        yield (
            f"the layers whose experts stay in RAM, {runs}, are named (-ot): each GPU keeps the experts that it has"
            " room for, and --n-cpu-moe can only count from the first layer"
        )
    yield from _left_out(estimator, site, candidate)


def _on_the_processor(site: Site, candidate: Candidate) -> str:
    words = f"the processor runs all of it: {_left(site, candidate, ('host',))}"
    idle = " and ".join(
        f"{device.id}, of which {format_bytes(site.budgets[device.id] or 0)} are usable,"
        for device in site.device_sets[0]
    )
    return f"{words}; with {idle} it would not be better" if idle else words


def _on_devices(estimator: Estimator, site: Site, candidate: Candidate) -> str:
    settings, hardware, total = candidate.settings, candidate.placed.hardware, estimator.total_layers
    devices = tuple(device.id for device in hardware.devices)
    names = " and ".join(devices)
    kept = candidate.host_experts
    if candidate.on_gpu == total and not kept:
        return f"all {total} layers are on {names}: {_left(site, candidate, devices)}"
    if candidate.on_gpu == total:
        which = "the first " if settings.n_cpu_moe else ""
        said = f"all {total} layers are on {names}, but the experts of {which}{kept} of {estimator.n_layer} are in RAM"
    else:
        said = (
            f"{candidate.on_gpu} of {total} layers are on {names}, the others run on the processor from RAM"
        )
        if kept:
            first = total - candidate.on_gpu
            own = sum(layer >= first for layer in host_experts(settings, hardware, estimator.n_layer))
            said += f", as do the experts of {own} of those on {names}"
    return f"{said}: {_left(site, candidate, devices)}{_step(estimator, candidate, hardware.devices[0])}"


def _left(site: Site, candidate: Candidate, devices: tuple[str, ...]) -> str:
    """
    Say how much of what is usable on devices is left beside what is kept free.
    """
    parts = []
    for device in devices:
        budget = site.budgets[device] or 0
        left = max(0, budget - site.reserve_bytes - candidate.placed.totals[device])
        where = "in RAM" if device == "host" else f"on {device}"
        parts.append(f"{format_bytes(left)} of the {format_bytes(budget)} usable {where}")
    each = " on each" if len(devices) > 1 else ""
    return f"{' and '.join(parts)} are left beside the {format_bytes(site.reserve_bytes)} kept free{each}"


def _step(estimator: Estimator, candidate: Candidate, device: Device) -> str:
    """
    Return what the next layer, or the experts of one more, would take on a device.
    """
    shares = estimator.table(candidate.quant).shares(device.backend)
    kept = sorted(host_experts(candidate.settings, candidate.placed.hardware, estimator.n_layer))
    if kept:
        last = kept[-1]
        return f", and the experts of one more layer take {format_bytes(shares.experts.of(last, last + 1))}"
    last = estimator.total_layers - candidate.on_gpu - 1
    if not 0 <= last < estimator.n_layer:
        return ""
    weights = shares.dense.of(last, last + 1) + shares.experts.of(last, last + 1)
    return f", and one more layer takes {format_bytes(weights)} beside its cache"


def _split(estimator: Estimator, site: Site, candidate: Candidate, used: list[Span]) -> str:
    """
    Say how layers are shared between devices, and that the faster are filled first.
    """
    kept = host_experts(candidate.settings, candidate.placed.hardware, estimator.n_layer)
    parts = []
    for part in used:
        own = min(part.stop, estimator.n_layer) - part.start
        left = sum(part.start <= layer < part.stop for layer in kept)
        experts = f" with the experts of {own - left}" if kept else ""
        parts.append(f"{part.stop - part.start} on {part.device}{experts}")
    said = f"the layers are shared {' and '.join(parts)}"
    devices = {device.id: device for device in candidate.devices}
    rates = {part.device: devices[part.device].bandwidth_bytes_per_s for part in used}
    if any(rate is None for rate in rates.values()):
        return said
    if len(set(rates.values())) == 1:
        full = [_part(site, candidate, device) for device in rates]
        alike = " and filled alike" if max(full) - min(full) < _EVEN else ""
        return f"{said}: they are equally fast{alike}"
    by_speed = sorted(rates, key=lambda device: -(rates[device] or 0))
    speeds = " and ".join(f"{device} reads {format_rate(rates[device] or 0)}" for device in by_speed)
    return f"{said}: {speeds}, and what is read faster is filled first"


def _left_out(estimator: Estimator, site: Site, candidate: Candidate) -> Iterator[str]:
    """
    Say why devices that could be used as well are not.
    """
    used = candidate.devices
    names = " and ".join(device.id for device in used)
    there = {device.id: device for devices in site.device_sets for device in devices}
    for device in there.values():
        if device in used:
            continue
        if device.backend != used[0].backend:
            yield (
                f"{device.id} is left out: only devices of one backend are put together, and {device.backend} is not"
                f" {used[0].backend}"
            )
            continue
        rate = f" ({format_rate(device.bandwidth_bytes_per_s)})" if device.bandwidth_bytes_per_s else ""
        if candidate.on_gpu == estimator.total_layers and not candidate.host_experts:
            yield f"{device.id}{rate} is left out, as {names} can hold everything: it would not make it faster"
        else:
            yield f"{device.id}{rate} is left out: with it the answer would not be better"


def _part(site: Site, candidate: Candidate, device: str) -> float:
    return candidate.placed.totals[device] / (site.budgets[device] or 1)


def _run(layers: range) -> str:
    first, last = layers[0], layers[-1]
    return str(first) if first == last else f"{first} to {last}"
