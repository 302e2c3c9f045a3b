"""
How fast a model runs: tokens per second with a range, from what each part of the machine does for one token.

The parts of a split model run one after the other, so their times add. Generation reads every active weight
once, and the cache of its sequence; a prompt is arithmetic. The constants are fitted to published measurements
(``data/speed.json``, ``benchmarks/fit_speed.py``); each says on how many it stands.
"""

import math
from collections.abc import Sequence

from llmprobe.data import table
from llmprobe.estimation.speed.network import network_parts
from llmprobe.estimation.speed.parts import (
    CPU,
    Constants,
    Part,
    Share,
    device_part,
    fills_ram,
    host_part,
    total,
)
from llmprobe.estimation.speed.prompt import prompt_speed
from llmprobe.estimation.speed.ranking import ranking_prompt_speed
from llmprobe.estimation.speed.together import together
from llmprobe.facts.estimate import Range, Speed
from llmprobe.facts.processor import Processor
from llmprobe.words.message import Message, message

__all__ = ["Share", "generation_speed", "ranking_prompt_speed", "speed_at"]

NEGLIGIBLE = 1000
"""A part that reads less than a thousandth of all bytes (the rows of an embedding) cannot change the figure."""

WORTH_SAYING = 0.95
"""The speed at a full context is said where it is below this part of that at a short one."""

UNMEASURED_PROMPTS = (0.25, 2.5)
"""Where the link, the arithmetic or the class of a device is not known: parts of what is assumed then."""

NO_GENERATION = Speed(
    generation_tokens_per_s=None,
    prompt_tokens_per_s=None,
    reason=message("speed.no-generation"),
)


def generation_speed(
    shares: Sequence[Share],
    *,
    moe: bool,
    quant: str = "Q4_K_M",
    processor: Processor | None = None,
    ubatch_size: int = 512,
    op_offload: bool = True,
    constants: Constants | None = None,
) -> Speed:
    """
    Tokens per second at a short and at a full context, and for a prompt, or why they are unknown.

    ``processor`` None is one of which nothing is known. ``constants`` are those of ``data/speed.json`` unless a
    fit is given.
    """
    if constants is None:
        constants = table("speed")
    prompt, about_prompt = prompt_speed(
        constants,
        shares,
        moe=moe,
        quant=quant,
        processor=processor,
        ubatch_size=ubatch_size,
        op_offload=op_offload,
    )
    reading = that_count(shares)
    unknown = _unknown(reading)
    if unknown is not None:
        return Speed(
            generation_tokens_per_s=None,
            prompt_tokens_per_s=prompt,
            reason=message("speed.unknown", why=unknown, prompt=_of_prompt(prompt, about_prompt)),
        )
    cores = processor or Processor()
    short, full = (_parts(constants, reading, cores, moe, quant, filled) for filled in (0.0, 1.0))
    generation, at_full = _rate(short), _rate(full)
    prompt_words, assumed = _of_prompt(prompt, about_prompt), prompt is None
    if prompt is None:
        prompt = unmeasured(
            ranking_prompt_speed(
                shares,
                moe=moe,
                quant=quant,
                ubatch_size=ubatch_size,
                op_offload=op_offload,
                processor=processor,
                filled=0.0,
            )
        )
        prompt_words = message("speed.prompt-assumed", parts=about_prompt)
    if prompt is not None and prompt.likely < generation.likely:
        # A prompt could be read as text is written, a token at a time.
        prompt_words = message("speed.prompt-as-generation", parts=about_prompt)
        prompt = Range(
            low=max(prompt.low, generation.low),
            likely=generation.likely,
            high=max(prompt.high, generation.high),
        )
    return Speed(
        generation_tokens_per_s=_doubted(generation, shares),
        generation_at_full_context_tokens_per_s=_doubted(at_full, shares),
        prompt_tokens_per_s=prompt if prompt is None or assumed else _doubted(prompt, shares),
        prompt_is_assumed=assumed,
        reason=message(
            "speed.generation",
            parts=tuple(part.words for part in short),
            tokens_per_s_at_full_context=at_full.likely
            if at_full.likely < generation.likely * WORTH_SAYING
            else None,
            prompt=prompt_words,
        ),
    )


def speed_at(
    shares: Sequence[Share],
    *,
    filled: float,
    moe: bool,
    quant: str = "Q4_K_M",
    processor: Processor | None = None,
) -> float | None:
    """
    The likely tokens per second with a part of the context in use, 0 to 1, or None where it is unknown.
    """
    reading = that_count(shares)
    if _unknown(reading) is not None:
        return None
    parts = _parts(table("speed"), reading, processor or Processor(), moe, quant, filled)
    return 1 / sum(part.likely for part in parts)


def _doubted(speed: Range, shares: Sequence[Share]) -> Range:
    """
    A speed with the range that an assumed bandwidth of a device adds to it, or a cache that a build may not read.
    """
    low = min((share.bandwidth_low * share.cache_low for share in shares), default=1.0)
    high = max((share.bandwidth_high for share in shares), default=1.0)
    return Range(low=round(speed.low * low, 2), likely=speed.likely, high=round(speed.high * high, 2))


def unmeasured(likely: float) -> Range | None:
    """
    A prompt speed that no measurement stands for, as wide as its classes differ; None where nothing is computed.
    """
    if likely == math.inf:
        return None
    low, high = UNMEASURED_PROMPTS
    return Range(low=round(likely * low, 1), likely=round(likely, 1), high=round(likely * high, 1))


def that_count(shares: Sequence[Share]) -> list[Share]:
    """
    The shares that count.
    """
    total = sum(_read(share) for share in shares)
    return [share for share in shares if _read(share) * NEGLIGIBLE > total or share.switches]


def _parts(
    constants: Constants, shares: Sequence[Share], cores: Processor, moe: bool, quant: str, filled: float
) -> tuple[Part, ...]:
    crowded = fills_ram(shares, cores)
    computed = tuple(
        host_part(
            constants,
            share,
            share.processor or cores,
            quant=quant,
            filled=filled,
            crowded=crowded and share.is_host,
        )
        if share.backend == CPU
        else together(
            device_part(constants, share, moe=moe, quant=quant, filled=filled), share.together, "generation"
        )
        for share in shares
    )
    return (*computed, *network_parts(shares, tokens=1, filled=filled))


def _rate(parts: Sequence[Part]) -> Range:
    likely, fastest, slowest = total(parts)
    return Range(low=round(1 / slowest, 2), likely=round(1 / likely, 2), high=round(1 / fastest, 2))


def _unknown(shares: Sequence[Share]) -> Message | None:
    """
    Why the speed of these parts is unknown, or None.
    """
    if not shares:
        return message("speed.nothing-read")
    for share in shares:
        if share.bandwidth_bytes_per_s is None:
            if share.is_host:
                return message("speed.ram-bandwidth-unknown", bytes=_read(share))
            return message("speed.bandwidth-unknown", device=share.device, bytes=_read(share))
    return None


def _read(share: Share) -> int:
    """
    The most that a share reads for one token.
    """
    return share.active_bytes + share.cache_bytes + share.state_bytes


def _of_prompt(prompt: Range | None, parts: tuple[Message, ...]) -> Message:
    return message("speed.prompt-unknown" if prompt is None else "speed.prompt", parts=parts)
