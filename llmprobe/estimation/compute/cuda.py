"""
What llama.cpp's CUDA backend computes, how much memory it wants for it, and what it fuses.

The rules are those of compute capability 8.9; newer and Turing or Ampere cards differ in the choice of kernels for
batches of one or two tokens only. Source: llama.cpp b11549, ggml/src/ggml-cuda/ggml-cuda.cu and fattn.cu.
"""

from collections.abc import Callable

from llmprobe.estimation.compute import cuda_fusion as compute_fusion
from llmprobe.estimation.compute.scheduler import HOST_ALIGN
from llmprobe.model.archs._building.ops import Node, row_size
from llmprobe.model.quants.types import GgmlType

DEVICE_ALIGN = 128
ROW_PADDING = 512
OFFLOAD_MIN_BATCH = 32
_FLOATS = frozenset({"f32", "f16", "bf16"})
_SET_ROWS = frozenset({"f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl"})
_ATTENTION_TYPES = frozenset({"f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0"})
_SAME_HEADS = frozenset({40, 64, 72, 80, 96, 112, 128, 256})
_OTHER_HEADS = {192: (128, 8), 320: (256, 32), 512: (512, 2), 576: (512, 2)}
_VECTOR_HEADS = frozenset({64, 128, 256})
CELLS_STRIDE = 256
_SCAN_STATES = frozenset({96, 128, 256})
_INDEXER_KEY, _INDEXER_HEADS = 128, frozenset({4, 32, 64})


def is_large(node: Node) -> bool:
    """
    Whether the batch is large enough to copy weights to a device for it: on CUDA, ROCm, Vulkan and SYCL.
    """
    op, ne = node.op, node.ne
    if op == "get_rows":
        return False
    if op == "mul_mat":
        return ne[1] >= OFFLOAD_MIN_BATCH
    if op in ("mul_mat_id", "rope"):
        return ne[2] >= OFFLOAD_MIN_BATCH
    return ne[1] * ne[2] * ne[3] >= OFFLOAD_MIN_BATCH


class CudaRules:
    """
    The rules of one process with CUDA devices, ``own`` among its devices.
    """

    device_align = DEVICE_ALIGN
    host_align = HOST_ALIGN
    pieces: int | None = None
    blas = False

    def __init__(self, own: tuple[int, ...]) -> None:
        self.own = own

    def supports(self, node: Node, device: int) -> bool:
        """Whether a device computes this node."""
        for source in node.src:
            if source.buffer != device and source.buffer in self.own:
                return False
        check = _CHECKS.get(node.op)
        return check is None or check(node)

    def attends(self, node: Node) -> bool:
        """Whether a device has a kernel for this attention of one token."""
        return attention_kernel(node) != ""

    def wants(self, node: Node) -> bool:
        """Whether the batch is large enough to copy weights for it."""
        return is_large(node)

    def alloc_size(self, node: Node) -> int:
        """The bytes of a node: with f16 copies of a quantized cache, or padding at the end of a matrix."""
        size = _attention_size(node) if node.op == "flash_attn_ext" else node.nbytes
        return size + row_padding(node.kind, node.ne[0]) if node.kind.block > 1 else size

    optimize = staticmethod(compute_fusion.optimize)


class SlicedRules(CudaRules):
    """
    Those of devices that compute together as one: weights are not copied to it, and nodes stay in their order.

    Source: llama.cpp b11549, ggml/src/ggml-backend-meta.cpp.
    """

    def wants(self, _node: Node) -> bool:
        """Never, whatever the batch."""
        return False

    @staticmethod
    def optimize(_nodes: list[Node], _start: int, _end: int, _keep: Callable[[Node, Node], None]) -> None:
        """Leave the nodes as they are."""


def row_padding(kind: GgmlType, row: int) -> int:
    """
    What CUDA, ROCm and SYCL add at the end of a quantized matrix.
    """
    rest = row % ROW_PADDING
    return row_size(kind, ROW_PADDING - rest) if kind.block > 1 and rest else 0


def attention_kernel(node: Node) -> str:
    """
    Which kernel computes an attention: ``mma``, ``vector``, or nothing where there is none.
    """
    q, k, v = node.src[:3]
    mask = None if node.tag == "no mask" else node.src[3]
    ratio = q.ne[2] // k.ne[2]
    alibi = node.tag == "alibi"
    grouped = ratio >= 2 and mask is not None and not alibi and k.ne[1] % CELLS_STRIDE == 0
    if grouped:
        for part in node.src[:4]:
            if part.kind.block == 1 and any(stride % 16 for stride in part.nb[1:]):
                grouped = False
    head = k.ne[0]
    if head in _OTHER_HEADS:
        value, divisor = _OTHER_HEADS[head]
        if v.ne[0] != value or not grouped or ratio % divisor:
            return ""
    elif head not in _SAME_HEADS or v.ne[0] != head:
        return ""
    if k.kind.name not in _ATTENTION_TYPES or v.kind.name not in _ATTENTION_TYPES:
        return ""
    if mask is not None and mask.ne[2] != 1:
        return ""
    if head in (40, 72):
        return "mma"
    if q.ne[0] in _VECTOR_HEADS and k.ne[1] % CELLS_STRIDE == 0:
        if k.kind.block == 1 and v.kind.block == 1:
            if q.ne[1] == 1 and q.ne[3] == 1 and not (ratio > 4 and (q.ne[0] >= 256 or k.ne[1] >= 8192)):
                return "vector"
        elif q.ne[1] <= 2:
            return "vector"
        if not grouped and q.ne[1] == 1:
            return "vector"
    return "mma"


def _attention_size(node: Node) -> int:
    size = node.nbytes
    k, v = node.src[1], node.src[2]
    kernel = attention_kernel(node)
    if not kernel or (k.kind.name == v.kind.name == "f16"):
        return size
    vector = kernel == "vector"
    if k.kind.name != "f16" and (not vector or k.kind.name == "f32"):
        size = -(-size // 128) * 128 + 2 * k.elements
    else:
        return _with_values(size, v, vector=vector, copied=False)
    same = v.root is not None and (v.root is k or v.root is k.root)
    return _with_values(size, v, vector=vector, copied=same)


def _with_values(size: int, v: Node, *, vector: bool, copied: bool) -> int:
    if v.kind.name == "f16" or copied or (vector and v.kind.name != "f32"):
        return size
    return -(-size // 128) * 128 + 2 * v.elements


def _mul_mat(node: Node) -> bool:
    a, b = node.src[0], node.src[1]
    if a.nb[0] != a.kind.block_bytes or b.nb[0] != b.kind.block_bytes:
        return False
    return node.tag != "f32 source" and (b.kind.name != "f16" or a.kind.name == "f16")


def _get_rows(node: Node) -> bool:
    table = node.src[0]
    if table.kind.name in ("iq4_nl", "mxfp4"):
        return table.ne[0] % 256 == 0
    return table.kind.name not in ("nvfp4", "q8_K", "tq1_0", "tq2_0")


def _set_rows(node: Node) -> bool:
    rows = node.src[0]
    return node.kind.name in _SET_ROWS and (rows.kind.name == "f32" or rows.kind is node.kind)


def _cpy(node: Node) -> bool:
    a, b = node.src[0].kind.name, node.src[1].kind.name
    if a in _FLOATS and b in _FLOATS:
        return True
    if a == "f32":
        return b in ("q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl", "i32")
    if b == "f32":
        return a in ("q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "i32")
    return a == b and node.src[0].contiguous() and node.src[1].contiguous()


def _binary(node: Node) -> bool:
    first, second, result = node.src[0].kind.name, node.src[1].kind.name, node.kind.name
    if "bf16" in (first, second, result):
        return first == result == "bf16" and second in ("bf16", "f32")
    return {first, second, result} <= {"f32", "f16"}


def _ssm_scan(node: Node) -> bool:
    state = node.src[0]
    if node.src[3].ne[0] == 1:
        return state.ne[0] in _SCAN_STATES and state.ne[1] % 16 == 0
    return state.ne[0] == 16 and state.ne[1] == 1 and state.ne[2] % 128 == 0 and node.src[4].ne[1] == 1


def _lightning_indexer(node: Node) -> bool:
    q, k = node.src[0], node.src[1]
    known = q.ne[0] == _INDEXER_KEY and q.ne[1] in _INDEXER_HEADS
    return known and k.kind.name in _ATTENTION_TYPES


_CHECKS: dict[str, Callable[[Node], bool]] = {
    "flash_attn_ext": lambda node: attention_kernel(node) != "",
    "mul_mat": _mul_mat,
    "mul_mat_id": _mul_mat,
    "get_rows": _get_rows,
    "set_rows": _set_rows,
    "cpy": _cpy,
    "norm": lambda node: node.src[0].contiguous_rows(),
    "rms_norm": lambda node: node.src[0].contiguous_rows(),
    "l2_norm": lambda node: node.src[0].contiguous_rows(),
    "sum_rows": lambda node: node.src[0].contiguous_rows(),
    "clamp": lambda node: node.src[0].contiguous_rows(),
    "glu": lambda node: node.src[0].contiguous(1),
    "rope": lambda node: node.src[0].nb[0] == node.src[0].kind.block_bytes and node.src[0].contiguous(2),
    "add": _binary,
    "sub": _binary,
    "mul": _binary,
    "div": _binary,
    "scale": lambda node: node.src[0].kind.name in ("f32", "bf16"),
    "repeat": lambda node: node.src[0].kind.name in ("f32", "f16"),
    "lightning_indexer": _lightning_indexer,
    "ssm_scan": _ssm_scan,
    "im2col": lambda node: node.src[0].contiguous() and node.src[1].contiguous(),
    "ssm_conv": lambda node: node.src[0].ne[1] % 128 == 0,
}
