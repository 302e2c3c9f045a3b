"""
What recommend answers on machines whose answer an expert knows.
"""

import pytest

from benchmarks.truth import loads
from llmprobe.advise.recommend import recommend
from llmprobe.engines import llamacpp
from llmprobe.errors import UsageError
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Recommendation, Wishes
from llmprobe.units import GIB, MIB
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, LLAMA_70B, QWEN3_30B, WITH_MATRIX, machine, model, unified
from tests.advise.messages import inner, the

LLAMA3_70B = model("llama", LLAMA_70B, published=WITH_MATRIX)
LLAMA31_8B = model("llama", LLAMA_8B, published=WITH_MATRIX)
QWEN3_MOE = model("qwen3moe", QWEN3_30B)


def answer(spec: ModelSpec, snapshot: Snapshot, **wishes: object) -> Recommendation:
    return recommend(spec, snapshot, Wishes(**wishes), {"llama.cpp": llamacpp.command})  # type: ignore[arg-type]


def best(spec: ModelSpec, snapshot: Snapshot, **wishes: object) -> Choice:
    return answer(spec, snapshot, **wishes).choices[0]


def test_a_70b_on_24_and_60_gib_is_split_at_q4_k_m() -> None:
    """
    An RTX 4090 with 64 GB runs a 70B as Q4_K_M with 42 to 44 of 81 layers on the GPU and an f16 cache.
    """
    choice = best(LLAMA3_70B, machine((23.5,)), ctx_size=8192)

    assert (choice.quant, choice.cache_type_k, choice.total_layers) == ("Q4_K_M", "f16", 81)
    assert 42 <= choice.gpu_layers <= 44


def test_an_8b_on_24_gib_is_whole_at_q8_0() -> None:
    """
    Where the loss-free quantization fits the GPU and is fast, nothing smaller is taken.
    """
    choice = best(LLAMA31_8B, machine((23.5,)), ctx_size=32768)

    assert (choice.quant, choice.gpu_layers) == ("Q8_0", 33)


def test_two_gpus_share_the_layers() -> None:
    """
    Two cards that hold a model together get all of it, split so that both have room.
    """
    choice = best(LLAMA3_70B, machine((23.5, 23.5), bandwidth=936e9), ctx_size=8192)

    assert (choice.quant, choice.gpu_layers) == ("Q4_K_M", 81)
    assert choice.devices[1].weights_bytes == choice.devices[2].weights_bytes


def test_unequal_gpus_get_unequal_parts() -> None:
    """
    A half full card gets fewer layers than an empty one.
    """
    choice = best(LLAMA3_70B, machine((23.5, 12)), ctx_size=8192)

    assert choice.tensor_split[0] > 1.5 * choice.tensor_split[1]


def test_experts_stay_on_the_host_before_layers_do() -> None:
    """
    A mixture of experts on 8 GB keeps all layers on the GPU and some layers' experts in RAM.
    """
    choice = best(QWEN3_MOE, machine((7.6,), ram_gib=28, bandwidth=256e9), ctx_size=8192)

    assert choice.gpu_layers == choice.total_layers
    assert 0 < choice.n_cpu_moe < 48
    assert the(choice.reasons, "reason.experts-resident") == message(
        "reason.experts-resident", expert_count=128, expert_used_count=8
    )


def test_unified_memory_is_counted_once() -> None:
    """
    48 GiB of working set hold a 70B at Q4_K_M; VRAM and RAM are not added, so Q6_K does not fit.
    """
    recommendation = answer(LLAMA3_70B, unified(52, 48), ctx_size=8192)

    assert (recommendation.choices[0].quant, recommendation.choices[0].gpu_layers) == ("Q4_K_M", 81)
    assert "Q6_K" in {rejected.what for rejected in recommendation.rejected}
    assert "Q6_K" not in {choice.quant for choice in recommendation.choices}


def test_instances_of_a_divided_gpu_are_never_added() -> None:
    """
    CUDA gives a process one MIG instance: two of 39 GiB do not hold what needs 50.
    """
    recommendation = answer(LLAMA3_70B, machine((39, 39), ram_gib=4, mig=True), ctx_size=8192)

    assert all(len(choice.devices) <= 2 for choice in recommendation.choices)
    assert "CUDA_VISIBLE_DEVICES=MIG-" in recommendation.choices[0].commands["llama.cpp"]


def test_no_choice_is_over_a_budget() -> None:
    """
    Whatever is offered leaves the reserve free on every device.
    """
    for snapshot in (machine((23.5,)), machine((11, 7.5), ram_gib=12), machine(ram_gib=20), unified(30, 24)):
        for spec in (LLAMA3_70B, LLAMA31_8B, QWEN3_MOE):
            for choice in answer(spec, snapshot, ctx_size=8192, top=20).choices:
                for device in choice.devices:
                    assert device.budget_bytes is not None
                    assert device.total_bytes + 512 * MIB <= device.budget_bytes, (choice.label, device.id)


def test_what_does_not_fit_says_by_how_much() -> None:
    """
    On 10 GiB of VRAM and 12 GiB of RAM a 70B at Q4_K_M misses about 20 GiB.
    """
    recommendation = answer(LLAMA3_70B, machine((10,), ram_gib=12), ctx_size=8192)
    missing = next(one.missing_bytes for one in recommendation.rejected if one.what == "Q4_K_M")

    assert "Q4_K_M" not in {choice.quant for choice in recommendation.choices}
    assert missing is not None
    assert 18 * GIB < missing < 25 * GIB


def test_nothing_fits_is_an_answer() -> None:
    """
    No choice, every quantization with what it misses, and the nearest that would fit.
    """
    recommendation = recommend(
        LLAMA3_70B, machine(ram_gib=12), Wishes(ctx_size=8192), {}, lambda: (LLAMA31_8B,)
    )

    assert recommendation.choices == ()
    assert all(one.missing_bytes for one in recommendation.rejected)
    assert the(recommendation.nearest, "nearest.smaller-model").values["id"] == LLAMA31_8B.id


def test_a_smaller_relative_is_named_where_only_ruin_fits() -> None:
    """
    Beside a 70B that fits only with a heavy loss, the smaller model that fits well is named.
    """
    recommendation = recommend(
        LLAMA3_70B, machine((10,), ram_gib=12), Wishes(ctx_size=8192), {}, lambda: (LLAMA31_8B,)
    )

    smaller = the(recommendation.nearest, "nearest.smaller-model")

    assert (smaller.values["model"], smaller.values["id"]) == (LLAMA31_8B.name, LLAMA31_8B.id)


def test_the_context_that_was_asked_for_is_kept() -> None:
    """
    A context is never made smaller to make something fit.
    """
    recommendation = answer(LLAMA31_8B, machine((11.5,), ram_gib=20), ctx_size=65536)

    assert {choice.ctx_size for choice in recommendation.choices} == {65536}


def test_the_longest_context_fits_and_a_longer_one_does_not() -> None:
    """
    -c max answers with a context at which the model fits, while 5% more would not fit on the GPU.
    """
    snapshot = machine((11.5,), ram_gib=2)
    found = best(LLAMA31_8B, snapshot, max_ctx=True, quants=("Q8_0",), cache_type_k="f16", cache_type_v="f16")
    longer = found.ctx_size + found.ctx_size // 20 // 256 * 256

    assert answer(LLAMA31_8B, snapshot, ctx_size=longer, quants=("Q8_0",), cache_type_k="f16").choices == ()


def test_ram_of_unknown_bandwidth_has_a_wide_range() -> None:
    """
    Without the speed of the RAM what runs from it is as fast as such machines usually are, and the range says how
    little is known.
    """
    told = best(LLAMA31_8B, machine(ram_gib=20, ram_bandwidth=50e9), ctx_size=8192)
    untold = best(LLAMA31_8B, machine(ram_gib=20, ram_bandwidth=None), ctx_size=8192, quants=(told.quant,))
    known, assumed = told.speed.generation_tokens_per_s, untold.speed.generation_tokens_per_s

    assert known is not None
    assert assumed is not None
    assert assumed.likely == pytest.approx(known.likely, rel=0.01)
    assert assumed.low < known.low * 0.6
    assert assumed.high > known.high * 1.5


def test_reserve_is_taken_off() -> None:
    """
    --reserve 4GiB puts fewer layers on the GPU than the default of 512 MiB.
    """
    usual = best(LLAMA3_70B, machine((23.5,)), ctx_size=8192, quants=("Q4_K_M",))
    careful = best(LLAMA3_70B, machine((23.5,)), ctx_size=8192, quants=("Q4_K_M",), reserve_bytes=4 * GIB)

    assert usual.gpu_layers - careful.gpu_layers >= 6


def test_constraints_reject_with_a_reason() -> None:
    """
    --min-speed and --min-quality take choices away and say why; what is left meets them.
    """
    recommendation = answer(LLAMA3_70B, machine((23.5,)), ctx_size=8192, min_speed=3.0, min_quality="Q4_K_M")
    lenient = answer(LLAMA3_70B, machine((23.5,)), ctx_size=8192, min_speed=3.0)
    speeds = [choice.speed.generation_tokens_per_s for choice in lenient.choices]

    assert recommendation.choices == ()
    assert speeds
    assert all(speed is not None and speed.likely >= 3 for speed in speeds)
    assert {one.why.id for one in recommendation.rejected} == {
        "rejected.too-slow",
        "rejected.loses-more",
        "rejected.too-little-free",
    }


def test_priorities_move_the_balance() -> None:
    """
    Quality takes a larger quantization than balanced, speed a faster one.
    """
    snapshot = machine((23.5,))
    balanced = best(LLAMA3_70B, snapshot, ctx_size=8192)
    finest = best(LLAMA3_70B, snapshot, ctx_size=8192, priority="quality")
    fastest = best(LLAMA3_70B, snapshot, ctx_size=8192, priority="speed")

    assert finest.gpu_layers < balanced.gpu_layers < fastest.gpu_layers


@pytest.mark.parametrize("wishes", [{"ctx_size": -5}, {"parallel": 0}])
def test_impossible_wishes_are_usage_errors(wishes: dict[str, int]) -> None:
    """
    A negative context or no slot at all is refused with a hint.
    """
    with pytest.raises(UsageError) as caught:
        answer(LLAMA31_8B, machine((23.5,)), **wishes)

    assert caught.value.hint


@pytest.mark.parametrize("top", [1, 2])
def test_what_is_best_does_not_depend_on_how_many_are_shown(top: int) -> None:
    """
    The first choice is the same whether one is shown or four are.
    """
    snapshot = machine((7.6,), ram_gib=28, bandwidth=256e9)
    few, four = (best(QWEN3_MOE, snapshot, ctx_size=8192, top=count) for count in (top, 4))

    assert (few.quant, few.ubatch_size) == (four.quant, four.ubatch_size)


def test_a_model_that_aborts_with_flash_attention_is_run_without() -> None:
    """
    PLM is recommended with flash attention off, in the command too, and with a cache that needs none.
    """
    choice = best(loads.spec("plm-1.8b"), machine((23.5,)), ctx_size=4096)

    assert (choice.flash_attn, choice.cache_type_v, choice.gpu_layers) == ("off", "f16", 33)
    assert "-fa off" in choice.commands["llama.cpp"]


def test_a_mixture_by_a_rule_fits_with_its_upper_end() -> None:
    """
    What is said to fit fits if the file is the largest that its rule allows, and the rule is said.
    """
    told = answer(LLAMA31_8B, machine((5.5,)), quants=("UD-Q4_K_XL",), ctx_size=8192)
    choice = told.choices[0]
    most = {
        device.id: sum(term.high_bytes or 0 for term in device.terms if term.kind == "weights")
        - device.weights_bytes
        + device.total_bytes
        for device in choice.devices
    }

    assert choice.quant == "UD-Q4_K_XL"
    assert 0 < choice.gpu_layers < 33
    assert most["gpu0"] <= 5.5 * GIB - 512 * MIB
    assert [note.id for note in told.notes].count("note.quant-by-rule") == 1


def test_a_mixture_by_a_rule_loses_what_its_types_lose() -> None:
    """
    Nobody measured it on this model: its tensors have more bits than those of Q4_K_M, and it loses a little less.
    """
    spec, here = LLAMA31_8B, machine((23.5,))
    stock = best(spec, here, quants=("Q4_K_M",), ctx_size=8192)
    mixed = best(spec, here, quants=("UD-Q4_K_XL",), ctx_size=8192)

    assert 0.7 * value(stock) < value(mixed) < value(stock)
    assert inner(mixed.quality.basis, "how").id == "quality.measured-mixture"
    assert inner(stock.quality.basis, "how").id == "quality.measured-type"


def value(choice: Choice) -> float:
    assert choice.quality.value is not None
    return choice.quality.value
