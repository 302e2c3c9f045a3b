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
from llmprobe.facts.devices import Hardware
from llmprobe.facts.settings import Settings

_SOME = 2
"""One layer is the output layer alone, which is a kind of its own."""

Compute = Callable[[str, Settings, Hardware], ComputeBytes]


class _Bound(msgspec.Struct, frozen=True):
    """
    What no placement of a kind exceeds by device, and whether flash attention is on in them.
    """

    sizes: dict[str, int]
    flash_attn: bool


class ComputeBounds:
    """
    The bounds of one model, remembered by kind of placement. ``compute`` gives the exact buffers of one placement.

    Of 11,111 measured placements 11 needed more than this: 5 at most 21 MiB on a device, the others 64 MiB to 1.1 GiB.
    Those share the layers unequally between devices although all read what one of them keeps.
    """

    def __init__(self, n_layer: int, compute: Compute) -> None:
        self._n_layer = n_layer
        self._compute = compute
        self._found: dict[tuple[object, ...], _Bound] = {}

    def of(self, quant: str, settings: Settings, hardware: Hardware) -> dict[str, int]:
        """
        For each device the largest buffer that a placement of this kind needs, measured or loaded.
        """
        return self._bound(quant, settings, hardware).sizes

    def attends(self, quant: str, settings: Settings, hardware: Hardware) -> bool:
        """
        Whether flash attention is on in placements of this kind, which its devices decide.
        """
        return self._bound(quant, settings, hardware).flash_attn

    def _bound(self, quant: str, settings: Settings, hardware: Hardware) -> _Bound:
        offloaded = offloaded_layers(settings, hardware, self._n_layer)
        everything = not hardware.devices or offloaded > self._n_layer
        kind = msgspec.structs.replace(
            settings,
            gpu_layers=None if everything else min(offloaded, _SOME),
            n_cpu_moe=self._n_layer if host_experts(settings, hardware, self._n_layer) else 0,
            cpu_moe_layers=(),
            tensor_split=(1.0,) * len(hardware.devices),
        )
        found = self._found.get((None, kind, hardware)) or self._found.get((quant, kind, hardware))
        if found is None:
            answers = [self._compute(quant, one, hardware) for one in self._extremes(kind)]
            sizes = {device: max(answer.most(device) for answer in answers) for device in answers[0].bytes}
            found = _Bound(sizes, all(answer.flash_attn for answer in answers))
            by_quant = any(answer.by_quant for answer in answers)
            self._found[quant if by_quant else None, kind, hardware] = found
        return found

    def _extremes(self, kind: Settings) -> tuple[Settings, ...]:
        """The placements of a kind between which the others lie."""
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

    def __init__(self, at_most: Callable[[str, Settings, Hardware], dict[str, int]]) -> None:
        self._at_most = at_most
        self._found: dict[tuple[str, Settings, Hardware], dict[str, int]] = {}

    def of(self, quant: str, settings: Settings, hardware: Hardware) -> dict[str, int]:
        """
        The most that each device can need.
        """
        key = (quant, settings, hardware)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._at_most(quant, settings, hardware)
        return found
