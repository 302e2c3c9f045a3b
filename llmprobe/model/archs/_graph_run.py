"""
What a graph is built for: the batch, the caches, where the layers lie; and the weights as the graph sees them.
"""

from collections.abc import Callable, Hashable

import msgspec

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._caches import CacheLayout
from llmprobe.model.archs._sizes import Sizes
from llmprobe.model.graph import Shape, four, strides
from llmprobe.model.quants.types import TYPES, GgmlType

Weight = tuple[GgmlType, Shape, Shape]


class Run(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    One reservation. ``cells`` are those of each cache per stream, ``places`` the backend of every layer and of the
    output; ``host`` is the last backend. ``built`` names the layers that are built: all, or enough of each kind.

    ``held`` says that nodes stay where the model's code puts them, ``pinned`` that norms then stay with their
    layer, ``transposed`` that V is kept transposed, ``host_experts`` how many layers' experts stay on the host.
    """

    tokens: int
    sequences: int
    outputs: int
    streams: int
    cells: tuple[int, ...]
    kind_k: GgmlType
    kind_v: GgmlType
    flash: bool
    transposed: bool
    places: tuple[int, ...]
    host: int
    built: tuple[int, ...]
    ctx_per_seq: int
    host_experts: int = 0
    cache_on_device: bool = True
    held: bool = False
    pinned: bool = False
    embeddings: bool = False
    old_masks: bool = False


class Parts:
    """
    A model's weights by layer and name, its sizes and its caches. Built once per model and quantization.
    """

    def __init__(
        self,
        architecture: str,
        hparams: Hparams,
        tensors: tuple[Tensor, ...],
        layout: CacheLayout,
        variant: Callable[["Parts", int], Hashable] | None = None,
    ) -> None:
        self.architecture = architecture
        self.hparams = hparams
        self.tensors = tensors
        self.variant = variant
        self.layout = layout
        self.sizes = Sizes(hparams)
        self.outside: dict[str, Weight] = {}
        self.layers: list[dict[str, Weight]] = [{} for _ in self.sizes.layers]
        for tensor in tensors:
            kind = TYPES[tensor.type or "f16"]
            ne = four(tensor.shape)
            weight = (kind, ne, strides(kind, ne))
            if tensor.layer is None:
                self.outside[tensor.name] = weight
            elif tensor.layer < len(self.layers):
                self.layers[tensor.layer][tensor.name.split(".", 2)[2]] = weight
        self.caches_of: dict[tuple[int, int], int] = {
            (number, layer.layer): position
            for number, cache in enumerate(layout.kv)
            for position, layer in enumerate(cache.layers)
        }
        self.cache_of: dict[int, tuple[int, int]] = {}
        for (number, layer), position in self.caches_of.items():
            self.cache_of.setdefault(layer, (number, position))
        state = layout.state.layers if layout.state is not None else ()
        self.state_of = {layer.layer: layer for layer in state}
        self.kind = [self._kind(layer, typed=False) for layer in self.sizes.layers]
        self.typed_kind = [self._kind(layer, typed=True) for layer in self.sizes.layers]
        self.widest_v = max((layer.v for cache in layout.kv for layer in cache.layers), default=0)

    def _kind(self, layer: int, *, typed: bool) -> Hashable:
        """Return what tells this layer's graph from another's; with types where the weights' bytes matter too."""
        number, position = self.cache_of.get(layer, (-1, -1))
        widths = None
        if number >= 0:
            cached = self.layout.kv[number].layers[position]
            widths = (number, cached.k, cached.v, cached.head_k, cached.head_v)
        weights = tuple(
            (name, ne, kind.name if typed or "exps" in name or "shexp" in name else "")
            for name, (kind, ne, _) in self.layers[layer].items()
        )
        told = self.variant(self, layer) if self.variant is not None else None
        return hash((widths, weights, told))
