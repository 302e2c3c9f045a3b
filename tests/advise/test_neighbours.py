"""
What is said of a choice beside others: which neighbours are named, what is known, what is worth a note.
"""

from typing import Any

import msgspec
import pytest
from pytest_mock import MockerFixture

from llmprobe.advise.choose.candidates import find
from llmprobe.advise.choose.neighbours import nearest, neighbours
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.advise.explain import notes
from llmprobe.advise.explain.placement import of_placement
from llmprobe.advise.explain.reasons import details, reasons, weighed
from llmprobe.advise.recommend import Advice
from llmprobe.facts.estimate import Range, Speed
from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Quality, Wishes
from llmprobe.site.site import survey
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import machine
from tests.advise.messages import ids, listed, named, the
from tests.advise.test_ranking import PROBLEM, SPEC, candidate


def spoken(candidate: Candidate, **changes: Any) -> Candidate:
    """
    A candidate with these fields.
    """
    return msgspec.structs.replace(candidate, **changes)


def speed(generation: float | None, prompts: float | None = None) -> Speed:
    def rate(likely: float | None) -> Range | None:
        return None if likely is None else Range(low=likely, likely=likely, high=likely)

    return Speed(
        generation_tokens_per_s=rate(generation), prompt_tokens_per_s=rate(prompts), reason=message("test")
    )


BEST = candidate(1, 20.0, loss=0.02, quant="Q4_K_M")


@pytest.mark.parametrize(
    ("others", "finer", "faster"),
    [
        ([], None, None),
        ([("Q5_K_M", 18.0, 0.01), ("Q8_0", 10.0, 0.001)], "Q5_K_M", None),
        ([("Q3_K_M", 30.0, 0.1), ("Q2_K", 40.0, 0.2)], None, "Q3_K_M"),
        ([("Q3_K_M", 22.0, 0.1), ("Q2_K", 22.1, 0.2)], None, "Q2_K"),
        ([("Q4_0", 99.0, 0.02)], None, None),
    ],
)
def test_the_nearest_neighbours_are_named(
    others: list[tuple[str, float, float]], finer: str | None, faster: str | None
) -> None:
    """
    Of what loses less the one that loses most; of what is a tenth faster the one that loses least.
    """
    fitting = {quant: candidate(1, rate, loss=loss, quant=quant) for quant, rate, loss in others}
    losses = {one.quant: one.divergence for one in (BEST, *fitting.values())}
    found = nearest(BEST, losses | {"Q6_K": 0.015, "IQ4_XS": 0.03}, fitting.get)

    assert tuple(one and one.quant for one in found) == (finer, faster)


@pytest.mark.parametrize(("finer", "faster"), [("Q5_K_M", "Q3_K_M"), (None, "Q3_K_M"), ("Q5_K_M", None)])
def test_neighbours_are_said_with_what_they_change(
    mocker: MockerFixture, finer: str | None, faster: str | None
) -> None:
    """
    The finer one before the faster one, and none where there is none.
    """
    both = [None if quant is None else candidate(1, 30.0, quant=quant) for quant in (finer, faster)]
    mocker.patch("llmprobe.advise.explain.reasons.neighbours", return_value=tuple(both))
    lines = named(reasons(PROBLEM, BEST, BEST), "reason.not-finer", "reason.not-faster")
    expected = [("reason.not-finer", finer), ("reason.not-faster", faster)]

    assert [(one.id, one.values["quant"]) for one in lines] == [pair for pair in expected if pair[1]]


def test_neighbours_do_not_depend_on_what_is_hoped_or_shown() -> None:
    """
    With a hopeful search of the same problem at hand fewer quantizations are placed, and the same ones are named.
    """
    quants = ("Q8_0", "Q5_K_M", "Q4_K_M", "Q2_K")
    asked = Advice(SPEC, {}).problem(machine((5,)), Wishes(ctx_size=16384, quants=quants))
    for first in find(asked, ("Q4_K_M",))[0]:
        placed = neighbours(asked, first)

        assert neighbours(asked, first, asked.changed(hopeful=True)) == placed
        assert placed[0] is not None
        assert placed[0].quant == "Q5_K_M"


def test_another_choice_is_closer_or_further() -> None:
    """
    By what it loses beside the best one; an equal loss is not closer.
    """
    for loss, name in ((0.01, "reason.closer"), (0.02, "reason.further"), (0.03, "reason.further")):
        (line,) = reasons(PROBLEM, candidate(1, loss=loss, quant="Q8_0"), BEST)

        assert (line.id, line.values["quant"], line.values["than"]) == (name, "Q8_0", "Q4_K_M")


@pytest.mark.parametrize(
    ("value", "name"), [(None, "reason.loss-unknown"), (0.0, "reason.no-loss"), (0.01, "reason.loss")]
)
def test_the_loss_of_the_best_choice_is_a_detail(value: float | None, name: str) -> None:
    """
    Unknown, none, or its figure; details of another choice are none.
    """
    loss = Quality(value=value, metric="test", basis=message("test"), words=message("test"))
    best = spoken(BEST, quality=loss)

    assert ids(details(PROBLEM, best, best)) == [name]
    assert details(PROBLEM, best, BEST) == ()


@pytest.mark.parametrize("generation", [None, 10.0])
@pytest.mark.parametrize("prompts", [None, 100.0])
def test_what_is_assumed_is_marked_in_the_scores(generation: float | None, prompts: float | None) -> None:
    """
    Each of two speeds by itself; only choices after the first are set beside it.
    """
    shown = [spoken(BEST, speed=speed(generation, prompts))] * 2
    first, second = named(weighed(PROBLEM, shown), "balance.score")

    assert first.values["speed_known"] is (generation is not None)
    assert first.values["prompts_known"] is (prompts is not None)
    assert (first.values["beside"] is None, second.values["beside"] is None) == (True, False)


def finding(name: str, severity: Any, *, remedy: bool = True) -> Finding:
    return Finding(
        id=name,
        severity=severity,
        title=message("test"),
        detail=message("test"),
        evidence=("test",),
        remedy=Remedy(text=message("test")) if remedy else None,
    )


@pytest.mark.parametrize(
    ("one", "shown"),
    [
        (finding("another", "warning"), True),
        (finding("another", "note"), False),
        (finding("mac-wired-limit", "note"), True),
        (finding("mac-wired-limit", "note", remedy=False), False),
    ],
)
def test_findings_that_matter_to_a_choice(one: Finding, *, shown: bool) -> None:
    """
    Those that are worse than a note, and a note whose remedy makes more memory usable.
    """
    snapshot = msgspec.structs.replace(machine(), findings=(one,))

    assert notes.findings(snapshot, Wishes()) == ((one,) if shown else ())


@pytest.mark.parametrize(("size", "warned"), [(131072, False), (131073, True), (131328, True), (4096, False)])
def test_a_context_beyond_training_is_warned_of(size: int, *, warned: bool) -> None:
    """
    From one step beyond what the model was trained for.
    """
    found = list(notes.of_context(SPEC, Wishes(ctx_size=size)))

    assert ("note.beyond-training" in ids(found)) is warned


def test_a_trained_context_that_is_no_whole_step_is_not_warned_of() -> None:
    """
    1,000 tokens are rounded to 1,024 by the engine itself; without a known length nothing is beyond it.
    """
    odd = msgspec.structs.replace(SPEC, max_context=1000)
    unknown = msgspec.structs.replace(SPEC, max_context=None)

    assert "note.beyond-training" not in ids(notes.of_context(odd, Wishes(ctx_size=1000)))
    assert "note.beyond-training" in ids(notes.of_context(odd, Wishes(ctx_size=1025)))
    assert "note.beyond-training" not in ids(notes.of_context(unknown, Wishes(ctx_size=1 << 20)))


@pytest.mark.parametrize(
    ("rates", "name"),
    [
        ((1008, 1008), "reason.split-evenly"),
        ((1008, 504), "reason.split-fastest-first"),
        ((1008, None), "reason.split"),
        ((None, None), "reason.split"),
    ],
)
def test_layers_that_are_split_have_a_reason(rates: tuple[int | None, int | None], name: str) -> None:
    """
    Equal cards, unlike ones with the fastest first, and those of which nobody knows.
    """
    base = candidate(2)
    devices = tuple(
        msgspec.structs.replace(device, bandwidth_bytes_per_s=None if rate is None else rate * 10**9)
        for device, rate in zip(base.devices, rates, strict=True)
    )
    placed = msgspec.structs.replace(
        base.placed, hardware=msgspec.structs.replace(base.placed.hardware, devices=devices)
    )
    said = the(of_placement(PROBLEM, spoken(base, placed=placed)), name)
    parts = listed(said, "parts")

    assert [one.values["device"] for one in parts] == ["gpu0", "gpu1"]
    assert sum(int(str(one.values["layers"])) for one in parts) == 33
    if name == "reason.split-fastest-first":
        assert [one.values["device"] for one in listed(said, "rates")] == ["gpu0", "gpu1"]


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        (10.0, 10.9, "reason.split-evenly"),
        (10.0, 12.1, "reason.split-equal"),
        (12.1, 10.0, "reason.split-equal"),
    ],
)
def test_cards_are_filled_evenly_within_a_tenth(first: float, second: float, name: str) -> None:
    """
    Of what each may hold, here 20 GiB.
    """
    base = candidate(2)
    totals = base.placed.totals | {"gpu0": int(first * GIB), "gpu1": int(second * GIB)}
    placed = msgspec.structs.replace(base.placed, totals=totals)

    assert name in ids(of_placement(PROBLEM, spoken(base, placed=placed)))


def test_what_is_left_is_what_is_beside_the_reserve() -> None:
    """
    20 GiB less half a GiB, less what the choice takes; never less than none.
    """
    base = candidate(1)
    for taken, left in ((10 * GIB, 19.5 * GIB - 10 * GIB), (20 * GIB, 0)):
        totals = base.placed.totals | {"gpu0": taken}
        placed = msgspec.structs.replace(base.placed, totals=totals)
        (room,) = listed(the(of_placement(PROBLEM, spoken(base, placed=placed)), "reason.all-on-gpu"), "room")

        assert (room.values["left_bytes"], room.values["usable_bytes"]) == (left, 20 * GIB)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"backend": "vulkan"}, "reason.left-out-backend"),
        ({}, "reason.left-out-not-needed"),
    ],
)
def test_cards_that_are_left_out_are_named_together(changes: dict[str, Any], name: str) -> None:
    """
    Those of another backend, and those that the whole model does not need.
    """
    made = machine((20, 20, 20))
    first, *others = made.accelerators
    cards: Snapshot = msgspec.structs.replace(
        made, accelerators=(first, *(msgspec.structs.replace(one, **changes) for one in others))
    )
    asked = PROBLEM.changed(site=survey(cards, PROBLEM.wishes))
    said = the(of_placement(asked, candidate(1)), name)

    assert said.values["devices"] == ("gpu1", "gpu2")
    assert ids(of_placement(asked, candidate(1))) == ["reason.all-on-gpu", name]


def test_a_card_that_holds_a_part_leaves_others_out_for_no_gain() -> None:
    """
    Where not all layers are on it, another one was left out because it makes nothing faster.
    """
    base = candidate(1)
    settings = msgspec.structs.replace(base.settings, gpu_layers=20)
    partly = spoken(base, placed=msgspec.structs.replace(base.placed, settings=settings))

    assert the(of_placement(PROBLEM, partly), "reason.left-out-no-gain").values["devices"] == ("gpu1", "gpu2")
    said = the(of_placement(PROBLEM, partly), "reason.partly-on-gpu")
    assert (said.values["gpu_layers"], said.values["total_layers"], said.values["expert_layers"]) == (
        20,
        33,
        None,
    )


@pytest.mark.parametrize("layers", [32, 20, 1, 0])
def test_the_next_layer_is_the_one_before_those_on_the_card(layers: int) -> None:
    """
    The first layer of all is the last that is missing; where the output is not there yet nothing is said.
    """
    base = candidate(1)
    settings = msgspec.structs.replace(base.settings, gpu_layers=layers)
    partly = spoken(base, placed=msgspec.structs.replace(base.placed, settings=settings))
    said, *_ = of_placement(PROBLEM, partly)
    weights = PROBLEM.estimator.table("Q8_0").shares("cuda").dense

    assert said.values["step"] == (
        message("step.layer", bytes=weights.of(32 - layers, 33 - layers)) if layers else None
    )
