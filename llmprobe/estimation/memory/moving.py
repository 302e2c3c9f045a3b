"""
Weights that lie elsewhere than their layer, by tensor overrides.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from llmprobe.estimation.memory.roster import EXPERTS
from llmprobe.estimation.memory.weights import DeviceWeights, WeightTable
from llmprobe.estimation.placement import HOST, Span

if TYPE_CHECKING:
    from llmprobe.estimation.memory.slices import Slices


def after_moves(
    placed: dict[str, DeviceWeights],
    table: WeightTable,
    moved: Sequence[tuple[str, str]],
    spans: Sequence[Span],
    backends: dict[str, str],
    host_experts: frozenset[int],
    slices: "Slices | None" = None,
) -> dict[str, DeviceWeights]:
    """
    The weights of every device once tensors are taken from where their layer lies and put where they are told to be.

    ``moved`` are tensors by name and the devices they go to; what is not loaded is left out.
    """
    if not moved:
        return placed
    result = dict(placed)
    owners = {layer: span.device for span in spans for layer in range(span.start, span.stop)}
    kinds = {HOST: HOST, **backends}
    named = {tensor.name: tensor for tensor in table.loaded}
    for name, target in moved:
        tensor = named.get(name)
        if tensor is None:
            continue
        layer = table.home(tensor)
        home, part = owners[layer], "output" if tensor.layer is None else "layers"
        if tensor.layer is not None and EXPERTS.search(name):
            home, part = HOST if layer in host_experts else home, "experts"
        held = {home: tensor}
        if slices is not None and home != HOST:
            held = dict(zip(backends, slices.of(tensor), strict=True))
        for device, slice_ in held.items():
            result[device] = _changed(result[device], part, -table.stored(slice_, kinds[device]))
        result[target] = _changed(result[target], part, table.stored(tensor, kinds[target]))
    return result


def _changed(weights: DeviceWeights, part: str, by: int) -> DeviceWeights:
    return msgspec.structs.replace(weights, **{part: getattr(weights, part) + by})
