"""
What is kept per token and per sequence: cells, rows and padding, on the device of each layer.

Source: llama.cpp b11549, src/llama-kv-cache.cpp, src/llama-kv-cache-iswa.cpp, src/llama-memory-recurrent.cpp.
"""

from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec

from llmprobe.estimation.memory.stored import rows_bytes
from llmprobe.estimation.memory.weights import Sums
from llmprobe.estimation.placement import HOST, Span
from llmprobe.estimation.settings import CELL_PAD, pad
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.model.archs import CacheLayout, KvCache, Sizes

if TYPE_CHECKING:
    from llmprobe.estimation.memory.slices import Slices

WIDEST_MATRIX_HEAD = 128
"""The widest head that RDNA's matrix units compute attention of."""

WIDEST_VECTOR_HEAD, VECTOR_HEADS = 256, 64
"""The widest head that CUDA's vector kernel computes attention of, and what its width is a multiple of."""


class Operations(msgspec.Struct, frozen=True, kw_only=True):
    """
    The operations of one token's attention over full caches, by layer: two for each product of Q and K, and of the
    weights and V.

    ``wide`` are those of them that the matrix units of RDNA do not do: of heads wider than 128, or with K of their own;
    ``vector`` those of heads that CUDA's vector kernel takes (llama.cpp b11549, ggml/src/ggml-cuda/fattn.cu,
    ``ggml_cuda_get_best_fattn_kernel``). ``latent_heads`` is the greatest number that divides the heads of all layers
    where the cache is latent, else 0.
    """

    every: Sums
    wide: Sums
    vector: Sums
    latent_heads: int = 0


class CachePart(msgspec.Struct, frozen=True, kw_only=True):
    """
    One cache of a model: its name, its streams, the cells of each, and its bytes by layer in one kind of buffer.

    ``recurrent`` is a state, which is read and written for every token, however long the sequence is.
    """

    name: str
    recurrent: bool = False
    streams: int
    cells: int
    layers: int
    sums: Sums


def cells(cache: KvCache, run: ResolvedSettings, rows: int) -> int:
    """
    The cells per stream: the whole context, or what a window and a micro-batch of ``rows`` tokens need, by how many
    tokens share one.
    """
    looked = run.ctx_per_seq
    if cache.window is not None and not run.swa_full:
        sharing = run.parallel // streams(cache, run)
        looked = min(looked, cache.window * sharing + rows)
    elif cache.ratio == 1:
        return looked
    return pad(-(-looked // cache.ratio), CELL_PAD)


def streams(cache: KvCache, run: ResolvedSettings) -> int:
    """
    How many separate streams of cells a cache has: one for all sequences, or one for each.
    """
    return run.parallel if cache.own_streams else run.streams


def cache_parts(
    layout: CacheLayout,
    run: ResolvedSettings,
    n_layer: int,
    backend: str,
    *,
    slices: "Slices | None" = None,
    number: int = 0,
) -> tuple[CachePart, ...]:
    """
    The bytes of every cache by layer in the buffers of a backend (``host`` for host memory).

    With ``slices`` they are those of the device with this number, which has a part of each.

    Raises:
        RefusedError: the caches cannot be split into these slices.
    """
    parts = []
    for cache in layout.kv:
        # With flash attention switched off V is stored across, each layer as wide as the widest.
        alike = (cache,) if cache.own_widths else [one for one in layout.kv if not one.own_widths]
        widest = max((layer.v for one in alike for layer in one.layers), default=0)
        keeps_v = not layout.latent and any(layer.v for layer in cache.layers)
        count, separate = cells(cache, run, run.ubatch_size), streams(cache, run)
        sizes = [0] * n_layer
        for layer in cache.layers:
            # V is then stored across: layers without heads have it too, where others of the cache do.
            v = widest if keeps_v and run.flash_attn == "off" else layer.v
            rows, k = count * separate, layer.k
            if slices is not None:
                k = slices.cache(layer.layer, k, "k", cache.name)[number]
                v = slices.cache(layer.layer, v, "v", cache.name)[number] if v else 0
            sizes[layer.layer] = rows_bytes(run.cache_type_k, k, rows, backend)
            if v:
                sizes[layer.layer] += rows_bytes(run.cache_type_v, v, rows, backend)
        name = f"{cache.name or 'kv'}-cache"
        parts.append(_part(name, separate, count, len(cache.layers), sizes))
    if layout.state is not None:
        sizes = [0] * n_layer
        for state in layout.state.layers:
            values_of = state.parts
            if slices is not None:
                values_of = tuple(part[number] for part in slices.state(state.layer, values_of))
            for values in values_of:
                sizes[state.layer] += rows_bytes(
                    "f32", values, run.parallel * (1 + run.rs_snapshots), backend
                )
        parts.append(
            _part("recurrent-state", run.parallel, 1, len(layout.state.layers), sizes, recurrent=True)
        )
    return tuple(parts)


def attention_operations(layout: CacheLayout, run: ResolvedSettings, sizes: Sizes) -> Operations:
    """
    The operations of one token's attention over full caches.
    """
    every, wide, vector = ([0] * sizes.n_layer for _ in range(3))
    for cache in layout.kv:
        count = cells(cache, run, run.ubatch_size)
        for layer in cache.layers:
            if not layer.k:
                continue
            # Where one latent is kept for both, V is read from it.
            width = layer.head_k + (layer.head_v if layer.v else layer.head_k)
            heads = sizes.heads(layer.layer)
            operations = 2 * heads * width * count
            every[layer.layer] += operations
            if layer.head_k > WIDEST_MATRIX_HEAD or layer.k == heads * layer.head_k:
                wide[layer.layer] += operations
            if layer.head_k <= WIDEST_VECTOR_HEAD and layer.head_k % VECTOR_HEADS == 0:
                vector[layer.layer] += operations
    return Operations(
        every=_sums(every),
        wide=_sums(wide),
        vector=_sums(vector),
        latent_heads=sizes.heads_together if layout.latent else 0,
    )


def _sums(by_layer: list[int]) -> Sums:
    return Sums(tuple(accumulate(by_layer, initial=0)))


def place(
    kinds: dict[str, tuple[CachePart, ...]], n_layer: int, parts: tuple[Span, ...], *, offload: bool
) -> dict[str, tuple[tuple[CachePart, int], ...]]:
    """
    For every device its caches and their bytes; with ``offload`` false all of them are the host's.

    ``kinds`` are all caches by layer, in the buffers of each device.
    """
    result: dict[str, tuple[tuple[CachePart, int], ...]] = {}
    for device, caches in kinds.items():
        ranges = [(part.start, min(part.stop, n_layer)) for part in parts if part.device == device]
        if not offload:
            ranges = [(0, n_layer)] if device == HOST else []
        result[device] = tuple(
            [(cached, sum([cached.sums.of(start, stop) for start, stop in ranges])) for cached in caches]
        )
    return result


def _part(
    name: str, separate: int, count: int, layers: int, sizes: list[int], *, recurrent: bool = False
) -> CachePart:
    return CachePart(
        name=name,
        streams=separate,
        cells=count,
        layers=layers,
        sums=_sums(sizes),
        recurrent=recurrent,
    )
