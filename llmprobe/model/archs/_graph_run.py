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
    layer, ``transposed`` that V is kept transposed, ``host_experts`` the layers whose experts stay on the host.
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
    host_experts: frozenset[int] = frozenset()
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
        # Most layers repeat the tensors of another: each is looked at once, and told by a number from then on.
        seen: dict[tuple[str, str | None, tuple[int, ...]], tuple[Weight, int, int]] = {}
        alike: dict[Hashable, int] = {}
        typed: list[list[int]] = [[] for _ in self.layers]
        untyped: list[list[int]] = [[] for _ in self.layers]
        for tensor in tensors:
            name, layer = tensor.name, tensor.layer
            if layer is not None:
                if layer >= len(self.layers):
                    continue
                name = name.split(".", 2)[2]
            told = (name, tensor.type, tensor.shape)
            found = seen.get(told)
            if found is None:
                kind = TYPES[tensor.type or "f16"]
                ne = four(tensor.shape)
                shown = kind.name if "exps" in name or "shexp" in name else ""
                number = alike.setdefault((name, ne, shown), len(alike))
                found = seen[told] = ((kind, ne, strides(kind, ne)), len(seen), number)
            if layer is None:
                self.outside[name] = found[0]
            else:
                self.layers[layer][name] = found[0]
                typed[layer].append(found[1])
                untyped[layer].append(found[2])
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
        told_apart = [self._told_apart(layer) for layer in self.sizes.layers]
        self.kind = [hash((told, *numbers)) for told, numbers in zip(told_apart, untyped, strict=True)]
        self.typed_kind = [
            hash((told, *numbers, "typed")) for told, numbers in zip(told_apart, typed, strict=True)
        ]
        self.widest_v = max((layer.v for cache in layout.kv for layer in cache.layers), default=0)

    def _told_apart(self, layer: int) -> Hashable:
        """Return what tells this layer's graph from another's beside its weights."""
        number, position = self.cache_of.get(layer, (-1, -1))
        widths = None
        if number >= 0:
            cached = self.layout.kv[number].layers[position]
            widths = (number, cached.k, cached.v, cached.head_k, cached.head_v)
        return widths, self.variant(self, layer) if self.variant is not None else None
