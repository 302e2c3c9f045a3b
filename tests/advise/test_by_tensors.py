"""
A split by tensors in the search: tried where every measurement was faster with it, and chosen where that counts.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.advise.recommend import recommend
from llmprobe.advise.search.by_tensors import by_tensors, why_not
from llmprobe.advise.search.case import Case, Misfit, Placed
from llmprobe.engines import llamacpp
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.devices import Device
from llmprobe.facts.engine import Abilities
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Recommendation, Wishes
from llmprobe.facts.settings import Settings
from llmprobe.site.site import survey
from llmprobe.units import GIB
from tests.advise.machines import LLAMA_8B, LLAMA_70B, QWEN3_30B, machine, model
from tests.advise.messages import figure, named, the

DENSE = msgspec.structs.replace(model("llama", LLAMA_70B | {"block_count": 36}), parameters=32_000_000_000)
SMALL = model("llama", LLAMA_8B)
SPARSE = model("qwen3moe", QWEN3_30B)
SLOW, FAST = 300e9, 800e9


def _answer(spec: ModelSpec, bandwidth: float, cards: int = 2, **wishes: Any) -> Recommendation:
    there = machine((23.5,) * cards, bandwidth=bandwidth)
    return recommend(spec, there, Wishes(ctx_size=8192, **wishes), {"llama.cpp": llamacpp.command})


def _best(spec: ModelSpec, bandwidth: float, cards: int = 2, **wishes: Any) -> Choice:
    return _answer(spec, bandwidth, cards, **wishes).choices[0]


def _devices(*rates: float | None, backend: str = "cuda") -> tuple[Device, ...]:
    return tuple(
        Device(
            id=f"gpu{number}",
            pool=f"vram{number}",
            backend=backend,  # type: ignore[arg-type]
            bandwidth_bytes_per_s=None if rate is None else int(rate),
        )
        for number, rate in enumerate(rates)
    )


def test_slow_cards_compute_each_layer_together() -> None:
    """
    A dense model that two cards would write slowly one after the other is split by tensors, and told why.
    """
    choice = _best(DENSE, SLOW, quants=("Q8_0",))
    why = the(choice.reasons, "reason.by-tensors")

    assert choice.split_mode == "tensor"
    assert (figure(why, "low"), figure(why, "likely"), figure(why, "high")) == (1.27, 1.40, 1.68)
    assert figure(why, "prompt") == 0.55


def test_the_command_says_so_and_repeats_what_it_stands_on() -> None:
    """
    ``-sm tensor`` with flash attention on, and --fit, which does not plan it, off; a note names that.
    """
    answer = _answer(DENSE, SLOW, quants=("Q8_0",))
    line = answer.choices[0].commands["llama.cpp"]

    assert "-sm tensor" in line
    assert "-fa on" in line
    assert "--fit off" in line
    assert named(answer.notes, "note.tensor-split-not-fitted")


def test_what_is_counted_is_what_the_estimator_says() -> None:
    """
    Each card has a slice of the weights, and both the same.
    """
    choice = _best(DENSE, SLOW, quants=("Q8_0",))
    _, first, second = choice.devices

    assert first.total_bytes == second.total_bytes
    assert first.total_bytes <= (first.budget_bytes or 0)


def test_slower_prompts_may_cost_more_than_is_gained() -> None:
    """
    Long documents are read more slowly by tensors, which costs more than faster writing gains.
    """
    spec = model("llama", LLAMA_70B)
    layers, tensors = (
        _answer(spec, FAST, quants=("Q4_K_M",), use=use).choices[0] for use in ("long", "reasoning")
    )

    assert [layers.split_mode, tensors.split_mode] == ["layer", "tensor"]
    assert layers.speed.prompt_tokens_per_s is not None
    assert tensors.speed.prompt_tokens_per_s is not None
    assert tensors.speed.prompt_tokens_per_s.likely < layers.speed.prompt_tokens_per_s.likely


def test_a_second_card_must_be_worth_it() -> None:
    """
    A model that one card holds and writes fast enough stays there, unless speed is what is wished for.
    """
    balanced = _best(DENSE, FAST, quants=("Q4_K_M",))
    hurried = _best(DENSE, FAST, quants=("Q4_K_M",), priority="speed")

    assert len(balanced.devices) - 1 == 1
    assert hurried.split_mode == "tensor"


@pytest.mark.parametrize(
    ("spec", "devices", "abilities", "why"),
    [
        (DENSE, _devices(SLOW, SLOW), Abilities(), None),
        (DENSE, _devices(SLOW, SLOW), Abilities(slices=False), "not-by-tensors.engine"),
        (DENSE, _devices(SLOW), Abilities(), "not-by-tensors.nothing-gained"),
        (SMALL, _devices(SLOW, SLOW), Abilities(), "not-by-tensors.may-lose"),
        (SPARSE, _devices(SLOW, SLOW), Abilities(), "not-by-tensors.may-lose"),
        (DENSE, _devices(SLOW, SLOW, backend="vulkan"), Abilities(), "not-by-tensors.backend"),
        (DENSE, _devices(SLOW, None), Abilities(), "not-by-tensors.bandwidth-unknown"),
        (DENSE, _devices(SLOW, FAST), Abilities(), "not-by-tensors.unequal"),
        (DENSE, _devices(SLOW, SLOW, SLOW, SLOW, SLOW), Abilities(), "not-by-tensors.devices"),
    ],
)
def test_where_it_is_not_known_to_gain_it_is_not_tried(
    spec: ModelSpec, devices: tuple[Device, ...], abilities: Abilities, why: str | None
) -> None:
    """
    The engine, one device, models that may lose, and what was not measured.
    """
    found = why_not(Estimator(spec), devices, abilities)

    assert (None if found is None else found.id) == why


def test_an_architecture_that_llama_cpp_refuses_is_split_by_layers() -> None:
    """
    The detail of the choice says so.
    """
    olmo = msgspec.structs.replace(DENSE, architecture="olmo2")
    choice = _best(olmo, SLOW, quants=("Q8_0",))
    why = the(choice.details, "reason.not-by-tensors").values["why"]

    assert choice.split_mode == "layer"
    assert getattr(why, "id", None) == "not-by-tensors.architecture"


def _placed(*gib: float) -> Placed | Misfit:
    snapshot = machine(gib, bandwidth=SLOW)
    site = survey(snapshot, Wishes())
    case = Case(
        estimator=Estimator(DENSE),
        quant="Q8_0",
        settings=Settings(ctx_size=8192, split_mode="tensor"),
        devices=site.device_sets[0],
        site=site,
    )
    return by_tensors(case)


def test_unlike_cards_share_by_their_room_where_halves_do_not_fit() -> None:
    """
    35 GiB of weights: halves do not fit 16 GiB, a third does.
    """
    even, uneven = _placed(23.5, 23.5), _placed(35.5, 15.5)

    assert isinstance(even, Placed)
    assert even.settings.tensor_split == ()
    assert isinstance(uneven, Placed)
    assert uneven.settings.tensor_split[0] > 2 * uneven.settings.tensor_split[1] > 0
    assert uneven.totals["gpu0"] > uneven.totals["gpu1"] > 8 * GIB


def test_what_does_not_fit_says_what_is_missing() -> None:
    """
    Two cards of 12 GiB lack room on both.
    """
    found = _placed(11.5, 11.5)

    assert isinstance(found, Misfit)
    assert {short.where for short in found.shortfalls} == {"gpu0", "gpu1"}


def test_how_unequal_devices_are_is_said() -> None:
    """
    800 GB/s are 2.67 times 300.
    """
    why = why_not(Estimator(DENSE), _devices(FAST, SLOW), Abilities())

    assert why is not None
    assert figure(why, "times") == pytest.approx(800 / 300)
