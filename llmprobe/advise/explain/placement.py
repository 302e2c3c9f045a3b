"""
Where the parts of the best choice are and why: how full it makes each device, and what one more layer needs.
"""

from collections.abc import Iterator

from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.advise.search.by_tensors import why_not
from llmprobe.estimation.placement import HOST, Span, consecutive, host_experts, spans
from llmprobe.estimation.speed.together import gain, kind_of
from llmprobe.words.message import Message, message

_EVEN = 0.1
"""Devices whose fullness differs by less than this part are filled evenly."""


def of_placement(problem: Problem, candidate: Candidate) -> Iterator[Message]:
    """
    Why the layers and experts are where they are, and why devices share them or are not used.
    """
    if not candidate.devices:
        yield _on_cpu(problem, candidate)
        return
    yield _on_devices(problem, candidate)
    used = _used(problem, candidate)
    if candidate.settings.split_mode == "tensor":
        yield by_tensors(problem, candidate)
    elif len(used) > 1:
        yield _split(problem, candidate, used)
    yield from _left_out(problem, candidate)


def by_tensors(problem: Problem, candidate: Candidate) -> Message:
    """
    That all devices compute each layer together, what that gains, and what it costs.
    """
    estimator = problem.estimator
    kind = kind_of(estimator.model.parameters, len(candidate.devices), moe=estimator.is_moe)
    assert kind is not None
    generation, prompt = gain(kind, "generation"), gain(kind, "prompt")
    return message(
        "reason.by-tensors",
        devices=tuple(device.id for device in candidate.devices),
        likely=generation.likely,
        low=generation.low,
        high=generation.high,
        rows=generation.rows,
        prompt=prompt.likely,
        prompt_low=prompt.low,
        prompt_high=prompt.high,
    )


def not_by_tensors(problem: Problem, candidate: Candidate) -> Iterator[Message]:
    """
    Why several devices work one after the other, and not on each layer together.
    """
    settings = candidate.settings
    if settings.split_mode == "tensor" or len(_used(problem, candidate)) < 2:
        return
    why = why_not(problem.estimator, candidate.devices, problem.site.abilities)
    if why is None and candidate.is_whole(problem.estimator):
        why = message("not-by-tensors.prompts")
    yield message("reason.not-by-tensors", why=why or message("not-by-tensors.host"))


def named_experts(problem: Problem, candidate: Candidate) -> Iterator[Message]:
    """
    Why the layers whose experts stay in RAM are named one by one, where they are.
    """
    if candidate.devices and candidate.settings.cpu_moe_layers:
        kept = host_experts(candidate.settings, candidate.placed.hardware, problem.estimator.n_layer)
        yield message("reason.named-experts", runs=tuple(_run(run) for run in consecutive(kept)))


def _used(problem: Problem, candidate: Candidate) -> list[Span]:
    parts = spans(candidate.settings, candidate.placed.hardware, problem.estimator.n_layer)
    return [part for part in parts if part.device != HOST]


def _on_cpu(problem: Problem, candidate: Candidate) -> Message:
    site = problem.site
    return message(
        "reason.on-cpu",
        room=_room(problem, candidate, (HOST,)),
        reserve_bytes=site.reserve_bytes,
        idle=tuple(
            message("room.usable", device=device.id, usable_bytes=site.budgets[device.id] or 0)
            for device in site.device_sets[0]
        ),
    )


def _on_devices(problem: Problem, candidate: Candidate) -> Message:
    estimator = problem.estimator
    devices = tuple(device.id for device in candidate.devices)
    room, reserve = _room(problem, candidate, devices), problem.site.reserve_bytes
    if candidate.is_whole(estimator):
        return message(
            "reason.all-on-gpu",
            total_layers=estimator.total_layers,
            devices=devices,
            room=room,
            reserve_bytes=reserve,
        )
    step = _step(problem, candidate)
    kept = host_experts(candidate.settings, candidate.placed.hardware, estimator.n_layer)
    if candidate.on_gpu == estimator.total_layers:
        if candidate.host_experts == estimator.n_layer:
            return message(
                "reason.all-experts-in-ram",
                total_layers=estimator.total_layers,
                devices=devices,
                n_layer=estimator.n_layer,
                room=room,
                reserve_bytes=reserve,
                step=step,
            )
        return message(
            "reason.experts-in-ram",
            total_layers=estimator.total_layers,
            devices=devices,
            expert_layers=candidate.host_experts,
            scattered=not candidate.settings.n_cpu_moe,
            n_layer=estimator.n_layer,
            room=room,
            reserve_bytes=reserve,
            step=step,
        )
    first = estimator.total_layers - candidate.on_gpu
    return message(
        "reason.partly-on-gpu",
        gpu_layers=candidate.on_gpu,
        total_layers=estimator.total_layers,
        devices=devices,
        expert_layers=sum(layer >= first for layer in kept) if kept else None,
        room=room,
        reserve_bytes=reserve,
        step=step,
    )


def _room(problem: Problem, candidate: Candidate, devices: tuple[str, ...]) -> tuple[Message, ...]:
    """
    The usable memory of devices that is left beside the reserve.
    """
    site, parts = problem.site, []
    for device in devices:
        usable = site.budgets[device] or 0
        left = max(0, usable - site.reserve_bytes - candidate.placed.totals[device])
        if device == HOST:
            parts.append(message("room.ram", left_bytes=left, usable_bytes=usable))
        else:
            parts.append(message("room.gpu", left_bytes=left, usable_bytes=usable, device=device))
    return tuple(parts)


def _step(problem: Problem, candidate: Candidate) -> Message | None:
    """
    The memory that the next layer, or the experts of one more, would need on a device.
    """
    estimator = problem.estimator
    shares = estimator.table(candidate.quant).shares(candidate.devices[0].kind)
    kept = host_experts(candidate.settings, candidate.placed.hardware, estimator.n_layer)
    if kept:
        last = max(kept)
        return message("step.experts", bytes=shares.experts.of(last, last + 1))
    last = estimator.total_layers - candidate.on_gpu - 1
    if not 0 <= last < estimator.n_layer:
        return None
    weights = shares.dense.of(last, last + 1) + shares.experts.of(last, last + 1)
    return message("step.layer", bytes=weights)


def _split(problem: Problem, candidate: Candidate, used: list[Span]) -> Message:
    """
    How layers are split between devices, and that the faster are filled first.
    """
    n_layer = problem.estimator.n_layer
    kept = host_experts(candidate.settings, candidate.placed.hardware, n_layer)
    parts = []
    for part in used:
        layers = part.stop - part.start
        if not kept:
            parts.append(message("part.layers", layers=layers, device=part.device))
            continue
        left = sum(part.start <= layer < part.stop for layer in kept)
        own = min(part.stop, n_layer) - part.start - left
        parts.append(message("part.layers-and-experts", layers=layers, device=part.device, expert_layers=own))
    devices = {device.id: device for device in candidate.devices}
    rates = {part.device: devices[part.device].known_bandwidth_bytes_per_s for part in used}
    known = {device: rate for device, rate in rates.items() if rate is not None}
    if len(known) < len(rates):
        return message("reason.split", parts=tuple(parts))
    if len(set(known.values())) == 1:
        full = [_fullness(problem, candidate, device) for device in known]
        even = max(full) - min(full) < _EVEN
        return message("reason.split-evenly" if even else "reason.split-equal", parts=tuple(parts))
    by_speed = sorted(known, key=lambda device: -known[device])
    return message(
        "reason.split-fastest-first",
        parts=tuple(parts),
        rates=tuple(message("part.rate", device=device, bytes_per_s=known[device]) for device in by_speed),
    )


def _left_out(problem: Problem, candidate: Candidate) -> Iterator[Message]:
    """
    Why devices that could be used are not, alike ones together.
    """
    used = candidate.devices
    there = {device.id: device for devices in problem.site.device_sets for device in devices}
    alike: dict[tuple[str, int | None], list[str]] = {}
    for device in there.values():
        if device not in used:
            alike.setdefault((device.backend, device.known_bandwidth_bytes_per_s), []).append(device.id)
    for (backend, rate), names in alike.items():
        devices = tuple(names)
        if backend != used[0].backend:
            yield message(
                "reason.left-out-backend", devices=devices, backend=backend, used_backend=used[0].backend
            )
        elif candidate.is_whole(problem.estimator):
            yield message(
                "reason.left-out-not-needed",
                devices=devices,
                bytes_per_s=rate,
                used=tuple(one.id for one in used),
            )
        else:
            yield message("reason.left-out-no-gain", devices=devices, bytes_per_s=rate)


def _fullness(problem: Problem, candidate: Candidate, device: str) -> float:
    return candidate.placed.totals[device] / (problem.site.budgets[device] or 1)


def _run(layers: range) -> Message:
    first, last = layers[0], layers[-1]
    if first == last:
        return message("layers.one", layer=first)
    return message("layers.run", first=first, last=last)
