"""
Compute buffers for a search: the largest of a few placements stand for all of their kind.

How many layers or experts stay on the host changes the buffers little; whether any do, and whether the output
layer does, much.
Unless weights are copied they do not depend on the quantization either.
"""

from collections.abc import Callable

import msgspec

from llmprobe.estimation.compute.buffers import ComputeBytes
from llmprobe.estimation.placement import host_experts, offloaded_layers
from llmprobe.estimation.settings import Run
from llmprobe.facts.settings import Placement

_SOME = 2
"""One layer is the output layer alone, which is a kind of its own."""

Compute = Callable[[str, Run, Placement], ComputeBytes]


class ComputeBounds:
    """
    The bounds of one model, remembered by kind of placement. ``compute`` gives the exact buffers of one placement.

    Of 11,111 measured placements 11 needed more than this: 5 at most 21 MiB on a device, the others 64 MiB to 1.1 GiB.
    Those share the layers unequally between devices although all read what one of them keeps.
    """

    def __init__(self, n_layer: int, compute: Compute) -> None:
        self._n_layer = n_layer
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
            gpu_layers=None if everything else min(offloaded, _SOME),
            n_cpu_moe=self._n_layer if host_experts(placement, self._n_layer) else 0,
            cpu_moe_layers=(),
            tensor_split=(1.0,) * len(placement.devices),
        )
        found = self._found.get((None, run, kind)) or self._found.get((quant, run, kind))
        if found is None:
            answers = [self._compute(quant, run, one) for one in self._extremes(kind)]
            found = {
                device: max(answer.bytes.get(device, 0) for answer in answers) for device in answers[0].bytes
            }
            by_quant = any(answer.by_quant for answer in answers)
            self._found[quant if by_quant else None, run, kind] = found
        return found

    def _extremes(self, kind: Placement) -> tuple[Placement, ...]:
        """Return the placements of a kind between which the others lie."""
        half = self._n_layer // 2
        most = msgspec.structs.replace(kind, n_cpu_moe=half if kind.n_cpu_moe else 0)
        if kind.gpu_layers == _SOME:
            return (
                msgspec.structs.replace(kind, gpu_layers=max(half, _SOME)),
                msgspec.structs.replace(most, gpu_layers=self._n_layer),
            )
        return (kind, most) if kind.n_cpu_moe else (kind,)


class RoughBounds:
    """
    Bounds that cost no graph: ``at_most`` of the very placement.
    """

    def __init__(self, at_most: Callable[[str, Run, Placement], dict[str, int]]) -> None:
        self._at_most = at_most
        self._found: dict[tuple[str, Run, Placement], dict[str, int]] = {}

    def of(self, quant: str, run: Run, placement: Placement) -> dict[str, int]:
        """
        Return the most that each device can need.
        """
        key = (quant, run, placement)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._at_most(quant, run, placement)
        return found
