"""
What llama.cpp's SYCL backend computes, and how much memory it wants for it. It moves no nodes and fuses none.

The rules are those of Intel's cards with oneDNN, which official builds have. Source: llama.cpp b11549,
ggml/src/ggml-sycl (ggml-sycl.cpp, fattn.cpp, fattn-onednn.cpp).
"""

from collections.abc import Callable

from llmprobe.estimation.compute.assignment import Keep
from llmprobe.estimation.compute.cuda import CELLS_STRIDE, is_large, row_padding
from llmprobe.estimation.compute.scheduler import HOST_ALIGN
from llmprobe.estimation.compute.tape import rounded_up
from llmprobe.model.archs._building.ops import Node

_SAME_HEADS = frozenset({40, 64, 72, 80, 96, 112, 128, 256, 512})
_TILE_TYPES = frozenset({"f32", "f16", "bf16", "q4_0", "q8_0"})
_CONVERTED = frozenset({"f32", "f16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0"})
_ROWS, _CELLS = 32, 1024
"""From so many rows and cells on a prompt's kernels serve."""
_ALIGN = 128


class SyclRules:
    """
    The rules of one process with SYCL devices.
    """

    device_align = _ALIGN
    host_align = HOST_ALIGN
    pieces: int | None = None
    blas = False

    def supports(self, node: Node, _device: int) -> bool:
        """Whether a device computes this node."""
        check = _CHECKS.get(node.op)
        return check is None or check(node)

    def attends(self, node: Node) -> bool:
        """Whether a device has a kernel for this attention of one token."""
        return _has_tile(node)

    def wants(self, node: Node) -> bool:
        """Whether the batch is large enough to copy weights for it."""
        return is_large(node)

    def alloc_size(self, node: Node) -> int:
        """The bytes of a node: attention has room for copies in f16, matrices have padding at their end."""
        size = _attention_size(node) if node.op == "flash_attn_ext" else node.nbytes
        return size + row_padding(node.kind, node.ne[0]) if node.kind.block > 1 else size

    @staticmethod
    def optimize(_nodes: list[Node], _start: int, _end: int, _keep: Keep) -> None:
        """Leave the nodes as they are."""


def _attention_size(node: Node) -> int:
    """
    The result, and behind it copies of Q, K, V and the result, as far as any kernel might make them.
    """
    q, k, v = node.src[:3]
    narrow = q.ne[2] * q.ne[1] * k.ne[0]
    fused = _is_fused(node)
    bound = k.kind.name == v.kind.name == "f16"
    copied_k = k.elements if k.kind.name != "f16" or (fused and not bound) else 0
    copied_v = v.elements if v.kind.name != "f16" or (fused and not bound) else 0
    inside = v.root is not None and v.root is (k.root or k)
    if inside and not fused:
        copied_v = 0
    size = node.nbytes
    for count in (narrow if fused else 0, copied_k, copied_v, 1 if fused else 0, narrow if fused else 0):
        if type(count) is not int or count:
            size = rounded_up(size, _ALIGN) + 2 * count
    return size


def _is_fused(node: Node) -> bool:
    """
    Whether oneDNN attends for some number of tokens.
    """
    q, k, v = node.src[:3]
    mask = None if node.tag == "no mask" else node.src[3]
    if not (k.kind.name == v.kind.name == "f16"):
        if k.kind.name not in _CONVERTED or v.kind.name not in _CONVERTED:
            return False
        if any(part.kind.name == "f16" and part.nb[1] % (2 * part.ne[0]) for part in (k, v)):
            return False
    if mask is None or mask.kind.name != "f16" or mask.ne[2] != 1 or mask.ne[3] != 1 or len(node.src) > 4:
        return False
    return node.tag == "" and v.ne[0] == k.ne[0] and q.ne[3] == 1 and q.ne[2] % k.ne[2] == 0


def _attention(node: Node) -> bool:
    q, k = node.src[:2]
    if q.ne[1] >= _ROWS and _is_fused(node):
        both = node.src[1].kind.name == node.src[2].kind.name == "f16"
        if both or k.ne[1] >= _CELLS:
            return True
    return _multiplies(node) or _has_tile(node)


def _multiplies(node: Node) -> bool:
    """
    Whether a prompt's attention is products of matrices, whatever the types of its cache.
    """
    q, k, v = node.src[:3]
    if node.tag or len(node.src) > 4 or q.ne[1] < _ROWS or k.ne[1] < _CELLS:
        return False
    ratio = q.ne[2] // k.ne[2]
    usual = 64 <= q.ne[0] <= 512 and q.ne[0] % 64 == 0 and q.ne[0] == v.ne[0]
    latent = (q.ne[0], k.ne[0], v.ne[0]) == (576, 576, 512) and ratio == 20
    latent = latent and k.kind.name == v.kind.name == "f16"
    if ratio < 2 or not (usual or latent) or not (q.ne[3] == k.ne[3] or k.ne[3] == 1):
        return False
    return not any(
        part.kind.name == "f16" and part.nb[1] % (2 * part.ne[0])
        for part in ((k,) if latent and v.nb[1] == k.nb[1] else (k, v))
    )


def _has_tile(node: Node) -> bool:
    """
    Whether the kernel serves that computes any number of tokens.
    """
    q, k, v = node.src[:3]
    mask = None if node.tag == "no mask" else node.src[3]
    head = k.ne[0]
    if head == 576:
        grouped = (
            q.ne[2] // k.ne[2] >= 2
            and mask is not None
            and node.tag != "alibi"
            and k.ne[1] % CELLS_STRIDE == 0
            and not any(
                part.kind.block == 1 and any(stride % 16 for stride in part.nb[1:]) for part in node.src[:4]
            )
        )
        if v.ne[0] != 512 or not grouped:
            return False
    elif head not in _SAME_HEADS or v.ne[0] != head:
        return False
    if k.kind is not v.kind or k.kind.name not in _TILE_TYPES:
        return False
    return mask is None or mask.ne[2] == 1


def _mul_mat(node: Node) -> bool:
    a, b = node.src[0], node.src[1]
    if a.ne[3] != b.ne[3] or a.kind.name in ("tq1_0", "tq2_0"):
        return False
    if a.kind.name != "f16":
        return True
    if _permuted(a) and not a.contiguous() and a.ne[2] > 1 and a.ne[3] > 1:
        return False
    wide = b.ne[2] > 1 and b.ne[3] > 1 and a.ne[0] > 128 and a.ne[2] == 1
    return not (wide and not _permuted(a) and _permuted(b))


def _permuted(node: Node) -> bool:
    nb = node.nb
    return nb[0] > nb[1] or nb[1] > nb[2] or nb[2] > nb[3]


def _copy(node: Node) -> bool:
    # Of the types of caches and activations; no graph copies weights.
    a, b = node.src[0].kind.name, node.src[-1].kind.name
    return not (b == "f32" and a == "iq4_nl") and not (a == "bf16" and b in ("q4_0", "q4_1", "q8_0"))


def _ssm_scan(node: Node) -> bool:
    state = node.src[0]
    return node.src[3].ne[0] == 1 and state.ne[0] in (128, 256) and state.ne[1] % 16 == 0


def _contiguous(node: Node) -> bool:
    return node.src[0].contiguous()


_CHECKS: dict[str, Callable[[Node], bool]] = {
    "flash_attn_ext": _attention,
    "mul_mat": _mul_mat,
    "mul_mat_id": _mul_mat,
    "get_rows": lambda node: node.src[0].kind.name not in ("q2_0", "q8_K", "tq1_0", "tq2_0"),
    "set_rows": lambda node: node.kind.name not in ("tq1_0", "tq2_0") and node.src[0].kind.block == 1,
    "cpy": _copy,
    "glu": lambda node: node.src[0].contiguous(1),
    "sum_rows": _contiguous,
    "mean": _contiguous,
    "lightning_indexer": lambda node: node.src[0].ne[0] == 128,
    "ssm_scan": _ssm_scan,
    "ssm_conv": lambda node: node.src[0].kind.name == "f32",
    "solve_tri": lambda node: node.src[0].ne[0] <= 64 and node.src[1].ne[0] <= 64,
}
