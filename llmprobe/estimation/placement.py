"""
Which device holds which layer: llama.cpp offloads from the end, and splits what is offloaded by shares.

Source: llama.cpp b11549, src/llama-model.cpp (load_tensors).
"""

import struct
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

import msgspec

from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings

HOST = "host"


class Span(msgspec.Struct, frozen=True):
    """
    Consecutive layers on one device, ``start`` to ``stop`` - 1. The output layer counts as layer ``n_layer``.
    """

    device: str
    start: int
    stop: int


def used_devices(settings: Settings, hardware: Hardware) -> tuple[Device, ...]:
    """
    The devices that the engine opens: all of them, or the first one without a split.
    """
    return hardware.devices[:1] if settings.split_mode == "none" else hardware.devices


def offloaded_layers(settings: Settings, hardware: Hardware, n_layer: int) -> int:
    """
    How many of the ``n_layer`` + 1 layers go to devices.
    """
    if not hardware.devices:
        return 0
    if settings.gpu_layers is None:
        return n_layer + 1
    return min(max(settings.gpu_layers, 0), n_layer + 1)


def spans(settings: Settings, hardware: Hardware, n_layer: int) -> tuple[Span, ...]:
    """
    The layers of each device in order, the host's first; devices without layers are left out.

    With a split of tensors every device has the same layers, and of each a part.
    """
    devices = used_devices(settings, hardware)
    offloaded = offloaded_layers(settings, hardware, n_layer)
    first = n_layer + 1 - offloaded
    result = [Span(HOST, 0, first)] if first else []
    if not offloaded:
        return tuple(result)
    if settings.split_mode == "tensor":
        return (*result, *(Span(device.id, first, n_layer + 1) for device in devices))
    if len(devices) == 1:
        return (*result, Span(devices[0].id, first, n_layer + 1))
    points = _split_points(settings, devices)

    def owner(index: int) -> int:
        return min(bisect_right(points, _f32(index / offloaded)), len(devices) - 1)

    start = 0
    for number, device in enumerate(devices):
        stop = bisect_right(range(offloaded), number, lo=start, key=owner)
        if stop > start:
            result.append(Span(device.id, first + start, first + stop))
        start = stop
    return tuple(result)


def host_experts(settings: Settings, hardware: Hardware, n_layer: int) -> frozenset[int]:
    """
    The layers whose experts are told to stay on the host, wherever the layers are.
    """
    if not hardware.devices:
        return frozenset()
    first = range(min(settings.n_cpu_moe, n_layer))
    return frozenset((*first, *(layer for layer in settings.cpu_moe_layers if layer < n_layer)))


def consecutive(layers: Iterable[int]) -> tuple[range, ...]:
    """
    Layers as runs of neighbours, in order.
    """
    runs: list[range] = []
    for layer in sorted(layers):
        if runs and runs[-1].stop == layer:
            runs[-1] = range(runs[-1].start, layer + 1)
        else:
            runs.append(range(layer, layer + 1))
    return tuple(runs)


def layer_devices(parts: tuple[Span, ...]) -> tuple[str, ...]:
    """
    The device of every layer and then of the output layer; the first of those that share one.
    """
    owners: list[str] = []
    for part in parts:
        owners += [part.device] * (part.stop - max(part.start, len(owners)))
    return tuple(owners)


def _split_points(settings: Settings, devices: tuple[Device, ...]) -> list[float]:
    shares: list[float] = list(settings.tensor_split[: len(devices)])
    shares += [0.0] * (len(devices) - len(shares))
    if not any(shares):
        # By free memory, as the engine does; where one device does not say what is free, in equal parts.
        shares = [float(device.free_bytes or 0) for device in devices]
        if not all(shares):
            shares = [1.0] * len(devices)
    sums = list(accumulate(shares, lambda total, share: _f32(total + _f32(share)), initial=0.0))[1:]
    return [_f32(value / sums[-1]) for value in sums]


def _f32(value: float) -> float:
    """Round as the engine does, which computes shares in single precision: a layer may sit on the border."""
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded
