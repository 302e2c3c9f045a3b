"""
How long one waits for an answer to begin: prompts behind a full context, and the time to the first token.
"""

from collections.abc import Sequence

import msgspec

from llmprobe.data import table
from llmprobe.estimation.speed.generation import unmeasured
from llmprobe.estimation.speed.parts import Share
from llmprobe.estimation.speed.prompt import prompt_speed
from llmprobe.estimation.speed.ranking import ranking_prompt_speed
from llmprobe.facts.estimate import Range, Speed
from llmprobe.facts.processor import Processor

USUAL_PROMPT = 2048
"""Tokens of a prompt where nobody says: a question with a page or two to read, at the most half of the context."""


def with_waiting(
    speed: Speed,
    shares: Sequence[Share],
    *,
    moe: bool,
    quant: str,
    processor: Processor | None,
    ubatch_size: int,
    op_offload: bool,
    ctx_size: int,
    prompt_tokens: int | None = None,
) -> Speed:
    """
    A speed with that of prompts behind a full context, and the seconds until the first token of an answer.

    ``ctx_size`` is that of one sequence, to which the caches of ``shares`` belong. ``prompt_tokens`` None is a usual
    prompt. A speed without one of prompts stays as it is.
    """
    if speed.prompt_tokens_per_s is None:
        return speed
    tokens = prompt_tokens or max(1, min(USUAL_PROMPT, ctx_size // 2))

    def prompts(filled: float, length: int | None) -> Range | None:
        found, _ = prompt_speed(
            table("speed"),
            shares,
            moe=moe,
            quant=quant,
            processor=processor,
            ubatch_size=ubatch_size,
            op_offload=op_offload,
            filled=filled,
            tokens=length,
        )
        return found or unmeasured(
            ranking_prompt_speed(
                shares,
                moe=moe,
                quant=quant,
                ubatch_size=ubatch_size,
                op_offload=op_offload,
                processor=processor,
                filled=filled,
            )
        )

    full = _at_least(prompts(1.0, None), speed.generation_at_full_context_tokens_per_s)
    # In the middle of the prompt half of it lies behind.
    reading = _at_least(
        prompts(min(1.0, tokens / 2 / max(ctx_size, 1)), tokens), speed.generation_tokens_per_s
    )
    return msgspec.structs.replace(
        speed,
        prompt_at_full_context_tokens_per_s=full,
        time_to_first_token_s=None if reading is None else _seconds(tokens, reading),
        prompt_tokens=tokens,
    )


def _at_least(prompts: Range | None, generation: Range | None) -> Range | None:
    """
    A prompt could be read as text is written, a token at a time.
    """
    if prompts is None or generation is None or prompts.likely >= generation.likely:
        return prompts
    return Range(
        low=max(prompts.low, generation.low),
        likely=generation.likely,
        high=max(prompts.high, generation.high),
    )


def _seconds(tokens: int, rate: Range) -> Range | None:
    if not rate.low:
        return None
    return Range(
        low=round(tokens / rate.high, 3),
        likely=round(tokens / rate.likely, 3),
        high=round(tokens / rate.low, 3),
    )
