"""
The reasons of a choice, and what it is said to be worth: each is a claim on figures that can be checked.
"""

import msgspec
import pytest

import llmprobe
from llmprobe.advise.choose.balance import Scored, score
from llmprobe.advise.choose.use import CHAT
from llmprobe.advise.recommend import recommend
from llmprobe.engines import llamacpp
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Recommendation, Wishes
from llmprobe.units import GIB, MIB
from llmprobe.words.message import Message, message
from tests.advise.machines import LLAMA_8B, LLAMA_70B, QWEN3_30B, WITH_MATRIX, machine, model
from tests.advise.messages import figure, ids, inner, listed, named, number, the
from tests.machine_fixtures import replayed

LLAMA3_70B = model("llama", LLAMA_70B, published=WITH_MATRIX)
LLAMA31_8B = model("llama", LLAMA_8B, published=WITH_MATRIX)
QWEN3_MOE = model("qwen3moe", QWEN3_30B)


def answer(spec: ModelSpec, snapshot: Snapshot, **wishes: object) -> Recommendation:
    return recommend(spec, snapshot, Wishes(**wishes), {"llama.cpp": llamacpp.command})  # type: ignore[arg-type]


def best(spec: ModelSpec, snapshot: Snapshot, **wishes: object) -> Choice:
    return answer(spec, snapshot, **wishes).choices[0]


def with_bandwidths(snapshot: Snapshot, *rates: float) -> Snapshot:
    """
    Return a machine whose devices read their memory at these rates.
    """
    pairs = zip(snapshot.accelerators, rates, strict=True)
    changed = tuple(msgspec.structs.replace(one, bandwidth_bytes_per_s=int(rate)) for one, rate in pairs)
    return msgspec.structs.replace(snapshot, accelerators=changed)


def room(reason: Message) -> list[tuple[int, int]]:
    """
    What is left and what is usable on each device of a reason.
    """
    return [(number(one, "left_bytes"), number(one, "usable_bytes")) for one in listed(reason, "room")]


def test_the_decision_comes_first() -> None:
    """
    The first reason is where the layers are.
    """
    choice = best(LLAMA3_70B, machine((23.5,)), ctx_size=8192)
    first = choice.reasons[0]

    assert (
        first.id,
        number(first, "gpu_layers"),
        number(first, "total_layers"),
        first.values["devices"],
    ) == (
        "reason.partly-on-gpu",
        choice.gpu_layers,
        81,
        ("gpu0",),
    )


def test_one_more_layer_needs_more_than_is_left() -> None:
    """
    Where a model fits in part, what is left on the GPU is less than one more layer needs, and it adds up.
    """
    choice = best(LLAMA3_70B, machine((23.5,)), ctx_size=8192)
    first = choice.reasons[0]
    ((left, usable),) = room(first)

    assert inner(first, "step").id == "step.layer"
    assert left < number(inner(first, "step"), "bytes")
    assert left + choice.devices[1].total_bytes + number(first, "reserve_bytes") == usable


def test_experts_of_one_more_layer_need_more_than_is_left() -> None:
    """
    Where experts stay in RAM, those of one more layer need more than is left on the GPU.
    """
    choice = best(QWEN3_MOE, machine((7.6,), ram_gib=28, bandwidth=256e9), ctx_size=8192)
    first = choice.reasons[0]
    ((left, _),) = room(first)

    assert (first.id, number(first, "expert_layers"), first.values["scattered"]) == (
        "reason.experts-in-ram",
        choice.n_cpu_moe,
        False,
    )
    assert inner(first, "step").id == "step.experts"
    assert left < number(inner(first, "step"), "bytes")


def test_the_step_is_the_layer_that_comes_next() -> None:
    """
    One more layer needs the weights of the layer before the first one on the GPU.
    """
    choice = best(LLAMA3_70B, machine((23.5,)), ctx_size=8192, quants=("Q4_K_M",))
    layer = choice.total_layers - choice.gpu_layers - 1
    shares = Estimator(LLAMA3_70B).table("Q4_K_M").shares("cuda")

    assert number(inner(choice.reasons[0], "step"), "bytes") == shares.dense.of(layer, layer + 1)


def test_the_step_of_experts_is_the_last_layer_that_stays_in_ram() -> None:
    """
    The experts that would be next on the GPU are those of the last layer that leaves them to the host.
    """
    choice = best(QWEN3_MOE, machine((7.6,), ram_gib=28), ctx_size=8192, quants=("Q4_K_M",))
    layer = choice.n_cpu_moe - 1
    shares = Estimator(QWEN3_MOE).table("Q4_K_M").shares("cuda")

    assert number(inner(choice.reasons[0], "step"), "bytes") == shares.experts.of(layer, layer + 1)


def test_what_is_left_on_the_cpu_alone_adds_up() -> None:
    """
    Without a GPU the room is that of the RAM.
    """
    choice = best(LLAMA31_8B, machine(ram_gib=12), ctx_size=8192)
    first = choice.reasons[0]
    ((left, usable),) = room(first)

    assert (first.id, first.values["idle"]) == ("reason.on-cpu", ())
    assert (usable, number(first, "reserve_bytes")) == (12 * GIB, 512 * MIB)
    assert left == usable - number(first, "reserve_bytes") - choice.devices[0].total_bytes


def test_a_gpu_that_is_not_used_at_all_is_named() -> None:
    """
    Where the CPU computes everything beside a GPU, the GPU is named with what is usable of it.
    """
    choice = best(LLAMA31_8B, machine((0.6,)), ctx_size=8192)
    (idle,) = listed(choice.reasons[0], "idle")

    assert (idle.values["device"], number(idle, "usable_bytes")) == ("gpu0", int(0.6 * GIB))


def test_a_requested_cache_type_is_called_so() -> None:
    """
    Of a cache type that the user requested it is not said that another would not fit.
    """
    wishes = {"cache_type_k": "q4_0", "cache_type_v": "q4_0", "quants": ("Q4_K_M",)}
    choice = best(LLAMA3_70B, machine((23.5,)), ctx_size=8192, **wishes)

    assert [one for one in choice.reasons if one.id.startswith("reason.cache")] == [
        message("reason.cache-requested", cache_type_k="q4_0", cache_type_v=None)
    ]


def test_two_cache_types_are_named_apart() -> None:
    """
    Where only the type for K was requested, both are named.
    """
    choice = best(LLAMA31_8B, machine((23.5,)), ctx_size=8192, cache_type_k="q8_0")
    requested = the(choice.reasons, "reason.cache-requested")

    assert str(requested) == "the KV cache is q8_0 for K and f16 for V, as requested (-ctk, -ctv)"


def test_a_cache_type_that_makes_it_fit_has_that_reason() -> None:
    """
    Where f16 does not fit, that is the reason for q8_0.
    """
    choice = best(LLAMA31_8B, machine(ram_gib=8.6), ctx_size=32768, quants=("Q4_K_M",))

    assert choice.cache_type_k == "q8_0"
    assert the(choice.reasons, "reason.cache-needed") == message(
        "reason.cache-needed", cache_type_k="q8_0", cache_type_v=None, ctx_size=32768
    )


def test_a_cache_type_for_speed_is_not_called_the_only_one() -> None:
    """
    Where f16 fits too, the reason is what it would change, the cache itself left out.
    """
    choice = best(LLAMA3_70B, machine((23.5,)), ctx_size=8192, priority="speed", quants=("Q4_K_M",))
    chosen = the(choice.reasons, "reason.cache-chosen", "reason.cache-needed")

    assert (choice.cache_type_k, chosen.id) == ("q8_0", "reason.cache-chosen")
    assert "difference.cache-type" not in ids(listed(chosen, "differences"))
    assert "difference.layers" in ids(listed(chosen, "differences"))


@pytest.mark.parametrize(("vram", "larger"), [(12, True), (48, False)])
def test_a_larger_micro_batch_has_its_reason(vram: float, larger: bool) -> None:
    """
    A micro-batch above the engine's own is explained with its cost, and only there.
    """
    choice = best(LLAMA3_70B, machine((vram,)), ctx_size=8192, quants=("Q4_K_M",), use="long")
    found = named(choice.details, "reason.ubatch-larger")

    assert (choice.ubatch_size > 512, len(found)) == (larger, int(larger))
    assert all(number(one, "ubatch_size") == choice.ubatch_size for one in found)
    assert all(number(cost, "bytes") > 0 for one in found for cost in listed(one, "cost"))


def test_a_cache_in_ram_has_its_size_and_its_speed() -> None:
    """
    The reason for a cache in RAM has its bytes and the speed with a full context.
    """
    choice = best(
        LLAMA3_70B, machine((23.5,), ram_bandwidth=96e9), ctx_size=8192, quants=("IQ2_M",), use="reasoning"
    )
    full = choice.speed.generation_at_full_context_tokens_per_s
    assert full is not None

    assert not choice.kv_offload
    assert the(choice.reasons, "reason.cache-in-ram") == message(
        "reason.cache-in-ram", bytes=choice.devices[0].cache_bytes, tokens_per_s=full.likely
    )


def test_the_faster_of_two_cards_is_filled_first() -> None:
    """
    The split of unequal cards is explained by how fast they read.
    """
    snapshot = with_bandwidths(machine((23.5, 11.6)), 936e9, 360e9)
    choice = best(model("llama", LLAMA_70B | {"block_count": 36}), snapshot, ctx_size=8192, quants=("Q6_K",))
    first, second = (int(part) for part in choice.tensor_split)

    assert str(the(choice.reasons, "reason.split-fastest-first")) == (
        f"the layers are split: {first} on gpu0 and {second} on gpu1; gpu0 reads 936 GB/s and gpu1 reads 360 GB/s, "
        "and faster memory is filled first"
    )


@pytest.mark.parametrize(("bandwidth", "name"), [(936e9, "reason.split-evenly"), (None, "reason.split")])
def test_equal_cards_are_filled_evenly(bandwidth: float | None, name: str) -> None:
    """
    Equally fast cards are called so, cards whose speed is assumed are not.
    """
    choice = best(QWEN3_MOE, machine((23.5, 23.5), bandwidth=bandwidth), ctx_size=8192, quants=("Q8_0",))
    split = the(choice.reasons, "reason.split-evenly", "reason.split", "reason.split-equal")

    assert split.id == name
    assert [number(part, "layers") for part in listed(split, "parts")] == list(choice.tensor_split)


def test_layers_named_for_the_host_are_those_of_the_command() -> None:
    """
    The detail about -ot names the layers that the choice has.
    """
    choice = best(QWEN3_MOE, machine((7, 7), bandwidth=936e9), ctx_size=8192, quants=("Q8_0",))
    runs = listed(the(choice.details, "reason.named-experts"), "runs")
    layers = [layer for one in runs for layer in range(number(one, "first"), number(one, "last") + 1)]

    assert layers == list(choice.cpu_moe_layers)


def test_layers_with_experts_are_counted_apart() -> None:
    """
    Where devices keep some experts, each part of the split has its layers and those of them with experts.
    """
    choice = best(QWEN3_MOE, machine((7, 7), bandwidth=936e9), ctx_size=8192, quants=("Q8_0",))
    parts = listed(the(choice.reasons, "reason.split-evenly", "reason.split-equal"), "parts")
    kept = sum(number(part, "expert_layers") for part in parts)

    assert [number(part, "layers") for part in parts] == list(choice.tensor_split)
    assert kept + len(choice.cpu_moe_layers) == 48


def test_a_card_that_is_not_needed_has_a_reason() -> None:
    """
    Where one card holds everything, that is why the slower one is not used.
    """
    snapshot = with_bandwidths(machine((23.5, 11.6)), 936e9, 360e9)
    choice = best(LLAMA31_8B, snapshot, ctx_size=8192)

    assert the(choice.reasons, "reason.left-out-not-needed") == message(
        "reason.left-out-not-needed", devices=("gpu1",), bytes_per_s=360_000_000_000, used=("gpu0",)
    )


def test_the_reason_to_leave_a_card_out_names_no_assumed_bandwidth() -> None:
    """
    What was taken for cards of its size is not said to be its own.
    """
    choice = best(QWEN3_MOE, machine((40, 40), bandwidth=None), ctx_size=8192, quants=("Q4_K_M",))
    left_out = the(choice.reasons, "reason.left-out-not-needed", "reason.left-out-no-gain")

    assert left_out.values["bytes_per_s"] is None


def test_equal_cards_that_are_not_needed_share_one_reason() -> None:
    """
    Of many equal cards those that are not needed are named together.
    """
    choice = best(LLAMA31_8B, machine((23.5,) * 4), ctx_size=8192)

    assert str(the(choice.reasons, "reason.left-out-not-needed")) == (
        "gpu1, gpu2 and gpu3 (1008 GB/s) are not used: everything fits on gpu0, and another GPU would make it no faster"
    )


def test_a_card_that_brings_little_has_a_reason() -> None:
    """
    A card that could hold a layer more and hardly makes it faster is left out, and not called unneeded.
    """
    snapshot = with_bandwidths(machine((23.5, 1.2)), 936e9, 100e9)
    choice = best(LLAMA3_70B, snapshot, ctx_size=8192, quants=("Q4_K_M",))

    assert the(choice.reasons, "reason.left-out-no-gain") == message(
        "reason.left-out-no-gain", devices=("gpu1",), bytes_per_s=100_000_000_000
    )


def test_a_card_of_another_backend_has_a_reason() -> None:
    """
    A card that needs another backend is not used for that.
    """
    snapshot = machine((23.5, 23.5))
    other = msgspec.structs.replace(snapshot.accelerators[1], backend="rocm")
    snapshot = msgspec.structs.replace(snapshot, accelerators=(snapshot.accelerators[0], other))
    choice = best(LLAMA3_70B, snapshot, ctx_size=8192)

    assert the(choice.reasons, "reason.left-out-backend") == message(
        "reason.left-out-backend", devices=("gpu1",), backend="rocm", used_backend="cuda"
    )


def test_neighbours_are_named_with_what_they_change() -> None:
    """
    The nearest quantizations to either side are named with what they would change.
    """
    choice = best(LLAMA3_70B, machine((23.5,)), ctx_size=8192)
    finer = the(choice.reasons, "reason.not-finer")
    faster = the(choice.reasons, "reason.not-faster")

    assert (finer.values["quant"], inner(finer, "quality").id) == ("Q5_K_M", "quality.practically-lossless")
    assert (faster.values["quant"], inner(faster, "quality").id) == ("Q3_K_M", "quality.good")
    for reason, more in ((finer, False), (faster, True)):
        layers, pace, answer = listed(reason, "differences")
        assert (layers.id, pace.id, answer.id) == ("difference.layers", "pace.instead", "difference.answer")
        assert (figure(answer, "seconds") < figure(answer, "instead_seconds")) is more
        assert number(layers, "instead") == choice.gpu_layers
        assert (number(layers, "layers") > choice.gpu_layers) is more
        assert (figure(pace, "tokens_per_s") > figure(pace, "instead_tokens_per_s")) is more


def test_another_choice_says_what_it_changes() -> None:
    """
    Each other choice is closer to the original than the first or further from it, as its loss is.
    """
    first, *others = answer(LLAMA3_70B, machine((23.5,)), ctx_size=8192).choices
    expected = [
        "reason.closer" if (one.quality.value or 0) < (first.quality.value or 0) else "reason.further"
        for one in others
    ]

    assert [ids(one.reasons) for one in others] == [[name] for name in expected]
    assert {one.reasons[0].values["than"] for one in others} == {first.quant}
    assert [one.details for one in others] == [()] * len(others)
    assert set(expected) == {"reason.closer", "reason.further"}


def test_figures_of_the_loss_are_details() -> None:
    """
    The divergence and where it was measured are for --explain, and not among the reasons.
    """
    choice = best(LLAMA3_70B, machine((23.5,)), ctx_size=8192)

    assert the(choice.details, "reason.loss") == message(
        "reason.loss",
        quant=choice.quant,
        quality=choice.quality.words,
        divergence=choice.quality.value,
        basis=choice.quality.basis,
    )
    assert not any("nats" in str(reason) for reason in choice.reasons)


def scored(**changes: object) -> Scored:
    fields = {"name": "Q4_K_M", "quant": "Q4_K_M", "tokens_per_s": 8.0, "prompt_tokens_per_s": 125.0}
    return Scored(**(fields | {"divergence": 0.05} | changes))  # type: ignore[arg-type]  # the fields are those above


def points(said: Message) -> list[float]:
    """
    The parts of a score.
    """
    parts = (
        "time_points",
        "loss_points",
        "few_bits_points",
        "code_book_points",
        "small_cache_points",
        "cache_points",
    )
    return [figure(said, name) for name in parts if said.values[name] is not None]


@pytest.mark.parametrize(
    "changes",
    [{}, {"kv_offload": False}, {"cache_quantized": True}, {"quant": "IQ3_XXS"}, {"divergence": None}],
)
def test_a_score_is_the_sum_of_its_parts(changes: dict[str, object]) -> None:
    """
    The figures of a score add up to it.
    """
    said = score(scored(**changes), CHAT, "balanced")

    assert figure(said, "points") == pytest.approx(sum(points(said)))


def test_no_loss_has_no_figure() -> None:
    """
    What was published so loses nothing, not 0.0000; and nobody's measurement is no figure either.
    """
    none = score(scored(divergence=0.0), CHAT, "balanced")
    unknown = score(scored(divergence=None), CHAT, "balanced")

    assert (inner(none, "loss").id, figure(none, "loss_points")) == ("balance.no-loss", 0)
    assert (inner(unknown, "loss").id, figure(unknown, "loss_points") < -1) == (
        "balance.unmeasured-loss",
        True,
    )


def test_an_assumed_speed_is_marked() -> None:
    """
    A speed that is not known is never shown as one.
    """
    text = str(score(scored(prompts_known=False), CHAT, "balanced"))

    assert "(8.0 tokens/s, prompts 125 tokens/s assumed)" in text


def test_choices_of_nearly_the_same_score_are_called_about_equal() -> None:
    """
    A difference below what speeds are known to is no difference; others are named with their size and direction.
    """
    near = score(scored(name="Q5_K_M", tokens_per_s=7.9), CHAT, "balanced", scored())
    far = score(scored(name="Q8_0", tokens_per_s=0.8), CHAT, "balanced", scored(tokens_per_s=1.6))
    more = score(scored(name="Q2_K", tokens_per_s=12.0), CHAT, "balanced", scored())

    assert inner(near, "beside").id == "balance.about-equal"
    assert inner(far, "beside").id == "balance.less"
    assert figure(inner(far, "beside"), "points") == pytest.approx(1, abs=0.1)
    assert (inner(more, "beside").id, figure(inner(more, "beside"), "points") > 0) == ("balance.more", True)


def test_a_table_that_is_read_as_it_is_used_takes_no_ram() -> None:
    """
    Gemma 4 E2B in 16 bits has 262,144 rows of 35 times 256 figures: above 4 GiB llama.cpp reads those in use from the
    mapped file. Where less RAM is left, the whole file runs, and a smaller one, whose table is loaded, does not.
    """
    found = llmprobe.recommend(
        llmprobe.load_model("gemma-4-e2b-it"), replayed("windows-9070xt-16g-no-page-file"), ctx_size=32768
    )
    (choice,) = found.choices
    host = choice.devices[0]
    assert host.budget_bytes is not None

    assert choice.quant == "BF16"
    assert the(choice.reasons, "reason.read-late").values["bytes"] == 262_144 * 35 * 256 * 2
    assert host.held_bytes == host.total_bytes - 262_144 * 35 * 256 * 2
    assert host.held_bytes < host.budget_bytes < host.total_bytes
    assert "Q8_0" in {one.what for one in found.rejected}
