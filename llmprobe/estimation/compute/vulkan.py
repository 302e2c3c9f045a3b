"""
What llama.cpp's Vulkan backend computes, and how much memory it wants for it.

What differs from driver to driver is in ``facts/backends.py``. Source: llama.cpp b11549,
ggml/src/ggml-vulkan/ggml-vulkan.cpp (``ggml_backend_vk_device_supports_op``, ``ggml_backend_vk_buffer_type_...``).
"""

from collections.abc import Callable

from llmprobe.estimation.compute import vulkan_order
from llmprobe.estimation.compute.cuda import is_large
from llmprobe.estimation.compute.scheduler import HOST_ALIGN
from llmprobe.facts.backends import Driver
from llmprobe.model.archs._building.ops import Node

_CACHED = frozenset({"f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl"})
_QUANTIZED_ROWS = frozenset({"q1_0", "q2_0", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl"})
_HALVES = frozenset({"f16", "bf16"})
_DELTA_HEADS = frozenset({16, 32, 64, 128})


class VulkanRules:
    """
    The rules of one process with Vulkan devices of one driver.
    """

    blas = False

    def __init__(self, driver: Driver) -> None:
        self.device_align = driver.align
        self.host_align = driver.host_align or HOST_ALIGN
        self.pieces = driver.pieces
        self._largest = driver.largest
        self._attends = driver.attends

    def supports(self, node: Node, _device: int) -> bool:
        """Whether the device computes this node."""
        if self._largest is not None and any(one.nbytes > self._largest for one in (node, *node.src)):
            return False
        if node.op == "flash_attn_ext":
            return self.attends(node)
        check = _CHECKS.get(node.op)
        return check is None or check(node)

    def attends(self, node: Node) -> bool:
        """Whether the device has a kernel for this attention."""
        k, v = node.src[1:3]
        mask = None if node.tag == "no mask" else node.src[3]
        if k.ne[0] % 8 or v.ne[0] % 8 or not (mask is None or mask.kind.name == "f16"):
            return False
        if k.kind.name not in _CACHED or v.kind.name not in _CACHED:
            return False
        return self._attends and (k.kind.name == "bf16") == (v.kind.name == "bf16")

    def wants(self, node: Node) -> bool:
        """Whether the batch is large enough to copy weights for it."""
        return is_large(node)

    def alloc_size(self, node: Node) -> int:
        """The bytes of a node, with nothing beside them."""
        return node.nbytes

    optimize = staticmethod(vulkan_order.optimize)


def _floats(node: Node) -> bool:
    return node.src[0].kind.name in ("f32", "f16") and node.kind is node.src[0].kind


def _gated(node: Node) -> bool:
    return _floats(node) and all(source.kind is node.kind for source in node.src)


def _binary(node: Node) -> bool:
    return {node.src[0].kind.name, node.src[1].kind.name, node.kind.name} <= {"f32", "f16"}


def _mul_mat(node: Node) -> bool:
    a, b = node.src[0], node.src[1]
    other = node.src[2] if node.op == "mul_mat_id" else a
    if other.ne[3] != b.ne[3] or (node.op == "mul_mat_id" and node.tag == "f32 source"):
        return False
    if not (a.kind.name in ("f32", "f16", "bf16") or _plain(a)):
        return False
    if not (b.kind.name in ("f32", "f16") or _plain(b)):
        return False
    if a.kind.name == "bf16":
        return b.kind.name != "f16"
    return b.kind.name != "bf16"


def _plain(node: Node) -> bool:
    """
    Whether the rows of each matrix follow each other.
    """
    kind, ne, nb = node.kind, node.ne, node.nb
    return (
        nb[0] == kind.block_bytes
        and nb[1] == nb[0] * ne[0] // kind.block
        and (ne[3] == 1 or nb[3] == nb[2] * ne[2])
    )


def _copy(node: Node) -> bool:
    # Of a node without a second source the backend compares the first with itself.
    first = node.src[0]
    source, result = first.kind.name, node.src[-1].kind.name
    if source == "f32" and (result in _HALVES or result in _QUANTIZED_ROWS or result in ("f32", "i32")):
        return True
    if result == "f32" and (source in _HALVES or source in _QUANTIZED_ROWS or source == "i32"):
        return True
    if source != result:
        return False
    whole = first.kind.block == 1 or (first.contiguous() and node.contiguous())
    return whole and first.kind.block_bytes % 2 == 0


def _set_rows(node: Node) -> bool:
    kind = node.kind.name
    known = kind in ("f32", "f16", "bf16") or kind in _QUANTIZED_ROWS
    return known and node.src[0].kind.name in ("f32", "f16")


def _concat(node: Node) -> bool:
    a, b = node.src[:2]
    if not a.kind is b.kind is node.kind:
        return False
    return a.kind.block == 1 or all(one.contiguous_rows() for one in (a, b, node))


def _repeat(node: Node) -> bool:
    size = node.kind.block_bytes
    return size == node.src[0].kind.block_bytes and size in (2, 4)


def _ssm_scan(node: Node) -> bool:
    state = node.src[0]
    return node.src[3].ne[0] == 1 and state.ne[0] in (128, 256) and state.ne[1] % 16 == 0


def _delta_net(node: Node) -> bool:
    return node.src[2].ne[0] in _DELTA_HEADS and all(source.kind.name == "f32" for source in node.src[:6])


def _four_streams(node: Node) -> bool:
    return node.src[0 if node.op == "dsv4_hc_pre" else 1].ne[1] == 4


def _lightning_indexer(node: Node) -> bool:
    q, k = node.src[:2]
    return (
        q.ne[0] == 128
        and k.kind.name in _CACHED
        and all(part.nb[0] == part.kind.block_bytes for part in node.src[:4])
    )


def _f32(node: Node) -> bool:
    return node.src[0].kind.name == "f32"


def _whole_f32(node: Node) -> bool:
    return _f32(node) and node.src[0].contiguous()


def _sorted(node: Node) -> bool:
    return node.src[0].contiguous()


_CHECKS: dict[str, Callable[[Node], bool]] = {
    "unary": _floats,
    "glu": _gated,
    "sqr": _floats,
    "sin": _floats,
    "cos": _floats,
    "clamp": _floats,
    "log": _floats,
    "tri": _floats,
    "diag": _floats,
    "sqrt": _floats,
    "mul_mat": _mul_mat,
    "mul_mat_id": _mul_mat,
    "get_rows": lambda node: node.src[0].kind.name != "q8_K",
    "set_rows": _set_rows,
    "cpy": _copy,
    "cont": _copy,
    "dup": _copy,
    "repeat": _repeat,
    "rope": lambda node: node.contiguous_rows() and node.src[0].contiguous_rows(),
    "norm": _f32,
    "l2_norm": _f32,
    "add": _binary,
    "sub": _binary,
    "mul": _binary,
    "div": _binary,
    "argsort": _sorted,
    "upscale": _f32,
    "pad": _f32,
    "scale": _whole_f32,
    "soft_max": _whole_f32,
    "concat": _concat,
    "sum_rows": lambda node: _f32(node) and node.src[0].contiguous_rows(),
    "mean": lambda node: _f32(node) and node.src[0].contiguous_rows(),
    "cumsum": lambda node: _f32(node) and node.src[0].contiguous_rows(),
    "set": lambda node: (
        node.src[0].kind is node.src[1].kind is node.kind and node.kind.name in ("f32", "i32")
    ),
    "conv_2d": lambda node: node.src[0].kind.name in ("f16", "f32") and node.src[1].contiguous(),
    "conv_2d_dw": lambda node: node.src[0].kind.name in ("f16", "f32"),
    "im2col": lambda node: node.src[1].contiguous() and node.src[1].kind.name == "f32",
    "pool_1d": _whole_f32,
    "pool_2d": _whole_f32,
    "ssm_scan": _ssm_scan,
    "ssm_conv": _f32,
    "gated_delta_net": _delta_net,
    "lightning_indexer": _lightning_indexer,
    "dsv4_hc_pre": _four_streams,
    "dsv4_hc_post": _four_streams,
}
