"""
What llama.cpp's Vulkan backend computes of an encoder's graph, and in which order.

Source: llama.cpp b11549, ggml/src/ggml-vulkan/ggml-vulkan.cpp (``ggml_backend_vk_device_supports_op``,
``ggml_vk_graph_optimize``). The limits are those of NVIDIA's driver; AMD's differ in the alignment.
"""

from collections.abc import Callable

from llmprobe.estimation.compute.cuda import is_large
from llmprobe.estimation.compute.scheduler import Keep
from llmprobe.model.archs._building.ops import VIEW_OPS, Node

LARGEST_TENSOR = (1 << 32) - 1
_LOOK_AHEAD = 20
_FOLLOWERS = 15
_KEPT = (
    ("mul", "sin", "sqr", "mul", "add"),
    ("rms_norm", "mul", "add", "mul"),
    ("rms_norm", "mul", "add"),
)
"""Operations that stay together, the longer patterns before the shorter ones."""
_PAIRS_NEAR = frozenset({("rms_norm", "mul"), ("unary", "mul")})
_PAIRS_NEXT = frozenset(
    {
        ("mul_mat", "add"),
        ("mul_mat_id", "add_id"),
        ("mul_mat_id", "mul"),
        ("add", "add"),
        ("ssm_conv", "add"),
        ("ssm_conv", "unary"),
    }
)


class VulkanRules:
    """
    The rules of a process with one Vulkan device.
    """

    device_align = 16

    def supports(self, node: Node, _device: int) -> bool:
        """Whether the device computes this node."""
        if node.nbytes > LARGEST_TENSOR or any(source.nbytes > LARGEST_TENSOR for source in node.src):
            return False
        check = _CHECKS.get(node.op)
        return check is None or check(node)

    def attends(self, node: Node) -> bool:
        """Whether the device has a kernel for this attention."""
        return _attention(node)

    def wants(self, node: Node) -> bool:
        """Whether the batch is large enough to copy weights for it."""
        return is_large(node)

    def alloc_size(self, node: Node) -> int:
        """The bytes of a node, with nothing beside them."""
        return node.nbytes

    @staticmethod
    def optimize(nodes: list[Node], start: int, end: int, _keep: Keep) -> None:
        """Move nodes before others that they don't depend on."""
        nodes[start:end] = _Order(nodes[start:end]).found()


class _Order:
    """
    The nodes of a split in the order in which they are computed.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = nodes
        self._used = [False] * len(nodes)
        self._done: set[int] = set()
        self._order: list[Node] = []
        self._first = 0

    def found(self) -> list[Node]:
        while self._first < len(self._nodes):
            if not self._keeps_pattern():
                self._take(self._next_set())
        return self._order

    def _take(self, numbers: list[int]) -> None:
        for i in numbers:
            self._order.append(self._nodes[i])
            self._done.add(id(self._nodes[i]))
            self._used[i] = True
        while self._first < len(self._nodes) and self._used[self._first]:
            self._first += 1

    def _matches(self, ops: tuple[str, ...], i: int) -> bool:
        inside = i + len(ops) <= len(self._nodes)
        return inside and all(
            self._nodes[i + j].op == op and not self._used[i + j] for j, op in enumerate(ops)
        )

    def _keeps_pattern(self) -> bool:
        for ops in _KEPT:
            if self._matches(ops, self._first):
                self._take(list(range(self._first, self._first + len(ops))))
                return True
        return False

    def _next_set(self) -> list[int]:
        """
        The first node that is left, with those after it that wait for nothing: computing nodes first, then views.
        """
        nodes, used, first = self._nodes, self._used, self._first
        chosen = [first]
        last = min(first + _LOOK_AHEAD, len(nodes))
        for j in range(first + 1, last):
            if used[j] or nodes[j].op in VIEW_OPS or any(self._matches(ops, j) for ops in _KEPT):
                continue
            if not any(
                not used[c] and _needs(nodes[j], nodes[c]) and not self._is_pair(c, j, chosen[-1])
                for c in range(first, j)
            ):
                chosen.append(j)
                self._pull(j, chosen)
        if nodes[chosen[-1]].op != "add":
            for j in range(first + 1, last):
                if used[j] or nodes[j].op not in VIEW_OPS:
                    continue
                if not any(
                    not used[c] and c not in chosen and _needs(nodes[j], nodes[c]) for c in range(first, j)
                ):
                    chosen.append(j)
        return chosen

    def _is_pair(self, c: int, j: int, last: int) -> bool:
        """
        Whether two nodes are computed as one, so that one may follow the other at once.
        """
        if c != last:
            return False
        pair = (self._nodes[c].op, self._nodes[j].op)
        if pair in _PAIRS_NEAR:
            return all(self._used[v] or self._nodes[v].op in VIEW_OPS for v in range(c + 1, j))
        return j == c + 1 and pair in _PAIRS_NEXT

    def _pull(self, j: int, chosen: list[int]) -> None:
        """
        Take with a node the one that is computed with it and a node before it.
        """
        nodes = self._nodes
        op, before = nodes[j].op, nodes[j - 1].op
        if op == "mul" and before == "rms_norm":
            self._pull_first(j, chosen, lambda node: node.op == "rope" and self._turns(node, nodes[j]))
        if op == "add" and before == "mul_mat":
            self._pull_first(
                j,
                chosen,
                lambda node: node.op == "add" and node.src[0] is nodes[j] and self._is_ready(node.src[1]),
            )
        if op == "add" and before == "ssm_conv":
            self._pull_first(j, chosen, lambda node: node.op == "unary" and node.src[0] is nodes[j])
        if op == "unary":
            self._pull_first(j, chosen, lambda node: node.op == "mul" and self._gates(node, nodes[j]))

    def _pull_first(self, j: int, chosen: list[int], fits: Callable[[Node], bool]) -> None:
        for k in range(j + 1, min(j + _FOLLOWERS, len(self._nodes))):
            if fits(self._nodes[k]):
                chosen.append(k)
                self._used[k] = True
                return

    def _is_ready(self, node: Node) -> bool:
        return not node.op or id(node) in self._done

    @staticmethod
    def _turns(rope: Node, node: Node) -> bool:
        return rope.src[0] is node and not any(source.op for source in rope.src[1:])

    def _gates(self, product: Node, unary: Node) -> bool:
        a, b = product.src[:2]
        if a is not unary and b is not unary:
            return False
        other = b if a is unary else a
        same = other.kind is unary.kind is product.kind and unary.kind.name in ("f32", "f16")
        rows = other.contiguous(1) and unary.src[0].contiguous(1)
        return self._is_ready(other) and same and rows and _repeats(b, a)


def _repeats(small: Node, large: Node) -> bool:
    return all(there % here == 0 for here, there in zip(small.ne, large.ne, strict=True))


def _needs(node: Node, other: Node) -> bool:
    """
    Whether a node must come after another: it reads it, or they share memory.
    """
    if any(source is other for source in node.src):
        return True
    here, there = node.root or node, other.root or other
    if node.op not in VIEW_OPS and other.op not in VIEW_OPS:
        if any((source.root or source) is there for source in node.src):
            return True
        if any((source.root or source) is here for source in other.src):
            return True
    return here is there


def _small_floats(node: Node) -> bool:
    return node.src[0].kind.name in ("f32", "f16") and node.kind is node.src[0].kind


def _binary(node: Node) -> bool:
    return {node.src[0].kind.name, node.src[1].kind.name, node.kind.name} <= {"f32", "f16"}


def _mul_mat(node: Node) -> bool:
    a, b = node.src[0], node.src[1]
    if a.ne[3] != b.ne[3]:
        return False
    if a.kind.name == "bf16":
        return b.kind.name != "f16"
    return b.kind.name != "bf16"


def _copy(node: Node) -> bool:
    # Of a node without a second source the backend compares the first with itself.
    source, result = node.src[0].kind.name, node.src[-1].kind.name
    if source == "f32":
        return result in ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl", "i32")
    return result in ("f32", source)


def _attention(node: Node) -> bool:
    k, v = node.src[1:3]
    mask = None if node.tag == "no mask" else node.src[3]
    return not (k.ne[0] % 8 or v.ne[0] % 8) and (mask is None or mask.kind.name == "f16")


def _f32(node: Node) -> bool:
    return node.src[0].kind.name == "f32"


def _whole_f32(node: Node) -> bool:
    return _f32(node) and node.src[0].contiguous()


_CHECKS: dict[str, Callable[[Node], bool]] = {
    "unary": _small_floats,
    "glu": _small_floats,
    "sqr": _small_floats,
    "sin": _small_floats,
    "cos": _small_floats,
    "clamp": _small_floats,
    "mul_mat": _mul_mat,
    "flash_attn_ext": _attention,
    "cpy": _copy,
    "cont": _copy,
    "rope": lambda node: node.contiguous_rows() and node.src[0].contiguous_rows(),
    "norm": _f32,
    "l2_norm": _f32,
    "add": _binary,
    "sub": _binary,
    "mul": _binary,
    "div": _binary,
    "upscale": _f32,
    "pad": _f32,
    "scale": _whole_f32,
    "soft_max": _whole_f32,
    "concat": lambda node: node.src[0].kind is node.src[1].kind is node.kind,
    "sum_rows": lambda node: _f32(node) and node.src[0].contiguous_rows(),
    "conv_2d": lambda node: node.src[0].kind.name in ("f16", "f32") and node.src[1].contiguous(),
    "conv_2d_dw": lambda node: node.src[0].kind.name in ("f16", "f32"),
    "im2col": lambda node: node.src[1].contiguous() and node.src[1].kind.name == "f32",
    "pool_1d": _whole_f32,
    "pool_2d": _whole_f32,
}
