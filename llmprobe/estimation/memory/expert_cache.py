"""
The cache of experts (``--moe-cache-mib``): of layers on a device whose experts lie on the host, some of the experts lie
on the device, too.

Layers of a device with equal matrices share slots. A group gets as many as its part of the budget pays for, one more
than it counts; too few for the experts of one token, and it is left out.
Source: llama.cpp b11549, src/llama-moe-cache.cpp.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import msgspec

from llmprobe.errors import RefusedError
from llmprobe.estimation.placement import HOST, Span
from llmprobe.estimation.settings import pad
from llmprobe.facts.devices import Device
from llmprobe.facts.model import Tensor
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.model.quants import row_bytes, tensor_bytes
from llmprobe.units import MIB
from llmprobe.words.message import message

EXPERT_MATRICES = (
    "ffn_gate_up_exps.weight",
    "ffn_gate_exps.weight",
    "ffn_up_exps.weight",
    "ffn_down_exps.weight",
)
MOST_TOKENS = 32
"""Larger micro-batches do not read the cache."""

_DEVICE_ALIGNMENT, _HOST_ALIGNMENT = 128, 32


class ExpertCache(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the cache takes by device, the host's tables among them, and the slots of each layer that has some.
    """

    bytes: dict[str, int] = {}
    slots: dict[int, int] = {}

    def layers(self, spans: Sequence[Span], device: str) -> tuple[int, ...]:
        """The layers of a device that read the cache; of the host all of them."""
        own = {layer for span in spans if span.device == device for layer in range(span.start, span.stop)}
        return tuple(layer for layer in self.slots if device == HOST or layer in own)


NO_CACHE = ExpertCache()


class _Group(msgspec.Struct):
    """
    Layers of one device with matrices of the same shapes and types.
    """

    device: str
    matrices: tuple[Tensor, ...]
    layers: list[int]
    host_bytes: int = 0

    @property
    def experts(self) -> int:
        return self.matrices[0].shape[2]

    def allocated(self, slots: int) -> int:
        """The bytes on the device: kernels may read past the last slot, so there is one more."""
        return sum(
            pad(row_bytes(str(one.type), one.shape[0]) * one.shape[1] * (slots + 1), _DEVICE_ALIGNMENT)
            for one in self.matrices
        )

    def fitting(self, budget: int) -> int:
        """The most slots that a budget pays for."""
        most = len(self.layers) * self.experts
        return bisect_left(range(most), True, key=lambda slots: self.allocated(slots + 1) > budget)


def expert_cache(
    tensors: Sequence[Tensor],
    run: ResolvedSettings,
    spans: Sequence[Span],
    devices: Sequence[Device],
    on_host: frozenset[int],
    moved: Mapping[str, str],
    used_experts: int,
) -> ExpertCache:
    """
    The cache that a budget gives; ``on_host`` are the layers whose experts stay on the host, but for those ``moved``.

    Raises:
        RefusedError: there is no GPU or no expert, tensors are split, or the budget is too small.
    """
    if not run.moe_cache_mib:
        return NO_CACHE
    _refuse(run, devices, used_experts)
    groups = _groups(tensors, spans, on_host, moved)
    if not groups:
        return NO_CACHE
    host_bytes = {
        device.id: sum(group.host_bytes for group in groups if group.device == device.id)
        for device in devices
    }
    shares = _shares(run, devices, host_bytes)
    budget, whole = run.moe_cache_mib * MIB, sum(shares.values())
    slots: dict[int, int] = {}
    sizes: dict[str, int] = {}
    for group in groups:
        part = budget * shares[group.device] / whole * group.host_bytes / host_bytes[group.device]
        found = group.fitting(int(part))
        if found < used_experts:
            continue
        slots |= dict.fromkeys(group.layers, found)
        sizes[group.device] = sizes.get(group.device, 0) + group.allocated(found)
        table = pad(4 * group.experts, _HOST_ALIGNMENT)
        sizes[HOST] = sizes.get(HOST, 0) + table * len(group.layers)
    if not slots:
        raise RefusedError(
            message("error.expert-cache-too-small", mib=run.moe_cache_mib),
            hint=message("hint.larger-expert-cache"),
        )
    return ExpertCache(bytes=sizes, slots=slots)


def _refuse(run: ResolvedSettings, devices: Sequence[Device], used_experts: int) -> None:
    without = message("hint.without-expert-cache")
    if not devices:
        raise RefusedError(message("error.expert-cache-without-devices"), hint=without)
    if run.split_mode == "tensor":
        raise RefusedError(
            message("error.expert-cache-in-tensor-split"), hint=message("hint.split-by-layers")
        )
    if not used_experts:
        raise RefusedError(message("error.expert-cache-without-experts"), hint=without)


def _groups(
    tensors: Sequence[Tensor], spans: Sequence[Span], on_host: frozenset[int], moved: Mapping[str, str]
) -> list[_Group]:
    owners = {layer: span.device for span in spans for layer in range(span.start, span.stop)}
    of_layers: dict[int, dict[str, Tensor]] = {}
    for tensor in tensors:
        if tensor.layer is not None and owners.get(tensor.layer, HOST) != HOST:
            name = tensor.name.split(".", 2)[-1]
            if name in EXPERT_MATRICES:
                of_layers.setdefault(tensor.layer, {})[name] = tensor
    groups: dict[tuple[object, ...], _Group] = {}
    for layer, found in sorted(of_layers.items()):
        matrices = tuple(found[name] for name in EXPERT_MATRICES if name in found)
        home = HOST if layer in on_host else owners[layer]
        if any(moved.get(one.name, home) != HOST for one in matrices):
            continue
        key = (owners[layer], *((one.type, one.shape) for one in matrices))
        group = groups.setdefault(key, _Group(owners[layer], matrices, []))
        group.layers.append(layer)
        group.host_bytes += sum(tensor_bytes(one.shape, str(one.type)) for one in matrices)
    return list(groups.values())


def _shares(
    run: ResolvedSettings, devices: Sequence[Device], host_bytes: Mapping[str, int]
) -> dict[str, float]:
    """
    Each device's share of the budget: as the layers are split, else by free memory, else in equal parts.
    """
    given = [*run.tensor_split, *[0.0] * len(devices)]
    by_free = not any(given)
    shares = {
        device.id: float((device.free_bytes or 0) if by_free else share)
        for device, share in zip(devices, given, strict=False)
        if host_bytes[device.id]
    }
    return shares if sum(shares.values()) else dict.fromkeys(shares, 1.0)
