"""
The builder of an encoder's graph: how pictures and sound come in, the layers, and what families put together.

Source: llama.cpp b11549, tools/mtmd/clip.cpp (``clip_graph``) and ggml/src/ggml.c.
"""

from collections.abc import Callable, Sequence

import msgspec

from llmprobe.facts.projector import Projector
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F16, F32, I32, Graph, Node
from llmprobe.model.projectors._sizes import Sizes, number
from llmprobe.model.quants.types import TYPES, GgmlType

GATED = {"gelu": "geglu", "silu": "swiglu", "gelu_erf": "geglu_erf", "gelu_quick": "geglu_quick"}

Positions = Callable[[Node], Node]
AfterLayer = Callable[[Node, int], None]


class MissingTensorError(Exception):
    """A tensor that the graph needs is not in the file."""


class Vit(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is particular about the layers of one family.

    ``masks`` are the masks by layer, None where a layer sees everything. ``normed_values`` norms V as gemma 4 does,
    ``pooled`` halves the length before the last norm, which ``ended`` False leaves to the caller.
    """

    norm: str = "norm"
    activation: str = ""
    rope: Positions | None = None
    masks: Sequence[Node | None] = ()
    normed_values: bool = False
    pooled: bool = False
    ended: bool = True
    after: AfterLayer | None = None


class Encoder:
    """
    A graph under construction, for one encoder and one picture (``width`` and ``height`` in pixels) or sound.

    ``clamped`` bounds the source and the result of every matrix, ``whole`` is a picture that has tiles beside it.
    Weights lie in buffer 0.
    """

    def __init__(
        self,
        projector: Projector,
        sizes: Sizes,
        width: int,
        height: int,
        *,
        flash: bool,
        batch: int = 1,
        whole: bool = False,
    ) -> None:
        self.graph = Graph()
        self.projector = projector
        self.sizes = sizes
        self.flash = flash
        self.width, self.height, self.batch = width, height, batch
        self.prefix = "a" if sizes.modality == "audio" else "v"
        self.columns, self.rows = width // sizes.patch, height // sizes.patch
        self.patches = self.columns * self.rows
        self.clamped = False
        self.whole = whole
        self._shapes = {tensor.name: tensor for tensor in projector.tensors}
        self._weights: dict[str, Node] = {}

    def weight(self, name: str) -> Node | None:
        """A tensor of the file by its name, None where it has none."""
        node = self._weights.get(name)
        if node is None:
            tensor = self._shapes.get(name)
            if tensor is None:
                return None
            node = ops.leaf(TYPES[tensor.type or "f16"], *tensor.shape)
            node.weight = True
            node.buffer = 0
            self._weights[name] = node
        return node

    def need(self, name: str) -> Node:
        """
        A tensor that llama.cpp does not do without.

        Raises:
            MissingTensorError: the file has none of that name.
        """
        node = self.weight(name)
        if node is None:
            raise MissingTensorError(name)
        return node

    def layer(self, il: int, name: str) -> str:
        """The full name of a layer's tensor."""
        return f"{self.prefix}.blk.{il}.{name}"

    def input(self, *shape: int, kind: GgmlType = F32) -> Node:
        """A tensor that is filled by the host."""
        node = ops.leaf(kind, *shape)
        node.input = True
        return node

    def numbers(self, count: int) -> Node:
        """Positions or indices that are filled by the host."""
        return self.input(count, kind=I32)

    def mask(self) -> Node:
        """A mask between all patches."""
        return self.input(self.patches, self.patches, kind=F16 if self.flash else F32)

    def mm(self, name: str, x: Node) -> Node:
        """The product with a matrix, by its name without ``.weight``."""
        matrix = self.need(f"{name}.weight")
        if not self.clamped:
            return ops.mul_mat(matrix, x)
        return ops.like("clamp", ops.mul_mat(matrix, ops.like("clamp", x)))

    def biased(self, name: str, x: Node) -> Node:
        """The product with a matrix, and its bias where there is one."""
        x = self.mm(name, x)
        bias = self.weight(f"{name}.bias")
        return x if bias is None else ops.like("add", x, bias)

    def norm(self, x: Node, name: str | None, kind: str = "norm", *, bias: bool = True) -> Node:
        """A norm with its weight and bias where the file has them."""
        x = ops.like(kind, x)
        weight = self.weight(f"{name}.weight") if name else None
        shift = self.weight(f"{name}.bias") if name and bias else None
        if weight is not None:
            x = ops.like("mul", x, weight)
        return x if shift is None else ops.like("add", x, shift)

    def ffn(self, x: Node, up: str, down: str, activation: str, gate: str = "") -> Node:
        """A feed-forward part; gated where ``gate`` names a matrix of the file."""
        wide = self.biased(up, x)
        if gate and self.weight(f"{gate}.weight") is not None:
            x = ops.glu(GATED[activation], self.biased(gate, x), wide)
        elif activation == "relu_sqr":
            x = ops.like("sqr", ops.unary("relu", wide))
        else:
            x = ops.unary(activation, wide)
        return self.biased(down, x)

    def attention(
        self, name: str, q: Node, k: Node, v: Node, mask: Node | None = None, sinks: Node | None = None
    ) -> Node:
        """Attention and the matrix after it; heads are [head, heads, positions, batch]."""
        for part in (q, k, v):
            self.graph.expand(part, live=False)
        q, k = ops.permute(q, 0, 2, 1, 3), ops.permute(k, 0, 2, 1, 3)
        if self.flash:
            x = _flash(q, ops.cast(k, F16), ops.cast(ops.permute(v, 0, 2, 1, 3), F16), mask, sinks)
            x = ops.reshape(x, x.ne[0] * x.ne[1], x.ne[2] * x.ne[3])
        else:
            v = ops.cont(ops.permute(v, 1, 2, 0, 3))
            scores = ops.mul_mat(k, q)
            more = [part for part in (mask, sinks) if part is not None]
            mixed = ops.mul_mat(v, ops.like("soft_max", scores, *more))
            x = ops.permute(mixed, 0, 2, 1, 3)
            x = ops.cont(x, x.ne[0] * x.ne[1], x.ne[2] * x.ne[3])
        return self.biased(name, x)

    def conv_2d(self, kernel: Node, x: Node, stride: int, padding: int = 0) -> Node:
        """A convolution as columns and one product."""
        kind = F32 if kernel.kind.name == "bf16" else F16
        columns = im2col(kernel, x, stride, padding, kind)
        x = ops.mul_mat(
            ops.reshape(columns, columns.ne[0], columns.ne[1] * columns.ne[2] * columns.ne[3]),
            ops.reshape(kernel, kernel.ne[0] * kernel.ne[1] * kernel.ne[2], kernel.ne[3]),
        )
        x = ops.reshape(x, columns.ne[1], columns.ne[2], columns.ne[3], kernel.ne[3])
        return ops.cont(ops.permute(x, 0, 1, 3, 2))

    def picture(self) -> Node:
        """The pixels, in three colours."""
        return self.input(self.width, self.height, 3, self.batch)

    def patched(self, pixels: Node | None = None) -> Node:
        """The patches of a picture, [width, patches, batch]."""
        kernel = self.need("v.patch_embd.weight")
        x = self.conv_2d(kernel, self.picture() if pixels is None else pixels, self.sizes.patch)
        x = ops.reshape(x, self.patches, self.sizes.embd, self.batch)
        x = ops.cont(ops.transpose(x))
        bias = self.weight("v.patch_embd.bias")
        return x if bias is None or pixels is not None else ops.like("add", x, bias)

    def resized_positions(self) -> Node:
        """Learned positions, stretched to the picture where they are for another size."""
        table = self.need(f"{self.prefix}.position_embd.weight")
        side = int(table.ne[1] ** 0.5)
        if (self.columns, self.rows) == (side, side):
            return table
        width = self.sizes.embd
        x = ops.permute(ops.reshape(table, width, side, side), 2, 0, 1, 3)
        x = ops.make("upscale", F32, (self.columns, self.rows, width, 1), x)
        return ops.cont(ops.permute(x, 1, 2, 0, 3), width, self.patches)

    def layers(self, x: Node, positions: int, how: Vit, learned: Node | None = None) -> Node:
        """All layers and the last norm; [width, positions, batch] in and out."""
        sizes, batch = self.sizes, x.ne[2]
        if learned is not None:
            x = ops.like("add", x, learned)
        x = ops.reshape(x, sizes.embd, positions * batch)
        if self.weight(f"{self.prefix}.pre_ln.weight") is not None:
            x = self.norm(x, f"{self.prefix}.pre_ln", how.norm)
        for il in range(sizes.layers):
            x = self._layer(il, x, positions, batch, how)
        if how.pooled:
            x = ops.cont(ops.transpose(x))
            x = ops.make("pool_1d", F32, (x.ne[0] // 2, x.ne[1], x.ne[2], x.ne[3]), x)
            x = ops.cont(ops.transpose(x))
        if how.ended and self.weight(f"{self.prefix}.post_ln.weight") is not None:
            x = self.norm(x, f"{self.prefix}.post_ln", how.norm)
        return ops.reshape(x, sizes.embd, x.ne[1] // batch, batch)

    def _layer(self, il: int, x: Node, positions: int, batch: int, how: Vit) -> Node:
        residual = x
        q, k, v = self.heads(il, self.norm(x, self.layer(il, "ln1"), how.norm), positions, batch, how.norm)
        if how.rope is not None:
            q, k = how.rope(q), how.rope(k)
        if how.normed_values:
            v = ops.like("rms_norm", v)
        mask = how.masks[il] if how.masks else None
        x = self.attention(self.layer(il, "attn_out"), q, k, v, mask)
        x = self._scaled(self.layer(il, "ls1"), x)
        if self.weight(self.layer(il, "attn_post_norm.weight")) is not None:
            x = self.norm(x, self.layer(il, "attn_post_norm"), how.norm, bias=False)
        residual = x = ops.like("add", x, residual)
        if how.after is not None:
            how.after(x, il)
        x = self.norm(x, self.layer(il, "ln2"), how.norm)
        x = self.layer_ffn(il, x, how.activation or self.sizes.activation)
        if self.weight(self.layer(il, "ffn_post_norm.weight")) is not None:
            x = self.norm(x, self.layer(il, "ffn_post_norm"), how.norm, bias=False)
        x = ops.like("add", residual, self._scaled(self.layer(il, "ls2"), x))
        return self._scaled(self.layer(il, "out_scale"), x)

    def layer_ffn(self, il: int, x: Node, activation: str) -> Node:
        """The feed-forward part of a layer, or experts; older files name its two matrices the wrong way round."""
        if self.weight(self.layer(il, "ffn_gate_exps.weight")) is not None:
            return self._experts(il, x)
        up, down = self.layer(il, "ffn_up"), self.layer(il, "ffn_down")
        first = self.need(f"{down}.weight")
        if first.ne[0] == self.sizes.embd and self.need(f"{up}.weight").ne[0] != self.sizes.embd:
            up, down = down, up
        return self.ffn(x, up, down, activation, self.layer(il, "ffn_gate"))

    def _experts(self, il: int, x: Node) -> Node:
        """A mixture of experts that a sigmoid chooses from; their sum is added up one by one."""
        gate, up, down = (
            self.need(self.layer(il, f"ffn_{part}_exps.weight")) for part in ("gate", "up", "down")
        )
        width, tokens = x.ne[0], x.ne[1]
        used = min(number(self.projector, "vision.expert_used_count"), gate.ne[2])
        chances = ops.unary("sigmoid", self.mm(self.layer(il, "ffn_gate_inp"), x))
        bias = self.weight(self.layer(il, "exp_probs_b.weight"))
        chosen = ops.top_k(chances if bias is None else ops.like("add", chances, bias), used)
        shares = ops.reshape(ops.get_rows(ops.reshape(chances, 1, gate.ne[2], tokens), chosen), used, tokens)
        shares = ops.reshape(ops.like("div", shares, ops.sum_rows(shares)), 1, used, tokens)
        x = ops.reshape(x, width, 1, tokens)
        wide = ops.unary("silu", ops.mul_mat_id(gate, x, chosen))
        x = ops.mul_mat_id(down, ops.like("mul", wide, ops.mul_mat_id(up, x, chosen)), chosen)
        x = ops.like("mul", x, shares)
        parts = [ops.view(x, (x.ne[0], tokens), (x.nb[2],)) for _ in range(used)]
        whole = parts[0]
        for part in parts[1:]:
            whole = ops.like("add", whole, part)
        return ops.cont(whole) if used == 1 else whole

    def _scaled(self, name: str, x: Node) -> Node:
        scale = self.weight(f"{name}.weight")
        return x if scale is None else ops.like("mul", x, scale)

    def heads(self, il: int, x: Node, positions: int, batch: int, norm: str) -> tuple[Node, Node, Node]:
        """Q, K and V of a layer, [head, heads, positions, batch], normed where the file has norms for them."""
        sizes = self.sizes
        names = [self.layer(il, f"attn_{part}") for part in "qkv"]
        if self.weight(self.layer(il, "attn_qkv.weight")) is not None:
            whole = self.biased(self.layer(il, "attn_qkv"), x)
            step, row = whole.kind.block_bytes * sizes.head, whole.nb[1]
            shape = (sizes.head, sizes.heads, positions, batch)
            parts = [ops.view(whole, shape, (step, row, row * positions)) for _ in names]
            return self._normed(il, parts, norm)
        parts = [self.biased(name, x) for name in names]
        per_head = self.weight(self.layer(il, "attn_q_norm.weight"))
        before = per_head is not None and per_head.ne[0] != sizes.head
        if before:
            parts = list(self._normed(il, parts, norm))
        counts = (sizes.heads, sizes.heads_kv, sizes.heads_kv)
        parts = [
            ops.reshape(part, sizes.head, count, positions, batch)
            for part, count in zip(parts, counts, strict=True)
        ]
        return (parts[0], parts[1], parts[2]) if before else self._normed(il, parts, norm)

    def _normed(self, il: int, parts: Sequence[Node], norm: str) -> tuple[Node, Node, Node]:
        q, k, v = parts
        for_q = self.layer(il, "attn_q_norm")
        for_k = self.layer(il, "attn_k_norm")
        if self.weight(f"{for_q}.weight") is not None:
            q = self.norm(q, for_q, norm, bias=False)
        if self.weight(f"{for_k}.weight") is not None:
            k = self.norm(k, for_k, norm, bias=False)
        return q, k, v

    def merged(self, x: Node, factor: int) -> Node:
        """Neighbouring patches joined into one, [width x factor^2, patches / factor^2]."""
        width, columns, rows = x.ne[0], self.columns, self.rows
        x = ops.reshape(x, width, columns, rows)
        more_x, more_y = -columns % factor, -rows % factor
        if more_x or more_y:
            columns, rows = columns + more_x, rows + more_y
            x = ops.make("pad", F32, (width, columns, rows, 1), x)
        x = ops.permute(ops.reshape(x, width * factor, columns // factor, rows), 0, 2, 1, 3)
        x = ops.cont(x, width * factor * factor, rows // factor, columns // factor)
        x = ops.permute(x, 0, 2, 1, 3)
        return ops.cont(x, x.ne[0], x.ne[1] * x.ne[2])

    def by_blocks(self, x: Node) -> Node:
        """Patches reordered so that the four of a square follow each other."""
        width = self.sizes.embd
        x = ops.cont(x, width * 2, self.columns // 2, self.rows, 1)
        x = ops.reshape(x, width * 2, self.columns // 2, 2, self.rows // 2)
        return ops.cont(ops.permute(x, 0, 2, 1, 3), width, self.patches, 1)

    def two_frames(self) -> Node:
        """The patches of a picture taken for both frames of a film, the four of a square in a row."""
        pixels = self.picture()
        first, second = self.need("v.patch_embd.weight"), self.need("v.patch_embd.weight.1")
        patch = self.sizes.patch
        x = ops.like("add", self.conv_2d(first, pixels, patch), self.conv_2d(second, pixels, patch))
        return self.by_blocks(ops.permute(x, 1, 2, 0, 3))


def im2col(kernel: Node, x: Node, stride: int, padding: int, kind: GgmlType, *, flat: bool = False) -> Node:
    """
    The columns that a convolution multiplies; ``flat`` for one dimension.
    """
    wide = (x.ne[0] + 2 * padding - kernel.ne[0]) // stride + 1
    if flat:
        return ops.make("im2col", kind, (kernel.ne[1] * kernel.ne[0], wide, x.ne[2], 1), kernel, x)
    high = (x.ne[1] + 2 * padding - kernel.ne[1]) // stride + 1
    shape = (kernel.ne[0] * kernel.ne[1] * kernel.ne[2], wide, high, x.ne[3])
    return ops.make("im2col", kind, shape, kernel, x)


def pooled(x: Node, size: int) -> Node:
    """
    The means of squares.
    """
    shape = (x.ne[0] // size, x.ne[1] // size, x.ne[2], x.ne[3])
    return ops.make("pool_2d", F32, shape, x)


def rope(x: Node, positions: Node) -> Node:
    """
    Rotary positions.
    """
    return ops.like("rope", x, positions)


def rope_2d(first: Node, second: Node) -> Positions:
    """
    Rotary positions of rows and columns, one half of a head each.
    """
    return lambda x: rope(rope(x, first), second)


def _flash(q: Node, k: Node, v: Node, mask: Node | None, sinks: Node | None) -> Node:
    src = [q, k, v, *(part for part in (mask, sinks) if part is not None)]
    node = ops.make("flash_attn_ext", F32, (v.ne[0], q.ne[2], q.ne[1], q.ne[3]), *src)
    node.tag = "" if mask is not None else "no mask"
    return node
