"""
When a change is worth a line: each condition by itself, with answers that are given.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.advise.explain.changes import WhatIf
from llmprobe.advise.recommend import Advice
from llmprobe.facts.estimate import Range, Speed
from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Holder, Limit, Snapshot
from llmprobe.facts.recommendation import Recommendation, Rejected, Wishes
from llmprobe.units import GIB, MIB
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, machine, model, unified
from tests.advise.messages import ids, listed, named, number, the

SPEC = model("llama", LLAMA_8B | {"block_count": 4})
ADVICE = Advice(SPEC, {})
WISHES = Wishes(ctx_size=4096, quants=("Q4_K_M",))
HERE = machine(ram_gib=20)
ANSWER = ADVICE.answer(HERE, WISHES)

Asked = list[tuple[Snapshot, Wishes]]


def rate(likely: float | None) -> Speed:
    known = None if likely is None else Range(low=likely, likely=likely, high=likely)
    return Speed(generation_tokens_per_s=known, prompt_tokens_per_s=None, reason=message("test"))


def answer(
    speed: float | None = 10.0, rejected: tuple[int | None, ...] = (), **choice: Any
) -> Recommendation:
    """
    The answer whose first choice has this speed and these fields, and which rejected what lacks so many bytes.
    """
    first = msgspec.structs.replace(ANSWER.choices[0], speed=rate(speed), **choice)
    return msgspec.structs.replace(
        ANSWER,
        choices=(first,),
        rejected=tuple(
            Rejected(what=f"Q{at}", why=message("test"), missing_bytes=missing)
            for at, missing in enumerate(rejected)
        ),
    )


NOTHING = msgspec.structs.replace(ANSWER, choices=())


def what_if(
    now: Recommendation | None = None,
    then: Recommendation | None = None,
    snapshot: Snapshot = HERE,
    wishes: Wishes = WISHES,
    asked: Asked | None = None,
    advice: Advice = ADVICE,
) -> WhatIf:
    """
    The questions beside an answer, each of which is answered by another.
    """
    before = msgspec.structs.replace(answer() if now is None else now, wishes=wishes)

    def again(where: Snapshot, wanted: Wishes) -> Recommendation:
        if asked is not None:
            asked.append((where, wanted))
        return answer(quant="Q8_0") if then is None else then

    problem = advice.problem(snapshot, wishes)
    return WhatIf(problem, snapshot, before, again)


@pytest.mark.parametrize(
    ("then", "worth"),
    [
        (answer(), False),
        (answer(11.0), False),
        (answer(11.1), True),
        (answer(9.0), False),
        (answer(None), False),
        (answer(quant="Q8_0"), True),
        (answer(ctx_size=2048), True),
        (answer(cache_type_k="q8_0"), True),
        (NOTHING, False),
    ],
)
def test_another_answer_is_one_that_differs(then: Recommendation, *, worth: bool) -> None:
    """
    In quantization, context or type of cache, or by more than a tenth of the speed; none is no other.
    """
    found = ids(what_if(then=then).other_wishes())

    assert ("change.without-quant" in found) is worth


def test_an_unknown_speed_is_not_compared() -> None:
    """
    What is fast beside an unknown speed is no other answer.
    """
    assert list(what_if(answer(None), answer(99.0)).other_wishes()) == []


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({}, ["change.priority", "change.priority"]),
        ({"quants": ("Q4_K_M",)}, ["change.without-quant", "change.priority", "change.priority"]),
        ({"cache_type_k": "q8_0"}, ["change.without-cache-type", "change.priority", "change.priority"]),
        ({"cache_type_v": "q8_0"}, ["change.without-cache-type", "change.priority", "change.priority"]),
        ({"priority": "context"}, ["change.priority"] * 3),
    ],
)
def test_wishes_are_lifted_that_were_expressed(wishes: dict[str, Any], expected: list[str]) -> None:
    """
    And the priorities are named that were not asked for.
    """
    asked: Asked = []
    wanted = Wishes(ctx_size=4096, **wishes)
    found = list(what_if(wishes=wanted, asked=asked).other_wishes())

    assert ids(found) == expected
    assert wanted.priority not in [one.values.get("priority") for one in found]
    assert all(one.ctx_size == 4096 for _, one in asked)
    assert [one.quants for _, one in asked if one.priority == wanted.priority] == [()] * (
        len(asked) - len(named(found, "change.priority"))
    )


@pytest.mark.parametrize(
    ("rejected", "left"),
    [
        ((384 * MIB,), 128),
        ((384 * MIB + 1,), None),
        ((500 * MIB,), None),
        ((5 * GIB, None, 100 * MIB), 412),
        ((1,), 511),
        ((None,), None),
        ((), None),
    ],
)
def test_a_smaller_reserve_is_what_is_left_of_it(rejected: tuple[int | None, ...], left: int | None) -> None:
    """
    The least shortfall off 512 MiB, in whole MiB and no less than 128.
    """
    asked: Asked = []
    found = list(what_if(answer(rejected=rejected), asked=asked).less_reserved())

    assert [number(one, "reserve_mib") for one in found] == ([] if left is None else [left])
    assert [number(one, "instead_bytes") for one in found] == ([] if left is None else [512 * MIB])
    assert [one.reserve_bytes for _, one in asked] == ([] if left is None else [left * MIB])


def test_a_smaller_reserve_that_changes_nothing_is_not_named() -> None:
    """
    The answer is the same with it.
    """
    assert list(what_if(answer(rejected=(MIB,)), answer()).less_reserved()) == []


def held(gib: float, *holders: Holder) -> Snapshot:
    """
    A machine with a GPU of which others use so much.
    """
    made = machine((8,), ram_gib=20)
    used = msgspec.structs.replace(
        made.pools[1], limits=(Limit(by="processes", bytes=int(gib * GIB)),), held_by=holders
    )
    return msgspec.structs.replace(made, pools=(made.pools[0], used))


@pytest.mark.parametrize(("gib", "worth"), [(0.0, False), (0.2499, False), (0.25, True), (3, True)])
def test_a_quarter_of_a_gibibyte_is_worth_freeing(gib: float, *, worth: bool) -> None:
    """
    Less in use is not asked about.
    """
    asked: Asked = []
    found = list(what_if(snapshot=held(gib), asked=asked).freed())

    assert bool(found) is worth
    assert [one.assume_idle for _, one in asked] == [True] * worth


def test_the_three_that_use_most_are_named() -> None:
    """
    Those whose name and use are known, the largest first.
    """
    holders = (
        Holder(pid=1, name="small", used_bytes=1),
        Holder(pid=2, name="large", used_bytes=4),
        Holder(pid=3, name=None, used_bytes=9),
        Holder(pid=4, name="unknown", used_bytes=None),
        Holder(pid=5, name="third", used_bytes=2),
        Holder(pid=6, name="second", used_bytes=3),
    )
    (part,) = listed(the(what_if(snapshot=held(1, *holders)).freed(), "change.freed"), "held")

    assert [one.values["name"] for one in listed(part, "holders")] == ["large", "second", "third"]


def test_freed_memory_that_changes_nothing_is_not_named() -> None:
    """
    The answer is the same without the others.
    """
    assert list(what_if(then=answer(), snapshot=held(3)).freed()) == []


def mac(finding: Finding | None, **pool: Any) -> Snapshot:
    made = unified(52, 40)
    (ram,) = made.pools
    return msgspec.structs.replace(
        made,
        pools=(msgspec.structs.replace(ram, **pool),),
        findings=() if finding is None else (finding,),
    )


def finding(name: str = "mac-wired-limit", commands: tuple[str, ...] | None = ("raise it",)) -> Finding:
    return Finding(
        id=name,
        severity="note",
        title=message("test"),
        detail=message("test"),
        evidence=("metal:",),
        remedy=None if commands is None else Remedy(text=message("test"), commands=commands),
    )


def test_a_raised_limit_is_tried_on_this_machine() -> None:
    """
    The GPU may then use what is free, up to all but 8 of 64 GiB; nothing else of the machine is changed.
    """
    asked: Asked = []
    (found,) = what_if(snapshot=mac(finding()), asked=asked).raised()
    ((tried, wishes),) = asked

    assert (found.values["command"], found.values["usable_bytes"]) == ("raise it", 52 * GIB)
    assert tried == msgspec.structs.replace(
        mac(finding()), pools=(msgspec.structs.replace(mac(None).pools[0], budget_bytes=52 * GIB),)
    )
    assert wishes == WISHES


@pytest.mark.parametrize(
    "snapshot",
    [
        mac(None),
        mac(finding("another")),
        mac(finding(commands=None)),
        mac(finding(commands=())),
        mac(finding(), total_bytes=16 * GIB),
        mac(finding(), free_bytes=None),
        mac(finding(), budget_bytes=None),
        mac(finding(), free_bytes=40 * GIB),
        msgspec.structs.replace(mac(finding()), pools=()),
    ],
)
def test_a_limit_that_gives_nothing_is_not_raised(snapshot: Snapshot) -> None:
    """
    Without the finding and its command, where sizes are unknown, and where no more would be usable.
    """
    assert list(what_if(snapshot=snapshot).raised()) == []


@pytest.mark.parametrize(("trained", "asked"), [(8191, False), (8192, True), (None, True)])
def test_a_context_twice_as_long_is_asked_up_to_what_was_trained(trained: int | None, *, asked: bool) -> None:
    """
    Where that is unknown it is asked all the same.
    """
    questions: Asked = []
    advice = Advice(msgspec.structs.replace(SPEC, max_context=trained), {})
    found = what_if(asked=questions, advice=advice).longer()

    assert ids(found) == (["change.context"] if asked else [])
    assert [one.ctx_size for _, one in questions] == ([8192] if asked else [])


@pytest.mark.parametrize(("rejected", "least"), [((7, None, 5), 5), ((None,), None), ((), None)])
def test_a_context_that_is_too_long_lacks_the_least_of_all(
    rejected: tuple[int | None, ...], least: int | None
) -> None:
    """
    Unknown where no shortfall is known.
    """
    then = msgspec.structs.replace(answer(rejected=rejected), choices=())

    assert list(what_if(then=then).longer()) == [
        message("change.context-too-long", ctx_size=8192, missing_bytes=least)
    ]


@pytest.mark.parametrize(
    ("lost", "lacking", "expected"),
    [
        ("Q4_K_M", {"Q6_K": 7, "Q8_0": 9}, ("Q6_K", 7)),
        ("Q4_K_M", {"BF16": 9, "Q2_K": 1}, None),
        ("Q2_K", {"Q8_0": 9, "Q3_K_M": 2, "Q4_K_M": 5}, ("Q3_K_M", 2)),
        ("Q8_0", {"BF16": 9}, None),
    ],
)
def test_the_nearest_finer_quantization_that_lacks_memory_is_named(
    lost: str, lacking: dict[str, int], expected: tuple[str, int] | None
) -> None:
    """
    Up to the first whose loss nobody notices; what loses more is no improvement.
    """
    wishes = Wishes(ctx_size=4096)
    chosen = ADVICE.answer(HERE, msgspec.structs.replace(wishes, quants=(lost,)))
    now = msgspec.structs.replace(
        chosen,
        rejected=tuple(
            Rejected(what=quant, why=message("test"), missing_bytes=size) for quant, size in lacking.items()
        ),
    )
    found = named(what_if(now, wishes=wishes).more_memory(), "change.more-memory")

    assert [(one.values["quant"], one.values["missing_bytes"]) for one in found] == (
        [] if expected is None else [expected]
    )


def test_on_the_processor_alone_nothing_lacks_on_gpus() -> None:
    """
    There are none, so that no layers are missing there.
    """
    assert named(what_if(wishes=Wishes(ctx_size=4096)).more_memory(), "change.more-on-gpu") == []
