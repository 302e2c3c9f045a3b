"""
What llama.cpp's Metal backend computes of an encoder's graph, how much memory it wants for it, and in which order.

Source: llama.cpp b11549, ggml/src/ggml-metal (ggml-metal-device.m, ggml-metal-ops.cpp, ggml-metal-fusion.cpp and
ggml-metal-common.cpp), for Apple GPUs of family 7 and newer.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from llmprobe.estimation.compute.cuda_fusion import fusable
from llmprobe.estimation.compute.scheduler import Keep
from llmprobe.model.archs._building.ops import VIEW_OPS, Node

_HEADS = frozenset({32, 40, 48, 64, 72, 80, 96, 112, 128, 192, 256, 320, 512, 576})
_OTHER_HEADS = frozenset({(96, 64), (128, 96), (192, 128), (320, 256), (576, 512)})
_CELLS, _QUERIES, _GROUPS = 64, 8, 32
_VECTOR_QUERIES, _VECTOR_CELLS = 20, 32
_LOOK_AHEAD = 64
_LONGEST = 16

_NORMS = tuple(
    (norm, *rest) for norm in ("norm", "rms_norm") for rest in (("mul",), ("mul", "add"), ("scale",))
)
_ADDS = tuple(("add",) * count for count in range(2, 8))
_PATTERNS: tuple[tuple[str, ...], ...] = (
    *_NORMS,
    *_ADDS,
    ("mul", "sin", "sqr", "mul", "add"),
    ("ssm_conv", "unary"),
    ("mul_mat", "add"),
)
_ORDERED = VIEW_OPS | {
    "mul_mat",
    "mul_mat_id",
    "rope",
    "norm",
    "rms_norm",
    "group_norm",
    "l2_norm",
    "sum_rows",
    "ssm_conv",
    "ssm_scan",
    "clamp",
    "tri",
    "diag",
    "mul",
    "add",
    "sub",
    "div",
    "glu",
    "scale",
    "unary",
    "get_rows",
    "set_rows",
    "set",
    "cpy",
    "cont",
    "repeat",
}


class MetalRules:
    """
    The rules of a process with one Apple GPU.
    """

    device_align = 32

    def supports(self, node: Node, _device: int) -> bool:
        """Whether the device computes this node."""
        check = _CHECKS.get(node.op)
        return check is None or check(node)

    def attends(self, node: Node) -> bool:
        """Whether the device has a kernel for this attention."""
        return _attention(node)

    def wants(self, node: Node) -> bool:
        """Whether the batch is large enough to copy weights for it; all are where they are computed with."""
        return node.op == "mul_mat"

    def alloc_size(self, node: Node) -> int:
        """The bytes of a node; attention has room for its parts beside its result."""
        return node.nbytes + (_beside_attention(node) if node.op == "flash_attn_ext" else 0)

    @staticmethod
    def optimize(nodes: list[Node], start: int, end: int, keep: Keep) -> None:
        """Keep what fused nodes read, then move nodes before others that they don't depend on."""
        _keep_patterns(nodes, start, end, keep)
        nodes[start:end] = _reordered(_packed(nodes, start, end))


def _beside_attention(node: Node) -> int:
    q, k, v = node.src[:3]
    mask = None if node.tag == "no mask" else node.src[3]
    padded = k.nb[1] * k.ne[2] * k.ne[3] + v.nb[1] * v.ne[2] * v.ne[3]
    blocks = 0
    if mask is not None:
        padded += 2 * mask.ne[1] * mask.ne[2] * mask.ne[3]
        vector = q.ne[1] < _VECTOR_QUERIES and q.ne[0] % 32 == 0
        queries, cells = (1, _VECTOR_CELLS) if vector else (_QUERIES, _CELLS)
        blocks = -(-q.ne[1] // queries) * -(-mask.ne[0] // cells) * mask.ne[2] * mask.ne[3]
        blocks = -(-blocks // 32) * 32
    parts = 4 * min(q.ne[1], 32) * q.ne[2] * q.ne[3] * _GROUPS * (v.ne[0] + 2)
    copies = sum(-(-2 * part.elements // 16) * 16 for part in (k, v))
    return _CELLS * padded + blocks + parts + copies


def _keep_patterns(nodes: list[Node], start: int, end: int, keep: Keep) -> None:
    """
    Keep what the longest pattern of operations at each node reads until its last one.
    """
    i = start
    while i < end:
        count = max((len(ops) for ops in _PATTERNS if _follows(nodes, i, end, ops)), default=0)
        seen: list[Node] = []
        for node in nodes[i : i + count]:
            for source in node.src:
                if not any(source is other for other in seen):
                    seen.append(source)
                    keep(source, nodes[i + count - 1])
            seen.append(node)
        i += max(1, count)


def _follows(nodes: Sequence[Node], i: int, end: int, ops: tuple[str, ...]) -> bool:
    return i + len(ops) <= end and all(nodes[i + j].op == op for j, op in enumerate(ops))


def _packed(nodes: list[Node], start: int, end: int) -> list[list[Node]]:
    """
    The nodes in groups that are computed as one, with the views between them.
    """
    groups = []
    i = start
    while i < end:
        count = _fused(nodes, i, end)
        groups.append(nodes[i : i + count])
        i += count
    return groups


def _fused(nodes: list[Node], i: int, end: int) -> int:
    """
    How many nodes from here on are computed as one.
    """
    if nodes[i].op in VIEW_OPS:
        return 1
    real: list[int] = []
    for j in range(i, end):
        if len(real) == _LONGEST:
            break
        if nodes[j].op not in VIEW_OPS:
            real.append(j)
    done = 0
    while done < len(real):
        longest = 1
        for ops in _PATTERNS:
            chain = [nodes[j] for j in real[done : done + len(ops)]]
            if len(ops) > longest and len(chain) == len(ops) and _is_fused(chain, ops):
                longest = len(ops)
        if longest == 1:
            break
        done += longest
    return min(_LONGEST, real[done - 1] - i + 1) if done else 1


def _is_fused(chain: list[Node], ops: tuple[str, ...]) -> bool:
    if any(node.op != op for node, op in zip(chain, ops, strict=True)):
        return False
    for before, node in pairwise(chain):
        if not any(source is before for source in node.src[:2]) or node.ne != before.ne:
            return False
    if not fusable(chain, ops, chain[-1:]):
        return False
    first, others = chain[0], chain[1:]
    if ops == ("mul_mat", "add"):
        return _adds_no_weight(first, others[0])
    if ops[0] == "add" or ops in _NORMS:
        if any(node.src[0] is not before for before, node in pairwise(chain)):
            return False
        if ops[-1] == "scale":
            return others[0].kind.name == "f32"
        if ops[0] == "add":
            layouts = {(node.src[1].kind, node.src[1].ne, node.src[1].nb) for node in chain}
            return len(layouts) == 1
        return all(
            node.src[1].ne[0] == first.ne[0] and node.src[1].contiguous_rows() and node.kind.name == "f32"
            for node in others
        )
    return False


def _adds_no_weight(product: Node, added: Node) -> bool:
    if (added.src[0] is product) == (added.src[1] is product):
        return False
    other = added.src[1] if added.src[0] is product else added.src[0]
    floats = other.kind.name == added.kind.name == product.src[1].kind.name == "f32"
    return floats and not (other.root or other).weight


class _Together:
    """
    What groups that can be computed at the same time read and write.
    """

    __slots__ = ("read", "written")

    def __init__(self) -> None:
        self.read: set[int] = set()
        self.written: set[int] = set()

    def add(self, group: list[Node]) -> None:
        reads, writes = _ranges(group)
        self.read |= reads
        self.written |= writes

    def takes(self, group: list[Node]) -> bool:
        reads, writes = _ranges(group)
        return not (reads & self.written or writes & (self.written | self.read))


def _ranges(group: list[Node]) -> tuple[set[int], set[int]]:
    def memory(node: Node) -> int:
        return id(node.root or node)

    reads = {
        memory(source)
        for node in group
        for source in node.src
        if not any(source is inside for inside in group)
    }
    return reads, {memory(node) for node in group}


def _reordered(groups: list[list[Node]]) -> list[Node]:
    """
    The nodes with each group moved to those that it can be computed with at the same time.
    """
    order: list[Node] = []
    used = [False] * len(groups)
    together = _Together()
    for i, group in enumerate(groups):
        if used[i]:
            continue
        if group[0].op not in VIEW_OPS and not together.takes(group):
            before = _Together()
            before.add(group)
            for j in range(i + 1, min(i + _LOOK_AHEAD, len(groups))):
                if used[j]:
                    continue
                other = groups[j]
                if other[0].op not in _ORDERED:
                    break
                fits = other[0].op in VIEW_OPS or together.takes(other)
                if fits and before.takes(other):
                    together.add(other)
                    order += other
                    used[j] = True
                else:
                    before.add(other)
            together = _Together()
        together.add(group)
        order += group
    return order


def _floats(node: Node) -> bool:
    source = node.src[0]
    return source.contiguous_rows() and source.kind.name in ("f32", "f16")


def _binary(node: Node) -> bool:
    return _floats(node) and node.src[1].contiguous_rows() and node.src[0].kind is node.src[1].kind


def _mul_mat(node: Node) -> bool:
    a, b = node.src[0], node.src[1]
    if b.kind.name != "f16" or a.kind.name == "f16":
        return True
    transposed = a.nb[0] > a.nb[1] or b.nb[0] > b.nb[1]
    return a.kind.name != "bf16" and not transposed and a.ne[0] >= 64 and b.ne[1] > 8


def _copy(node: Node) -> bool:
    source, result = node.src[0].kind.name, node.kind.name
    if source == "f32":
        return result in ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl", "i32")
    if source == "i32":
        return result in ("f32", "i32")
    return result == "f32" or result == source or (result == "f16" and source != "bf16")


def _attention(node: Node) -> bool:
    q, k, v = node.src[:3]
    pair = k.ne[0] == v.ne[0] or (k.ne[0], v.ne[0]) in _OTHER_HEADS
    return q.ne[0] in _HEADS and pair and k.kind is v.kind


def _rows(node: Node) -> bool:
    return node.src[0].contiguous_rows()


def _f32(node: Node) -> bool:
    return node.src[0].kind.name == "f32"


_CHECKS: dict[str, Callable[[Node], bool]] = {
    "scale": _floats,
    "clamp": _floats,
    "sqr": _floats,
    "sin": _floats,
    "cos": _floats,
    "unary": _floats,
    "glu": lambda node: node.src[0].contiguous(1) and node.src[0].kind.name in ("f32", "f16"),
    "concat": lambda node: node.src[0].kind is node.src[1].kind is node.kind,
    "add": _binary,
    "sub": _binary,
    "mul": _binary,
    "div": _binary,
    "sum_rows": _rows,
    "soft_max": _rows,
    "norm": _rows,
    "rms_norm": _rows,
    "l2_norm": _rows,
    "conv_2d": lambda node: node.src[0].kind.name in ("f16", "f32"),
    "conv_2d_dw": lambda node: node.src[0].kind.name in ("f16", "f32"),
    "im2col": lambda node: node.src[1].contiguous() and node.src[1].kind.name == "f32",
    "upscale": _f32,
    "pad": _f32,
    "pool_1d": lambda node: _f32(node) and node.src[0].contiguous(),
    "pool_2d": _f32,
    "flash_attn_ext": _attention,
    "mul_mat": _mul_mat,
    "cpy": _copy,
    "cont": _copy,
}
