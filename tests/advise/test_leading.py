"""
The first choice without placing everything: it is that of a search that places everything, with fewer graphs.
"""

from typing import Any

import pytest

from llmprobe.advise.choose.candidates import find
from llmprobe.advise.choose.leading import Leading
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.ranking import ranked
from llmprobe.advise.choose.variants import most_varied, varied
from llmprobe.advise.recommend import Advice
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Wishes
from llmprobe.units import GIB
from tests.advise.machines import LLAMA_8B, LLAMA_70B, QWEN3_30B, machine, model, unified

DENSE = model("llama", LLAMA_8B)
LARGE = model("llama", LLAMA_70B)
MIXED = model("qwen3moe", QWEN3_30B)
MACHINES = {
    "small card": machine((5,)),
    "card": machine((12,)),
    "large card": machine((23,)),
    "two cards": machine((11, 11)),
    "unequal cards": machine((23, 7)),
    "no card": machine((), ram_gib=24),
    "shared": unified(30, 24, total_gib=32),
    "little of both": machine((4,), ram_gib=9),
}


def problem_of(spec: Any, snapshot: Snapshot, **wishes: Any) -> Problem:
    return Advice(spec, {}).problem(snapshot, Wishes(**({"ctx_size": 4096, "top": 1} | wishes)))


@pytest.mark.parametrize("use", [None, "agent"])
@pytest.mark.parametrize("spec", [DENSE, LARGE, MIXED], ids=["dense", "large", "mixed"])
@pytest.mark.parametrize("name", MACHINES)
def test_the_first_is_that_of_recommend(name: str, spec: Any, use: Any) -> None:
    """
    To the last reason and byte, as what is said beside it rests on placements, too.
    """
    snapshot = MACHINES[name]
    wishes = Wishes(ctx_size=4096, top=1, use=use)
    advice = Advice(spec, {})
    found = advice.first(advice.problem(snapshot, wishes), snapshot)
    choices = Advice(spec, {}).answer(snapshot, wishes).choices

    assert (None if found is None else found[1]) == (choices[0] if choices else None)


@pytest.mark.parametrize("spec", [DENSE, LARGE, MIXED], ids=["dense", "large", "mixed"])
@pytest.mark.parametrize("name", ["small card", "two cards", "shared"])
def test_hope_is_never_less_than_what_is_placed(name: str, spec: Any) -> None:
    """
    What fits is hoped to fit, and its most is at least what a placement is worth.
    """
    problem = problem_of(spec, MACHINES[name])
    hoped: dict[str, float] = {}
    for one in find(problem.changed(hopeful=True))[0]:
        assert one.hoped
        hoped[one.quant] = max(hoped.get(one.quant, one.utility), one.utility)
    placed = find(problem)[0]

    assert placed
    for one in placed:
        assert not one.hoped
        assert hoped[one.quant] >= one.utility - 1e-9


def test_most_are_not_placed() -> None:
    """
    Of twelve quantizations of an 8B model on a card of 12 GB a few; the first is.
    """
    problem = problem_of(DENSE, MACHINES["card"])
    found = Leading(problem).candidates
    placed = {one.quant for one in found if not one.hoped}
    order = ranked(problem, found)[0]

    assert len({one.quant for one in found}) >= 11
    assert len(placed) <= 6
    assert not order[0].hoped


@pytest.mark.parametrize(
    "wishes",
    [
        {"priority": "speed"},
        {"priority": "quality"},
        {"min_speed": 5.0},
        {"min_quality": "Q4_K_M"},
        {"quants": ("Q4_K_M",)},
        {"max_ctx": True, "ctx_size": None},
    ],
)
def test_where_more_than_worth_counts_everything_is_placed(wishes: dict[str, Any]) -> None:
    """
    A speed, a loss, the longest context and other priorities are not bounded by hope.
    """
    found = Leading(problem_of(DENSE, MACHINES["card"], **wishes)).candidates

    assert found
    assert not any(one.hoped for one in found)


def test_nothing_fits() -> None:
    """
    Then there is no first, and nothing is hoped for in vain for long.
    """
    tiny = machine((), ram_gib=0.5)
    advice = Advice(DENSE, {})

    assert advice.first(problem_of(DENSE, tiny), tiny) is None
    assert Leading(problem_of(DENSE, tiny)).candidates == []


def test_what_is_hoped_to_fit_and_does_not_is_passed_over() -> None:
    """
    A card that holds a file and its cache to the byte has no room for graphs: a layer stays in RAM, or a smaller file
    is taken, as ``recommend`` says.
    """
    roomy = problem_of(DENSE, machine((40,), ram_gib=8), quants=("Q4_K_M",))
    (one,) = [each for each in find(roomy.changed(hopeful=True))[0] if each.devices]
    tight = machine(((one.placed.totals["gpu0"] + roomy.site.reserve_bytes) / GIB,), ram_gib=8)
    hoped = find(problem_of(DENSE, tight).changed(hopeful=True), ("Q4_K_M",))[0]
    placed = find(problem_of(DENSE, tight), ("Q4_K_M",))[0]
    found = Advice(DENSE, {}).first(problem_of(DENSE, tight), tight)
    assert found is not None

    assert max(each.on_gpu for each in hoped) == 33
    assert max(each.on_gpu for each in placed if each.settings.cache_type_k == "f16") < 33
    assert found[1] == Advice(DENSE, {}).answer(tight, Wishes(ctx_size=4096, top=1)).choices[0]


@pytest.mark.parametrize(
    ("card_gib", "ram_gib", "ctx_size"), [(8, 64, 32768), (16, 64, 32768), (4, 32, 8192), (6, 16, 16384)]
)
@pytest.mark.parametrize("spec", [DENSE, LARGE, MIXED], ids=["dense", "large", "mixed"])
def test_the_first_is_the_same_however_many_are_shown(
    card_gib: float, ram_gib: float, ctx_size: int, spec: Any
) -> None:
    """
    Every candidate that may be the first is tried in its variants, whichever others are shown beside it.
    """
    snapshot = machine((card_gib,), ram_gib=ram_gib)
    answers = [
        Advice(spec, {}).answer(snapshot, Wishes(ctx_size=ctx_size, use="agent", top=top)).choices[:1]
        for top in (1, 3, 12)
    ]
    advice = Advice(spec, {})
    found = advice.first(advice.problem(snapshot, Wishes(ctx_size=ctx_size, use="agent", top=1)), snapshot)

    assert answers[0] == answers[1] == answers[2] == (() if found is None else (found[1],))


@pytest.mark.parametrize("spec", [DENSE, LARGE, MIXED], ids=["dense", "large", "mixed"])
@pytest.mark.parametrize("name", ["small card", "two cards", "unequal cards", "little of both"])
def test_no_variant_is_worth_more_than_is_said_without_placing(name: str, spec: Any) -> None:
    """
    Micro-batches and a cache in RAM, at a context where each is tried.
    """
    problem = problem_of(spec, MACHINES[name], ctx_size=16384)
    over, tried = [], 0
    for one in find(problem)[0]:
        most = most_varied(problem, one)
        for variant in varied(problem, one):
            tried += 1
            over += [(one.quant, variant.settings)] if variant.utility > most + 1e-9 else []

    assert over == []
    assert tried > 0 or all(one.is_whole(problem.estimator) or not one.devices for one in find(problem)[0])
