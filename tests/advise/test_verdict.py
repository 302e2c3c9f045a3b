"""
The verdict: one line, by where a choice runs, how fast, and how much it loses.
"""

import msgspec
import pytest

from llmprobe.advise.explain import verdict
from llmprobe.advise.recommend import recommend
from llmprobe.facts.estimate import Range
from llmprobe.facts.recommendation import Wishes
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_70B, QWEN3_30B, machine, model, unified
from tests.advise.messages import inner, listed
from tests.advise.test_ranking import PROBLEM, candidate

DENSE, SPARSE = model("llama", LLAMA_70B), model("qwen3moe", QWEN3_30B)


@pytest.mark.parametrize(
    ("tokens_per_s", "name"),
    [
        (15.0, "verdict.good"),
        (14.9, "verdict.readable"),
        (5.0, "verdict.readable"),
        (4.9, "verdict.slow"),
        (None, "verdict.speed-unknown"),
    ],
)
def test_a_speed_has_a_verdict(tokens_per_s: float | None, name: str) -> None:
    """
    Well from twice the speed of reading on, readable from that speed on, slow below it, and unknown is none of these.
    """
    base = candidate(1)
    rate = None
    if tokens_per_s is not None:
        rate = Range(low=tokens_per_s, likely=tokens_per_s, high=tokens_per_s)
    speed = msgspec.structs.replace(base.speed, generation_tokens_per_s=rate)
    found = verdict.of_choice(PROBLEM, msgspec.structs.replace(base, speed=speed))

    assert found.id == name
    assert found.values.get("tokens_per_s") == tokens_per_s


@pytest.mark.parametrize(("loss", "name"), [(0.25, "verdict.last-resort"), (0.249, "verdict.good")])
def test_a_heavy_loss_is_the_verdict(loss: float, name: str) -> None:
    """
    However fast, what has lost too much is a last resort; a loss that nobody measured is not called one.
    """
    found = verdict.of_choice(PROBLEM, candidate(1, loss=loss))
    unmeasured = msgspec.structs.replace(
        candidate(1), quality=msgspec.structs.replace(candidate(1).quality, value=None, usable=None)
    )

    assert found.id == name
    assert verdict.of_choice(PROBLEM, unmeasured).id == "verdict.good"


def test_where_it_runs() -> None:
    """
    One GPU, several, some layers, some experts, or the CPU alone.
    """
    cases = (
        (SPARSE, machine((48,)), "Q4_K_M", message("where.gpu")),
        (DENSE, machine((23.5, 23.5)), "Q4_K_M", message("where.gpus", count=2)),
        (DENSE, machine(()), "Q4_K_M", message("where.cpu")),
    )
    for spec, snapshot, quant, where in cases:
        found = recommend(spec, snapshot, Wishes(ctx_size=4096, quants=(quant,)), {}).choices[0]
        assert inner(found.verdict or message("none"), "where") == where
    partly = recommend(DENSE, machine((23.5,)), Wishes(ctx_size=4096, quants=("Q4_K_M",)), {}).choices[0]
    experts = recommend(SPARSE, machine((8,)), Wishes(ctx_size=4096, quants=("Q4_K_M",)), {}).choices[0]

    assert inner(partly.verdict or message("none"), "where") == message(
        "where.partly", count=1, gpu_layers=partly.gpu_layers, total_layers=81
    )
    assert inner(experts.verdict or message("none"), "where") == message(
        "where.experts", count=1, expert_layers=experts.n_cpu_moe, n_layer=48
    )


def test_experts_of_every_layer_are_all() -> None:
    """
    Where no layer has its experts on the GPU, the answer says "all" and counts nothing.
    """
    choice = recommend(SPARSE, machine((2.6,)), Wishes(ctx_size=4096, quants=("Q4_K_M",)), {}).choices[0]

    assert choice.n_cpu_moe == 48
    where = inner(choice.verdict or message("none"), "where")
    assert where == message("where.all-experts", count=1, n_layer=48)
    assert choice.reasons[0].id == "reason.all-experts-in-ram"


def test_a_no_names_the_smallest_shortfall() -> None:
    """
    Of all quantizations the one that lacks the least is in the verdict.
    """
    answer = recommend(DENSE, machine(ram_gib=4), Wishes(ctx_size=4096), {})
    least = min(answer.rejected, key=lambda one: one.missing_bytes or 0)

    assert answer.verdict == message(
        "verdict.does-not-fit", quant=least.what, missing_bytes=least.missing_bytes
    )


def test_a_no_to_one_quantization_says_nothing_of_others() -> None:
    """
    "Even as" is for the best of several.
    """
    answer = recommend(DENSE, machine(ram_gib=4), Wishes(ctx_size=4096, quants=("BF16",)), {})
    (one,) = answer.rejected

    assert answer.verdict == message("verdict.does-not-fit-as", quant="BF16", missing_bytes=one.missing_bytes)


def test_a_limit_that_one_quantization_misses_is_not_short_of_memory() -> None:
    """
    Where some quantizations do not fit and the others are too slow, limits are what is in the way.
    """
    answer = recommend(DENSE, machine(ram_gib=60), Wishes(ctx_size=4096, min_speed=100.0), {})

    assert {one.why.id for one in answer.rejected} == {"rejected.too-little-free", "rejected.too-slow"}
    assert answer.verdict == message("verdict.limits-not-met")


def test_a_last_resort_is_not_called_the_only_one() -> None:
    """
    A wish for speed or for one quantization leads there too, where others would fit.
    """
    found = message(
        "verdict.last-resort",
        quant="IQ2_M",
        quality=message("quality.heavy-loss"),
        where=message("where.gpu"),
        tokens_per_s=18.0,
    )

    assert str(found) == (
        "Fits as IQ2_M (heavy loss), fully on the GPU, about 18 tokens/s; a smaller model would answer better"
    )


def test_a_smaller_quantization_is_short_by_less() -> None:
    """
    Where the GPU may take a part of the memory only, the shortfall is the GPU's, also of what exceeds all memory.
    """
    answer = recommend(DENSE, unified(40, 30), Wishes(ctx_size=4096), {})
    short = [(one.what, one.missing_bytes or 0) for one in answer.rejected]

    assert {"BF16", "Q8_0", "Q4_K_M"} <= {name for name, _ in short}
    assert [size for _, size in short] == sorted((size for _, size in short), reverse=True)
    assert {part.values["pool"] for one in answer.rejected for part in listed(one.why, "where")} == {
        message("pool.gpu", device="gpu0")
    }
