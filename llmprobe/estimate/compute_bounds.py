"""
Compute buffers for a search: the largest of a few placements stand for all of their kind.

How many layers or experts stay on the host changes the buffers little; whether any do, and whether the output
layer does, much.
With everything on the devices they do not depend on the quantization either.
"""

from collections.abc import Callable

import msgspec

from llmprobe.estimate.compute import ComputeBytes
from llmprobe.estimate.placement import host_experts, offloaded_layers
from llmprobe.estimate.settings import Run
from llmprobe.facts.plan import Placement

Compute = Callable[[str, Run, Placement], ComputeBytes]


class ComputeBounds:
    """
    The bounds of one model, remembered by kind of placement. ``compute`` gives the exact buffers of one placement.

    Of 581 measured placements 3 needed more than this, at most 16 MiB on a device. ``mixed`` says that layers
    differ (recurrent and attention), so that it matters more which of them are on a device.
    """

    def __init__(self, n_layer: int, compute: Compute, *, mixed: bool) -> None:
        self._n_layer = n_layer
        self._mixed = mixed
        self._compute = compute
        self._found: dict[tuple[object, ...], dict[str, int]] = {}

    def of(self, quant: str, run: Run, placement: Placement) -> dict[str, int]:
        """
        Return for each device the largest buffer that a placement of this kind needs.
        """
        offloaded = offloaded_layers(placement, self._n_layer)
        everything = not placement.devices or offloaded > self._n_layer
        kind = msgspec.structs.replace(
            placement,
            gpu_layers=None if everything else min(offloaded, 1),
            n_cpu_moe=self._n_layer if host_experts(placement, self._n_layer) else 0,
            cpu_moe_layers=(),
            tensor_split=(1.0,) * len(placement.devices),
        )
        on_devices = everything and kind.n_cpu_moe == 0 and bool(placement.devices)
        key = (None if on_devices else quant, run, kind)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._largest(quant, run, kind)
        return found

    def _largest(self, quant: str, run: Run, kind: Placement) -> dict[str, int]:
        result: dict[str, int] = {}
        for placement in self._extremes(kind):
            for device, size in self._compute(quant, run, placement).bytes.items():
                result[device] = max(result.get(device, 0), size)
        return result

    def _extremes(self, kind: Placement) -> tuple[Placement, ...]:
        """Return the placements of a kind between which the others lie."""
        if kind.gpu_layers == 1:
            counts = (1, self._n_layer // 2, self._n_layer) if self._mixed else (1, self._n_layer)
            return tuple(msgspec.structs.replace(kind, gpu_layers=count) for count in counts)
        if kind.n_cpu_moe and len(kind.devices) > 1:
            return kind, msgspec.structs.replace(kind, n_cpu_moe=self._n_layer // 2)
        return (kind,)
