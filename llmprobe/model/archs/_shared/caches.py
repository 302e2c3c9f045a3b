"""
What a model keeps while it runs, as the architecture files describe it: widths, not bytes.

How many cells a cache has, in which type and on which device, is decided in ``estimate``.
"""

import msgspec

from llmprobe.facts.model import Hparams
from llmprobe.model.archs._shared.sizes import Sizes


class KvLayer(msgspec.Struct, frozen=True, gc=False):
    """
    One layer of a cache: the values of K and of V per cell, and the size of one head of each.

    ``v`` is 0 where no V is kept (latent attention, indexers).
    """

    layer: int
    k: int
    v: int
    head_k: int
    head_v: int


class KvCache(msgspec.Struct, frozen=True):
    """
    A cache with one cell per token. ``window`` is how many tokens back its layers look, None for all of them.

    ``ratio`` is how many tokens share a cell. With ``own_streams`` each sequence has a stream of its own, of the
    whole context, even where the others share one. With ``own_widths`` a V that is stored across is as wide as the
    widest of this cache, not of all.
    """

    layers: tuple[KvLayer, ...]
    window: int | None = None
    name: str = ""
    ratio: int = 1
    own_streams: bool = False
    own_widths: bool = False


class StateLayer(msgspec.Struct, frozen=True, gc=False):
    """
    One layer's recurrent state per sequence: f32 values of the rolling part and of the state proper, and of further
    parts where it has more.
    """

    layer: int
    rolling: int
    state: int
    more: tuple[int, ...] = ()

    @property
    def parts(self) -> tuple[int, ...]:
        """The values of each part, one tensor each."""
        return (self.rolling, self.state, *self.more)


class State(msgspec.Struct, frozen=True):
    """
    A state with one cell per sequence, whatever the context.
    """

    layers: tuple[StateLayer, ...]


class CacheLayout(msgspec.Struct, frozen=True):
    """
    Everything that a model keeps. ``latent`` is true where K holds a latent that V is read from too.
    """

    kv: tuple[KvCache, ...] = ()
    state: State | None = None
    latent: bool = False


def no_cache(_hparams: Hparams) -> CacheLayout:
    """
    The layout of a model that sees the whole text at once: an encoder, or one that writes by diffusion.
    """
    return CacheLayout()


def attention_cache(hparams: Hparams) -> CacheLayout:
    """
    The cache of a model whose layers all look back over the whole context.

    Layers that predict a token more are not attended to by the others and keep nothing here.
    """
    sizes = Sizes(hparams)
    return CacheLayout(kv=(KvCache(layers=tuple(kv_layer(sizes, layer) for layer in sizes.trunk)),))


def sliding_cache(hparams: Hparams, slides: tuple[bool, ...], window: int | None = None) -> CacheLayout:
    """
    The two caches of a model some of whose layers look back over a window only.

    Source: llama.cpp b11549, src/llama-kv-cache-iswa.cpp.
    """
    sizes = Sizes(hparams)
    extent = sizes.number("attention.sliding_window", 0) if window is None else window
    full = tuple(kv_layer(sizes, layer) for layer in sizes.trunk if not slides[layer])
    near = tuple(kv_layer(sizes, layer, slides=True) for layer in sizes.trunk if slides[layer])
    return CacheLayout(kv=(KvCache(layers=full), KvCache(layers=near, window=extent, name="sliding-window")))


def every_nth_full(n_layer: int, period: int, *, first: bool = False) -> tuple[bool, ...]:
    """
    For each layer whether it slides, where one in ``period`` layers does not: its last, or its first.
    """
    full = 0 if first else period - 1
    return tuple(layer % period != full for layer in range(n_layer))


def kv_layer(sizes: Sizes, layer: int, *, slides: bool = False) -> KvLayer:
    """
    The widths of one layer with an ordinary cache.
    """
    heads = sizes.kv_heads(layer)
    head_k, head_v = sizes.head_k(slides=slides), sizes.head_v(slides=slides)
    return KvLayer(layer=layer, k=heads * head_k, v=heads * head_v, head_k=head_k, head_v=head_v)
