"""
The bound of a model is never below what a search finds of it.
"""

import random
from typing import Any

import msgspec
import pytest

from llmprobe import load_model
from llmprobe.advise.choose.candidates import USUAL_QUANTS, find
from llmprobe.advise.choose.loss import Model
from llmprobe.advise.choose.quality import quality, usable_loss
from llmprobe.advise.fit.bound import Weights, bounds
from llmprobe.advise.recommend import Advice
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Wishes
from llmprobe.model.known import known
from llmprobe.site.site import survey
from llmprobe.tasks.contenders import weights_of
from tests.advise.machines import machine, unified
from tests.machine_fixtures import MACHINES, replayed

ASKED = Wishes(ctx_size=4096)
DENSE = Weights(id="dense", architecture="llama", parameters=8 * 10**9, active=8 * 10**9, uses=1.0)
EACH = 4


def quants(weights: Weights, snapshot: Snapshot) -> list[str]:
    return [one.quant for one in bounds(weights, survey(snapshot, ASKED))]


@pytest.mark.parametrize("name", random.Random(20261201).sample(MACHINES, 3))
def test_no_search_finds_more_than_the_bound(name: str) -> None:
    """
    On some machines and for some models, every candidate has at most the utility of its bound.
    """
    snapshot = replayed(name)
    texts = [name for name, entry in known().entries.items() if entry.modality != "embedding"]
    drawn = random.Random(name).sample(texts, EACH)
    over = []
    for model in drawn:
        problem = Advice(load_model(model), {}).problem(snapshot, ASKED)
        most = {one.quant: one.worth for one in bounds(weights_of(known().entries[model]), problem.site)}
        over += [
            (model, one.quant)
            for one in find(problem)[0]
            if one.quality.usable and one.utility > most.get(one.quant, float("-inf"))
        ]

    assert over == [], (name, drawn)


@pytest.mark.parametrize(
    ("model", "native"),
    [
        (Model(parameters=8 * 10**9, id="llama-3.1-8b-instruct", architecture="llama"), False),
        (Model(parameters=10**8, id="small", architecture="llama"), False),
        (Model(parameters=31 * 10**9, id="gemma-4-31b-it", architecture="gemma4"), False),
        (Model(parameters=117 * 10**9, id="gpt-oss-120b", architecture="gpt-oss", experts=True), True),
    ],
)
def test_a_bound_loses_what_the_choice_loses(model: Model, *, native: bool) -> None:
    """
    Of every file type, one that makes a model unusable and one that nobody measured among them.
    """
    names = (*USUAL_QUANTS, "IQ1_S", "Q4_0_4_4", "MXFP4_MOE")
    full = {name: quality(name, model, native=native) for name in names}
    expected = {name: one.value if one.usable else None for name, one in full.items()}

    assert {name: usable_loss(name, model, native=native) for name in names} == expected


def test_what_a_token_does_not_read_lies_in_ram_for_nothing() -> None:
    """
    Half of the 15 GB of Gemma 4 E4B in BF16 are tables of embeddings, which stay in RAM: on a card of 12 GB the rest
    is read at the card's rate.
    """
    model = "gemma-4-e4b-it"
    problem = Advice(load_model(model), {}).problem(machine((11.5,), ram_gib=30), ASKED)
    most = {one.quant: one.worth for one in bounds(weights_of(known().entries[model]), problem.site)}
    found = [one for one in find(problem, ("BF16",))[0] if one.devices]

    assert found
    assert all(one.utility <= most["BF16"] for one in found)


@pytest.mark.parametrize(
    ("model", "plain", "more"),
    [
        ("phi-3-mini-4k-instruct", {"words": None}, True),
        ("deepseek-v2-lite-chat-16b", {"latent": False}, False),
    ],
)
def test_what_a_header_tells_of_the_loss_is_in_the_bound(
    model: str, plain: dict[str, Any], *, more: bool
) -> None:
    """
    A small vocabulary loses less, so that the bound is higher than without it; latent attention more.
    """
    weights, site = weights_of(known().entries[model]), survey(machine((23.5,)), ASKED)
    told, ordinary = (
        next(one.worth for one in bounds(each, site) if one.quant == "Q3_K_M")
        for each in (weights, msgspec.structs.replace(weights, **plain))
    )

    assert (told > ordinary) is more
    assert told != ordinary


def test_what_has_no_room_has_no_bound() -> None:
    """
    Of 8 billion weights BF16 takes 16 GB, Q8_0 8.5 GB, and 2.06 bits each 2.06 GB at the least.
    """
    assert "BF16" in quants(DENSE, machine((), ram_gib=24))
    assert "BF16" not in quants(DENSE, machine((), ram_gib=14))
    assert "Q8_0" in quants(DENSE, machine((), ram_gib=14))
    assert quants(DENSE, machine((), ram_gib=2)) == []


def test_memory_that_is_shared_counts_once() -> None:
    """
    A GPU that takes from RAM adds nothing to it.
    """
    assert "BF16" not in quants(DENSE, unified(14, 12))


def test_a_published_type_is_the_only_one() -> None:
    """
    A model that is published in MXFP4 is not bounded as Q8_0.
    """
    native = msgspec.structs.replace(DENSE, published_quant="MXFP4")

    assert quants(native, machine((), ram_gib=24)) == ["MXFP4"]


def test_a_faster_card_is_worth_more() -> None:
    """
    With the weights in RAM the bound is that of RAM, on a card that of the card.
    """
    slow = machine((), ram_gib=24, ram_bandwidth=10e9)
    fast = machine((24,), ram_gib=24, ram_bandwidth=10e9)

    def worth(snapshot: Snapshot) -> float:
        return max(one.worth for one in bounds(DENSE, survey(snapshot, ASKED)))

    assert worth(slow) < worth(fast)
