"""
Which machine, and which together: the search of one machine on devices of several.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

import llmprobe
from llmprobe.advise.together import machine, served
from llmprobe.errors import UsageError
from llmprobe.facts.fleet import FleetRecommendation
from llmprobe.facts.recommendation import Wishes
from llmprobe.tasks.fleet.asking import asked
from llmprobe.tasks.fleet.hosts import Named, seen
from llmprobe.tasks.fleet.recommend import recommend
from llmprobe.tasks.fleet.seen import Seen
from llmprobe.tasks.recommend import wishes_of
from tests.tasks.fleet.programs import recording

TRUTH: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "fixtures" / "truth" / "rpc_speed.json").read_text(encoding="utf-8")
)
HALO = "linux-strix-halo-128g-gtt-ttm"


def _answer(model: str, *machines: str, link: str | None = None, **wishes: Any) -> FleetRecommendation:
    spec = llmprobe.load_model(model)
    named = Named(recordings=tuple(recording(one) for one in machines))
    return asked(spec, seen(named), link=link, **wishes)


def test_a_round_trip_takes_the_place_of_the_usual_one() -> None:
    """Of 10 ms in the place of 0.2: each wait and step is 9.8 ms longer, so that a token takes at least that long."""
    usual = _answer("minimax-m2", HALO, HALO, link="10GbE", ctx_size=8192, quants="Q6_K").together
    far = _answer("minimax-m2", HALO, HALO, link="10GbE,10ms", ctx_size=8192, quants="Q6_K").together
    assert usual is not None
    assert far is not None
    times = [one.choice.speed.generation_tokens_per_s for one in (usual, far)]
    assert times[0] is not None
    assert times[1] is not None

    assert far.link.seconds_per_token.likely - usual.link.seconds_per_token.likely == pytest.approx(0.0098)
    assert 1 / times[1].likely - 1 / times[0].likely == pytest.approx(0.0098, rel=0.01)


@pytest.mark.parametrize(
    "link", ["10GbE,", "10GbE,0ms", "10GbE,5", "10GbE,1h", "10GbE,99s", "0.2ms", ",0.2ms"]
)
def test_a_round_trip_that_is_none_is_refused(link: str) -> None:
    """With the option's hint."""
    with pytest.raises(UsageError) as caught:
        _answer("minimax-m2", HALO, HALO, link=link, ctx_size=8192)

    assert caught.value.message.id == "error.option-link"
    assert caught.value.hint is not None


def test_each_machine_alone_has_the_first_choice_of_recommend() -> None:
    """The best machine comes first, and each has what recommend says for it by itself."""
    names = ("linux-4060laptop-8g-32g", "linux-2x3090-64g", "linux-4090-64g")
    answer = _answer("llama3-70b", *names, ctx_size=8192)
    model = llmprobe.load_model("llama3-70b")

    assert [one.host for one in answer.alone] == [
        "linux-2x3090-64g",
        "linux-4090-64g",
        "linux-4060laptop-8g-32g",
    ]
    assert answer.best == "linux-2x3090-64g"
    for one in answer.alone:
        first = llmprobe.recommend(model, llmprobe.probe(recording(one.host)), ctx_size=8192).choices[0]
        assert one.choice is not None
        assert (one.choice.quant, one.choice.gpu_layers, one.choice.devices, one.choice.commands) == (
            first.quant,
            first.gpu_layers,
            first.devices,
            first.commands,
        )


def test_two_cards_in_one_machine_are_not_beaten_by_a_network() -> None:
    """Where one machine holds all of it fast, others beside it are slower, and it is said with numbers."""
    answer = _answer("llama3-70b", "linux-2x3090-64g", "linux-4090-64g", ctx_size=8192)

    assert answer.verdict.id == "fleet.verdict-alone"
    assert answer.together is not None
    assert not answer.together.worth
    assert answer.together.slower is not None
    assert answer.together.slower < 1
    assert "fleet.not-together" in {note.id for note in answer.notes}


@pytest.fixture(scope="module")
def two_halos() -> FleetRecommendation:
    """MiniMax M2 as Q6_K, which two machines of 102 GiB hold and one does not."""
    return _answer("minimax-m2", HALO, HALO, link="50GbE", ctx_size=8192, quants="Q6_K")


def test_what_no_machine_holds_two_do(two_halos: FleetRecommendation) -> None:
    """The answer is yes, with what to type on each, the server first, and both within what is free there."""
    plan = two_halos.together
    assert two_halos.best is None
    assert plan is not None
    assert two_halos.verdict.id == "fleet.verdict-together"

    server, main = plan.hosts
    assert (server.main, main.main) == (False, True)
    assert server.commands[0].startswith("ggml-rpc-server -H ")
    assert "0.0.0.0" not in server.commands[0]
    assert all(f"--rpc {server.host}:50052" in command for command in main.commands)
    assert "warning.rpc-open" in {one.id for one in plan.warnings}
    offered = machine("one", llmprobe.probe(recording(HALO)), Wishes())
    room, site = offered.room, offered.site
    assert site.shared_free_bytes is not None
    totals = {one.id: one.total_bytes for one in plan.choice.devices}
    assert 0 < totals["rpc0"] <= room
    assert 0 < totals["gpu0"] <= room
    assert totals["gpu0"] + totals["host"] <= site.shared_free_bytes - site.reserve_bytes


def test_the_plan_is_what_estimate_says_of_its_command(two_halos: FleetRecommendation) -> None:
    """Each device of the plan holds what the estimate of the same settings, with a device over rpc, holds."""
    plan = two_halos.together
    assert plan is not None
    choice = plan.choice
    estimate = llmprobe.estimate(
        llmprobe.load_model("minimax-m2"),
        snapshot=llmprobe.probe(recording(HALO)),
        rpc=["10.0.0.2:50052=102GiB:rocm"],
        quant=choice.quant,
        ctx_size=choice.ctx_size,
        gpu_layers=choice.gpu_layers,
        tensor_split=choice.tensor_split,
        flash_attn=choice.flash_attn,
        ubatch_size=choice.ubatch_size,
    )

    planned = {one.id: (one.weights_bytes, one.cache_bytes, one.compute_bytes) for one in choice.devices}
    assert planned == {
        one.id: (one.weights_bytes, one.cache_bytes, one.compute_bytes) for one in estimate.devices
    }


@pytest.mark.parametrize("row", TRUTH["rows"], ids=lambda row: str(row["model"]))
def test_published_speeds_over_a_network_are_in_the_range(row: dict[str, Any]) -> None:
    """Generation at an empty context, as somebody saw it."""
    machines = (TRUTH["machine"], TRUTH["machine"])
    answer = _answer(
        row["model"], *machines, link=row["link"], ctx_size=4096, quants=row["quant"], reserve_bytes=0
    )
    assert answer.together is not None
    short = answer.together.choice.speed.generation_tokens_per_s
    low, high = row["generation"]

    assert short is not None
    assert short.low <= high
    assert short.high >= low


def test_a_slower_network_costs_speed() -> None:
    """Over 100 Mbit two transfers of a token's values take 80 times as long as over 10 Gbit, and loading as well."""
    fast, slow = (
        _answer("minimax-m2", HALO, HALO, link=link, ctx_size=8192, quants="Q6_K").together
        for link in ("10GbE", "125Mbit/s")
    )
    assert fast is not None
    assert slow is not None

    speeds = [one.choice.speed.generation_tokens_per_s for one in (fast, slow)]
    assert all(one is not None for one in speeds)
    assert speeds[0].likely > speeds[1].likely  # type: ignore[union-attr]
    assert fast.loading is not None
    assert slow.loading == pytest.approx(80 * fast.loading)


def test_an_assumed_network_is_said() -> None:
    """Without --link a gigabit is assumed, and the answer says so."""
    answer = _answer("minimax-m2", HALO, HALO, ctx_size=8192, quants="Q6_K")

    assert answer.together is not None
    assert not answer.together.link.given
    assert answer.together.link.bytes_per_s == 125_000_000
    assert "fleet.link-assumed" in {note.id for note in answer.notes}


def test_two_processors_hold_what_none_does_alone() -> None:
    """
    40 GiB of weights on two machines of 32 GB: layers are in the RAM of both, the server is told to compute with its
    eight cores, and the likely speed is between a quarter and all of what 51 GB/s read of the weights in a second.
    """
    name = "freebsd-ryzen-5700x-32g"
    answer = _answer("llama3-70b", name, name, link="2.5GbE", ctx_size=8192, quants="Q4_K_M")

    plan = answer.together
    assert answer.best is None
    assert plan is not None
    assert answer.verdict.id == "fleet.verdict-together"
    server, main = plan.hosts
    assert (server.devices, main.main) == (("rpc0",), True)
    assert server.commands == (f"ggml-rpc-server -H {name}-2 -p 50052 -d CPU -t 8 -c",)
    held = {one.id: one.weights_bytes for one in plan.choice.devices}
    assert 10 << 30 < held["rpc0"] < 27 << 30
    assert 10 << 30 < held["host"] < 27 << 30
    speed = plan.choice.speed.generation_tokens_per_s
    assert speed is not None
    whole = 51.2e9 / sum(held.values())
    assert whole / 4 < speed.likely < speed.high <= 1.25 * whole
    assert whole / 10 < speed.low < speed.likely
    assert "fleet.by-processor" in {one.id for one in plan.warnings}


def test_cards_are_put_together_before_processors() -> None:
    """
    Two cards of 24 GB hold 40 GiB; the processor with 44 GiB of RAM does not come between them, however much it has.
    """
    answer = _answer(
        "llama3-70b",
        "linux-4090-64g",
        "linux-lxc-2xepyc-one-node",
        "linux-4090-64g",
        link="10GbE",
        ctx_size=8192,
        quants="Q4_K_M",
    )

    assert answer.together is not None
    assert {one.host for one in answer.together.hosts} == {"linux-4090-64g", "linux-4090-64g-2"}
    assert "fleet.by-processor" not in {one.id for one in answer.together.warnings}


def test_a_processor_is_offered_where_no_card_can_be_used() -> None:
    """
    A card that is there and cannot be used leaves the processor with the RAM, less what is reserved; one that can be
    used is offered instead.
    """
    whole = llmprobe.probe(recording("linux-4090-64g"))
    broken = msgspec.structs.replace(
        whole,
        accelerators=tuple(msgspec.structs.replace(one, usable=False) for one in whole.accelerators),
    )
    wishes = Wishes()
    card, processor = machine("card", whole, wishes), machine("processor", broken, wishes)

    assert [one.by for one in card.offered] == ["cuda"]
    assert not card.by_processor
    (offered,) = processor.offered
    assert (offered.by, offered.device.processor) == ("cpu", processor.site.processor)
    assert offered.capacity == processor.room == processor.site.capacities["host"]
    assert processor.rate == processor.site.ram_bandwidth_bytes_per_s
    assert served(card)
    assert served(processor)


def test_one_machine_is_not_put_together_with_itself() -> None:
    """A plan for several needs several: with one recording nothing is said of any."""
    answer = _answer("llama3-8b", "freebsd-ryzen-5700x-32g", ctx_size=8192, quants="Q4_K_M")

    assert answer.together is None
    assert "fleet.not-tried" not in {note.id for note in answer.notes}


def test_a_device_of_unknown_memory_is_said() -> None:
    """It counts as nothing where machines are put together: no layer lies there, and a note names it."""
    whole = llmprobe.probe(recording(HALO))
    pools = tuple(msgspec.structs.replace(pool, budget_bytes=None, free_bytes=None) for pool in whole.pools)
    blind = msgspec.structs.replace(whole, pools=pools)
    machines = [
        Seen(name="known", origin="ssh", machine=whole),
        Seen(name="blind", origin="ssh", machine=blind),
    ]
    spec = llmprobe.load_model("minimax-m2")
    answer = recommend(spec, machines, wishes_of(model=spec, top=1, ctx_size=8192, quants="Q6_K"))

    note = next(one for one in answer.notes if one.id == "fleet.unknown-memory")
    assert note.values["devices"] == ("blind:gpu0",)
    assert answer.together is None
    assert answer.best is None
