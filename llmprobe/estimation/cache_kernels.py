"""
Which types of K and V a backend's flash attention reads as they are, converts for every token, or leaves to the CPU.

Sources: llama.cpp b11549, ggml/CMakeLists.txt (``GGML_CUDA_FA_QUANTS``, the pairs that a build has unless told
otherwise), ggml/src/ggml-cuda/fattn.cu, ggml-metal/ggml-metal-device.m, ggml-sycl/fattn.cpp, ggml-vulkan.cpp.
"""

from typing import Literal

import msgspec

from llmprobe.facts.devices import Hardware
from llmprobe.facts.settings import Settings
from llmprobe.model.archs import CacheLayout
from llmprobe.model.quants import TYPES, ggml_type

Reading = Literal["as it is", "converted", "off", "on the CPU"]
"""
``converted`` reads K and V, writes them as f16, and reads these, for every token. Where there is no kernel, flash
attention is ``off`` if that is left to the engine, and else computed on the CPU.
"""

_CUDA_PAIRS = frozenset({("f16", "f16"), ("bf16", "bf16"), ("q8_0", "q8_0"), ("q4_0", "q4_0")})
_NO_KERNEL_IN_CUDA = frozenset({"iq4_nl"})
_NO_KERNEL_IN_METAL = frozenset({"iq4_nl"})
_SYCL_TYPES = frozenset({"f16", "q8_0", "q4_0"})
_WRITTEN_AND_READ = 4
"""The bytes of a value that is written as f16 and read again."""


def reading(settings: Settings, hardware: Hardware, layout: CacheLayout) -> Reading:
    """
    How flash attention reads the cache. Latent caches have kernels of their own, and one type for both.
    """
    if not layout.kv or layout.latent or not hardware.devices or settings.flash_attn == "off":
        return "as it is"
    pair = _plain(settings.cache_type_k), _plain(settings.cache_type_v)
    found = {_of_backend(device.backend, *pair) for device in hardware.devices}
    if "none" in found:
        left_open = settings.flash_attn == "auto" and settings.split_mode != "tensor"
        return "off" if left_open and not ggml_type(settings.cache_type_v).quantized else "on the CPU"
    return "converted" if "converted" in found else "as it is"


def as_attended(settings: Settings, hardware: Hardware, layout: CacheLayout) -> Settings:
    """
    The settings that speed is told by: attention on the CPU is as slow as over a cache that lies there.
    """
    if reading(settings, hardware, layout) != "on the CPU":
        return settings
    return msgspec.structs.replace(settings, kv_offload=False)


def read_times(cache_type_k: str, cache_type_v: str, backend: str) -> float:
    """
    How many times the bytes of a cache a token moves: once, or more where it is converted.
    """
    types = _plain(cache_type_k), _plain(cache_type_v)
    if _of_backend(backend, *types) != "converted":
        return 1.0
    stored = [TYPES[kind].block_bytes / TYPES[kind].block for kind in types]
    return 1 + _WRITTEN_AND_READ * sum(kind != "f16" for kind in types) / sum(stored)


def _plain(kind: str) -> str:
    return "f16" if kind == "f32" else kind


def _of_backend(backend: str, k: str, v: str) -> Literal["as it is", "converted", "none"]:
    if backend in ("cuda", "rocm"):
        if {k, v} & _NO_KERNEL_IN_CUDA:
            return "none"
        return "as it is" if (k, v) in _CUDA_PAIRS else "converted"
    if backend == "metal":
        return "as it is" if k == v and k not in _NO_KERNEL_IN_METAL else "none"
    if backend == "sycl":
        return "as it is" if k == v and k in _SYCL_TYPES else "none"
    return "none" if "bf16" in (k, v) and k != v else "as it is"
