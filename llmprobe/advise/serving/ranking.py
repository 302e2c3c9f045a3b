"""
Which of the ways to serve a model is worth most for these wishes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log2

import msgspec

from llmprobe.advise.serving.formats import is_unusual
from llmprobe.advise.serving.search import Way
from llmprobe.estimation.serving import MemoryModel
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Wishes
from llmprobe.words.message import Message, message

CACHE_TYPES = {"f16": "auto", "bf16": "bfloat16", "q8_0": "fp8"}
"""The types of llama.cpp's cache that have one of as many bits."""

DEFAULT_LENGTH = 32768
"""The length that is planned for where none is wished and the model was trained for more."""
SHORT_LENGTH = 8192
"""What is taken instead where that fits nowhere."""
_LOSS, _SPEED, _ROOM, _DEVICE, _UNPACKED = 14.0, 0.25, 0.1, 0.2, 0.15
"""What a unit of divergence, a doubling of the speed, of the tokens in the pool, and of the devices is worth, and what
it costs that weights must be unpacked, which slows prompts and large batches."""
_PRIORITY = {
    "balanced": (1.0, 1.0, 1.0),
    "quality": (6.0, 0.4, 0.5),
    "speed": (0.4, 2.0, 1.0),
    "context": (0.4, 0.4, 6.0),
}
_UNUSUAL = 0.15
"""What whole numbers of eight bits cost on a card that computes FP8, which engines are tuned for."""
_SHORT = 0.2
"""What each halving of the longest request below the usual length costs, where nobody asked for a length."""
_SLOW, _READING = 0.25, 15.0
"""What each halving of the speed of one request below this many tokens per second costs besides: people wait for it."""
_MACHINE = 0.4
"""What each doubling of the machines costs beside their devices: all must run, and be started together."""

Find = Callable[[int], list[Way]]
"""All ways for requests of so many tokens."""


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """
    The ways that serve as wished, ``best`` first, all that were ``found``, for requests of ``length`` tokens.
    """

    best: list[Way]
    found: list[Way]
    length: int
    notes: tuple[Message, ...] = ()


def ranked(model: ModelSpec, wishes: Wishes, find: Find, memory: MemoryModel) -> Ranked:
    """
    What is found, ranked: with shorter requests where none surely serves the usual ones, with the longest that surely
    fit where no length is wished.
    """
    length, notes = _length(model, wishes)
    found = find(length)
    if (
        wishes.ctx_size is None
        and not wishes.max_ctx
        and length > SHORT_LENGTH
        and not any(w.sure for w in found)
    ):
        shorter = find(SHORT_LENGTH)
        if any(way.sure for way in shorter) or not any(way.serves for way in found):
            found, length = shorter, SHORT_LENGTH
            notes = (message("note.serving-length-default", ctx_size=length),)
    if wishes.ctx_size is None and not wishes.max_ctx and length > SHORT_LENGTH:
        found = _with_graphs(found, find)
    if wishes.ctx_size is None:
        found = [_longest(way, memory) for way in found]
    kept = [way for way in found if way.serves and _is_fast(way, wishes, memory)]
    best = sorted(kept, key=lambda way: points(way, wishes, memory), reverse=True)
    return Ranked(best=best, found=found, length=length, notes=notes)


def _with_graphs(found: list[Way], find: Find) -> list[Way]:
    """
    Where a way gives up its graphs for the usual length, which nobody asked for, the same one with shorter requests
    and graphs, if that surely serves.
    """
    if not any(way.settings.enforce_eager for way in found):
        return found
    shorter = {_what(way): way for way in find(SHORT_LENGTH) if way.sure and not way.settings.enforce_eager}
    return [shorter.get(_what(way), way) if way.settings.enforce_eager else way for way in found]


def _what(way: Way) -> tuple[str, int, int, tuple[int, ...] | None]:
    settings = way.settings
    ranks = settings.tensor_parallel_size, settings.pipeline_parallel_size
    return way.checkpoint.format, *ranks, way.case.partition


def _length(model: ModelSpec, wishes: Wishes) -> tuple[int, tuple[Message, ...]]:
    trained = model.max_context or int(model.hparams.get("context_length") or 0) or DEFAULT_LENGTH
    if wishes.ctx_size is not None:
        return wishes.ctx_size, ()
    length = min(trained, DEFAULT_LENGTH)
    return length, (message("note.serving-length-default", ctx_size=length),)


def wished_cache_type(wishes: Wishes) -> str | None:
    """
    A wished type of cache in the engine's word; llama.cpp's eight bits are FP8 here.
    """
    return None if wishes.cache_type_k is None else CACHE_TYPES[wishes.cache_type_k]


def _longest(way: Way, memory: MemoryModel) -> Way:
    """
    The same way with the longest requests, up to what the model was trained for, that the pool surely holds.
    """
    pool, asked = way.result.pool, way.settings.max_model_len
    if pool is None or not way.sure:
        return way
    most = pool.longest.low // way.users
    length = max(asked, most if most >= (way.case.model.max_context or most) else most // 1024 * 1024)
    settings = msgspec.structs.replace(
        way.settings, max_model_len=min(length, way.case.model.max_context or length)
    )
    longer = msgspec.structs.replace(way, settings=settings, result=memory.estimate(way.case, settings))
    return longer if longer.sure else way


def _is_fast(way: Way, wishes: Wishes, memory: MemoryModel) -> bool:
    if wishes.min_speed is None:
        return True
    found = way.tokens_per_s(1, 0, memory)
    return found is not None and found.likely >= wishes.min_speed


def points(way: Way, wishes: Wishes, memory: MemoryModel) -> tuple[bool, float]:
    """
    What a way is worth: what is sure comes first; loss, speed, requests at once and devices count by their logarithms.
    """
    loss, pace, room = _PRIORITY[wishes.priority]
    users = max(wishes.parallel, 4)
    rate = way.tokens_per_s(users, min(way.settings.max_model_len, 4096), memory)
    pool = way.result.pool
    length, _ = _length(way.case.model, wishes)
    together = 0.0 if pool is None else min(64.0, max(0.1, pool.tokens.likely / length))
    value = way.quality.value
    worth = -_LOSS * loss * (0.1 if value is None else value)
    worth += _SPEED * pace * (0.0 if rate is None else log2(rate.likely))
    worth += _ROOM * room * log2(together or 0.1)
    worth -= _DEVICE * log2(way.settings.world_size)
    worth -= _SHORT * max(0.0, log2(length / max(1, way.settings.max_model_len)))
    worth -= _UNUSUAL * is_unusual(way.checkpoint.format, way.cards[0])
    if way.step_s is not None:
        worth -= _SLOW * pace * max(0.0, log2(_READING * way.step_s))
    if way.case.network is not None:
        worth -= _MACHINE * log2(way.settings.pipeline_parallel_size)
    worth -= _UNPACKED * (not way.native) * (2 if way.checkpoint.format.startswith("NVFP4") else 1)
    worth -= 0.3 * ("enforce_eager" in way.gives_up) + 0.05 * ("kv_cache_dtype" in way.gives_up)
    return way.sure, worth
