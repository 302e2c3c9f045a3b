"""
Which types of K and V a backend's flash attention reads as they are, converts for every token, or leaves to the CPU.
"""

from typing import Literal

import msgspec

from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.devices import Hardware
from llmprobe.facts.settings import Settings
from llmprobe.model.archs import CacheLayout
from llmprobe.model.quants import TYPES, ggml_type

Reading = Literal["as it is", "converted", "off", "on the CPU"]
"""
``converted`` reads K and V, writes them as f16, and reads these, for every token. Where there is no kernel, flash
attention is ``off`` if that is left to the engine, and else computed on the CPU.
"""

_WRITTEN_AND_READ = 4
"""The bytes of a value that is written as f16 and read again."""


def reading(settings: Settings, hardware: Hardware, layout: CacheLayout) -> Reading:
    """
    How flash attention reads the cache. Latent caches have kernels of their own, and one type for both.
    """
    if not layout.kv or layout.latent or not hardware.devices or settings.flash_attn == "off":
        return "as it is"
    pair = settings.cache_type_k, settings.cache_type_v
    found = {of_backend(device.backend, *pair) for device in hardware.devices}
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


def converted_times(cache_type_k: str, cache_type_v: str) -> float:
    """
    How many times the bytes of a cache are moved that is read, written as f16 and read again.
    """
    types = _plain(cache_type_k), _plain(cache_type_v)
    stored = [TYPES[kind].block_bytes / TYPES[kind].block for kind in types]
    return 1 + _WRITTEN_AND_READ * sum(kind != "f16" for kind in types) / sum(stored)


def _plain(kind: str) -> str:
    return "f16" if kind == "f32" else kind


def of_backend(
    backend: str, cache_type_k: str, cache_type_v: str
) -> Literal["as it is", "converted", "none"]:
    """
    How a backend's flash attention takes these types of K and V: with a kernel for them, for f16, or not at all.
    """
    k, v, types = _plain(cache_type_k), _plain(cache_type_v), BACKENDS[backend].flash
    if {k, v} & types.never:
        return "none"
    if types.pairs is not None:
        return "as it is" if (k, v) in types.pairs else "converted" if types.converts else "none"
    return "none" if k != v and (types.equal or {k, v} & types.alone) else "as it is"
