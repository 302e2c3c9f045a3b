"""
The best placement on given devices: judged by exact figures, and what is missing where there is none.
"""

import msgspec
import pytest

from llmprobe.advise.recommend import recommend
from llmprobe.advise.search.case import Case, Misfit, Placed
from llmprobe.advise.search.place import last_of_the_fastest, place, refine
from llmprobe.facts.devices import Hardware
from llmprobe.facts.engine import Abilities
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Wishes
from llmprobe.facts.settings import Settings
from llmprobe.units import GIB
from tests.advise.machines import LLAMA_70B, machine, model, unified
from tests.advise.test_ledger import DENSE, SPARSE, case, seconds

LONG = Wishes(ctx_size=65536, quants=("Q4_K_M",), cache_type_k="f16", cache_type_v="f16")


def with_unknown_ram(snapshot: Snapshot) -> Snapshot:
    ram, *others = snapshot.pools
    unknown = msgspec.structs.replace(ram, free_bytes=None, budget_bytes=None)
    return msgspec.structs.replace(snapshot, pools=(unknown, *others))


def missing(asked: Case) -> Misfit:
    found = place(asked)
    assert isinstance(found, Misfit)
    return found


def placed(asked: Case) -> Placed:
    found = place(asked)
    assert isinstance(found, Placed)
    return found


@pytest.mark.parametrize("vram", [(2,), (1.5, 2), (0.1, 2)])
def test_what_all_memory_cannot_hold_lacks_what_is_beyond_it(vram: tuple[float, ...]) -> None:
    """
    The whole model less what is free in RAM and on the cards, which have their own to hold first.
    """
    asked = case(DENSE, machine(vram, ram_gib=1))
    bare = asked.without_compute(asked.placed(0))
    room = sum(max(0, (asked.site.capacities[device.id] or 0) - bare[device.id]) for device in asked.devices)
    (short,) = missing(asked).shortfalls

    assert (short.where, short.known) == ("host", True)
    assert short.missing_bytes == bare["host"] - (asked.site.capacities["host"] or 0) - room


def test_shared_memory_lacks_what_is_beyond_it() -> None:
    """
    All of the model less what host and GPU may take together.
    """
    asked = case(DENSE, unified(2, 2))
    bare = asked.without_compute(asked.placed(0))
    (short,) = [one for one in missing(asked).shortfalls if one.where == "shared"]

    assert short.missing_bytes == sum(bare.values()) - (2 * GIB - asked.site.reserve_bytes)


def test_unknown_memory_lacks_no_known_amount() -> None:
    """
    Nobody knows what the RAM would hold.
    """
    found = missing(case(DENSE, with_unknown_ram(machine((2,)))))

    assert not found.known


def test_an_engine_that_needs_the_cards_for_all_lacks_their_memory() -> None:
    """
    The RAM is of no use to it.
    """
    found = missing(case(DENSE, machine((3,), ram_gib=0.1), Abilities(partial=False)))

    assert {one.where for one in found.shortfalls} >= {"gpu0"}
    assert isinstance(place(case(DENSE, machine((24,)), Abilities(partial=False))), Placed)


@pytest.mark.parametrize("vram", [(23.5, 23.5), (11, 36), (16, 16, 15)])
def test_what_is_missing_on_several_cards_is_shared_by_them(vram: tuple[float, ...]) -> None:
    """
    All cards together lack what one of their size lacks, and a little for what each holds for itself.
    """
    abilities = Abilities(partial=False)
    whole = recommend(model("llama", LLAMA_70B), machine((47,)), LONG, {}, abilities=abilities).rejected[0]
    several = recommend(model("llama", LLAMA_70B), machine(vram), LONG, {}, abilities=abilities).rejected[0]

    assert whole.missing_bytes
    assert whole.missing_bytes < (several.missing_bytes or 0) < whole.missing_bytes + 2 * GIB * len(vram)


def test_on_the_processor_everything_is_in_ram() -> None:
    """
    It fits, or lacks what it is short of there.
    """
    asked = case(DENSE, machine(ram_gib=60))
    short = msgspec.structs.replace(asked, site=case(DENSE, machine(ram_gib=1)).site)
    (lacks,) = missing(short).shortfalls

    assert placed(asked).settings.gpu_layers == 0
    assert lacks.missing_bytes == asked.totals(asked.placed(0))["host"] - GIB // 2


@pytest.mark.parametrize("spec", [DENSE, SPARSE], ids=["dense", "experts"])
@pytest.mark.parametrize("vram", [(1.2,), (2,), (4,), (7,), (2, 3), (1.5, 6)])
def test_what_is_refined_fits_by_exact_figures(spec: object, vram: tuple[float, ...]) -> None:
    """
    It holds what is told of it, is no slower than by the bounds, and nobody has a card without a layer.
    """
    asked = case(spec, machine(vram))  # type: ignore[arg-type]  # one of two models
    rough = placed(asked)
    exact = refine(asked, rough)
    assert isinstance(exact, Placed)
    told = msgspec.structs.replace(asked, devices=exact.hardware.devices)

    assert exact.totals == told.totals(exact.settings, exact=True)
    assert asked.site.shortfalls(exact.totals) == ()
    assert exact.seconds <= rough.seconds * 1.002
    assert abs(seconds(told, exact.settings) - exact.seconds) < 1e-6
    assert len(exact.hardware.devices) <= len(vram)


def test_a_card_that_brings_nothing_is_left_alone() -> None:
    """
    Of two cards, of which the second is slow, the first holds all of a model and the second is not opened.
    """
    made = machine((24, 24))
    first, second = made.accelerators
    slow = msgspec.structs.replace(second, bandwidth_bytes_per_s=100_000_000_000, name="slow")
    found = placed(case(DENSE, msgspec.structs.replace(made, accelerators=(first, slow))))

    assert [device.id for device in found.hardware.devices] == ["gpu0"]
    assert found.settings.gpu_layers == 33


@pytest.mark.parametrize(
    ("tried", "best"),
    [
        ((), None),
        ((0.1,), 0),
        ((0.1, 0.09, 0.12), 1),
        ((0.1, 0.1001, 0.1003), 1),
        ((0.1001, 0.1, 0.15), 1),
        ((0.0, 0.0), 1),
    ],
)
def test_of_equally_fast_placements_the_last_is_taken(tried: tuple[float, ...], best: int | None) -> None:
    """
    Times within two parts of a thousand are alike; one that is slower by more is not taken.
    """
    found = [
        Placed(settings=Settings(gpu_layers=at), hardware=Hardware(), totals={}, seconds=each)
        for at, each in enumerate(tried)
    ]
    expected = None if best is None else found[best]

    assert last_of_the_fastest(found) is expected
