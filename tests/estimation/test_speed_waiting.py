"""
How long an answer takes to begin, with figures that can be computed by hand from the prompt's own speed.
"""

import msgspec
import pytest

from llmprobe.data import table
from llmprobe.estimation.speed.generation import generation_speed
from llmprobe.estimation.speed.prompt import prompt_speed
from llmprobe.estimation.speed.waiting import USUAL_PROMPT, with_waiting
from llmprobe.facts.estimate import Speed
from tests.estimation.shares import CORES, GB, GPU, HALF, HOST

DEEP = msgspec.structs.replace(GPU, attention_operations=4 * 32 * 128 * 32 * 32768)


def waited(*shares: object, ctx_size: int = 32768, prompt_tokens: int | None = None) -> Speed:
    speed = generation_speed(shares, moe=False, processor=CORES)  # type: ignore[arg-type]
    return with_waiting(
        speed,
        shares,  # type: ignore[arg-type]
        moe=False,
        quant="Q4_K_M",
        processor=CORES,
        ubatch_size=512,
        op_offload=True,
        ctx_size=ctx_size,
        prompt_tokens=prompt_tokens,
    )


def test_a_prompt_behind_a_full_context_is_slower() -> None:
    """
    Attention over 32,768 tokens is added to every token; at an empty context there is none.
    """
    found = waited(HOST, DEEP)
    full, _ = prompt_speed(table("speed"), (HOST, DEEP), moe=False, processor=CORES, filled=1.0)

    assert found.prompt_at_full_context_tokens_per_s == full
    assert found.prompt_tokens_per_s is not None
    assert full is not None
    assert full.likely < found.prompt_tokens_per_s.likely


@pytest.mark.parametrize(
    ("ctx_size", "asked", "tokens"), [(32768, None, USUAL_PROMPT), (1024, None, 512), (32768, 8000, 8000)]
)
def test_the_first_token_comes_after_the_prompt(ctx_size: int, asked: int | None, tokens: int) -> None:
    """
    As many seconds as the prompt has tokens over its speed, half of the prompt behind each token in the middle.
    """
    found = waited(HOST, DEEP, ctx_size=ctx_size, prompt_tokens=asked)
    rate, _ = prompt_speed(
        table("speed"),
        (HOST, DEEP),
        moe=False,
        processor=CORES,
        filled=tokens / 2 / ctx_size,
        tokens=tokens,
    )
    wait = found.time_to_first_token_s

    assert found.prompt_tokens == tokens
    assert rate is not None
    assert wait is not None
    assert wait.likely == pytest.approx(tokens / rate.likely, abs=0.001)
    assert (wait.low, wait.high) == pytest.approx((tokens / rate.high, tokens / rate.low), abs=0.001)


def test_a_link_that_nobody_knows_is_assumed_there_too() -> None:
    """
    A quarter to two and a half times, as the prompt's own figure.
    """
    found = waited(HALF, msgspec.structs.replace(GPU, link_bytes_per_s=None))
    wait = found.time_to_first_token_s

    assert found.prompt_is_assumed
    assert wait is not None
    assert wait.high / wait.low == pytest.approx(10, rel=0.02)


def test_nothing_is_read_faster_than_it_is_written_slowly() -> None:
    """
    Where arithmetic is slower than reading the weights once for every token, a prompt goes a token at a time.
    """
    slow = msgspec.structs.replace(GPU, flops=GB * 100)
    found = waited(HOST, slow)

    assert found.prompt_at_full_context_tokens_per_s is not None
    assert found.generation_at_full_context_tokens_per_s is not None
    assert (
        found.prompt_at_full_context_tokens_per_s.likely
        == found.generation_at_full_context_tokens_per_s.likely
    )


def test_an_unknown_prompt_speed_has_no_wait() -> None:
    """
    Of a device of which nothing is known nothing is added.
    """
    unknown = msgspec.structs.replace(GPU, bandwidth_bytes_per_s=None, flops=None, parameters=0)
    found = waited(unknown)

    assert found.prompt_tokens_per_s is None
    assert (found.time_to_first_token_s, found.prompt_tokens) == (None, None)
