"""
A problem is searched once: what explains a choice reads the placements that the search made.
"""

import pytest

from llmprobe.advise.choose import problem as module
from llmprobe.advise.choose.candidates import find
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.explain.reasons import details, reasons
from llmprobe.advise.recommend import Advice
from llmprobe.advise.search.case import Case, Misfit, Placed
from llmprobe.advise.search.place import place
from llmprobe.facts.recommendation import Wishes
from llmprobe.facts.settings import Settings
from llmprobe.model.loading import load
from tests.advise.machines import LLAMA_8B, machine, model
from tests.advise.messages import ids

SPEC = model("llama", LLAMA_8B)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[Case]:
    """
    Every case that a placement is searched for.
    """
    cases: list[Case] = []

    def noted(case: Case) -> Placed | Misfit:
        cases.append(case)
        return place(case)

    monkeypatch.setattr(module, "place", noted)
    return cases


def problem(ram_gib: float, **wishes: object) -> Problem:
    return Advice(SPEC, {}).problem(machine(ram_gib=ram_gib), Wishes(ctx_size=32768, **wishes))  # type: ignore[arg-type]


def test_reasons_search_for_nothing_that_was_placed(searched: list[Case]) -> None:
    """
    That f16 does not fit is what the search found; the reason for q8_0 does not search for it again.
    """
    asked = problem(8.6, quants=("Q4_K_M",))
    (best, *_), _, _ = find(asked)
    before = len(searched)
    lines = reasons(asked, best, best)
    more = details(asked, best, best)

    assert before > 1
    assert "reason.cache-needed" in ids(lines)
    assert ids(more) == ["reason.loss"]
    assert len(searched) == before


def test_a_placement_is_searched_for_once(searched: list[Case]) -> None:
    """
    The settings of a candidate, its placement among them, are the question that it answers.
    """
    asked = problem(20, quants=("Q4_K_M",))
    (best, *_), _, _ = find(asked)
    before = len(searched)

    assert asked.place("Q4_K_M", best.settings, best.devices) is best.placed
    assert len(searched) == before


def test_another_site_is_another_problem(searched: list[Case]) -> None:
    """
    What was placed for one machine is not the answer for another.
    """
    asked, larger = problem(20, quants=("Q4_K_M",)), problem(40).site
    found, _, _ = find(asked)
    before = len(searched)
    again, _, _ = find(asked.changed(site=larger))

    assert len(searched) == 2 * before
    assert len(again) == len(found)


def test_a_case_is_placed_anew() -> None:
    """
    Layers, experts and shares of an earlier placement are no part of the question; what was asked for is.
    """
    placed = Settings(ctx_size=8192, gpu_layers=5, n_cpu_moe=3, cpu_moe_layers=(1,), tensor_split=(1, 2))

    assert problem(20).case("Q4_K_M", placed, ()).settings == Settings(ctx_size=8192)


def test_a_projector_is_moved_only_by_a_search() -> None:
    """
    Who asks for it in RAM has it there as it was asked for. Without layers on devices it is the processor's, too, which
    counts where there are devices.
    """
    seeing = Advice(load("qwen3-vl-8b"), {})
    card, none = machine((8,), ram_gib=20), machine(ram_gib=20)
    here, there = Settings(mmproj_offload=False), Settings(mmproj_offload=True)
    asked = seeing.problem(card, Wishes())
    devices = next(each for each in asked.site.device_sets if each)

    assert asked.moved_projector(here, devices)
    assert asked.moved_projector(there, ())
    assert not asked.moved_projector(there, devices)
    assert not seeing.problem(none, Wishes()).moved_projector(there, ())
    assert not seeing.problem(card, Wishes(mmproj_offload=False)).moved_projector(here, devices)
    assert not Advice(SPEC, {}).problem(card, Wishes()).moved_projector(here, devices)


def test_a_projector_is_loaded_where_the_model_has_one_and_nobody_leaves_it_out() -> None:
    """
    Qwen3-VL sees, Llama does not.
    """
    seeing = Advice(load("qwen3-vl-8b"), {})

    assert seeing.problem(machine(ram_gib=20), Wishes()).loads_projector
    assert not seeing.problem(machine(ram_gib=20), Wishes(mmproj="none")).loads_projector
    assert not problem(20).loads_projector
