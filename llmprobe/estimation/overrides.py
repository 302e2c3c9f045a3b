"""
Tensor overrides (``-ot PATTERN=BUFFER``, ``--n-cpu-ffn``): which tensors lie elsewhere than their layer.

The first pattern that matches a tensor counts. Those that keep all experts of layers on the host are told from others:
a search and a printed command speak of layers.
Source: llama.cpp b11549, common/arg.cpp (commas part overrides, the first ``=`` a pattern from its buffer),
common/common.h (the patterns of --n-cpu-ffn) and src/llama-model-loader.cpp (a pattern is searched for in a name).
"""

import re
from collections.abc import Iterable, Mapping

from llmprobe.errors import RefusedError, UsageError
from llmprobe.estimation.memory.roster import EXPERTS, INPUT_NAMES, ROPE_NAMES
from llmprobe.estimation.override_pattern import EXAMPLE, compiled
from llmprobe.estimation.placement import HOST, Span, host_experts
from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.devices import Hardware
from llmprobe.facts.model import ModelSpec, Tensor
from llmprobe.facts.settings import Settings
from llmprobe.words.message import Message, message

MovedTensors = tuple[tuple[str, str], ...]
"""Tensors by name that lie elsewhere than their layer, and the device (``host``, ``gpu0``, …) where they are."""

_DENSE_FFN = r"blk\.(\d+)\.ffn_(up|down|gate)\."
_CPU = "CPU"


def read(model: ModelSpec, overrides: Iterable[str]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """
    The layers whose experts these overrides keep on the host; or, where they do anything else, the overrides one by
    one.

    Raises:
        UsageError: one is no override, or matches nothing.
    """
    parted = tuple(part for text in overrides for part in text.split(","))
    matched = [_matched(model, override) for override in parted]
    experts = {tensor.name: tensor.layer for tensor in model.tensors if _is_expert(tensor)}
    moved = {name for found in matched for name in found}
    layers = {experts[name] for name in moved if name in experts}
    whole = {name for name, layer in experts.items() if layer in layers}
    if moved == whole and all(override.endswith(f"={_CPU}") for override in parted):
        return tuple(sorted(layer for layer in layers if layer is not None)), ()
    return (), parted


def moved_tensors(
    model: ModelSpec, settings: Settings, hardware: Hardware, spans: tuple[Span, ...], n_layer: int
) -> MovedTensors:
    """
    The tensors that lie elsewhere than their layer, or than their experts are told to be.

    Raises:
        RefusedError: a buffer is none of these devices, or a tensor of the embedding is to be moved.
    """
    if not (settings.override_tensor or settings.n_cpu_ffn) or not hardware.devices:
        return ()
    buffers = _buffers(hardware)
    patterns = [_parted(override) for override in settings.override_tensor]
    targets = [(compiled(pattern), _target(place, buffers)) for pattern, place in patterns]
    owners = {layer: span.device for span in spans for layer in range(span.start, span.stop)}
    kept = host_experts(settings, hardware, n_layer)
    found = []
    for tensor in model.tensors:
        if tensor.layer is not None and tensor.layer >= n_layer:
            continue
        target = next((device for pattern, device in targets if pattern.search(tensor.name)), None)
        if target is None and _on_host(tensor.name, settings.n_cpu_ffn):
            target = HOST
        if target is None:
            continue
        home = owners[n_layer if tensor.layer is None else tensor.layer]
        if tensor.name in INPUT_NAMES or (_is_expert(tensor) and tensor.layer in kept):
            home = HOST
        if target == home:
            continue
        if tensor.name in INPUT_NAMES or tensor.name in ROPE_NAMES:
            raise RefusedError(
                message("error.override-moves-embedding", tensor=tensor.name),
                hint=message("hint.override-layers"),
            )
        if settings.split_mode == "tensor" and target != HOST:
            raise RefusedError(
                message("error.override-in-tensor-split", tensor=tensor.name),
                hint=message("hint.split-by-layers"),
            )
        found.append((tensor.name, target))
    return tuple(found)


def in_layers(model: ModelSpec, moved: MovedTensors) -> tuple[tuple[int, str, str], ...]:
    """
    The same by layer (-1: of none) and name in the layer.
    """
    if not moved:
        return ()
    targets = dict(moved)
    return tuple(
        (-1, tensor.name, targets[tensor.name])
        if tensor.layer is None
        else (tensor.layer, tensor.name.split(".", 2)[2], targets[tensor.name])
        for tensor in model.tensors
        if tensor.name in targets
    )


def _matched(model: ModelSpec, override: str) -> set[str]:
    """
    The names of the tensors that an override speaks of.
    """
    pattern, _ = _parted(override)
    search = compiled(pattern).search
    found = {one.name for one in model.tensors if search(one.name)}
    if not found:
        raise _refused(message("error.override-matches-nothing", given=override, model=model.name))
    return found


def _parted(override: str) -> tuple[str, str]:
    pattern, _, place = override.partition("=")
    if not pattern or not place:
        raise _refused(message("error.override-not-readable", given=override))
    return pattern, place


def _buffers(hardware: Hardware) -> dict[str, str]:
    """
    The devices by the names of their buffers: ``CUDA0`` and on, numbered by backend.
    """
    found = {_CPU: HOST}
    seen: dict[str, int] = {}
    for device in hardware.devices:
        prefix = BACKENDS[device.backend].device_prefix
        number = seen.get(prefix, 0)
        seen[prefix] = number + 1
        found[f"{prefix}{number}"] = device.id
        found[f"{prefix}_Host"] = HOST
    return found


def _target(place: str, buffers: Mapping[str, str]) -> str:
    if place not in buffers:
        raise RefusedError(
            message("error.override-unknown-buffer", buffer=place),
            hint=message("hint.one-of", names=tuple(buffers)),
        )
    return buffers[place]


def _is_expert(tensor: Tensor) -> bool:
    return tensor.layer is not None and EXPERTS.search(tensor.name) is not None


def _on_host(name: str, layers: int) -> bool:
    match = re.search(_DENSE_FFN, name)
    return match is not None and int(match[1]) < layers


def _refused(what: Message) -> UsageError:
    return UsageError(what, hint=message("hint.override", example=EXAMPLE))
