"""
What one tensor takes in a buffer: its bytes, its padding and its alignment.

Source: llama.cpp b11549, ggml/src/ggml-cuda/ggml-cuda.cu, ggml/src/ggml-alloc.c.
"""

from functools import lru_cache

from llmprobe.estimation.placement import HOST
from llmprobe.estimation.settings import pad
from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.model import Tensor
from llmprobe.model.quants import TYPES, row_bytes, tensor_bytes

ROW_PAD = 512
"""Padded backends lengthen a quantized tensor so that its last row is a multiple of this."""

DEVICE_ALIGNMENT = 128
HOST_ALIGNMENT = 32


def stored_bytes(tensor: Tensor, backend: str) -> int:
    """
    What a tensor takes in a buffer of a backend, its padding and alignment with it.
    """
    return _stored_bytes(tensor.shape, kind_of(tensor), backend)


# A model of many hundred tensors has a dozen shapes, and is weighed in two dozen quantizations.
@lru_cache(maxsize=4096)
def _stored_bytes(shape: tuple[int, ...], kind: str, backend: str) -> int:
    size = tensor_bytes(shape, kind)
    if backend == HOST:
        return pad(size, HOST_ALIGNMENT)
    if BACKENDS[backend].padded:
        size += row_padding(kind, shape[0])
    return pad(size, DEVICE_ALIGNMENT)


def row_padding(kind: str, ne0: int) -> int:
    """
    The bytes that CUDA adds at the end of a quantized tensor whose rows are no multiple of 512 values.
    """
    if not TYPES[kind].quantized or ne0 % ROW_PAD == 0:
        return 0
    return row_bytes(kind, ROW_PAD - ne0 % ROW_PAD)


def kind_of(tensor: Tensor) -> str:
    """
    The type of a tensor that has one.
    """
    assert tensor.type is not None, tensor.name
    return tensor.type
