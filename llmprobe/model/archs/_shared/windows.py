"""
Which layers look back over a window only, as the metadata says it or as a family does it.

Source: llama.cpp b11549, src/llama-model.cpp (load_swa_pattern), src/llama-hparams.cpp (set_swa_pattern).
"""

from llmprobe.facts.model import Hparams
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache, every_nth_full, sliding_cache
from llmprobe.model.archs._shared.sizes import Sizes

KEY = "attention.sliding_window_pattern"


def sliding_layers(sizes: Sizes, period: int, *, first: bool = False) -> tuple[bool, ...]:
    """
    For each layer whether it slides: from a list in the metadata, or one in a period does not.

    The period in the metadata goes before the family's ``period``; next-token layers never slide.
    """
    told = sizes.flags(KEY)
    if told is not None:
        return told
    # A period of 0 is llama.cpp's way to say that every layer slides.
    count = sizes.number(KEY, period)
    trunk = every_nth_full(len(sizes.trunk), count, first=first) if count else (True,) * len(sizes.trunk)
    return trunk + (False,) * (sizes.n_layer - len(trunk))


def windowed_cache(hparams: Hparams, period: int, *, first: bool = False) -> CacheLayout:
    """
    Two caches where the metadata has a window, else one over the whole context.
    """
    sizes = Sizes(hparams)
    if not sizes.number("attention.sliding_window", 0):
        return attention_cache(hparams)
    return sliding_cache(hparams, sliding_layers(sizes, period, first=first))
