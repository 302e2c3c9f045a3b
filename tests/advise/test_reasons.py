"""
The reasons of a choice, and what it is said to be worth: each is a claim on figures that can be checked.
"""

import re

import msgspec
import pytest

from llmprobe.advise.choose.balance import Scored, worth
from llmprobe.advise.recommend import recommend
from llmprobe.engines import llamacpp
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Recommendation, Wishes
from llmprobe.units import parse_size
from tests.advise.machines import LLAMA_8B, LLAMA_70B, QWEN3_30B, machine, model

LLAMA3_70B = model("llama", LLAMA_70B)
LLAMA31_8B = model("llama", LLAMA_8B)
QWEN3_MOE = model("qwen3moe", QWEN3_30B)


def answer(spec: ModelSpec, snapshot: Snapshot, **wishes: object) -> Recommendation:
    return recommend(spec, snapshot, Wishes(**wishes), {"llama.cpp": llamacpp.command})  # type: ignore[arg-type]


def best(spec: ModelSpec, snapshot: Snapshot, **wishes: object) -> Choice:
    return answer(spec, snapshot, **wishes).choices[0]


def reason(choice: Choice, part: str) -> str:
    """
    Return the one reason with these words.
    """
    (found,) = [one for one in choice.reasons if part in one]
    return found


def sizes(text: str) -> list[int]:
    return [parse_size(found) for found in re.findall(r"[0-9.]+ [KMG]iB", text)]


def with_bandwidths(snapshot: Snapshot, *rates: float) -> Snapshot:
    """
    Return a machine whose devices read their memory at these rates.
    """
    pairs = zip(snapshot.accelerators, rates, strict=True)
    changed = tuple(msgspec.structs.replace(one, bandwidth_bytes_per_s=int(rate)) for one, rate in pairs)
    return msgspec.structs.replace(snapshot, accelerators=changed)


def test_the_decision_comes_first() -> None:
    """
    The first reason begins with where the layers are.
    """
    choice = best(LLAMA3_70B, machine((23.5,)), ctx_size=8192)

    assert choice.reasons[0].startswith(f"{choice.gpu_layers} of 81 layers are on gpu0")


def test_one_more_layer_takes_more_than_is_left() -> None:
    """
    Of a model that fits in part it is said what is left on the GPU, which is less than one more layer takes.
    """
    left, _, _, step = sizes(best(LLAMA3_70B, machine((23.5,)), ctx_size=8192).reasons[0])

    assert left < step


def test_experts_of_one_more_layer_take_more_than_is_left() -> None:
    """
    Of experts that stay in RAM it is said what those of one more layer would take.
    """
    said = best(QWEN3_MOE, machine((7.6,), ram_gib=28, bandwidth=256e9), ctx_size=8192).reasons[0]
    left, _, _, step = sizes(said)

    assert "the experts of one more layer take" in said
    assert left < step


def test_what_is_left_on_the_processor_alone_is_said() -> None:
    """
    Without a GPU what is left is that of the RAM, and it adds up.
    """
    choice = best(LLAMA31_8B, machine(ram_gib=12), ctx_size=8192)
    left, usable, reserve = sizes(choice.reasons[0])

    assert left + reserve + choice.devices[0].total_bytes == pytest.approx(usable, rel=0.01)


def test_a_cache_type_that_was_asked_for_is_called_so() -> None:
    """
    Of a cache type that the user asked for it is not said that another would not fit.
    """
    choice = best(
        LLAMA3_70B,
        machine((23.5,)),
        ctx_size=8192,
        cache_type_k="q4_0",
        cache_type_v="q4_0",
        quants=("Q4_K_M",),
    )

    assert reason(choice, "the cache is") == "the cache is q4_0, as asked (-ctk, -ctv)"


def test_two_cache_types_are_named_apart() -> None:
    """
    Where only the type for K was asked for, both are named.
    """
    choice = best(LLAMA31_8B, machine((23.5,)), ctx_size=8192, cache_type_k="q8_0")

    assert reason(choice, "the cache is") == "the cache is q8_0 for K and f16 for V, as asked (-ctk, -ctv)"


def test_a_cache_type_that_makes_it_fit_says_so() -> None:
    """
    Where f16 does not fit, that is the reason for q8_0.
    """
    choice = best(LLAMA31_8B, machine(ram_gib=8.6), ctx_size=32768, quants=("Q4_K_M",))

    assert choice.cache_type_k == "q8_0"
    assert reason(choice, "the cache is") == "the cache is q8_0: with f16 it would not fit at 32768 tokens"


def test_a_cache_type_for_speed_is_not_called_the_only_one() -> None:
    """
    Where f16 fits too, it is not said that it would not.
    """
    choice = best(LLAMA3_70B, machine((23.5,)), ctx_size=8192, priority="speed")

    assert choice.cache_type_k == "q8_0"
    assert "would not fit" not in reason(choice, "the cache is")


@pytest.mark.parametrize(("vram", "larger"), [(12, True), (48, False)])
def test_a_larger_micro_batch_has_its_reason(vram: float, larger: bool) -> None:
    """
    A micro-batch above the engine's own is explained with what it costs, and none is where there is none.
    """
    choice = best(LLAMA3_70B, machine((vram,)), ctx_size=8192, quants=("Q4_K_M",))
    said = [one for one in choice.reasons if "(-ub)" in one]

    assert (choice.ubatch_size > 512, len(said)) == (larger, int(larger))
    assert all(f"the micro-batch is {choice.ubatch_size}" in one and sizes(one) for one in said)


def test_a_cache_in_ram_says_what_it_takes_and_costs() -> None:
    """
    The reason for a cache in RAM names its bytes and that the processor computes attention.
    """
    choice = best(LLAMA3_70B, machine((23.5,), ram_bandwidth=96e9), ctx_size=8192, quants=("IQ2_M",))
    said = reason(choice, "(-nkvo)")

    assert not choice.kv_offload
    assert sizes(said) == [choice.devices[0].cache_bytes]
    assert "the processor then computes all attention" in said


def test_the_faster_of_two_cards_is_said_to_be_filled_first() -> None:
    """
    Of unequal cards the split is explained by how fast they read.
    """
    snapshot = with_bandwidths(machine((23.5, 11.6)), 936e9, 360e9)
    choice = best(model("llama", LLAMA_70B | {"block_count": 36}), snapshot, ctx_size=8192)
    first, second = (int(part) for part in choice.tensor_split)

    assert reason(choice, "are shared") == (
        f"the layers are shared {first} on gpu0 and {second} on gpu1: gpu0 reads 936 GB/s and gpu1 reads 360 GB/s,"
        " and what is read faster is filled first"
    )


def test_equal_cards_are_filled_alike() -> None:
    """
    Of equally fast cards it is said that they are.
    """
    choice = best(LLAMA3_70B, machine((23.5, 23.5), bandwidth=936e9), ctx_size=8192)

    assert reason(choice, "are shared").endswith("they are equally fast and filled alike")


def test_layers_named_for_the_host_are_those_of_the_command() -> None:
    """
    The reason for -ot names the layers that the choice has.
    """
    choice = best(QWEN3_MOE, machine((6, 6), bandwidth=936e9), ctx_size=8192, quants=("Q8_0",))
    said = reason(choice, "(-ot)")
    runs = [(int(first), int(last)) for first, last in re.findall(r"(\d+) to (\d+)", said)]

    assert [layer for first, last in runs for layer in range(first, last + 1)] == list(choice.cpu_moe_layers)


def test_a_card_that_is_left_out_has_a_reason() -> None:
    """
    Where one card holds everything, that is why the slower one is left out.
    """
    snapshot = with_bandwidths(machine((23.5, 11.6)), 936e9, 360e9)
    choice = best(LLAMA31_8B, snapshot, ctx_size=8192)

    assert reason(choice, "left out").startswith("gpu1 (360 GB/s) is left out, as gpu0 can hold everything")


def test_a_card_of_another_backend_has_a_reason() -> None:
    """
    A card that needs another backend is left out for that.
    """
    snapshot = machine((23.5, 23.5))
    other = msgspec.structs.replace(snapshot.accelerators[1], backend="rocm")
    snapshot = msgspec.structs.replace(snapshot, accelerators=(snapshot.accelerators[0], other))
    choice = best(LLAMA3_70B, snapshot, ctx_size=8192)

    assert reason(choice, "left out").endswith(
        "only devices of one backend are put together, and rocm is not cuda"
    )


def test_neighbours_are_said_not_to_be_taken() -> None:
    """
    The nearest quantizations to either side are named with what they would change.
    """
    choice = best(LLAMA3_70B, machine((23.5,)), ctx_size=8192)
    finer, faster = (one for one in choice.reasons if one.startswith("not "))

    assert finer.startswith("not Q5_K_M (practically lossless), which is closer to the original: ")
    assert faster.startswith("not Q3_K_M (a loss that shows in hard tasks), which is faster: ")


def scored(**changes: object) -> Scored:
    fields = {"name": "Q4_K_M", "quant": "Q4_K_M", "tokens_per_s": 8.0, "prompt_tokens_per_s": 125.0}
    return Scored(**(fields | {"divergence": 0.05} | changes))  # type: ignore[arg-type]  # the fields are those above


def test_what_a_choice_is_worth_is_the_sum_of_what_is_said() -> None:
    """
    The figures of a sentence add up to its total.
    """
    total, *parts = _figures(worth(scored(kv_offload=False), "balanced"))

    assert total == pytest.approx(sum(parts), abs=0.02)


def _figures(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"(?<=worth )-?[0-9.]+|[+-][0-9.]+(?= for)", text)]


def test_of_no_loss_no_figure_is_said() -> None:
    """
    What was published so loses nothing, not 0.0000.
    """
    said = worth(scored(divergence=0.0), "balanced")

    assert said.endswith("0 for no loss")


def test_a_speed_that_was_assumed_is_marked() -> None:
    """
    A speed that is not known is never shown as one.
    """
    said = worth(scored(prompts_known=False), "balanced")

    assert "8.0 tokens/s," in said
    assert "prompts at 125 tokens/s (assumed)" in said


def test_choices_that_are_worth_the_same_are_said_to_be() -> None:
    """
    A difference below what speeds are known to is no difference.
    """
    near = worth(scored(name="Q5_K_M", tokens_per_s=7.9), "balanced", scored())
    far = worth(scored(name="Q8_0", tokens_per_s=4.0), "balanced", scored())

    assert "hardly less than Q4_K_M" in near
    assert "1.00 less than Q4_K_M" in far
