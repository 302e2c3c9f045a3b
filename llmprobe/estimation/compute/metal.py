"""
What llama.cpp's Metal backend computes, and how much memory it wants for it.

The rules are those of Apple GPUs of family 7 (M1) and newer, and without flash attention those of older ones. Source:
llama.cpp b11549, ggml/src/ggml-metal (ggml-metal-device.m, ggml-metal-ops.cpp, ggml-metal.cpp).
"""

from collections.abc import Callable

from llmprobe.estimation.compute import metal_order
from llmprobe.estimation.compute.scheduler import HOST_ALIGN
from llmprobe.estimation.compute.tape import rounded_up
from llmprobe.facts.backends import Driver
from llmprobe.model.archs._building.ops import HADAMARD, Node

_HEADS = frozenset({32, 40, 48, 64, 72, 80, 96, 112, 128, 192, 256, 320, 512, 576})
_OTHER_HEADS = frozenset({(96, 64), (128, 96), (192, 128), (320, 256), (576, 512)})
_ATTENDED = frozenset({"f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0"})
_CONVERTED = frozenset({"q4_0", "q4_1", "q5_0", "q5_1", "q8_0"})
_CELLS, _QUERIES, _GROUPS = 64, 8, 32
_VECTOR_QUERIES, _VECTOR_CELLS = 20, 32
_FEW_QUERIES, _LARGE_HEAD = 32, 512
_SCALES = 1032
_MOST_LISTED = 4096
_LISTED_HEADS = frozenset((head, head) for head in (32, 64, 96, 128, 192, 256, 512)) | _OTHER_HEADS
_OFFLOAD_MIN_BATCH = 32
_NO_PRODUCTS = frozenset({"tq1_0", "nvfp4"})
_ROTATED_SIZES = frozenset({64, 128, 256, 512, 1024, 2048, 4096, 8192})


class MetalRules:
    """
    The rules of a process with one Apple GPU.
    """

    host_align = HOST_ALIGN
    pieces: int | None = None

    def __init__(self, driver: Driver) -> None:
        self.device_align = driver.align
        self.blas = driver.blas
        self._matrices = driver.attends

    def supports(self, node: Node, _device: int) -> bool:
        """Whether the device computes this node."""
        if node.op == "flash_attn_ext":
            return self.attends(node)
        if node.op in ("mul_mat", "mul_mat_id"):
            return self._multiplies(node)
        if node.op == "lightning_indexer":
            return self._matrices and _lightning_indexer(node)
        check = _CHECKS.get(node.op)
        return check is None or check(node)

    def attends(self, node: Node) -> bool:
        """Whether the device has a kernel for this attention."""
        q, k, v = node.src[:3]
        pair = k.ne[0] == v.ne[0] or (k.ne[0], v.ne[0]) in _OTHER_HEADS
        return self._matrices and q.ne[0] in _HEADS and pair and k.kind is v.kind and k.kind.name in _ATTENDED

    def _multiplies(self, node: Node) -> bool:
        a, b = node.src[:2]
        if a.kind.name in _NO_PRODUCTS:
            return False
        if b.kind.name != "f16":
            return True
        by_id = node.op == "mul_mat_id"
        if a.kind.name == "f32" and node.tag == HADAMARD and b.contiguous() and b.ne[0] in _ROTATED_SIZES:
            return True
        if a.kind.name == "f16" and not by_id:
            return True
        if a.kind.name == "bf16" or not self._matrices or a.ne[0] < _CELLS:
            return False
        if by_id:
            return node.src[2].ne[1] >= _OFFLOAD_MIN_BATCH
        transposed = a.nb[0] > a.nb[1] or b.nb[0] > b.nb[1]
        return not transposed and b.ne[1] > _QUERIES

    def wants(self, node: Node) -> bool:
        """Whether the batch is large enough to copy weights for it."""
        if node.op == "mul_mat":
            return node.ne[1] >= _OFFLOAD_MIN_BATCH
        return node.op == "mul_mat_id" and node.ne[2] >= _OFFLOAD_MIN_BATCH

    def alloc_size(self, node: Node) -> int:
        """The bytes of a node; some have room for their parts beside the result."""
        beside = _BESIDE.get(node.op)
        return node.nbytes if beside is None else node.nbytes + beside(node)

    optimize = staticmethod(metal_order.optimize)


def _beside_attention(node: Node) -> int:
    """
    The last cells of K, V and mask once more, which blocks of the mask are empty, partial results, and K and V in f16.
    """
    q, k, v = node.src[:3]
    mask = None if node.tag == "no mask" else node.src[3]
    inside = v.root is not None and (v.root is k or v.root is k.root)
    row_k, row_v = k.nb[1], v.nb[1]
    if k.kind.name in _CONVERTED and _converts(q):
        row_k, row_v = 2 * k.ne[0], 2 * (k.ne[0] if inside else v.ne[0])
    padded = row_k * k.ne[2] * k.ne[3] + row_v * v.ne[2] * v.ne[3]
    blocks = 0
    if mask is not None:
        padded += 2 * mask.ne[1] * mask.ne[2] * mask.ne[3]
        queries, cells = (1, _VECTOR_CELLS) if _by_vectors(q) else (_QUERIES, _CELLS)
        blocks = -(-q.ne[1] // queries) * -(-mask.ne[0] // cells) * mask.ne[2] * mask.ne[3]
        blocks = rounded_up(blocks, 32)
    rows = q.ne[1] if q.ne[1] < _GROUPS else _GROUPS
    parts = 4 * rows * q.ne[2] * q.ne[3] * _GROUPS * (v.ne[0] + 2)
    copies = sum(rounded_up(2 * part.elements, 16) for part in ((k,) if inside else (k, v)))
    return _CELLS * padded + blocks + parts + copies + _list_of_cells(node, mask)


def _list_of_cells(node: Node, mask: Node | None) -> int:
    """
    Which cells each row of a mask leaves, where so few are left that only those are read.
    """
    k, v = node.src[1:3]
    bound = node.bound
    if mask is None or not 0 < bound <= _MOST_LISTED:
        return 0
    if (k.ne[0], v.ne[0]) not in _LISTED_HEADS or k.kind.name not in _ATTENDED:
        return 0
    size = 4 * rounded_up(bound, _VECTOR_CELLS) * mask.ne[1] * mask.ne[2] * mask.ne[3]
    return rounded_up(size, 16)


def _by_vectors(q: Node) -> bool:
    return q.ne[1] < _VECTOR_QUERIES and q.ne[0] % 32 == 0


def _converts(q: Node) -> bool:
    """
    Whether a quantized cache is converted to f16 before it is attended to.
    """
    return q.ne[1] >= _FEW_QUERIES or (q.ne[0] >= _LARGE_HEAD and not _by_vectors(q))


def _beside_experts(node: Node) -> int:
    """
    How many tokens each expert has, which they are, and scales.
    """
    experts = node.src[0].ne[2]
    return 4 * experts + 4 * experts * node.src[2].ne[1] + _SCALES


def _twice(node: Node) -> int:
    return node.nbytes


_BESIDE: dict[str, Callable[[Node], int]] = {
    "flash_attn_ext": _beside_attention,
    "mul_mat_id": _beside_experts,
    "argsort": _twice,
    "cumsum": _twice,
    "top_k": lambda node: 8 * node.src[0].elements - node.nbytes,
}


def _floats(node: Node) -> bool:
    source = node.src[0]
    return source.contiguous_rows() and source.kind.name in ("f32", "f16")


def _binary(node: Node) -> bool:
    return _floats(node) and node.src[1].contiguous_rows() and node.src[0].kind is node.src[1].kind


def _copy(node: Node) -> bool:
    source, result = node.src[0].kind.name, node.kind.name
    if source == "f32":
        return result in ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl", "i32")
    if source in ("f16", "bf16"):
        return result in ("f32", source)
    if source == "i32":
        return result in ("f32", "i32")
    return source in _CONVERTED and result in ("f32", "f16")


def _set_rows(node: Node) -> bool:
    rows, kind = node.src[0].kind.name, node.kind.name
    if rows == "f16":
        return kind == "f16"
    known = kind in ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl")
    return rows == "f32" and known


def _concat(node: Node) -> bool:
    a, b = node.src[:2]
    if not a.kind is b.kind is node.kind:
        return False
    return node.kind.block == 1 or node.kind.name in _CONVERTED


def _lightning_indexer(node: Node) -> bool:
    q, k = node.src[:2]
    rows = all(source.contiguous_rows() for source in node.src[:4])
    return q.ne[0] == 128 and q.kind.name == "f32" and rows and k.kind.name in _ATTENDED


def _rows(node: Node) -> bool:
    return node.src[0].contiguous_rows()


def _f32(node: Node) -> bool:
    return node.src[0].kind.name == "f32"


_CHECKS: dict[str, Callable[[Node], bool]] = {
    "scale": _floats,
    "fill": _floats,
    "clamp": _floats,
    "sqr": _floats,
    "sqrt": _floats,
    "sin": _floats,
    "cos": _floats,
    "log": _floats,
    "unary": _floats,
    "glu": lambda node: node.src[0].contiguous(1) and node.src[0].kind.name in ("f32", "f16"),
    "concat": _concat,
    "add": _binary,
    "add_id": _binary,
    "sub": _binary,
    "mul": _binary,
    "div": _binary,
    "tri": _rows,
    "sum_rows": _rows,
    "mean": _rows,
    "cumsum": _rows,
    "soft_max": _rows,
    "group_norm": _rows,
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
    "gated_delta_net": lambda node: node.src[2].ne[0] % 32 == 0,
    "get_rows": lambda node: node.src[0].kind.name not in _NO_PRODUCTS,
    "set_rows": _set_rows,
    "cpy": _copy,
    "cont": _copy,
    "set": _copy,
}
