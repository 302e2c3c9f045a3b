"""
What one tensor takes in a buffer: its bytes, its padding and its alignment.

Source: llama.cpp b11549, ggml/src/ggml-cuda/ggml-cuda.cu, ggml-vulkan/ggml-vulkan.cpp, ggml-metal/ggml-metal.cpp,
ggml/src/ggml-alloc.c; src/llama-model.cpp (``make_cpu_buft_list``).
"""

from collections.abc import Iterable
from functools import lru_cache

from llmprobe.estimation.placement import HOST
from llmprobe.estimation.settings import pad
from llmprobe.facts.backends import DRIVERS, backend_of
from llmprobe.facts.model import Tensor
from llmprobe.model.quants import TYPES, row_bytes, tensor_bytes

ROW_PAD = 512
"""Padded backends lengthen a quantized tensor so that its last row is a multiple of this."""

HOST_ALIGNMENT = 32


def host_of(devices: Iterable[str]) -> str:
    """
    The kind of host memory that weights take beside devices of these kinds: what the first that offers any has.
    """
    for device in devices:
        align = DRIVERS[device].host_align
        if align is not None:
            return HOST if align == HOST_ALIGNMENT else f"{HOST}-{device}"
    return HOST


def is_host(memory: str) -> bool:
    """
    Whether a kind of memory is that of the host.
    """
    return memory.startswith(HOST)


def offering(memory: str) -> str | None:
    """
    The kind of device that memory belongs to, or that offers it of the host; None for plain memory of the host.
    """
    if not is_host(memory):
        return memory
    return memory.removeprefix(HOST).removeprefix("-") or None


def alignment(memory: str) -> int:
    """
    The multiple of bytes at which a tensor begins: on a kind of device, or in a kind of host memory.
    """
    device = offering(memory)
    if device is None:
        return HOST_ALIGNMENT
    driver = DRIVERS[device]
    return driver.align if memory == device else driver.host_align or HOST_ALIGNMENT


def offers_host(devices: Iterable[str]) -> bool:
    """
    Whether the first of the devices offers host memory for weights, so that none of them is kept in another order.
    """
    return any(DRIVERS[device].host_align is not None for device in devices)


def may_refuse(device: str) -> bool:
    """
    Whether there are weights with which a kind of device computes nothing.
    """
    return bool(backend_of(device).refuses) or DRIVERS[device].largest is not None


def stays_on_host(tensor: Tensor, device: str) -> bool:
    """
    Whether a kind of device computes nothing with a weight, for its type or for its size.
    """
    return kind_of(tensor) in backend_of(device).refuses or too_large(tensor, device)


def too_large(tensor: Tensor, device: str) -> bool:
    """
    Whether a weight has more bytes than a kind of device can bind at once.
    """
    largest = DRIVERS[device].largest
    return largest is not None and tensor_bytes(tensor.shape, kind_of(tensor)) > largest


def stored_bytes(tensor: Tensor, memory: str) -> int:
    """
    What a tensor takes on a kind of device or in a kind of host memory, its padding and alignment with it.
    """
    return _stored_bytes(tensor.shape, kind_of(tensor), memory)


def rows_bytes(kind: str, width: int, rows: int, memory: str) -> int:
    """
    The same of so many rows of a cache.
    """
    return _padded(row_bytes(kind, width) * rows, kind, width, memory)


# A model of many hundred tensors has a dozen shapes, and is weighed in two dozen quantizations.
@lru_cache(maxsize=4096)
def _stored_bytes(shape: tuple[int, ...], kind: str, memory: str) -> int:
    return _padded(tensor_bytes(shape, kind), kind, shape[0], memory)


def _padded(size: int, kind: str, width: int, memory: str) -> int:
    if not is_host(memory) and DRIVERS[memory].padded:
        size += row_padding(kind, width)
    return pad(size, alignment(memory))


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
