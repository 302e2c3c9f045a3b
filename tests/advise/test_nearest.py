"""
The way out of a "no": a shorter context, smaller models that fit or are fast.
"""

import msgspec
import pytest

from llmprobe.advise.recommend import recommend
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Wishes
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, LLAMA_70B, machine, model
from tests.advise.messages import named, number, the

LARGE = model("llama", LLAMA_70B)
SMALL = model("llama", LLAMA_8B)
QUANTS = ("Q4_K_M",)


def sized(name: str, blocks: int, parameters: int) -> ModelSpec:
    """
    A smaller model that counts as one of this size.
    """
    small = model("llama", LLAMA_8B | {"block_count": blocks})
    return msgspec.structs.replace(small, id=name, name=name, parameters=parameters)


RELATIVES = tuple(sized(f"m{count}", count, count * 1_000_000_000) for count in (8, 7, 6, 5, 4))


@pytest.mark.parametrize("ram_gib", [6.6, 5.9])
def test_a_shorter_context_is_one_that_fits(ram_gib: float) -> None:
    """
    The context that is named fits, and the next step of a quarter more does not.
    """
    wishes = Wishes(ctx_size=32768, quants=QUANTS, cache_type_k="f16")
    answer = recommend(SMALL, machine(ram_gib=ram_gib), wishes, {})
    size = number(the(answer.nearest, "nearest.shorter-context"), "ctx_size")
    fits, longer = (
        recommend(
            SMALL, machine(ram_gib=ram_gib), msgspec.structs.replace(wishes, ctx_size=context), {}
        ).choices
        for context in (size, size * 4 // 3 + 256)
    )

    assert answer.choices == ()
    assert (bool(fits), bool(longer)) == (True, False)
    assert size < 32768


def test_a_shorter_context_is_that_of_the_best_quantization() -> None:
    """
    Where several quantizations fit the shorter context, the one that would be recommended there is named.
    """
    wishes = Wishes(ctx_size=32768, quants=("Q4_K_M", "Q4_K_S"), cache_type_k="f16")
    snapshot = machine(ram_gib=8.8)
    shorter = the(recommend(SMALL, snapshot, wishes, {}).nearest, "nearest.shorter-context")
    then = recommend(
        SMALL, snapshot, msgspec.structs.replace(wishes, ctx_size=number(shorter, "ctx_size")), {}
    )

    assert (then.rejected, number(shorter, "ctx_size")) == ((), 24576)
    assert shorter.values["quant"] == then.choices[0].quant


def test_no_shorter_context_is_named_where_none_fits() -> None:
    """
    Weights that do not fit fit at no context, and 1024 tokens are not made shorter.
    """
    hopeless = recommend(SMALL, machine(ram_gib=4), Wishes(ctx_size=32768, quants=QUANTS), {})
    short = recommend(SMALL, machine(ram_gib=5.2), Wishes(ctx_size=1024, quants=QUANTS), {})

    assert (hopeless.choices, short.choices) == ((), ())
    assert hopeless.nearest == short.nearest == (message("nearest.fit"),)


def test_three_smaller_models_are_named_that_fit() -> None:
    """
    Of the relatives the largest that fit, each size once, and no more than three.
    """
    twins = (RELATIVES[0], *RELATIVES)
    answer = recommend(LARGE, machine(ram_gib=8), Wishes(ctx_size=4096), {}, lambda: twins)
    smaller = named(answer.nearest, "nearest.smaller-model")

    assert [one.values["id"] for one in smaller] == ["m8", "m7", "m6"]


def test_a_smaller_model_meets_the_requested_speed() -> None:
    """
    Where nothing is fast enough, the smaller models that are named are, each with its speed; the next larger is not.
    """
    ids_asked = {one.id: one for one in RELATIVES}
    snapshot, quants = machine((24,)), ("Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")

    def fastest(one: ModelSpec) -> float:
        found = recommend(one, snapshot, Wishes(ctx_size=4096, quants=quants, priority="speed"), {}).choices
        speeds = [choice.speed.generation_tokens_per_s for choice in found]
        return max(speed.likely for speed in speeds if speed is not None)

    wanted = (fastest(ids_asked["m6"]) + fastest(ids_asked["m7"])) / 2
    answer = recommend(
        ids_asked["m8"], snapshot, Wishes(ctx_size=4096, min_speed=wanted), {}, lambda: RELATIVES[1:]
    )
    smaller = named(answer.nearest, "nearest.faster-model")

    assert answer.choices == ()
    assert [one.values["id"] for one in smaller] == ["m6", "m5", "m4"]
    assert all(float(str(one.values["tokens_per_s"])) >= wanted for one in smaller)


def test_a_smaller_model_meets_the_requested_quality() -> None:
    """
    A floor that the smaller one can only keep in a larger quantization leaves out the others.
    """
    wishes = Wishes(ctx_size=4096, min_quality="Q8_0")
    answer = recommend(LARGE, machine(ram_gib=12), wishes, {}, lambda: RELATIVES)
    smaller = named(answer.nearest, "nearest.smaller-model")

    assert {one.values["quant"] for one in smaller} == {"Q8_0"}
    assert smaller


def test_two_faster_models_are_named_where_it_is_slow() -> None:
    """
    Where a model fits and is slow, two smaller ones at a comfortable speed, or twice as fast, are named with theirs.
    """
    answer = recommend(LARGE, machine(ram_gib=80), Wishes(ctx_size=4096), {}, lambda: RELATIVES)
    fast = named(answer.nearest, "nearest.faster-model")
    first = answer.choices[0].speed.generation_tokens_per_s
    assert first is not None

    assert [one.values["id"] for one in fast] == ["m8", "m7"]
    assert all(float(str(one.values["tokens_per_s"])) >= 2 * first.likely for one in fast)


def test_a_fast_model_has_no_smaller_ones_beside_it() -> None:
    """
    At a comfortable speed there is nothing to be had from a smaller model.
    """
    answer = recommend(SMALL, machine((24,)), Wishes(ctx_size=4096), {}, lambda: RELATIVES)

    assert answer.nearest == ()


def test_a_file_that_is_there_is_not_downloaded() -> None:
    """
    The quantization of a file that was given needs no download; the others and those of a name do.
    """
    file = msgspec.structs.replace(SMALL, path="small.gguf", quant="Q4_K_M")
    own = recommend(file, machine((24,)), Wishes(ctx_size=4096), {}).choices[0]
    named_only = recommend(SMALL, machine((24,)), Wishes(ctx_size=4096, quants=QUANTS), {}).choices[0]

    assert own.download_bytes is None
    assert (named_only.download_bytes or 0) > 4_000_000_000
