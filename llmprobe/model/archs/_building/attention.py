"""
Attention in a graph: queries, keys and values, the cache, masks and rotations, in one operation or in several.

Sources: llama.cpp b11549, src/llama-graph.cpp (``build_attn``), src/llama-kv-cache.cpp.
"""

from collections.abc import Callable

from llmprobe.errors import ModelError
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.base import Base
from llmprobe.model.archs._building.ops import F16, F32, I64, Node
from llmprobe.model.archs._building.run import Parts, Run
from llmprobe.model.archs._shared.caches import KvLayer
from llmprobe.words.message import message

_ROTATION = 64


class CacheInputs:
    """
    The inputs of one cache: where to write, the mask, and the rotations of a quantized cache.
    """

    __slots__ = ("k_ids", "k_rotation", "mask", "v_ids", "v_rotation")

    def __init__(
        self, k_ids: Node, v_ids: Node, mask: Node, k_rotation: Node | None, v_rotation: Node | None
    ):
        self.k_ids = k_ids
        self.v_ids = v_ids
        self.mask = mask
        self.k_rotation = k_rotation
        self.v_rotation = v_rotation


class Attention(Base):
    """
    The parts of a graph that have to do with attention.
    """

    def __init__(self, parts: Parts, run: Run) -> None:
        super().__init__(parts, run)
        self._caches: dict[int, CacheInputs] = {}
        self._kv: dict[int, tuple[Node, Node | None]] = {}

    def qkv(
        self, il: int, x: Node, *, head_k: int = 0, head_v: int = 0, heads: int = 0, kv_heads: int = 0
    ) -> tuple[Node, Node, Node]:
        """
        Queries, keys and values per head, from three matrices or from one; biases and clamps as there are.
        """
        sizes = self.sizes
        head_k = head_k or sizes.head_k()
        head_v = head_v or head_k
        heads = heads or sizes.heads(il)
        kv_heads = kv_heads or sizes.kv_heads(il)
        clamped = bool(self.hparams.get("attention.clamp_kqv"))
        if self.weight(il, "attn_qkv.weight") is not None:
            x = self.biased(il, "attn_qkv", x)
            if clamped:
                x = ops.like("clamp", x)
            row = x.nb[1]
            return (
                ops.view(x, (head_k, heads, self.tokens), (4 * head_k, row)),
                ops.view(x, (head_k, kv_heads, self.tokens), (4 * head_k, row)),
                ops.view(x, (head_v, kv_heads, self.tokens), (4 * head_v, row)),
            )
        parts = []
        for name in ("attn_q", "attn_k", "attn_v"):
            part = self.biased(il, name, x)
            parts.append(ops.like("clamp", part) if clamped else part)
        q, k, v = parts
        return (
            ops.reshape(q, head_k, heads, self.tokens),
            ops.reshape(k, head_k, kv_heads, self.tokens),
            ops.reshape(v, head_v, kv_heads, self.tokens),
        )

    def qkv_rows(self, il: int, x: Node, q: int, k: int, v: int) -> tuple[Node, Node, Node]:
        """Queries, keys and values as rows of these widths, not cut into heads."""
        if self.weight(il, "attn_qkv.weight") is None:
            return self.biased(il, "attn_q", x), self.biased(il, "attn_k", x), self.biased(il, "attn_v", x)
        x = self.biased(il, "attn_qkv", x)
        row = (x.nb[1],)
        rows = [ops.cont(ops.view(x, (width, self.tokens), row)) for width in (q, k, v)]
        return rows[0], rows[1], rows[2]

    def mask(self, number: int) -> Node:
        """Which cells of a cache each token may look at."""
        return self._cache_inputs(number).mask

    def _cache_inputs(self, number: int) -> CacheInputs:
        inputs = self._caches.get(number)
        if inputs is None:
            inputs = self._caches[number] = self._make_cache_inputs(number)
        return inputs

    def _make_cache_inputs(self, number: int) -> CacheInputs:
        run, layout = self.run, self.parts.layout
        layers = layout.kv[number].layers
        k_ids = self.input(f"k ids {number}", I64, run.tokens)
        values = run.tokens * (self.parts.widest_v if run.transposed else 1)
        v_ids = self.input(f"v ids {number}", I64, values)
        shape = (run.cells[number], run.tokens // run.streams, 1, run.streams)
        old = run.old_masks or not run.flash
        mask = self.input(f"mask {number}", F32 if old else F16, *shape)
        if run.old_masks and run.flash:
            mask = ops.cast(mask, F16)
        heads_k = {layer.head_k for layer in layers}
        heads_v = {layer.head_v for layer in layers}
        k_rotation = v_rotation = None
        if (
            run.kind_k.block > 1
            and len(heads_k) == 1
            and not layout.latent
            and self.sizes.head_k() % _ROTATION == 0
        ):
            size = _ROTATION
            (head,) = heads_k
            while head % (2 * size) == 0:
                size *= 2
            k_rotation = self.input(f"k rotation {number}", F32, size, size)
        if (
            run.kind_v.block > 1
            and len(heads_v) == 1
            and not layout.latent
            and self.sizes.head_v() % _ROTATION == 0
        ):
            v_rotation = self.input(f"v rotation {number}", F32, _ROTATION, _ROTATION)
        return CacheInputs(k_ids, v_ids, mask, k_rotation, v_rotation)

    def _cache(self, il: int) -> tuple[Node, Node | None, KvLayer, int]:
        """The tensors of a layer's cache, its widths, and the number of its cache."""
        run = self.run
        number, position = self.parts.cache_of[il]
        layer = self.parts.layout.kv[number].layers[position]
        if not layer.k:
            # The layer has weights for attention, and the metadata give it no heads.
            raise ModelError(message("hparam.not-positive", key="attention.head_count_kv", value=0))
        made = self._kv.get(il)
        if made is None:
            home = run.places[il] if run.cache_on_device else run.host
            k = ops.leaf(run.kind_k, layer.k, run.cells[number], run.streams)
            k.buffer = home
            k.tag = f"cache {number}"
            v = None
            if layer.v:
                width = self.parts.widest_v if run.transposed else layer.v
                v = ops.leaf(run.kind_v, width, run.cells[number], run.streams)
                v.buffer = home
                v.tag = k.tag
            made = self._kv[il] = (k, v)
        return made[0], made[1], layer, number

    def attention(
        self,
        il: int,
        q: Node,
        k: Node | None,
        v: Node | None,
        *,
        sinks: Node | None = None,
        output: str = "attn_output",
        cap: bool = False,
        alibi: bool = False,
        cache: int | None = None,
        window: bool = False,
        cached: bool = True,
        bias: Node | None = None,
        narrow: Callable[[Node], Node] | None = None,
    ) -> Node:
        """
        The attention over a layer's cache after its keys and values were written there.

        ``cache`` names the layer whose cache is read where it is not the layer's own. A model without a cache, or
        with one that it does not use (``cached`` False), sees the batch, through a mask of its own where there is a
        ``window``. ``narrow`` makes a mask of its own from that of the cache. A ``bias`` is added to the scores.
        """
        graph, run = self.graph, self.run
        if (not cached or not self.parts.layout.kv) and k is not None and v is not None:
            graph.expand(q)
            graph.expand(k)
            graph.expand(v)
            kind = F16 if run.flash else F32
            mask = self.input(f"mask {window}", kind, run.tokens, run.tokens, 1, 1)
            x = self.mha(il, q, k, v, mask, sinks=sinks, cap=cap, alibi=alibi, bias=bias)
            return self.biased(il, output, x) if output else x
        slides = any(one.window is not None for one in self.parts.layout.kv)
        first = slides and len(self.parts.layout.kv) > 1
        q, keys, values, inputs = self.stored(il if cache is None else cache, q, k, v, keys_first=first)
        mask = inputs.mask if narrow is None else narrow(inputs.mask)
        x = self.mha(il, q, keys, values, mask, sinks=sinks, cap=cap, alibi=alibi, bias=bias)
        if inputs.v_rotation is not None:
            x = self.rotate(x, inputs.v_rotation)
        return self.biased(il, output, x) if output else x

    def stored(
        self, il: int, q: Node, k: Node | None, v: Node | None, *, keys_first: bool
    ) -> tuple[Node, Node, Node, CacheInputs]:
        """
        Queries, the keys and values of a layer's cache after new ones were written there, and that cache's inputs.
        """
        graph, run = self.graph, self.run
        k_cache, v_cache, layer, number = self._cache(il)
        if v_cache is None:
            # The layer has weights for attention, and the metadata give it no heads.
            raise ModelError(message("hparam.not-positive", key="attention.head_count_kv", value=0))
        inputs = self._cache_inputs(number)
        if inputs.k_rotation is not None:
            q = self.rotate(q, inputs.k_rotation)
            k = None if k is None else self.rotate(k, inputs.k_rotation)
        if inputs.v_rotation is not None and v is not None:
            v = self.rotate(v, inputs.v_rotation)
        graph.expand(q)
        for part in (k, v) if keys_first else (v, k):
            if part is not None:
                graph.expand(part)
        if k is not None:
            graph.expand(self.store(k_cache, k, inputs.k_ids))
        if v is not None:
            if run.transposed:
                graph.expand(self._store_transposed(v_cache, v, inputs.v_ids))
            else:
                graph.expand(self.store(v_cache, v, inputs.v_ids))
        cells = run.cells[number]
        heads = layer.k // layer.head_k
        row_k = k_cache.nb[1]
        keys = ops.view(
            k_cache,
            (layer.head_k, heads, cells, run.streams),
            (ops.row_size(run.kind_k, layer.head_k), row_k, row_k * cells),
        )
        if run.transposed:
            column = ops.row_size(run.kind_v, cells)
            values = ops.view(
                v_cache,
                (cells, heads, layer.head_v, run.streams),
                (column * layer.head_v, column, column * v_cache.ne[0]),
            )
        else:
            row_v = v_cache.nb[1]
            values = ops.view(
                v_cache,
                (layer.head_v, heads, cells, run.streams),
                (ops.row_size(run.kind_v, layer.head_v), row_v, row_v * cells),
            )
        return q, keys, values, inputs

    def cross_attention(self, il: int, q: Node, k: Node, v: Node, output: str) -> Node:
        """The attention over what an encoder made of a text, whose length is that which the model was trained for."""
        for part in (q, k, v):
            self.graph.expand(part)
        mask = self.input("mask of the encoder", F16 if self.run.flash else F32, k.ne[2], self.tokens, 1, 1)
        return self.biased(il, output, self.mha(il, q, k, v, mask))

    def latent_attention(
        self,
        il: int,
        q: Node,
        k: Node,
        v: Node,
        v_mla: Node,
        *,
        narrow: Callable[[Node], Node] | None = None,
        sinks: Node | None = None,
        output: str = "attn_output",
    ) -> Node:
        """
        The attention over a latent: V is the first part of K, unfolded by a matrix afterwards.

        ``narrow`` makes a mask of its own from that of the cache.
        """
        graph, run = self.graph, self.run
        cache, _, layer, number = self._cache(il)
        inputs = self._cache_inputs(number)
        for part in (q, v, k):
            graph.expand(part)
        graph.expand(self.store(cache, k, inputs.k_ids))
        mask = inputs.mask if narrow is None else narrow(inputs.mask)
        cells, row = run.cells[number], cache.nb[1]
        shape = (layer.head_k, layer.k // layer.head_k, cells, run.streams)
        keys = ops.view(cache, shape, (ops.row_size(run.kind_k, layer.head_k), row, row * cells))
        values = ops.view(keys, (v.ne[0], *shape[1:]), keys.nb[1:])
        x = self.mha(il, q, keys, values, mask, sinks=sinks, v_mla=v_mla)
        return self.biased(il, output, x) if output else x

    def gathered_attention(
        self, il: int, q: Node, latent: Node, v_mla: Node, chosen: Node, alive: Node
    ) -> Node:
        """
        The attention over the rows of a latent that are ``chosen`` for each token, up to its output matrix.

        Tokens are in the last dimension; ``alive`` is the mask of the rows.
        """
        graph = self.graph
        cache, _, _, number = self._cache(il)
        inputs = self._cache_inputs(number)
        for part in (q, latent, self.store(cache, latent, inputs.k_ids), inputs.mask):
            graph.expand(part)
        count, tokens = chosen.ne[:2]
        every = ops.view(cache, (latent.ne[0], cache.ne[1] * cache.ne[2]), (cache.nb[1],))
        rows = ops.get_rows(every, ops.reshape(chosen, count * tokens))
        rows = ops.reshape(rows, latent.ne[0], count, 1, tokens)
        scores = ops.like("soft_max", ops.mul_mat(rows, ops.permute(q, 0, 2, 3, 1)), alive)
        x = ops.mul_mat(v_mla, ops.mul_mat(ops.cont(ops.transpose(rows)), scores))
        x = ops.cont(ops.permute(x, 0, 2, 1, 3))
        return self.mm(il, "attn_output", ops.reshape(x, x.ne[0] * x.ne[1], tokens))

    def mha(
        self,
        il: int,
        q: Node,
        k: Node,
        v: Node,
        mask: Node,
        *,
        sinks: Node | None = None,
        cap: bool = False,
        alibi: bool = False,
        v_mla: Node | None = None,
        bias: Node | None = None,
    ) -> Node:
        """The attention itself, in one operation or, as always with a ``bias``, in several."""
        run = self.run
        streams = k.ne[3]
        transposed = v.nb[1] > v.nb[2]
        per_stream = q.ne[2] // streams
        q = ops.view(q, (q.ne[0], q.ne[1], per_stream, streams), (q.nb[1], q.nb[2], q.nb[2] * per_stream))
        q = ops.permute(q, 0, 2, 1, 3)
        k = ops.permute(k, 0, 2, 1, 3)
        v = ops.permute(v, 0, 2, 1, 3)
        if run.flash and bias is None:
            if transposed:
                v = ops.transpose(v)
            k = ops.cast(k, F16) if k.kind is F32 else k
            v = ops.cast(v, F16) if v.kind is F32 else v
            # Grok bounds its scores by operations of its own only, which this one leaves out.
            capped = cap and self.architecture != "grok"
            x = ops.flash_attn(q, k, v, mask, sinks, alibi=alibi, capped=capped)
            self.fused.append((x, run.places[il]))
            if v_mla is not None:
                x = ops.mul_mat(v_mla, ops.permute(x, 0, 2, 1, 3))
                x = ops.cont(ops.permute(x, 0, 2, 1, 3))
            x = ops.reshape(x, x.ne[0] * x.ne[1], x.ne[2] * x.ne[3])
        else:
            scores = ops.mul_mat(k, q)
            if cap:
                scores = ops.like("scale", ops.unary("tanh", ops.like("scale", scores)))
            if bias is not None:
                scores = ops.like("add", scores, bias)
            scores = ops.like("soft_max", *((scores, mask) if sinks is None else (scores, mask, sinks)))
            if not transposed:
                v = ops.cont(ops.transpose(v))
            x = ops.mul_mat(v, scores)
            if v_mla is not None:
                x = ops.mul_mat(v_mla, x)
            x = ops.permute(x, 0, 2, 1, 3)
            x = ops.cont(x, x.ne[0] * x.ne[1], x.ne[2] * x.ne[3])
            if run.held and not run.cache_on_device:
                x.backend = run.host
        self.graph.expand(x)
        return x

    def rotate(self, x: Node, rotation: Node) -> Node:
        """The product of a rotation with rows of its size."""
        size = rotation.ne[0]
        rows = x.elements // size
        flat = ops.reshape(x, size, rows) if x.contiguous() else ops.cont(x, size, rows)
        product = ops.mul_mat(rotation, flat)
        product.tag = ops.HADAMARD
        return ops.reshape(product, *x.ne)

    def store(self, cache: Node, x: Node, ids: Node) -> Node:
        """A cache after rows were written into it."""
        rows = ops.view(x, (x.ne[0] * x.ne[1], x.ne[2]), (x.nb[2],))
        if cache.ne[2] > 1:
            cache = ops.reshape(cache, cache.ne[0], cache.ne[1] * cache.ne[2])
        return ops.set_rows(cache, rows, ids)

    def _store_transposed(self, cache: Node, x: Node, ids: Node) -> Node:
        width = x.ne[0] * x.ne[1]
        flat = (
            ops.reshape(x, width, x.ne[2])
            if ops.row_size(x.kind, width) == x.nb[2]
            else ops.cont(x, width, x.ne[2])
        )
        if width < cache.ne[0]:
            flat = ops.make("pad", flat.kind, (cache.ne[0], flat.ne[1], 1, 1), flat)
        flat_cache = ops.reshape(cache, 1, cache.elements)
        return ops.set_rows(flat_cache, ops.reshape(flat, 1, flat.elements), ids)
