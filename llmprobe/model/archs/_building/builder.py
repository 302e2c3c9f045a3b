"""
The builder of a graph: how a model begins and ends, and its feed-forward parts and experts.

A family's ``graph`` function puts these together with norms and attention. Source: llama.cpp b11549,
src/llama-graph.cpp (``build_inp_embd``, ``build_ffn``, ``build_moe_ffn``).
"""

from collections.abc import Callable

import msgspec

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.attention import Attention
from llmprobe.model.archs._building.ops import F32, I32, I64, Node

_GATING = {1: "softmax", 2: "sigmoid", 3: "softmax after", 4: "sqrt softplus"}
"""llama.cpp's numbers in ``expert_gating_func``."""


class Mixture(msgspec.Struct, frozen=True, kw_only=True):
    """
    How experts are chosen and weighed. What is None is as the metadata says.

    ``gating`` is ``softmax``, ``sigmoid``, ``sqrt softplus`` or ``softmax after`` (over the chosen experts only),
    ``older_gating`` that of files without the key. ``norm`` lets the weights of the chosen experts add up to one,
    ``scale`` multiplies them by a constant, ``weigh_first`` applies them before the experts. ``expert_scales`` are
    factors of each expert's result, where the model has them. ``precise`` asks the last product for sources in f32.
    ``by_sigmoid`` chooses by a sigmoid whatever the weights are. With ``group`` so many neighbours share one expert,
    kept under ``suffix``.
    """

    gating: str | None = "softmax"
    older_gating: str = "sigmoid"
    activation: str = "swiglu"
    norm: bool | None = True
    scale: bool | None = None
    weigh_first: bool = False
    precise: bool = False
    expert_scales: bool = False
    by_sigmoid: bool = False
    group: int = 1
    suffix: str = "exps"


class Builder(Attention):
    """
    A graph under construction, for one model and one run.
    """

    def embed(self, *, scaled: bool = False, wide: int = 0, mixes: bool = True) -> Node:
        """
        The embeddings of the batch: of tokens, of given vectors, or of both in one batch where the model ``mixes``.

        All ways are in the graph, and allocated. ``scaled`` multiplies the rows of tokens, ``wide`` is the
        width of given vectors where they are wider than the model.
        """
        graph, tokens = self.graph, self.tokens
        table = self.copy("token_embd.weight", self.run.host)
        assert table is not None
        width = wide or table.ne[0]
        by_token = ops.get_rows(table, self.input("tokens", I32, tokens))
        graph.expand(by_token, live=False)
        by_mixed = None
        if mixes and self.run.mixes:
            by_mixed = ops.get_rows(table, self.input("mixed tokens", I32, tokens))
            graph.expand(by_mixed, live=False)
        if width != table.ne[0]:
            by_token = ops.make("pad", F32, (width, tokens, 1, 1), by_token)
            by_mixed = by_mixed and ops.make("pad", F32, (width, tokens, 1, 1), by_mixed)
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
        x = hidden = self.norm(x, name, kind=norm)
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
        if self.run.embeddings:
            self.pooled(hidden)

    def finish_hidden(self, x: Node) -> None:
        """Append the hidden states as output, and the pooled ones where embeddings are asked for."""
        x.output = True
        self.graph.expand(x)
        if self.run.embeddings:
            self.pooled(x)

    def pooled(self, x: Node) -> None:
        """
        Append the vectors of texts, made of those of their tokens (``build_pooling``); a ranking has a head of its own.
        """
        pooling = self.run.pooling
        if pooling == "mean":
            means = self.input("means", F32, x.ne[1], self.run.sequences)
            x = ops.mul_mat(ops.cont(ops.transpose(x)), means)
        elif pooling != "none":
            x = ops.get_rows(x, self.input("rows", I32, self.run.sequences))
        if pooling == "rank":
            x = self._ranked(x)
        x.output = True
        self.graph.expand(x)

    def _ranked(self, x: Node) -> Node:
        if self.weight(-1, "cls.weight") is not None:
            x = ops.unary("tanh", self.biased(-1, "cls", x))
            norm = self.weight(-1, "cls.norm.weight")
            x = x if norm is None else ops.like("mul", ops.like("norm", x), norm)
        if self.weight(-1, "cls.output.weight") is not None:
            x = self.biased(-1, "cls.output", x)
        return ops.like("soft_max", x) if self.architecture in ("qwen3", "qwen3vl") else x

    def logits(self, x: Node) -> Node:
        """The scores of all words; a tied model has a second copy of the embedding for it."""
        matrix = self.weight(-1, "output.weight")
        if matrix is None:
            matrix = self.tied()
        x = self.adapted(-1, "output.weight", ops.mul_mat(matrix, x), x)
        bias = self.weight(-1, "output.bias")
        return x if bias is None else ops.like("add", x, bias)

    def tied(self) -> Node:
        """
        The embedding as the output matrix: where the processor keeps that in another order, a copy of its own.
        """
        run = self.run
        matrix = self.copy("token_embd.weight", run.places[-1])
        assert matrix is not None
        if run.repacks and matrix.buffer == run.host:
            own = Node("", matrix.kind, matrix.ne, matrix.nb, ())
            own.live = own.weight = True
            own.origin, own.buffer = matrix.origin, matrix.buffer
            self._repack(own, (-1, "token_embd.weight"))
            if own.tag:
                return own
        return matrix

    def ffn(
        self,
        il: int,
        x: Node,
        activation: str = "swiglu",
        *,
        part: str = "",
        suffix: str = "",
        scaled: bool = False,
    ) -> Node:
        """
        The feed-forward part. A gate is used where the model has its matrix, scales where ``scaled``. ``part`` and
        ``suffix`` stand around the matrices' names.

        ``activation`` is the gated operation (``swiglu``, ``geglu``, ``reglu``); without a gate it is taken of the
        halves of ``ffn_up`` where its name ends in ``*``, else it is that of each element.
        """
        up = self.biased(il, f"{part}ffn_up{suffix}", x, scaled=scaled)
        if self.weight(il, f"{part}ffn_gate{suffix}.weight") is not None:
            x = ops.glu(activation, self.biased(il, f"{part}ffn_gate{suffix}", x, scaled=scaled), up)
        elif activation.endswith("*"):
            x = ops.glu(activation[:-1], up)
        elif activation == "relu_sqr":
            x = ops.like("sqr", ops.unary("relu", up))
        else:
            x = ops.unary(activation, up)
        return self.biased(il, f"{part}ffn_down{suffix}", x, scaled=scaled)

    def moe(self, il: int, x: Node, mixture: Mixture, scores: Node | None = None) -> Node:
        """
        The weighted sum of the experts that a router chooses for each token.

        ``scores`` are the router's, where it did not read ``x``.
        """
        graph, sizes, get = self.graph, self.sizes, self.hparams.get
        gating = mixture.gating
        if gating is None:
            gating = _GATING.get(self.sizes.number("expert_gating_func", 0), mixture.older_gating)
        norm = bool(get("expert_weights_norm")) if mixture.norm is None else mixture.norm
        scale = get("expert_weights_scale") not in (None, 0, 1) if mixture.scale is None else mixture.scale
        width, tokens = x.ne[0], x.ne[1]
        logits = self.mm(il, "ffn_gate_inp", x) if scores is None else scores
        bias = self.weight(il, "ffn_gate_inp.bias")
        if bias is not None:
            logits = ops.like("add", logits, bias)
        count = logits.ne[0]
        used = min(sizes.number("expert_used_count", 0), count // mixture.group)
        if gating == "softmax":
            probabilities = ops.like("soft_max", logits)
        elif gating == "sigmoid":
            probabilities = ops.unary("sigmoid", logits)
        elif gating == "sqrt softplus":
            probabilities = ops.like("sqrt", ops.unary("softplus", logits))
        else:
            probabilities = logits
        choose = probabilities
        shift = self.weight(il, "exp_probs_b.bias") or self.weight(il, "exp_probs_b")
        if shift is not None:
            choose = ops.like("add", probabilities, shift)
        if mixture.weigh_first:
            choose = logits
        if mixture.by_sigmoid:
            choose = ops.unary("sigmoid", logits)
        groups = sizes.number("expert_group_count", 0)
        if groups > 1 and tokens > 0:
            choose = self._mask_groups(choose, groups, sizes.number("expert_group_used_count", 0))
        by_word = self.weight(il, "ffn_gate_tid2eid.weight")
        if by_word is not None:
            chosen = ops.get_rows(by_word, self.input("tokens", I32, tokens))
        else:
            chosen = ops.top_k(choose, used)
        if mixture.group > 1:
            chosen = ops.cast(ops.like("scale", ops.cast(chosen, F32)), I32)
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
        slots = self.expert_slots(il, chosen, count)
        x = ops.reshape(x, width, 1, tokens)
        if mixture.weigh_first:
            x = ops.like("mul", ops.make("repeat", F32, (width, used, tokens, 1), x), weights)
        x = self._experts(il, x, chosen, mixture.activation, mixture.suffix, slots)
        x = self._expert(
            il, f"ffn_down_{mixture.suffix}", x, chosen, scaled=mixture.expert_scales, slots=slots
        )
        if mixture.precise:
            x.tag = "f32 source"
        if not mixture.weigh_first:
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

    def _expert(
        self,
        il: int,
        name: str,
        x: Node,
        chosen: Node,
        *,
        scaled: bool = False,
        slots: Node | None = None,
    ) -> Node:
        tokens = x.ne[2]
        matrices = self.need(il, f"{name}.weight")
        if slots is None:
            product = ops.mul_mat_id(matrices, x, chosen)
        else:
            product = ops.mul_mat_id(self.cached_experts(il, matrices), x, slots)
        x = self.adapted(il, f"{name}.weight", product, x, chosen)
        scale = self.weight(il, f"{name}.scale") if scaled else None
        if scale is not None:
            count = scale.ne[0]
            each = ops.make("repeat", F32, (1, count, tokens, 1), ops.reshape(scale, 1, count, 1))
            x = ops.like("mul", x, ops.get_rows(each, chosen))
        bias = self.weight(il, f"{name}.bias")
        return x if bias is None else ops.like("add_id", x, bias, chosen)

    def _experts(
        self, il: int, x: Node, chosen: Node, activation: str, suffix: str, slots: Node | None
    ) -> Node:
        if self.weight(il, "ffn_gate_up_exps.weight") is not None:
            both = self._expert(il, "ffn_gate_up_exps", x, chosen, slots=slots)
            half = (both.ne[0] // 2, both.ne[1], both.ne[2])
            gate = ops.view(both, half, (both.nb[1], both.nb[2]))
            up = ops.view(both, half, (both.nb[1], both.nb[2]))
            return ops.glu(activation, gate, up)
        up = self._expert(il, f"ffn_up_{suffix}", x, chosen, slots=slots)
        if self.weight(il, f"ffn_gate_{suffix}.weight") is not None:
            return ops.glu(activation, self._expert(il, f"ffn_gate_{suffix}", x, chosen, slots=slots), up)
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


Build = Callable[[Builder], None]
"""Builds the whole graph of a model."""
