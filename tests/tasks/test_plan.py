"""
``plan``: the machines that a model needs are those that an expert would name, and each holds it.
"""

from datetime import date
from functools import cache
from typing import Any

import pytest

import llmprobe
from benchmarks.plans import faults_of
from llmprobe.data import table
from llmprobe.errors import UsageError
from llmprobe.facts.plan import Plan, Planned
from llmprobe.tasks.plan import plan, wishes_of
from llmprobe.units import GIB
from tests.advise.machines import LLAMA_8B, model
from tests.catalog_models import loaded

SMALL = model("llama", LLAMA_8B)


@cache
def planned(name: str) -> Plan:
    spec = loaded(name)
    return plan(spec, wishes_of(spec, ctx_size=8192))


def of_kind(answer: Plan, kind: str) -> list[Planned]:
    return [one for one in answer.machines if one.kind == kind]


def likely(one: Planned) -> float:
    speed = one.choice.speed.generation_tokens_per_s
    assert speed is not None
    return speed.likely


def test_a_70b_model_needs_48_gb() -> None:
    """
    Whole at Q4_K_M on one card of 48 GB, two of 24 GB or a Mac of 64 GB; on one of 24 GB half of its layers stay in
    RAM, which is slower than people read (5 tokens/s). No smaller card holds it.
    """
    answer = planned("llama3-70b")
    one, several = of_kind(answer, "one-card"), of_kind(answer, "several-cards")
    mixed = {row.gpus[0]: row for row in of_kind(answer, "card-and-ram")}
    shared = of_kind(answer, "unified")

    assert {row.gpus for row in one} == {("RTX A6000",), ("RTX 6000 Ada",)}
    assert {row.gpus for row in several} >= {("2x RTX 3090",), ("2x RTX 4090",)}
    assert all(row.whole and row.choice.quant == "Q4_K_M" for row in (*one, *several, *shared))
    assert {row.gpus[0].rpartition(" ")[2] for row in shared} == {"64GB"}
    assert not mixed["RTX 4090"].whole
    assert 35 < mixed["RTX 4090"].choice.gpu_layers < 50
    assert likely(mixed["RTX 4090"]) < 5
    assert "plan.slow-with-ram" in {note.id for note in answer.notes}
    assert "plan.nvlink" in {note.id for note in answer.notes}


def test_an_8b_model_needs_one_small_card() -> None:
    """
    A card of 8 GB holds it, so several cards or one with RAM are no question.
    """
    answer = planned("qwen3-8b")

    assert {row.gpus for row in of_kind(answer, "one-card")} == {("RTX 4060",)}
    assert answer.without == ("several-cards", "card-and-ram")
    assert "plan.nvlink" not in {note.id for note in answer.notes}


def test_what_no_card_holds_needs_several() -> None:
    """
    DeepSeek-R1 in Q4_K_M takes 405 GB: no card holds it, and more cards of a kind are named only if each is smaller.
    """
    answer = planned("deepseek-r1-671b")
    cards = {row["gpus"][0]: row["gib"] for row in table("plan")["cards"]}
    sizes = [cards[row.gpus[0].partition("x ")[2]] for row in of_kind(answer, "several-cards")[:1]]

    assert of_kind(answer, "one-card") == []
    assert "one-card" in answer.without
    assert sizes == [141]
    assert {row.gpus for row in of_kind(answer, "unified")} == {("M3 Ultra 512GB",)}


@pytest.mark.parametrize("name", ["llama3-70b", "qwen3-8b", "gpt-oss-120b"])
def test_every_machine_holds_it_by_its_own_command(name: str) -> None:
    """
    Asked for alone, each machine gives the same choice, within every budget.
    """
    spec = loaded(name)
    for one in planned(name).machines:
        machine = llmprobe.probe(gpus=one.gpus, ram=one.ram)
        again = llmprobe.recommend(spec, machine, ctx_size=8192, quants=one.choice.quant, top=1)

        assert again.choices[0] == one.choice
        assert all(device.total_bytes <= (device.budget_bytes or 0) for device in one.choice.devices)


@pytest.mark.parametrize("name", ["gemma-3-12b-it", "qwen3-30b-a3b"])
def test_no_machine_of_a_plan_is_over_its_budget(name: str) -> None:
    """
    Every printed command takes what is told, on the machine by its own description; ``make plans`` asks this for all
    of the catalog.
    """
    found = [(fault, where) for _, fault, where in faults_of(name) if fault is not None]

    assert found == []


def test_the_ram_that_people_buy_for_a_70b_is_among_the_machines() -> None:
    """
    Beside a card of 24 GB 32 GB are enough for the layers that it leaves. The file has 39.6 GiB, so that 64 GB hold it
    all, with the same layers on the card, and as slowly; the processor alone needs them anyway.
    """
    answer = planned("llama3-70b")
    beside = [one for one in of_kind(answer, "card-and-ram") if one.gpus == ("RTX 3090",)]

    assert [one.ram for one in beside] == ["32GiB DDR5-5600", "64GiB DDR5-5600"]
    assert beside[0].choice.gpu_layers == beside[1].choice.gpu_layers
    assert likely(beside[1]) < 5
    assert [one.ram for one in of_kind(answer, "processor")] == ["64GiB DDR5-5600"]
    assert "plan.ram-holds-file" in {note.id for note in answer.notes}


def test_ram_that_holds_the_file_already_is_named_once() -> None:
    """
    A file of 18.6 GB beside a card of 16 GB: 32 GiB of RAM hold it, and 16 GiB are enough.
    """
    rows = of_kind(planned("qwen3-32b"), "card-and-ram")
    file_bytes = planned("qwen3-32b").needs.file_bytes
    sizes = {gpu: [one.ram for one in rows if one.gpus == (gpu,)] for gpu in {row.gpus[0] for row in rows}}

    assert 14 * GIB < file_bytes < 30 * GIB
    assert all(rams[-1] == "32GiB DDR5-5600" and len(rams) == len(set(rams)) for rams in sizes.values())


def test_no_less_ram_does_it() -> None:
    """
    With the next smaller size of RAM the model does not run beside the card, nor alone.
    """
    sizes = table("plan")["ram"]
    spec = loaded("llama3-70b")
    least = {row.gpus: row for row in reversed(of_kind(planned("llama3-70b"), "card-and-ram"))}
    for one in (*least.values(), *of_kind(planned("llama3-70b"), "processor")):
        size = int(str(one.ram).partition("GiB")[0])
        smaller = [other for other in sizes if other < size]
        if smaller:
            machine = llmprobe.probe(gpus=one.gpus, ram_bytes=smaller[-1] * GIB)
            assert llmprobe.recommend(spec, machine, ctx_size=8192, quants="Q4_K_M").choices == ()


def test_the_needs_are_those_of_an_estimate() -> None:
    """
    On one GPU and on none, as ``estimate`` adds them up.
    """
    spec = loaded("llama3-70b")
    found = planned("llama3-70b").needs
    host, card = llmprobe.estimate(spec, quant="Q4_K_M", ctx_size=8192, devices=1).devices
    (alone,) = llmprobe.estimate(spec, quant="Q4_K_M", ctx_size=8192, devices=0, gpu_layers=0).devices

    assert (found.gpu_bytes, found.ram_beside_bytes) == (card.total_bytes, host.total_bytes)
    assert found.ram_alone_bytes == alone.total_bytes


def test_a_wished_speed_leaves_out_what_is_slower() -> None:
    """
    Every machine reaches it, and those that did not are no longer there.
    """
    fast = plan(SMALL, wishes_of(SMALL, ctx_size=4096, min_speed=200))

    assert fast.machines != ()
    assert all(likely(one) >= 200 for one in fast.machines)
    assert "processor" in fast.without


def test_what_is_tried_exists() -> None:
    """
    Every product of the table is known, with the memory that its row says.
    """
    tried = table("plan")
    for row in tried["cards"]:
        for gpu in row["gpus"]:
            pool = llmprobe.probe(gpus=gpu, ram_bytes=32 * GIB).pools[1]
            assert round((pool.total_bytes or 0) / GIB) in (row["gib"], row["gib"] - 1), gpu
    for row in tried["unified"]:
        for gpu in row["gpus"]:
            (pool,) = llmprobe.probe(gpus=f"{gpu} {row['gib']}GB").pools
            assert pool.kind == "unified"
            assert pool.total_bytes == row["gib"] * GIB
    assert tried["ram"] == sorted(tried["ram"])
    assert set(tried["mixed"]) <= {gpu for row in tried["cards"] for gpu in row["gpus"]}


@pytest.mark.parametrize(
    "wishes",
    [
        {"ctx_size": 0},
        {"ctx_size": 2**31},
        {"parallel": 0},
        {"quant": "Q99"},
        {"quant": 5},
        {"min_speed": -1},
        {"min_speed": "fast"},
    ],
)
def test_a_bad_wish_is_refused(wishes: dict[str, Any]) -> None:
    """
    One sentence says what was given.
    """
    with pytest.raises(UsageError):
        wishes_of(SMALL, **wishes)


def test_a_machine_has_a_dated_price(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Two used RTX 3090 (425 to 1035 in November 2026) and 32 GiB of DDR5 (375 x 0.85 to 400 x 1.15): 1168.75 to 2530, of
    pages of May to July. No page prices an RTX A6000; a Mac is one piece. A year later nothing has a price, and the
    note on prices is gone with them.
    """
    monkeypatch.setattr("llmprobe.facts.prices.today", lambda: date(2026, 11, 30))
    spec = loaded("llama3-70b")
    answer = plan(spec, wishes_of(spec))
    prices = {row.gpus: row.price for row in answer.machines}
    two = prices["2x RTX 3090",]

    assert two is not None
    assert (two.low, two.high, two.condition) == (1168.75, 2530, "used")
    assert (two.first_month, two.last_month, len(two.pages)) == ("2026-05", "2026-07", 6)
    assert prices["RTX A6000",] is None
    assert "plan.prices" in {note.id for note in answer.notes}

    monkeypatch.setattr("llmprobe.facts.prices.today", lambda: date(2028, 1, 1))
    late = plan(spec, wishes_of(spec))
    assert all(row.price is None for row in late.machines)
    assert "plan.prices" not in {note.id for note in late.notes}


@pytest.mark.parametrize(
    ("ctx_size", "parallel", "refused"),
    [(4 * 8192, 1, False), (4 * 8192 + 1, 1, True), (4 * 8192 + 1, 2, False)],
)
def test_a_context_that_no_model_has_is_refused(ctx_size: int, parallel: int, refused: bool) -> None:
    """
    Llama 3 was trained for 8,192 tokens; a context is stretched four times at most, of each slot.
    """
    asked = loaded("llama3-70b")
    if not refused:
        assert wishes_of(asked, ctx_size=ctx_size, parallel=parallel).ctx_size == ctx_size
        return
    with pytest.raises(UsageError, match="more than four times the 8192"):
        wishes_of(asked, ctx_size=ctx_size, parallel=parallel)
