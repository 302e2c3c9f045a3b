"""
The watts of a machine: by whose word, and within what PCs drew at the wall.
"""

from typing import Any

import msgspec
import pytest

import llmprobe
from llmprobe.advise.cost.power import watts_of
from llmprobe.data import table
from llmprobe.facts.cost import WattsOf
from llmprobe.facts.estimate import Range
from llmprobe.facts.machine import Power, Snapshot
from llmprobe.facts.recommendation import Choice


def machine(gpu: str, ram: str = "64GiB DDR5") -> Snapshot:
    """
    Return a machine of these parts.
    """
    return llmprobe.probe(gpus=gpu, ram=ram)


def choice(snapshot: Snapshot, name: str = "llama3-8b", quant: str = "Q4_K_M") -> Choice:
    """
    Return how a model runs on a machine.
    """
    return llmprobe.recommend(llmprobe.load_model(name), snapshot, quants=quant, ctx_size=8192).choices[0]


def watts(snapshot: Snapshot, name: str = "llama3-8b", **own: float) -> WattsOf:
    """
    Return the watts of a machine that runs a model.
    """
    found = watts_of(snapshot, choice(snapshot, name), **own)
    assert found is not None
    return found


def with_power(snapshot: Snapshot, **power: float) -> Snapshot:
    """
    Return the machine whose cards tell this of their power.
    """
    cards = tuple(msgspec.structs.replace(one, power=Power(**power)) for one in snapshot.accelerators)
    return msgspec.structs.replace(snapshot, accelerators=cards)


@pytest.mark.parametrize("pc", table("watts")["pcs"], ids=lambda pc: f"{pc['cards']}-{pc['wall']}")
def test_what_pcs_drew_is_within_the_bounds(pc: dict[str, Any]) -> None:
    """
    Nine PCs at the wall while a model wrote, each beside the range that is told for its cards.
    """
    found = watts(machine(pc["cards"]), "llama3-70b" if pc["cards"].startswith("2x") else "llama3-8b")

    assert found.load_from == "rated"
    assert found.load.low <= pc["wall"] <= found.load.high
    assert found.load.likely == pytest.approx(pc["wall"], rel=0.18)


def test_cards_and_the_rest_of_a_pc() -> None:
    """
    Two RTX 3090 are rated 700 W; the rest of a PC took 14 to 145 W, 58 W in the middle: 0.7 x 700 + 14 = 504 to 845 W,
    likely 758. Idle a PC takes 45 to 90 W and each card 8 to 30.
    """
    found = watts(machine("2x RTX 3090"), "llama3-70b")

    assert found.load == Range(low=504, likely=758, high=845)
    assert (found.idle.low, found.idle.high, found.idle_from) == (61, 150, "assumed")


def test_a_card_that_is_not_used_idles() -> None:
    """
    An 8B model on one of two RTX 3090: 245 + 14 + 8 = 267 to 350 + 145 + 30 = 525 W.
    """
    found = watts(machine("2x RTX 3090"))

    assert (found.load.low, found.load.likely, found.load.high) == (267, 430, 525)


def test_a_limit_counts_before_the_rating() -> None:
    """
    A card of 350 W that is capped at 290: 290 + 58 = 348 W are likely.
    """
    found = watts(with_power(machine("RTX 3090"), limit_watts=290, default_watts=350))

    assert (found.load_from, found.load.likely) == ("limit", 348)


def test_a_card_at_work_tells_its_draw() -> None:
    """
    300 of 350 W are drawn now: the card works, and 314 to 445 W are drawn at the wall. 20 of 350 W are idle.
    """
    busy = watts(with_power(machine("RTX 3090"), limit_watts=350, draw_watts=300))
    idle = watts(with_power(machine("RTX 3090"), limit_watts=350, draw_watts=20))
    between = watts(with_power(machine("RTX 3090"), limit_watts=350, draw_watts=120))

    assert (busy.load_from, busy.load) == ("live", Range(low=314, likely=358, high=445))
    assert busy.idle_from == "assumed"
    assert (idle.load_from, idle.idle_from) == ("limit", "live")
    assert (idle.idle.low, idle.idle.high) == (65, 110)
    assert (between.load_from, between.idle_from) == ("limit", "assumed")


def test_cards_that_wait_for_the_processor_draw_a_part() -> None:
    """
    An RTX 4090 with half of a 70B in RAM: 0.3 to 0.8 of 450 W, 14 to 145 W of the rest and 30 to 105 of the processor
    at work: 179 to 610 W, likely 225 + 58 + 65 = 348.
    """
    found = watts(machine("RTX 4090"), "llama3-70b")

    assert found.load == Range(low=179, likely=348, high=610)


def test_cards_wait_for_experts_in_ram_too() -> None:
    """
    All layers of a mixture are on the card, and the experts of most in RAM: 0.3 to 0.8 of 115 W.
    """
    pc = machine("RTX 4060")
    found = choice(pc, "qwen3-30b-a3b")
    power = watts_of(pc, found)

    assert found.gpu_layers == found.total_layers
    assert found.n_cpu_moe
    assert power is not None
    assert power.how.id == "watts.cards-wait"
    assert (power.load.low, power.load.high) == (78.5, 342)
    listed = msgspec.structs.replace(found, n_cpu_moe=0, cpu_moe_layers=(1, 2))
    assert watts_of(pc, listed) == power


def test_the_users_figures_count_first() -> None:
    """
    Both, or one of them.
    """
    pc = machine("RTX 3090")
    both, one = watts(pc, load=400, idle=70), watts(pc, idle=70)

    assert (both.load, both.load_from) == (Range(low=400, likely=400, high=400), "yours")
    assert (both.idle, both.idle_from) == (Range(low=70, likely=70, high=70), "yours")
    assert (one.load_from, one.idle_from) == ("rated", "yours")


def test_a_machine_that_shares_its_memory_is_measured_whole() -> None:
    """
    An M3 Ultra drew 227 W with 14B and 262 W with 671B. An M2 Ultra's most is 295 W, of which text takes 0.6 to 1: 177
    to 295; idle it takes 10. A GB10 drew 138 W.
    """
    assert watts(machine("M3 Ultra 96GB", "96GB")).load == Range(low=227, likely=244.5, high=262)
    ultra = watts(machine("M2 Ultra 192GB", "192GB"))
    assert (ultra.load_from, ultra.load.low, ultra.load.high) == ("measured", 177, 295)
    assert (ultra.idle.likely, ultra.idle_from) == (10, "measured")
    assert watts(machine("GB10", "128GB")).load.likely == 138


def test_a_chip_that_is_not_listed_is_like_its_class() -> None:
    """
    An M4 Max lies between M1 Max (0.6 x 115 = 69) and M2 Max (145), and that is said to be assumed.
    """
    found = watts(machine("M4 Max 64GB", "64GB"))

    assert (found.load_from, found.load.low, found.load.high) == ("assumed", 69, 145)
    assert found.how.values["names"] == ("Apple M1 Max", "Apple M2 Max")


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("Apple M3 Max GPU", ("Apple M1 Max", "Apple M2 Max")),
        ("Apple M4 Pro GPU", ("Apple M1", "Apple M1 Max", "Apple M2 Max", "Apple M4")),
        ("Apple M5", ("Apple M1", "Apple M4")),
        ("Apple M5 Ultra", ("Apple M1 Ultra", "Apple M2 Ultra", "Apple M3 Ultra")),
    ],
)
def test_a_class_is_told_from_any_name(name: str, names: tuple[str, ...]) -> None:
    """
    Drivers name the GPU of a chip, people the chip.
    """
    mac = machine("M3 Max 64GB", "64GB")
    named = msgspec.structs.replace(
        mac, accelerators=(msgspec.structs.replace(mac.accelerators[0], name=name),)
    )
    found = watts_of(named, choice(mac))

    assert found is not None
    assert found.how.values["names"] == names


def test_a_recorded_mac_is_measured() -> None:
    """
    The GPU of an M2 Ultra is the chip of the table.
    """
    mac = llmprobe.probe("fixtures/machines/macos-m2ultra-192g/recording.json")
    found = watts_of(mac, choice(mac))

    assert found is not None
    assert (found.load_from, found.load.high, found.idle_from) == ("measured", 295, "measured")


def test_a_laptop_takes_less_beside_its_card() -> None:
    """
    A card of 115 W in a laptop: 0.7 x 115 + 10 = 90.5 to 175 W, likely 145; idle 5 to 25 W and the card's 8 to 30.
    """
    found = watts(machine("RTX 4060 Laptop"), "llama3.2-3b")

    assert (found.load.low, found.load.likely, found.load.high) == (90.5, 145, 175)
    assert (found.idle.low, found.idle.high) == (13, 55)


def test_a_processor_alone_is_assumed() -> None:
    """
    45 to 250 W, and no card idles.
    """
    found = watts(machine("none"))

    assert (found.load_from, found.load.low, found.load.high) == ("assumed", 45, 250)
    assert (found.idle.low, found.idle.high) == (45, 90)


def test_a_card_of_unknown_power_is_unknown() -> None:
    """
    Nothing is guessed for a card that no table rates.
    """
    pc = machine("Mystery:24GB:500GB/s")

    assert watts_of(pc, choice(pc)) is None
    own = watts_of(pc, choice(pc), load=300)
    assert own is not None
    assert own.load.likely == 300
