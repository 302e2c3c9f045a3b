"""
What a graph is built for: the batch, the caches, where the layers lie; and the weights as the graph sees them.
"""

from collections.abc import Callable, Hashable

import msgspec

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.facts.processor import repacks
from llmprobe.model.archs._building.ops import Origin, Shape, four, strides
from llmprobe.model.archs._shared.adapters import number_of
from llmprobe.model.archs._shared.caches import CacheLayout, KvLayer
from llmprobe.model.archs._shared.loops import homes
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.quants.types import TYPES, GgmlType

Weight = tuple[GgmlType, Shape, Shape]
Told = tuple[Hashable, ...]
Variant = Callable[["Parts", int], Hashable]
"""What tells a layer from another that has the same tensors and caches."""
Moved = tuple[tuple[int, str, int], ...]
"""Weights that lie elsewhere than their layer: the layer (-1 of none), the name in it, and the backend."""
_LOOKED_UP_APART = frozenset({"iq4_nl", "mxfp4", "nvfp4", "q8_K", "tq1_0", "tq2_0"})


class Run(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    One reservation. ``cells`` are those of each cache per stream, ``places`` the backend of every layer and of the
    output; ``host`` is the last backend. ``built`` names the layers that are built: all, or enough of each kind.

    ``held`` says that nodes stay where the model's code puts them, ``pinned`` that norms then stay with their
    layer, ``transposed`` that V is kept transposed, ``host_experts`` the layers whose experts stay on the host.
    ``apart`` names operations that stand for several and are built as those. ``snapshots`` are how many earlier states
    of a recurrent layer are kept beside the last, so that drafted tokens can be taken back. ``sliced`` says that the
    one device stands for several, each with a slice of every tensor. ``read_layers`` are those whose input a draft head
    reads; ``target_output`` is the backend of the output matrix that a head borrows.
    ``embeddings`` asks for vectors of texts, made of those of their tokens by ``pooling``. ``moved`` are
    weights that lie elsewhere, ``expert_slots`` the layers with a cache of experts and the slots of each.
    ``ubatch`` are the tokens that any batch of this run has at most. ``kind`` is what the devices are. ``staying`` are
    weights that lie in plain host memory because no device uses them, ``repacks`` the kind of processor that keeps host
    weights in another order: these, and all where ``plain`` says that the devices offer no host memory. ``anew`` asks
    remote devices for the first time what an attention takes. ``mixes`` says that a batch may have tokens and vectors.
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
    pooling: str = "none"
    old_masks: bool = False
    mixes: bool = True
    apart: frozenset[str] = frozenset()
    snapshots: int = 0
    sliced: bool = False
    read_layers: frozenset[int] = frozenset()
    target_output: int = -1
    moved: Moved = ()
    expert_slots: tuple[tuple[int, int], ...] = ()
    ubatch: int = 0
    kind: str = "cuda"
    staying: frozenset[Origin] = frozenset()
    repacks: str = ""
    plain: bool = False
    anew: bool = False


class Parts:
    """
    A model's weights by layer and name, its sizes and its caches.

    They stand for all quantizations that the graph does not tell apart, beside a ``cpu`` that repacks. ``kind`` are
    numbers that tell layers apart.
    ``homes`` is, for each layer, the one where its weights lie: another where a model is ``looped``.
    ``alone`` says that a layer's part of the graph does not depend on where another's cache lies. ``adapters`` counts
    the LoRA adapters whose tensors are among the weights.
    """

    def __init__(
        self,
        architecture: str,
        hparams: Hparams,
        tensors: tuple[Tensor, ...],
        layout: CacheLayout,
        variant: Variant | None = None,
        cpu: str = "",
    ) -> None:
        self.architecture = architecture
        self.hparams = hparams
        self.variant = variant
        self.layout = layout
        self.sizes = Sizes(hparams)
        self.outside: dict[str, Weight] = {}
        self.layers: list[dict[str, Weight]] = [{} for _ in self.sizes.layers]
        self.positions: dict[Origin, int] = {}
        home_of = homes(self.sizes.blocks)
        looped = tuple(home_of[block] for block in self.sizes.blocks)
        self.homes = (*looped, *self.sizes.layers[len(looped) :])
        self.looped = self.homes != tuple(self.sizes.layers)
        # Most layers repeat the tensors of another: each is looked at once, and told by a number from then on.
        seen: dict[tuple[str, str | None, tuple[int, ...]], tuple[Weight, int]] = {}
        alike: dict[Hashable, int] = {}
        numbers: list[list[Hashable]] = [[] for _ in self.layers]
        for position, tensor in enumerate(tensors):
            name, layer = tensor.name, tensor.layer
            if layer is not None:
                if layer not in home_of:
                    continue
                name, layer = _in_layer(name), home_of[layer]
            told = (name, tensor.type, tensor.shape)
            found = seen.get(told)
            if found is None:
                kind = TYPES[tensor.type or "f16"]
                ne = four(tensor.shape)
                number = alike.setdefault((name, ne, seen_as(tensor, cpu)), len(alike))
                found = seen[told] = ((kind, ne, strides(kind, ne)), number)
            self.positions[-1 if layer is None else layer, name] = position
            if layer is None:
                self.outside[name] = found[0]
            else:
                self.layers[layer][name] = found[0]
                numbers[layer].append(found[1])
        for block, together in beside_shared_experts(tensors).items():
            numbers[home_of[block]].append(together)
        for layer, home in enumerate(self.homes):
            self.layers[layer], numbers[layer] = self.layers[home], numbers[home]
        self.caches_of: dict[tuple[int, int], int] = {
            (number, layer.layer): position
            for number, cache in enumerate(layout.kv)
            for position, layer in enumerate(cache.layers)
        }
        self._cached: dict[int, list[tuple[int, KvLayer]]] = {}
        for number, cache in enumerate(layout.kv):
            for one in cache.layers:
                self._cached.setdefault(one.layer, []).append((number, one))
        self.cache_of: dict[int, tuple[int, int]] = {}
        for (number, layer), position in self.caches_of.items():
            self.cache_of.setdefault(layer, (number, position))
        state = layout.state.layers if layout.state is not None else ()
        self.state_of = {layer.layer: layer for layer in state}
        self.adapters = adapters_of(tensors)
        self.alone = all(layer in self.cache_of or layer in self.state_of for layer in self.sizes.trunk)
        self.kind = [hash((self._told_apart(layer), *numbers[layer])) for layer in self.sizes.layers]
        self.widest_v = max(
            (layer.v for cache in layout.kv if not cache.own_widths for layer in cache.layers), default=0
        )

    def _told_apart(self, layer: int) -> Hashable:
        """What tells this layer's graph from another's beside its weights."""
        caches = [
            (number, one.k, one.v, one.head_k, one.head_v) for number, one in self._cached.get(layer, ())
        ]
        return tuple(caches), self.variant(self, layer) if self.variant is not None else None


def _in_layer(name: str) -> str:
    """
    A tensor's name without its layer: ``attn_q.weight``, of an encoder's layer ``enc.attn_q.weight``.
    """
    part, _, rest = name.partition("blk.")
    return part + rest.partition(".")[2]


def told_apart(tensors: tuple[Tensor, ...], cpu: str = "") -> Told:
    """
    What tells models and quantizations apart whose graphs or places may differ, beside a processor that repacks.
    """
    return (
        tuple([tensor.name for tensor in tensors]),
        tuple([tensor.shape for tensor in tensors]),
        tuple([seen_as(tensor, cpu) for tensor in tensors]),
        tuple(beside_shared_experts(tensors).items()),
    )


def seen_as(tensor: Tensor, cpu: str = "") -> str:
    """
    The part of a tensor's type that decides over nodes and devices: quantized types count as one.

    The exceptions outside the layers are those in which rows cannot be looked up everywhere, and everywhere those that
    a kind of processor repacks.
    """
    kind = TYPES[tensor.type or "f16"]
    if cpu and len(tensor.shape) > 1 and repacks(cpu, kind.name, tensor.shape[1]):
        return "repacked"
    told = kind.block == 1 or (tensor.layer is None and kind.name in _LOOKED_UP_APART)
    return kind.name if told else ""


def adapters_of(tensors: tuple[Tensor, ...]) -> int:
    """
    How many LoRA adapters have tensors among these: their numbers stand at the end of their names.
    """
    numbers = (number_of(tensor.name) for tensor in tensors)
    return 1 + max((number for number in numbers if number is not None), default=-1)


def beside_shared_experts(tensors: tuple[Tensor, ...]) -> dict[int, Hashable]:
    """
    For each layer with a shared expert which matrices into the experts have the same type.

    Only then the shared expert may be computed together with the routed ones.
    """
    types: dict[int, list[str | None]] = {}
    shared: set[int] = set()
    for tensor in tensors:
        if number_of(tensor.name) is not None:
            continue
        if tensor.layer is not None and ("_exps." in tensor.name or "_shexp." in tensor.name):
            if "ffn_down" not in tensor.name:
                types.setdefault(tensor.layer, []).append(tensor.type)
            if "_shexp." in tensor.name:
                shared.add(tensor.layer)
    return {layer: tuple(map(types[layer].index, types[layer])) for layer in shared if layer in types}
