"""
Caches that llama.cpp would end on: it leaves a tensor of K or V where it is, whether a device can bind that or not.

Source: llama.cpp b11549, ggml/src/ggml-backend.cpp (``ggml_backend_sched_backend_id_from_cur``).
"""

import msgspec

from llmprobe.errors import RefusedError
from llmprobe.estimation.memory.kv_cache import cells, streams
from llmprobe.estimation.placement import Span
from llmprobe.estimation.settings import CELL_PAD
from llmprobe.facts.backends import DRIVERS
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.model.archs import CacheLayout
from llmprobe.model.quants import row_bytes
from llmprobe.words.message import Message, message


class CacheTooLargeError(RefusedError):
    """
    A device cannot bind the K or V of one layer; ``beyond_bytes`` is what the tensor has too many.
    """

    def __init__(self, about: Message, hint: Message, *, device: str, beyond_bytes: int) -> None:
        super().__init__(about, hint=hint)
        self.device = device
        self.beyond_bytes = beyond_bytes


def refuse_large_caches(
    layout: CacheLayout, run: ResolvedSettings, spans: tuple[Span, ...], backends: dict[str, str]
) -> None:
    """
    Refuse a cache of which a device cannot bind the K or V of one layer.

    Raises:
        CacheTooLargeError: with the longest context that loads, where there is one.
    """
    if not run.kv_offload:
        return
    for span in spans:
        largest = DRIVERS[backends[span.device]].largest if span.device in backends else None
        if largest is None:
            continue
        size, layer = _largest(layout, run, span)
        if size > largest:
            longest = _longest(layout, run, span, largest)
            raise CacheTooLargeError(
                message(
                    "error.cache-tensor-too-large",
                    device=span.device,
                    layer=layer,
                    bytes=size,
                    largest=largest,
                ),
                message("hint.cache-tensor-loads", ctx_size=longest)
                if longest
                else message("hint.cache-in-ram"),
                device=span.device,
                beyond_bytes=size - largest,
            )


def _largest(layout: CacheLayout, run: ResolvedSettings, span: Span) -> tuple[int, int]:
    """
    The bytes of the largest tensor of K or V on a device, and its layer.
    """
    found = (0, 0)
    for cache in layout.kv:
        alike = (cache,) if cache.own_widths else [one for one in layout.kv if not one.own_widths]
        widest = max((layer.v for one in alike for layer in one.layers), default=0)
        rows = cells(cache, run, run.ubatch_size) * streams(cache, run)
        for layer in cache.layers:
            if not span.start <= layer.layer < span.stop:
                continue
            v = widest if layer.v and run.flash_attn == "off" else layer.v
            size = (
                max(row_bytes(run.cache_type_k, layer.k), row_bytes(run.cache_type_v, v) if v else 0) * rows
            )
            if size > found[0]:
                found = size, layer.layer
    return found


def _longest(layout: CacheLayout, run: ResolvedSettings, span: Span, largest: int) -> int:
    """
    The longest context of which every tensor can be bound, 0 where there is none.
    """
    low, high = 0, run.ctx_per_seq // CELL_PAD
    while high - low > 1:
        middle = (low + high) // 2
        shorter = msgspec.structs.replace(run, ctx_per_seq=middle * CELL_PAD)
        if _largest(layout, shorter, span)[0] > largest:
            high = middle
        else:
            low = middle
    return low * CELL_PAD * (1 if run.kv_unified else run.parallel)
