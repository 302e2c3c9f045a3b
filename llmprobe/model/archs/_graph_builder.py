"""
Building blocks of a model's graph: inputs, norms, attention, feed-forward parts, experts.

A family's ``graph`` function puts them together. Orders of operations, names and shapes follow
llama.cpp b11549, src/llama-graph.cpp and src/llama-kv-cache.cpp, since the allocator's answer depends on them.
"""

from collections.abc import Callable, Iterator

from llmprobe.model import graph as ops
from llmprobe.model.archs._caches import KvLayer
from llmprobe.model.archs._graph_run import Parts, Run
from llmprobe.model.graph import F16, F32, I32, I64, Graph, Node

_NO_MIXED_BATCH = frozenset({"cogvlm", "deepseek4"})
_ROTATION = 64


class _CacheInputs:
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


class Builder:
    """
    A graph under construction, for one model and one run.
    """

    def __init__(self, parts: Parts, run: Run) -> None:
        self.parts = parts
        self.run = run
        self.sizes = parts.sizes
        self.hparams = parts.hparams
        self.graph = Graph()
        self.tokens = run.tokens
        self.fused: list[tuple[Node, int]] = []
        self.chosen: Node | None = None
        self.last = run.built[-1] if run.built else -1
        self._weights: dict[tuple[int, str], Node] = {}
        self._copies: dict[tuple[str, int], Node] = {}
        self._inputs: dict[str, Node] = {}
        self._caches: dict[int, _CacheInputs] = {}
        self._kv: dict[int, tuple[Node, Node | None]] = {}

    def layers(self) -> Iterator[int]:
        """Go through the layers that are built."""
        return iter(self.run.built)

    # weights and inputs

    def weight(self, il: int, name: str) -> Node | None:
        """Return a weight of a layer (-1: of none, it lies with the output), None where the model has none."""
        node = self._weights.get((il, name))
        if node is not None:
            return node
        run = self.run
        found = self.parts.layers[il].get(name) if il >= 0 else self.parts.outside.get(name)
        if found is None:
            return None
        node = Node("", found[0], found[1], found[2], ())
        node.live = node.weight = True
        node.buffer = run.places[il]
        if 0 <= il < run.host_experts and "_exps" in name:
            node.buffer = run.host
        self._weights[il, name] = node
        return node

    def need(self, il: int, name: str) -> Node:
        """Return a weight that the model must have."""
        node = self.weight(il, name)
        if node is None:
            raise KeyError(f"{self.parts.architecture} has no {name} in layer {il}")
        return node

    def own(self, il: int, name: str) -> Node | None:
        """Return a weight outside the layers of which each device with layers has a copy (rope factors)."""
        return self._copy(name, self.run.places[il])

    def _copy(self, name: str, place: int) -> Node | None:
        node = self._copies.get((name, place))
        found = self.parts.outside.get(name)
        if node is None and found is not None:
            node = Node("", found[0], found[1], found[2], ())
            node.live = node.weight = True
            node.buffer = place
            self._copies[name, place] = node
        return node

    def input(self, name: str, kind: ops.GgmlType, *shape: int) -> Node:
        """Return an input by its name; the first call makes it."""
        node = self._inputs.get(name)
        if node is None:
            node = ops.leaf(kind, *shape)
            node.input = True
            self._inputs[name] = node
        return node

    def shared(self, name: str, make: Callable[[], Node]) -> Node:
        """Return a node that several layers use; the first call makes it."""
        node = self._inputs.get(name)
        if node is None:
            node = self._inputs[name] = make()
        return node

    def memory(self, name: str, kind: ops.GgmlType, home: int, *shape: int) -> Node:
        """Return a tensor of a cache, which lies on a backend before the graph is built."""
        node = self._inputs.get(name)
        if node is None:
            node = self._inputs[name] = ops.leaf(kind, *shape)
            node.buffer = home
        return node

    def positions(self, per_token: int = 1) -> Node:
        """Return the positions of the tokens."""
        return self.input("positions", I32, self.tokens * per_token)

    def embed(self, *, scaled: bool = False, wide: int = 0) -> Node:
        """
        Return the embeddings of the batch: of tokens, of given vectors, or of both in one batch.

        All three ways are in the graph, and allocated. ``scaled`` multiplies the rows of tokens, ``wide`` is the
        width of given vectors where they are wider than the model.
        """
        graph, tokens = self.graph, self.tokens
        table = self._copy("token_embd.weight", self.run.host)
        assert table is not None
        width = wide or table.ne[0]
        mixed = self.parts.architecture not in _NO_MIXED_BATCH
        by_token = ops.get_rows(table, self.input("tokens", I32, tokens))
        graph.expand(by_token, live=False)
        by_mixed = None
        if mixed:
            by_mixed = ops.get_rows(table, self.input("mixed tokens", I32, tokens))
            graph.expand(by_mixed, live=False)
        if width != table.ne[0]:
            by_token = ops.make("pad", F32, (width, tokens, 1, 1), by_token)
            by_mixed = None if by_mixed is None else ops.make("pad", F32, (width, tokens, 1, 1), by_mixed)
        graph.expand(by_token)
        graph.expand(self.input("vectors", F32, width, tokens), live=False)
        if by_mixed is not None:
            target = ops.like("dup", self.input("mixed vectors", F32, width, tokens))
            both = ops.set_rows(target, by_mixed, self.input("mixed slots", I64, tokens))
            graph.expand(both, live=False)
        x = by_token
        if width != table.ne[0]:
            x = ops.view(x, (table.ne[0], tokens), (x.nb[1],))
        if self.hparams.get("embedding_scale"):
            x = ops.like("scale", x if x.contiguous() else ops.cont(x))
        if scaled:
            x = ops.like("mul", x if x.contiguous() else ops.cont(x), self.input("row scale", F32, 1, tokens))
        graph.expand(x)
        return x

    # parts of a layer

    def mm(self, il: int, name: str, x: Node) -> Node:
        """Return the product with a layer's matrix."""
        return ops.mul_mat(self.need(il, f"{name}.weight"), x)

    def biased(self, il: int, name: str, x: Node, *, scaled: bool = False) -> Node:
        """Return the product with a layer's matrix, plus its bias and times its scale where it has them."""
        x = self.mm(il, name, x)
        bias = self.weight(il, f"{name}.bias")
        if bias is not None:
            x = ops.like("add", x, bias)
        scale = self.weight(il, f"{name}.scale") if scaled else None
        return x if scale is None else ops.like("mul", x, scale)

    def norm(
        self,
        x: Node,
        name: str,
        il: int = -1,
        *,
        kind: str = "rms_norm",
        pin: bool = True,
        first: bool = False,
    ) -> Node:
        """
        Return the normalized input times its weight, plus its bias where it has one.

        ``pin`` False is for norms that llama.cpp does not tie to their layer. ``first`` is for a norm outside the
        layers that lies with the first of them.
        """
        weight = self.weight(il, f"{name}.weight") or self.weight(il, name)
        bias = self.weight(il, f"{name}.bias")
        for part in (weight, bias):
            if first and part is not None:
                part.buffer = self.run.places[0]
        node = ops.like(kind, x)
        if weight is None and bias is None:
            return node
        if pin and self.run.pinned and il >= 0:
            node.backend = self.run.places[il]
        if weight is not None:
            node = ops.like("mul", node, weight)
        return node if bias is None else ops.like("add", node, bias)

    def rope(self, x: Node, factors: Node | None = None, *, per_token: int = 1) -> Node:
        """Return the input with positions turned into it."""
        positions = self.positions(per_token)
        return ops.like("rope", x, positions) if factors is None else ops.like("rope", x, positions, factors)

    def rope_factors(self, il: int) -> Node | None:
        """Return the factors of the frequencies, by the length of the context where there are two sets."""
        own = self.own(il, "rope_freqs.weight")
        if own is not None:
            return own
        original = int(
            self.hparams.get("rope.scaling.original_context_length") or self.hparams.get("context_length", 0)
        )
        length = "long" if self.run.ctx_per_seq > original else "short"
        return self.own(il, f"rope_factors_{length}.weight")

    def qkv(
        self, il: int, x: Node, *, head_k: int = 0, head_v: int = 0, heads: int = 0, kv_heads: int = 0
    ) -> tuple[Node, Node, Node]:
        """
        Return queries, keys and values per head, from three matrices or from one; biases and clamps as there are.
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
        """Return queries, keys and values as rows of these widths, not cut into heads."""
        if self.weight(il, "attn_qkv.weight") is None:
            return self.biased(il, "attn_q", x), self.biased(il, "attn_k", x), self.biased(il, "attn_v", x)
        x = self.biased(il, "attn_qkv", x)
        row = (x.nb[1],)
        rows = [ops.cont(ops.view(x, (width, self.tokens), row)) for width in (q, k, v)]
        return rows[0], rows[1], rows[2]

    def crop(self, il: int, *parts: Node) -> tuple[Node, ...]:
        """Return the rows that become outputs in the last layer, everything in the others."""
        if il != self.last:
            return parts
        ids = self.input("output ids", I32, self.run.outputs)
        return tuple(ops.get_rows(part, ids) for part in parts)

    def finish(
        self,
        x: Node,
        *,
        norm: str = "rms_norm",
        cap: bool = False,
        scale: bool = False,
        scale_hidden: bool = False,
    ) -> None:
        """Append the last norm and the logits; both are outputs."""
        name = "output_norm" if "output_norm.weight" in self.parts.outside else "token_embd_norm"
        x = self.norm(x, name, kind=norm)
        x.output = True
        if scale_hidden:
            x = ops.like("scale", x)
        x = self.logits(x)
        if scale:
            x = ops.like("scale", x)
        if cap:
            x = ops.like("scale", ops.unary("tanh", ops.like("scale", x)))
        x.output = True
        self.graph.expand(x)

    def finish_hidden(self, x: Node) -> None:
        """Append the hidden states as output, and the pooled ones where embeddings are asked for."""
        x.output = True
        self.graph.expand(x)
        if not self.run.embeddings:
            return
        pooling = self.sizes.number("pooling_type", 0)
        if pooling == 1:
            means = self.input("means", F32, self.tokens, self.run.sequences)
            x = ops.mul_mat(ops.cont(ops.transpose(x)), means)
        elif pooling:
            x = ops.get_rows(x, self.input("rows", I32, self.run.sequences))
        x.output = True
        self.graph.expand(x)

    def logits(self, x: Node) -> Node:
        """Return the scores of all words; a tied model has a second copy of the embedding for it."""
        matrix = self.weight(-1, "output.weight")
        if matrix is None:
            matrix = self._copy("token_embd.weight", self.run.places[-1])
            assert matrix is not None
        x = ops.mul_mat(matrix, x)
        bias = self.weight(-1, "output.bias")
        return x if bias is None else ops.like("add", x, bias)

    # attention

    def _cache_inputs(self, number: int) -> _CacheInputs:
        inputs = self._caches.get(number)
        if inputs is None:
            inputs = self._caches[number] = self._make_cache_inputs(number)
        return inputs

    def _make_cache_inputs(self, number: int) -> _CacheInputs:
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
        return _CacheInputs(k_ids, v_ids, mask, k_rotation, v_rotation)

    def _cache(self, il: int) -> tuple[Node, Node | None, KvLayer, int]:
        """Return the tensors of a layer's cache, its widths, and the number of its cache."""
        run = self.run
        number, position = self.parts.cache_of[il]
        layer = self.parts.layout.kv[number].layers[position]
        made = self._kv.get(il)
        if made is None:
            home = run.places[il] if run.cache_on_device else run.host
            k = ops.leaf(run.kind_k, layer.k, run.cells[number], run.streams)
            k.buffer = home
            v = None
            if layer.v:
                width = self.parts.widest_v if run.transposed else layer.v
                v = ops.leaf(run.kind_v, width, run.cells[number], run.streams)
                v.buffer = home
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
    ) -> Node:
        """
        Return the attention over a layer's cache after its keys and values were written there.

        ``cache`` names the layer whose cache is read where it is not the layer's own. A model without a cache sees
        the batch, through a mask of its own where there is a ``window``.
        """
        graph, run = self.graph, self.run
        if not self.parts.layout.kv and k is not None and v is not None:
            for part in (q, k, v):
                graph.expand(part)
            kind = F16 if run.flash else F32
            mask = self.input(f"mask {window}", kind, run.tokens, run.tokens, 1, 1)
            x = self.mha(il, q, k, v, mask, sinks=sinks, cap=cap, alibi=alibi)
            return self.biased(il, output, x) if output else x
        k_cache, v_cache, layer, number = self._cache(il if cache is None else cache)
        assert v_cache is not None
        inputs = self._cache_inputs(number)
        if inputs.k_rotation is not None:
            q = self._rotate(q, inputs.k_rotation)
            k = None if k is None else self._rotate(k, inputs.k_rotation)
        if inputs.v_rotation is not None and v is not None:
            v = self._rotate(v, inputs.v_rotation)
        graph.expand(q)
        order = (k, v) if len(self.parts.layout.kv) > 1 else (v, k)
        for part in order:
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
        x = self.mha(il, q, keys, values, inputs.mask, sinks=sinks, cap=cap, alibi=alibi)
        if inputs.v_rotation is not None:
            x = self._rotate(x, inputs.v_rotation)
        return self.biased(il, output, x) if output else x

    def latent_attention(
        self,
        il: int,
        q: Node,
        k: Node,
        v: Node,
        v_mla: Node,
        *,
        narrow: Callable[[Node], Node] | None = None,
    ) -> Node:
        """
        Return the attention over a latent: V is the first part of K, unfolded by a matrix afterwards.

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
        x = self.mha(il, q, keys, values, mask, v_mla=v_mla)
        return self.biased(il, "attn_output", x)

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
    ) -> Node:
        """Return the attention itself, in one operation or in several."""
        run = self.run
        streams = k.ne[3]
        transposed = v.nb[1] > v.nb[2]
        per_stream = q.ne[2] // streams
        q = ops.view(q, (q.ne[0], q.ne[1], per_stream, streams), (q.nb[1], q.nb[2], q.nb[2] * per_stream))
        q = ops.permute(q, 0, 2, 1, 3)
        k = ops.permute(k, 0, 2, 1, 3)
        v = ops.permute(v, 0, 2, 1, 3)
        if run.flash:
            if transposed:
                v = ops.transpose(v)
            k = ops.cast(k, F16) if k.kind is F32 else k
            v = ops.cast(v, F16) if v.kind is F32 else v
            x = ops.flash_attn(q, k, v, mask, sinks, alibi=alibi)
            self.fused.append((x, run.places[il]))
            if v_mla is not None:
                x = ops.mul_mat(v_mla, ops.permute(x, 0, 2, 1, 3))
                x = ops.cont(ops.permute(x, 0, 2, 1, 3))
            x = ops.reshape(x, x.ne[0] * x.ne[1], x.ne[2] * x.ne[3])
        else:
            scores = ops.mul_mat(k, q)
            if cap:
                scores = ops.like("scale", ops.unary("tanh", ops.like("scale", scores)))
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

    def _rotate(self, x: Node, rotation: Node) -> Node:
        size = rotation.ne[0]
        rows = x.elements // size
        flat = ops.reshape(x, size, rows) if x.contiguous() else ops.cont(x, size, rows)
        return ops.reshape(ops.mul_mat(rotation, flat), *x.ne)

    def store(self, cache: Node, x: Node, ids: Node) -> Node:
        """Return a cache after rows were written into it."""
        rows = ops.view(x, (x.ne[0] * x.ne[1], x.ne[2]), (x.nb[2],))
        if cache.ne[2] > 1:
            cache = ops.reshape(cache, cache.ne[0], cache.ne[1] * cache.ne[2])
        return ops.set_rows(cache, rows, ids)

    def _store_transposed(self, cache: Node, x: Node, ids: Node) -> Node:
        width = x.ne[0] * x.ne[1]
        if ops.row_size(x.kind, width) == x.nb[2]:
            flat = ops.reshape(x, width, x.ne[2])
        else:
            flat = ops.cont(x, width, x.ne[2])
        if width < cache.ne[0]:
            flat = ops.make("pad", flat.kind, (cache.ne[0], flat.ne[1], 1, 1), flat)
        flat_cache = ops.reshape(cache, 1, cache.elements)
        return ops.set_rows(flat_cache, ops.reshape(flat, 1, flat.elements), ids)

    # feed-forward

    def ffn(
        self, il: int, x: Node, activation: str = "swiglu", *, suffix: str = "", scaled: bool = False
    ) -> Node:
        """
        Return the feed-forward part. A gate is used where the model has its matrix, scales where ``scaled``.

        ``activation`` is the gated operation (``swiglu``, ``geglu``, ``reglu``); without a gate it is taken of the
        halves of ``ffn_up`` where its name ends in ``*``, else it is that of each element.
        """
        up = self.biased(il, f"ffn_up{suffix}", x, scaled=scaled)
        if self.weight(il, f"ffn_gate{suffix}.weight") is not None:
            x = ops.glu(activation, self.biased(il, f"ffn_gate{suffix}", x, scaled=scaled), up)
        elif activation.endswith("*"):
            x = ops.glu(activation[:-1], up)
        elif activation == "relu_sqr":
            x = ops.like("sqr", ops.unary("relu", up))
        else:
            x = ops.unary(activation, up)
        return self.biased(il, f"ffn_down{suffix}", x, scaled=scaled)

    def moe(
        self,
        il: int,
        x: Node,
        *,
        gating: str = "softmax",
        activation: str = "swiglu",
        norm: bool = True,
        scale: bool = False,
        scores: Node | None = None,
        weigh_first: bool = False,
        used: int = 0,
        precise: bool = False,
        expert_scales: bool = False,
    ) -> Node:
        """
        Return the weighted sum of the experts that a router chooses for each token.

        ``gating`` is ``softmax``, ``sigmoid`` or ``softmax after`` (of the chosen only); ``scale`` multiplies the
        weights by a constant; ``weigh_first`` applies them before the experts. ``expert_scales`` are factors of each
        expert's result, where the model has them.
        """
        graph, sizes = self.graph, self.sizes
        width, tokens = x.ne[0], x.ne[1]
        used = used or sizes.number("expert_used_count", 0)
        logits = self.mm(il, "ffn_gate_inp", x) if scores is None else scores
        bias = self.weight(il, "ffn_gate_inp.bias")
        if bias is not None:
            logits = ops.like("add", logits, bias)
        count = logits.ne[0]
        if gating == "softmax":
            probabilities = ops.like("soft_max", logits)
        elif gating == "sigmoid":
            probabilities = ops.unary("sigmoid", logits)
        else:
            probabilities = logits
        choose = probabilities
        shift = self.weight(il, "exp_probs_b.bias")
        if shift is not None:
            choose = ops.like("add", probabilities, shift)
        if weigh_first:
            choose = logits
        groups = sizes.number("expert_group_count", 0)
        if groups > 1 and tokens > 0:
            choose = self._mask_groups(choose, groups, sizes.number("expert_group_used_count", 0))
        chosen = ops.top_k(choose, used)
        weights = ops.get_rows(ops.reshape(probabilities, 1, count, tokens), chosen)
        if gating == "softmax after":
            weights = ops.like("soft_max", ops.reshape(weights, used, tokens))
            weights = ops.reshape(weights, 1, used, tokens)
        if norm:
            weights = ops.reshape(weights, used, tokens)
            total = ops.like("clamp", ops.sum_rows(weights))
            weights = ops.reshape(ops.like("div", weights, total), 1, used, tokens)
        if scale:
            weights = ops.like("scale", weights)
        graph.expand(weights)
        x = ops.reshape(x, width, 1, tokens)
        if weigh_first:
            x = ops.like("mul", ops.make("repeat", F32, (width, used, tokens, 1), x), weights)
        x = self._experts(il, x, chosen, activation)
        x = self._expert(il, "ffn_down_exps", x, chosen, scaled=expert_scales)
        if precise:
            x.tag = "f32 source"
        if not weigh_first:
            x = ops.like("mul", x, weights)
        graph.expand(x)
        each = [ops.view(x, (width, tokens), (x.nb[2],)) for _ in range(used)]
        for part in each:
            graph.expand(part)
        total = each[0]
        for part in each[1:]:
            total = ops.like("add", total, part)
            graph.expand(total)
        return ops.cont(total) if used == 1 else total

    def _expert(self, il: int, name: str, x: Node, chosen: Node, *, scaled: bool = False) -> Node:
        tokens = x.ne[2]
        x = ops.mul_mat_id(self.need(il, f"{name}.weight"), x, chosen)
        scale = self.weight(il, f"{name}.scale") if scaled else None
        if scale is not None:
            count = scale.ne[0]
            each = ops.make("repeat", F32, (1, count, tokens, 1), ops.reshape(scale, 1, count, 1))
            x = ops.like("mul", x, ops.get_rows(each, chosen))
        bias = self.weight(il, f"{name}.bias")
        return x if bias is None else ops.like("add_id", x, bias, chosen)

    def _experts(self, il: int, x: Node, chosen: Node, activation: str) -> Node:
        if self.weight(il, "ffn_gate_up_exps.weight") is not None:
            both = self._expert(il, "ffn_gate_up_exps", x, chosen)
            half = (both.ne[0] // 2, both.ne[1], both.ne[2])
            gate = ops.view(both, half, (both.nb[1], both.nb[2]))
            up = ops.view(both, half, (both.nb[1], both.nb[2]))
            return ops.glu(activation, gate, up)
        up = self._expert(il, "ffn_up_exps", x, chosen)
        if self.weight(il, "ffn_gate_exps.weight") is not None:
            return ops.glu(activation, self._expert(il, "ffn_gate_exps", x, chosen), up)
        if activation == "relu_sqr":
            return ops.like("sqr", ops.unary("relu", up))
        return ops.unary(activation, up)

    def _mask_groups(self, choose: Node, groups: int, used: int) -> Node:
        count, tokens = choose.ne[0], choose.ne[1]
        grouped = ops.reshape(choose, count // groups, groups, tokens)
        best = ops.top_k(grouped, 2)
        best = ops.get_rows(ops.reshape(grouped, 1, *grouped.ne[:3]), best)
        best = ops.sum_rows(ops.reshape(best, *best.ne[1:]))
        best = ops.reshape(best, best.ne[1], best.ne[2])
        kept = ops.top_k(best, used)
        rows = ops.get_rows(grouped, kept)
        rows = ops.set_rows(ops.like("fill", grouped), rows, kept)
        return ops.reshape(rows, count, tokens)
