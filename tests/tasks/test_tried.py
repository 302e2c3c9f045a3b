"""
Machines that were tried for a model are kept, as long as it is the same record and the same wishes.
"""

from typing import Any

import msgspec
import pytest

import llmprobe
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.plan import Planned, PlanWishes
from llmprobe.facts.prices import PriceRange
from llmprobe.tasks import plan
from llmprobe.tasks.plan import Planner
from llmprobe.tasks.tried import Machine, TriedMachines
from tests.advise.machines import LLAMA_8B, model

SMALL = model("llama", LLAMA_8B)
WISHES = PlanWishes(ctx_size=4096, quant="Q4_K_M")
CARD: Machine = ("one-card", ("RTX 3090",), "64GiB DDR5-5600", 1)


def tried(price: float | None, wishes: PlanWishes = WISHES) -> Planned | None:
    """
    What a planner says of one card, whose price is this.
    """
    found = None if price is None else PriceRange(low=price, high=price, currency="USD")
    return Planner(SMALL, wishes, lambda _gpus, _ram: found).tried_on(*CARD)


def watched(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """
    The parts of every machine that is described from now on.
    """
    seen: list[dict[str, Any]] = []

    def probe(**parts: Any) -> Snapshot:
        seen.append(parts)
        return llmprobe.probe(**parts)

    monkeypatch.setattr(plan, "probe", probe)
    return seen


def test_another_price_searches_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The same machine has the same choice, and whatever it costs for whoever asks.
    """
    first = tried(500.0)
    searches = watched(monkeypatch)
    again, unpriced = tried(700.0), tried(None)

    assert first is not None
    assert first.price is not None
    assert again == msgspec.structs.replace(first, price=PriceRange(low=700.0, high=700.0, currency="USD"))
    assert unpriced == msgspec.structs.replace(first, price=None)
    assert searches == []


def test_other_wishes_are_another_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A longer context is searched for, and takes more.
    """
    searches = watched(monkeypatch)
    short = tried(None)
    longer = tried(None, msgspec.structs.replace(WISHES, ctx_size=8192))

    assert short is not None
    assert longer is not None
    assert searches[-1:] == [{"gpus": ("RTX 3090",), "ram": "64GiB DDR5-5600"}]
    assert longer.choice.ctx_size == 8192
    assert longer.choice.devices[1].cache_bytes == 2 * short.choice.devices[1].cache_bytes


def test_what_was_asked_last_is_kept_and_no_more() -> None:
    """
    Of two that are kept the one that was not asked for again makes room; an equal record is another model.
    """
    kept = TriedMachines(most=2)
    first, second = kept.of(SMALL, WISHES), kept.of(msgspec.structs.replace(SMALL), WISHES)
    first["one-card", (), None, 0] = None

    assert kept.of(SMALL, WISHES) is first
    assert second == {}
    other = kept.of(SMALL, msgspec.structs.replace(WISHES, parallel=2))
    assert other == {}
    assert kept.of(SMALL, WISHES) is first
    assert kept.of(SMALL, msgspec.structs.replace(WISHES, parallel=2)) is other
