"""
How vLLM lays out its pool: pages of layers that look alike, in groups of as many layers, which draw from one pool.

Source: vLLM 0.33, v1/kv_cache_interface.py and v1/core/kv_cache_planning.py (get_kv_cache_groups,
unify_kv_cache_spec_page_size, _get_kv_cache_groups_uniform_page_size, _max_memory_usage_bytes_from_groups),
platforms/interface.py (_align_hybrid_block_size), model_executor/layers/mamba/mamba_utils.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from llmprobe.estimation.serving.case import Case
from llmprobe.estimation.serving.vllm.versions import CACHED_STATES, IN_FLIGHT, WIDE_LATENT_STEP
from llmprobe.facts.serving import ServingSettings

BLOCK = 16
LATENT_BLOCK = 64
"""Tokens of a page: the default, and what the kernels of latent attention want."""
_HYBRID_LATENT_STEP = 128
_INDEX_BYTES = 132
"""An indexer keeps 128 numbers in FP8 and a scale for each token."""
_STATE_IN_F32 = frozenset(("qwen35", "qwen35moe", "kimi-linear", "kimi-k3", "nemotron_h", "nemotron_h_moe"))
"""Architectures whose configuration, or vLLM itself, asks for states in 32 bits; others keep the model's 16."""

CACHE_BITS: dict[str, tuple[float, int]] = {
    "auto": (16, 0),
    "bfloat16": (16, 0),
    "float16": (16, 0),
    "fp8": (8, 0),
    "fp8_e4m3": (8, 0),
    "fp8_e5m2": (8, 0),
    "int8_per_token_head": (8, 4),
    "fp8_per_token_head": (8, 4),
    "int4_per_token_head": (4, 4),
    "nvfp4": (4.5, 0),
}
"""Bits of each number of a cache type, and bytes that each head has beside them for K and for V of a token."""


class Spec(msgspec.Struct, frozen=True):
    """
    What a layer keeps: ``token_bytes`` for each token, or one ``state_bytes`` for a request. ``window`` is how far a
    layer looks back, None for the whole context.
    """

    kind: Literal["full", "window", "state"]
    token_bytes: int = 0
    window: int | None = None
    state_bytes: int = 0


class Group(msgspec.Struct, frozen=True):
    """
    Layers that share a table of blocks: what each keeps, the tokens of its page, and the layers.
    """

    spec: Spec
    block: int
    layers: tuple[int, ...]


class Plan(msgspec.Struct, frozen=True):
    """
    The groups of a model, the bytes of a page of one layer, and of one block on each stage of a pipeline.

    ``sharded`` is over how many ranks the tokens of one layer are spread (decode context parallelism).
    """

    groups: tuple[Group, ...]
    block: int
    block_bytes: tuple[int, ...]
    in_flight: int
    state_blocks: int
    sharded: int = 1

    def request_blocks(self, length: int) -> int:
        """The blocks that one request of this many tokens takes at the most."""
        return sum(self._blocks(group, length) for group in self.groups)

    def request_bytes(self, length: int) -> int:
        """The same in bytes, of the stage that takes most."""
        return self.request_blocks(length) * max(self.block_bytes)

    def _blocks(self, group: Group, length: int) -> int:
        if group.spec.kind == "state":
            return self.state_blocks
        if group.spec.window is None:
            return -(-length // (group.block * self.sharded))
        # A window need not begin with a block, so that it may touch one more.
        return -(-min(group.spec.window - 1 + self.in_flight, length) // group.block) + 1

    def blocks(self, pools: Sequence[int]) -> int:
        """The blocks of the pool: those of the stage that has fewest."""
        return max(0, min(pool // size for pool, size in zip(pools, self.block_bytes, strict=True) if size))

    def longest(self, blocks: int, most: int) -> int:
        """The longest request that so many blocks hold, one of which vLLM keeps back."""
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            if self.request_blocks(middle) <= blocks - 1:
                low = middle
            else:
                high = middle - 1
        return low


def plan(case: Case, settings: ServingSettings) -> Plan | None:
    """
    How the pool of these settings is laid out, None of a model that keeps nothing.
    """
    specs = _specs(case, settings)
    if not specs:
        return None
    kinds = set(specs.values())
    block = _block(case, settings, kinds)
    parts = case.stages(settings.pipeline_parallel_size)
    if len({(spec.kind, spec.window) for spec in kinds}) == 1:
        groups, sizes = _alike(specs, block, parts)
    else:
        groups, sizes = _unlike(specs, block, parts)
    # With the cache of prefixes a request keeps its state before the last page too.
    kept = settings.enable_prefix_caching and case.version >= CACHED_STATES
    states = (2 if kept else 1) + settings.speculative_tokens
    batches = settings.pipeline_parallel_size + 1 if case.version >= IN_FLIGHT else 1
    return Plan(
        groups=groups,
        block=block,
        block_bytes=sizes,
        in_flight=settings.max_num_batched_tokens * batches,
        state_blocks=states,
        sharded=settings.decode_context_parallel_size,
    )


def _specs(case: Case, settings: ServingSettings) -> dict[int, Spec]:
    """
    What each layer keeps on one rank. Layers with an ordinary cache and an indexer keep both.
    """
    tp = settings.tensor_parallel_size
    bits, beside = CACHE_BITS[settings.kv_cache_dtype]
    found: dict[int, Spec] = {}
    for cache in case.layout.kv:
        for layer in cache.layers:
            if cache.name == "indexer":
                size = _INDEX_BYTES // cache.ratio
            elif case.layout.latent or not layer.v:
                size = int(layer.k * bits / 8) // cache.ratio
            else:
                heads = max(1, layer.k // (layer.head_k or layer.k) // tp)
                values = heads * (layer.head_k + layer.head_v)
                size = int(values * bits / 8) + 2 * heads * beside
            before = found.get(layer.layer)
            kind: Literal["full", "window"] = "full" if cache.window is None else "window"
            if before is not None and before.kind == kind:
                size += before.token_bytes
            found[layer.layer] = Spec(kind, size, cache.window)
    if case.layout.state is not None:
        number = case.layers
        for state in case.layout.state.layers:
            # Layers with both are two for vLLM; the second one counts behind the others.
            place = state.layer if state.layer not in found else number + state.layer
            found[place] = Spec("state", state_bytes=_state_bytes(case, settings, state.rolling, state.state))
    drafted = settings.speculative_tokens
    if drafted:
        # The layer that predicts a token more keeps what the last full layer keeps.
        full = [spec for spec in found.values() if spec.kind == "full"]
        if full:
            found[2 * case.layers] = full[-1]
    return found


def _state_bytes(case: Case, settings: ServingSettings, rolling: int, state: int) -> int:
    """
    The bytes of a state on one rank: the rolling inputs of its convolution, which grow by what is drafted, in 16 bits.
    """
    hparams = case.model.hparams
    kept = int(hparams.get("ssm.conv_kernel") or hparams.get("shortconv.l_cache") or 4) - 1
    rows = rolling * (kept + settings.speculative_tokens) // max(1, kept)
    wide = 4 if case.model.architecture in _STATE_IN_F32 else 2
    return (rows * 2 + state * wide) // settings.tensor_parallel_size


def _block(case: Case, settings: ServingSettings, kinds: set[Spec]) -> int:
    """
    The tokens of a page of attention: enlarged until it is as large as a state.
    """
    block = settings.block_size
    state = max((spec.state_bytes for spec in kinds if spec.kind == "state"), default=0)
    token = max((spec.token_bytes for spec in kinds if spec.kind != "state"), default=0)
    if not state or not token:
        return block
    latent = case.layout.latent and case.version >= WIDE_LATENT_STEP
    step = max(block, _HYBRID_LATENT_STEP) if latent else block
    return max(block, step * -(-state // (step * token)))


def _alike(
    specs: dict[int, Spec], block: int, parts: tuple[range, ...]
) -> tuple[tuple[Group, ...], tuple[int, ...]]:
    """
    One group of all layers; each has pages of its own size.
    """
    spec = next(iter(specs.values()))
    page = [
        sum(
            one.token_bytes * block + one.state_bytes
            for layer, one in specs.items()
            if _within(layer, part, parts)
        )
        for part in parts
    ]
    return (Group(spec, block, tuple(specs)),), tuple(page)


def _unlike(
    specs: dict[int, Spec], block: int, parts: tuple[range, ...]
) -> tuple[tuple[Group, ...], tuple[int, ...]]:
    """
    Groups of as many layers each, as many as the smallest kind has (or the largest, where that is hardly more), filled
    up with empty ones; all pages have the size of the largest.
    """
    kinds: dict[Spec, list[int]] = {}
    for layer, spec in specs.items():
        kinds.setdefault(spec, []).append(layer)
    page = max(spec.token_bytes * block + spec.state_bytes for spec in kinds)
    least, most = min(map(len, kinds.values())), max(map(len, kinds.values()))
    size = most if most < 1.5 * least else least
    groups = []
    for spec, layers in kinds.items():
        own = spec.token_bytes * block
        tokens = block * (page // own) if own and page % own == 0 else block
        count = -(-len(layers) // size)
        groups += [Group(spec, tokens, tuple(layers[first::count])) for first in range(count)]
    sizes = tuple(
        page * max(sum(_within(layer, part, parts) for layer in group.layers) for group in groups)
        for part in parts
    )
    if len(parts) == 1:
        sizes = (page * size,)
    return tuple(groups), sizes


def _within(layer: int, part: range, parts: tuple[range, ...]) -> bool:
    """
    Whether a layer lies in a part of the pipeline; what is counted behind the others lies in that of its layer, or in
    the last one.
    """
    layers = parts[-1].stop
    if layer >= 2 * layers:
        return part is parts[-1]
    return layer % layers in part
