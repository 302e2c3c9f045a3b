"""
What a model of an architecture without a family keeps, as far as its metadata says it.

Every rule errs on the safe side: a layer that may look back over everything is taken to do so.
Source: llama.cpp b11549, src/llama-hparams.cpp, src/llama-model.cpp (create_memory).
"""

from collections.abc import Sequence

from llmprobe.facts.model import Hparams
from llmprobe.model.archs._shared.caches import CacheLayout, KvCache, KvLayer, State, kv_layer, no_cache
from llmprobe.model.archs._shared.latent import is_latent
from llmprobe.model.archs._shared.recurrent import recurrent_layers, ssm_state, uniform_state
from llmprobe.model.archs._shared.sizes import Sizes

TOKEN_SHIFTS = 2
CONVOLUTION = 4


def cache_by_metadata(hparams: Hparams) -> CacheLayout:
    """
    The caches of attention, latent or sliding or not, the keys of indexers, and recurrent states.
    """
    if hparams.get("attention.causal") is False:
        return no_cache(hparams)
    sizes = Sizes(hparams)
    recurrent = _recurrent(sizes)
    owners = len(sizes.trunk) - sizes.number("attention.shared_kv_layers", 0)
    attention = tuple(
        layer for layer in sizes.trunk[:owners] if sizes.kv_heads(layer) and layer not in recurrent
    )
    caches = (*_attention(sizes, attention), *_indexers(sizes, attention))
    # State-space sizes without a layer that has them alone: every layer has both, side by side.
    beside = sizes.trunk if sizes.number("ssm.inner_size", 0) and not recurrent else ()
    return CacheLayout(kv=caches, state=_state(sizes, recurrent or beside), latent=is_latent(hparams))


def _recurrent(sizes: Sizes) -> tuple[int, ...]:
    keys = ("attention.recurrent_layers", "full_attention_interval")
    if sizes.number("wkv.head_size", 0):
        return tuple(sizes.trunk)
    if any(key in sizes.hparams for key in keys):
        return recurrent_layers(sizes, len(sizes.trunk) + 1)
    none = tuple(layer for layer in sizes.trunk if not sizes.kv_heads(layer))
    # Where some layers are feed-forward parts and nothing else, those keep nothing.
    if isinstance(sizes.hparams.get("feed_forward_length"), list | tuple):
        return tuple(layer for layer in none if not sizes.ff(layer)) or none
    return none


def _attention(sizes: Sizes, layers: tuple[int, ...]) -> tuple[KvCache, ...]:
    if not layers:
        return ()
    if is_latent(sizes.hparams):
        width = sizes.head_k()
        return (KvCache(layers=tuple(_keys_only(layer, width) for layer in layers)),)
    pattern = sizes.flags("attention.sliding_window_pattern")
    window = sizes.number("attention.sliding_window", 0)
    if not window or pattern is None:
        return (KvCache(layers=tuple(kv_layer(sizes, layer) for layer in layers)),)
    return (
        KvCache(layers=tuple(kv_layer(sizes, layer) for layer in layers if not pattern[layer])),
        KvCache(
            layers=tuple(kv_layer(sizes, layer, slides=True) for layer in layers if pattern[layer]),
            window=window,
            name="sliding-window",
        ),
    )


def _indexers(sizes: Sizes, layers: tuple[int, ...]) -> tuple[KvCache, ...]:
    width = sizes.number("attention.indexer.key_length", 0)
    chooses = sizes.flags("attention.indexer.types")
    if not width or not layers:
        return ()
    if chooses is not None:
        layers = tuple(layer for layer in layers if chooses[layer])
    # Without a latent llama.cpp keeps a head of V beside the indexer's keys, though nothing reads it.
    value = 0 if is_latent(sizes.hparams) else sizes.head_v()
    keys = (KvLayer(layer=layer, k=width, v=value, head_k=width, head_v=value) for layer in layers)
    return (KvCache(layers=tuple(keys), name="indexer"),)


def _keys_only(layer: int, width: int) -> KvLayer:
    return KvLayer(layer=layer, k=width, v=0, head_k=width, head_v=0)


def _state(sizes: Sizes, layers: Sequence[int]) -> State | None:
    if not layers:
        return None
    if head := sizes.number("wkv.head_size", 0):
        shifts = sizes.number("token_shift_count", TOKEN_SHIFTS)
        return uniform_state(layers, shifts * sizes.n_embd, sizes.n_embd * head)
    if kernel := sizes.number("shortconv.l_cache", 0):
        return uniform_state(layers, sizes.n_embd * (kernel - 1), 0)
    if head := sizes.number("kda.head_dim", 0):
        inner = sizes.heads() * head
        rolling = 3 * (sizes.number("ssm.conv_kernel", CONVOLUTION) - 1) * inner
        return uniform_state(layers, rolling, inner * head)
    return ssm_state(sizes, layers)
