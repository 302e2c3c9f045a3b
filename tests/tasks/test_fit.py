"""
``fit``: every row is what ``recommend`` says, the wishes hold, and the answer is an expert's.
"""

import random
from typing import Any

import pytest

import llmprobe
from llmprobe.errors import UsageError
from llmprobe.facts.fit import Fit
from llmprobe.facts.machine import Snapshot
from llmprobe.model import capability
from llmprobe.model.known import known
from llmprobe.tasks.fit import CONTEXTS, fit, wishes_of
from llmprobe.units import GIB
from llmprobe.words.message import Message
from tests.advise.machines import machine
from tests.catalog_models import loaded
from tests.machine_fixtures import MACHINES, replayed

DRAWN = list(zip(random.Random(20261201).sample(MACHINES, 2), ("chat", "coding"), strict=True))
"""Other machines, the same at each run: a test must not fail of a change that has nothing to do with it."""

SMALL = machine((), ram_gib=6)
"""The processor alone, with room for models of some billions of weights: each is searched in milliseconds."""


def number(message: Message, name: str) -> int:
    value = message.values[name]
    assert isinstance(value, int)
    return value


def answer(snapshot: Snapshot = SMALL, **wishes: Any) -> Fit:
    return fit(snapshot, wishes_of(**({"top": 3} | wishes)))


@pytest.mark.parametrize(
    ("name", "use"),
    [
        # With graphs that take no memory the projector gives way to layers, with real ones it stays.
        ("linux-arc-b580-selector", "vision"),
        # A projector in RAM makes room for all layers.
        ("linux-3060-12g-16g-desktop", "japanese"),
        # In RAM alone a file is hoped to be better than beside cards, and does not fit there.
        ("linux-2x-max1100-server", "agent"),
        *DRAWN,
    ],
)
def test_every_row_is_what_recommend_says(name: str, use: str) -> None:
    """
    The choice of a row is the first of ``recommend`` for the same context, down to the last byte of each device;
    ``make first-choices`` asks this of all machines and uses.
    """
    snapshot = replayed(name)
    for row in answer(snapshot, use=use, top=2).rows:
        model = loaded(row.model.id)
        alone = llmprobe.recommend(model, snapshot, ctx_size=row.choice.ctx_size, use=row.answers)

        assert row.choice == alone.choices[0], (name, use, row.model.id)


def test_the_first_of_a_short_list_is_the_first_of_a_long_one() -> None:
    """
    What is shown does not depend on how much is shown, though less is searched.
    """
    short, longer = answer(top=2), answer(top=6)

    assert [row.model.id for row in short.rows] == [row.model.id for row in longer.rows[:2]]


def test_rows_are_ordered_by_points() -> None:
    """
    By points, or as it was asked for.
    """
    by_points = [row.points for row in answer(top=6).rows]
    by_size = [row.model.parameters for row in answer(top=6, sort="size", families="gemma").rows]
    by_speed = answer(top=6, sort="speed", families="qwen3").rows
    rates = [row.choice.speed.generation_tokens_per_s for row in by_speed]
    likely = [rate.likely for rate in rates if rate is not None]

    assert by_points == sorted(by_points, reverse=True)
    assert by_size == sorted(by_size)
    assert likely == sorted(likely, reverse=True)
    assert len(likely) > 1


def test_wishes_restrict_the_rows() -> None:
    """
    License, family, size of the file, least speed and quality: each holds for every row.
    """
    apache = answer(licenses="apache")
    qwen = answer(families=["qwen"])
    small = answer(max_download_bytes=10**9)
    fast = answer(min_speed=30)
    fine = answer(min_quality="Q8_0")
    rates = [row.choice.speed.generation_tokens_per_s for row in fast.rows]

    assert {row.model.license for row in apache.rows} == {"apache-2.0"}
    assert all(row.model.id.startswith("qwen") for row in qwen.rows)
    assert all((row.choice.download_bytes or 0) <= 10**9 for row in small.rows)
    assert all(rate is not None and rate.likely >= 30 for rate in rates)
    assert {row.choice.quant for row in fine.rows} <= {"BF16", "F16", "Q8_0", "MXFP4"}
    for found in (apache, qwen, small, fast, fine):
        assert len(found.rows) == 3


def test_only_what_is_on_a_gpu_as_a_whole() -> None:
    """
    Without the wish a card of 3 GiB gets more than it holds.
    """
    card = machine((3.0,), ram_gib=6)
    whole, mixed = (answer(card, only_gpu=only, families="qwen3.5", top=4).rows for only in (True, False))

    assert whole != ()
    assert all(row.choice.gpu_layers == row.choice.total_layers for row in whole)
    assert all(row.choice.n_cpu_moe == 0 and not row.choice.cpu_moe_layers for row in whole)
    assert any(row.choice.gpu_layers < row.choice.total_layers for row in mixed)


def test_models_without_results_are_named_apart() -> None:
    """
    No row rests on what is expected of its maker alone; what has no results is not ranked.
    """
    found = answer(top=20)
    unranked = {one.id for one in found.unranked}

    assert unranked.isdisjoint(row.model.id for row in found.rows)
    assert all(row.capability.basis != "prior only" for row in found.rows)
    assert all(
        {one.basis for one in capability.of(name, "chat").values()} <= {"prior only"} or capability.kind(name)
        for name in unranked
    )


def test_every_model_is_counted_once() -> None:
    """
    Shown, a variant, named apart, or left out for a reason: of one family all of its models, and none twice.
    """
    found = answer(machine((), ram_gib=3), top=1000, families="qwen2.5")
    shown = [name for row in found.rows for name in (row.model.id, *row.variants)]
    counted = sum(number(reason, "count") for reason in found.left_out)
    texts = [
        entry
        for entry in known().entries.values()
        if entry.modality != "embedding"
        and any(name.startswith("qwen2.5") for name in (entry.id, known().families[entry.id]))
    ]

    assert len(shown) == len(set(shown)) > 2
    assert counted > 2
    assert len(shown) + counted + len(found.unranked) == len(texts)


def test_a_context_is_as_the_use_needs_or_as_asked() -> None:
    """
    An agent needs 32k; what was trained for less is left out, and embeddings take what the model has.
    """
    agents = answer(use="agent")
    asked = answer(use="agent", ctx_size=4096)
    vectors = answer(use="embedding", top=20)

    assert {row.choice.ctx_size for row in agents.rows} == {CONTEXTS["agent"]} == {32768}
    assert {row.choice.ctx_size for row in asked.rows} == {4096}
    assert agents.notes[0].id == "fit.context-of-use"
    assert asked.notes[0].id == "fit.context"
    assert {row.choice.ctx_size for row in vectors.rows} > {CONTEXTS["embedding"]}


def test_nothing_that_fits_is_the_answer_no() -> None:
    """
    With 100 MiB of RAM there is no row, and the verdict says so.
    """
    found = answer(machine((), ram_gib=0.6))

    assert found.rows == ()
    assert found.verdict is not None
    assert found.verdict.id == "fit.none"


def test_the_next_model_lacks_what_it_says() -> None:
    """
    With what is missing added to the RAM, the next model fits; it is better than all that are listed.
    """
    found = answer(top=5)
    assert found.next_model is not None
    missing = number(found.next_model, "missing_bytes")
    model, quant = str(found.next_model.values["id"]), str(found.next_model.values["quant"])
    larger = machine((), ram_gib=6 + missing / GIB)
    spec = loaded(model)

    assert llmprobe.recommend(spec, SMALL, ctx_size=8192, quants=quant).choices == ()
    assert llmprobe.recommend(spec, larger, ctx_size=8192, quants=quant).choices != ()
    better = max(one.low for one in capability.of(model, "chat").values())
    assert better > max(row.capability.low for row in found.rows)


@pytest.mark.parametrize(
    "wishes",
    [
        {"use": "cooking"},
        {"sort": "beauty"},
        {"engine": "nothing"},
        {"min_speed": -1},
        {"min_speed": float("nan")},
        {"min_speed": True},
        {"ctx_size": 0},
        {"ctx_size": 2**31},
        {"top": 0},
        {"max_download_bytes": -1},
        {"licenses": 5},
        {"families": [5]},
        {"only_gpu": "yes"},
    ],
)
def test_a_bad_wish_is_refused(wishes: dict[str, Any]) -> None:
    """
    One sentence says what was given.
    """
    with pytest.raises(UsageError):
        answer(**wishes)


def test_a_family_or_license_that_does_not_exist_is_refused() -> None:
    """
    Nothing that the catalog has is meant, which is a mistake and no answer.
    """
    with pytest.raises(UsageError, match="zzz"):
        answer(families="zzz")
    with pytest.raises(UsageError, match="yyy"):
        answer(licenses=["apache", "yyy"])


def test_what_has_no_room_for_download_is_said_to_be_left_out() -> None:
    """
    A limit of 1 MB leaves nothing, which is an answer.
    """
    assert answer(max_download_bytes=10**6).rows == ()
