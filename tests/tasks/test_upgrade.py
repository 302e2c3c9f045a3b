"""
``upgrade``: what an expert would advise for a machine, and each gain is that of a search on the changed machine.
"""

from typing import Any

import msgspec
import pytest

import llmprobe
from llmprobe.advise.choose.balance import HARDLY
from llmprobe.data import table
from llmprobe.errors import UsageError
from llmprobe.facts.fit import Fitting
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Choice
from llmprobe.facts.upgrade import Reached, Step, Upgrade
from llmprobe.tasks import fit
from llmprobe.tasks.upgrade import wishes_of
from llmprobe.units import GIB
from tests.advise.machines import LLAMA_8B, model
from tests.catalog_models import loaded
from tests.machine_fixtures import FOLDER

CARDS = frozenset({"first-card", "equal-card", "other-card", "card-instead"})


class Expert(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an expert would say of a machine, written down before the first answer was looked at.

    ``first`` are the kinds one of which leads the list (none: nothing helps), ``helps`` those that must help, and
    ``useless`` those that must not. ``card`` is the answer to "would a second card help?".
    """

    machine: str
    model: str
    says: str
    first: tuple[str, ...] = ()
    helps: frozenset[str] = frozenset()
    useless: frozenset[str] = frozenset()
    card: bool
    wishes: dict[str, Any] = {}


EXPERTS = (
    Expert(
        machine="linux-4090-64g",
        model="llama3-70b",
        says="A second card of 24 GB: the model is then whole on both. More RAM changes nothing; it is not full.",
        first=("equal-card", "other-card", "card-instead"),
        helps=frozenset({"equal-card", "other-card", "card-instead"}),
        useless=frozenset({"ram"}),
        card=True,
    ),
    Expert(
        machine="linux-4090-64g",
        model="llama-3.1-8b-instruct",
        says="Nothing: it is whole on the card and faster than anybody reads.",
        useless=CARDS | {"ram"},
        card=False,
    ),
    Expert(
        machine="linux-3060-12g-16g-desktop",
        model="qwen3-14b",
        says="End the game: that costs nothing, and the model then has room. A second card is not needed for it.",
        first=("free",),
        helps=frozenset({"free"}),
        useless=frozenset({"ram"}),
        card=False,
    ),
    Expert(
        machine="linux-p40-24g-hot-narrow",
        model="qwen3-32b",
        says="End what holds 20 of its 24 GB. Then a faster card in its place: a P40 reads 346 GB/s, a 3090 936.",
        first=("free",),
        helps=frozenset({"free", "card-instead"}),
        useless=frozenset({"ram"}),
        card=True,
    ),
    Expert(
        machine="macos-m3max-64g",
        model="llama3-70b",
        says="Q5_K_M with 16k of context needs about 50 GiB, and macOS lets the GPU have 48 of 64: raise the limit.",
        first=("limit",),
        helps=frozenset({"limit"}),
        useless=CARDS | {"ram"},
        card=False,
        wishes={"quants": "Q5_K_M", "ctx_size": 16384},
    ),
    Expert(
        machine="linux-laptop-single-channel-8g",
        model="qwen3-4b",
        says="A second module: the processor then reads twice as fast. A laptop takes no card.",
        first=("ram",),
        helps=frozenset({"ram"}),
        useless=CARDS,
        card=False,
    ),
    Expert(
        machine="linux-4060laptop-8g-32g",
        model="qwen3-30b-a3b",
        says="Nothing: it runs well, the RAM has both channels, and a laptop takes no other card.",
        useless=CARDS | {"ram"},
        card=False,
    ),
    Expert(
        machine="linux-strix-halo-128g",
        model="gpt-oss-120b",
        says="Nothing: it is whole in the shared memory, which is soldered.",
        useless=CARDS | {"ram"},
        card=False,
    ),
    Expert(
        machine="linux-2x3090-64g-half-full",
        model="llama3-70b",
        says="Stop the llama-server that holds half of the second card: both together then have all of it.",
        first=("free",),
        helps=frozenset({"free"}),
        useless=frozenset({"ram"}),
        card=False,
    ),
    Expert(
        machine="linux-2x3090-64g-one-lost",
        model="llama3-70b",
        says="Get the lost card back (reseat it, its power); a third one is not needed then.",
        first=("repair",),
        helps=frozenset({"repair"}),
        useless=frozenset({"ram"}),
        card=False,
    ),
    Expert(
        machine="linux-container-8g",
        model="qwen3-14b",
        says="Give the container more of the host's 64 GB. A card in that server would make it much faster.",
        first=("limit",),
        helps=frozenset({"limit", "first-card"}),
        useless=frozenset({"ram"}),
        card=True,
    ),
    Expert(
        machine="linux-uhd770-desktop-64g",
        model="qwen3-32b",
        says="A graphics card of 24 GB. More RAM is no faster.",
        first=("first-card",),
        helps=frozenset({"first-card"}),
        useless=frozenset({"ram", "free"}),
        card=True,
    ),
    Expert(
        machine="linux-rx7900xtx-64g",
        model="llama3-70b",
        says="Unload what Ollama holds first; then a second 7900 XTX, with which the model is whole on both.",
        first=("free",),
        helps=frozenset({"free", "equal-card"}),
        useless=frozenset({"ram"}),
        card=True,
    ),
    Expert(
        machine="linux-nvidia-driver-mismatch",
        model="qwen3-8b",
        says="Reboot, so that driver and library agree: the 3070 then holds the model.",
        first=("repair",),
        helps=frozenset({"repair"}),
        useless=frozenset({"ram"}),
        card=False,
    ),
)


def machine_of(name: str) -> Snapshot:
    return llmprobe.probe(replay=FOLDER / name / "recording.json")


def of_kind(answer: Upgrade, kind: str) -> list[Step]:
    return [step for step in answer.steps if step.kind == kind]


def reached(step: Step) -> Reached:
    assert step.after is not None
    return step.after


def placed(choice: Choice) -> tuple[object, ...]:
    """
    What a choice is, without what names its devices.
    """
    return (
        choice.quant,
        choice.ctx_size,
        choice.gpu_layers,
        choice.n_cpu_moe,
        choice.split_mode,
        choice.cache_type_k,
        choice.speed.generation_tokens_per_s,
        choice.speed.prompt_tokens_per_s,
        [device.total_bytes for device in choice.devices],
    )


@pytest.mark.parametrize("expert", EXPERTS, ids=lambda expert: f"{expert.machine}-{expert.model}")
def test_it_advises_as_an_expert_would(expert: Expert) -> None:
    """
    What leads the list, what helps, what does not, and whether a second card would, is what the expert said.
    """
    spec = loaded(expert.model)
    answer = llmprobe.upgrade(machine_of(expert.machine), spec, **{"ctx_size": 8192, **expert.wishes})
    helping = [step.kind for step in answer.steps if step.helps]

    assert helping[:1] == [] if not expert.first else helping[0] in expert.first
    assert expert.helps <= set(helping)
    assert not expert.useless & set(helping)
    assert answer.second_card.helps is expert.card


def test_what_is_bought_is_what_a_machine_with_it_runs() -> None:
    """
    Each purchase for an RTX 4090 with 64 GiB reaches what ``recommend`` says of a machine that is described with it:
    beside another a card has four lanes of PCIe 4.
    """
    spec = loaded("llama3-70b")
    answer = llmprobe.upgrade(llmprobe.probe(gpus="RTX 4090", ram="64GiB DDR5-6000"), spec, ctx_size=8192)
    described: dict[str, tuple[list[str], str, str | None]] = {
        "equal-card": (["2x RTX 4090"], "64GiB DDR5-6000", "4x16,4x4"),
        "other-card": (["RTX 4090", "RTX 3090"], "64GiB DDR5-6000", "4x16,4x4"),
        "ram": (["RTX 4090"], "96GiB DDR5-6000", None),
    }
    for step in answer.steps:
        gpus, ram, pcie = described.get(step.kind, ([str(step.gpu)], "64GiB DDR5-6000", None))
        machine = llmprobe.probe(gpus=gpus, ram=ram, pcie=pcie)
        again = llmprobe.recommend(spec, machine, ctx_size=8192, top=1).choices[0]

        assert placed(again) == placed(reached(step).choice), step.kind
    assert {step.kind for step in answer.steps} == {"equal-card", "other-card", "card-instead", "ram"}


@pytest.mark.parametrize(
    ("before", "kind", "after"),
    [
        ("linux-2x3090-64g-one-lost", "repair", "linux-2x3090-64g"),
        ("linux-2x3090-64g-half-full", "free", "linux-2x3090-64g"),
    ],
)
def test_what_costs_nothing_is_what_the_recorded_machine_in_order_runs(
    before: str, kind: str, after: str
) -> None:
    """
    A lost card that is back, and one whose programs ended, are those of the recording in which they are.

    Less than a MiB is held of the idle cards there, and RAM differs, which a model that is whole does not use.
    """
    spec = loaded("llama3-70b")
    (step,) = of_kind(llmprobe.upgrade(machine_of(before), spec, ctx_size=8192), kind)
    again = llmprobe.recommend(spec, machine_of(after), ctx_size=8192, top=1).choices[0]

    assert placed(again) == placed(reached(step).choice)


def test_a_purchase_is_compared_with_the_machine_in_order() -> None:
    """
    With 20 GB held, anything helps; once they are free, the same RAM does not.
    """
    spec = loaded("qwen3-32b")
    answer = llmprobe.upgrade(machine_of("linux-p40-24g-hot-narrow"), spec, ctx_size=8192)
    (free,) = of_kind(answer, "free")

    assert free.before == answer.now
    assert all(step.before == free.after for step in answer.steps if not step.costs_nothing)
    assert all(
        step.gain == pytest.approx(reached(step).points - step.before.points, abs=1e-3)
        for step in answer.steps
        if step.before is not None
    )


def test_the_largest_gain_comes_first_after_what_costs_nothing() -> None:
    """
    Free steps that help, then purchases by gain, to a twentieth of a doubling, then what does not help.
    """
    spec = loaded("qwen3-32b")
    steps = llmprobe.upgrade(machine_of("linux-p40-24g-hot-narrow"), spec, ctx_size=8192).steps
    bought = [round((step.gain or 0.0) / HARDLY) for step in steps if step.helps and not step.costs_nothing]
    ranks = [(not step.helps, not step.costs_nothing) for step in steps]

    assert bought == sorted(bought, reverse=True)
    assert len(bought) > 1
    assert ranks == sorted(ranks)


def test_a_model_that_does_not_run_gets_the_least_ram_that_runs_it() -> None:
    """
    gpt-oss-120b is 63 GB: 32 GiB beside an RTX 4060 are too few, and 64 are the next size that does it.
    """
    spec = loaded("gpt-oss-120b")
    answer = llmprobe.upgrade(llmprobe.probe(gpus="RTX 4060", ram="32GiB DDR5-5600"), spec, ctx_size=8192)
    (ram,) = of_kind(answer, "ram")

    assert answer.now is None
    assert (ram.ram_bytes, ram.helps, ram.gain) == (64 * GIB, True, None)
    assert ram.before is None


def test_a_card_that_holds_all_of_a_large_model_is_tried() -> None:
    """
    70B at Q4_K_M needs 43 GiB on cards: beside the usual sizes one of 48 GB is tried in an office computer.
    """
    spec = loaded("llama3-70b")
    answer = llmprobe.upgrade(machine_of("linux-uhd770-desktop-64g"), spec, ctx_size=8192)
    whole = [
        step
        for step in of_kind(answer, "first-card")
        if reached(step).choice.gpu_layers == 81 and reached(step).choice.quant == "Q4_K_M"
    ]

    assert [step.gpu for step in whole] == ["RTX A6000"]


def test_a_card_nobody_can_name_is_repaired_before_another_is_bought() -> None:
    """
    Without its driver a card is a number: no gain is known, and no other card is tried.
    """
    answer = llmprobe.upgrade(machine_of("linux-2x5060ti-no-driver"), loaded("qwen3-14b"))
    (repair,) = of_kind(answer, "repair")

    assert (repair.after, repair.gain, repair.helps) == (None, None, None)
    assert answer.verdict.id == "upgrade.repair-verdict"
    assert answer.second_card.helps is None
    assert not CARDS & {step.kind for step in answer.steps}


def test_a_power_brake_asks_for_a_supply_of_unknown_gain() -> None:
    """
    The driver says that the supply cannot deliver, and not how much that costs.
    """
    machine = machine_of("linux-3080-10g-32g-smi-only")
    (card,) = (one for one in machine.accelerators if one.usable)
    assert card.throttle is not None
    throttle = msgspec.structs.replace(card.throttle, reasons=("power-brake",))
    braked = msgspec.structs.replace(
        machine, accelerators=(msgspec.structs.replace(card, throttle=throttle),)
    )
    answer = llmprobe.upgrade(braked, model("llama", LLAMA_8B))
    (power,) = of_kind(answer, "power")

    assert (power.helps, power.after, power.costs_nothing) == (None, None, False)
    assert of_kind(llmprobe.upgrade(machine, model("llama", LLAMA_8B)), "power") == []


class TestCatalog:
    """
    Without a model the question is what ``fit`` would put first.
    """

    @pytest.fixture(autouse=True)
    def _first_rows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        ``fit`` of one family, which takes a fraction of the time.
        """
        for name in ("fit", "first"):
            whole = getattr(fit, name)

            def of_family(snapshot: Snapshot, wishes: Any, *others: Any, whole: Any = whole) -> Any:
                return whole(snapshot, msgspec.structs.replace(wishes, families=("llama",)), *others)

            monkeypatch.setattr(fit, name, of_family)

    def test_each_step_is_the_first_row_of_fit_there(self) -> None:
        """
        Before and after, with its score, its points and its choice.
        """
        machine = llmprobe.probe(gpus="RTX 3060 12GB", ram="16GiB DDR4-3200")
        answer = llmprobe.upgrade(machine)
        (ram,) = of_kind(answer, "ram")

        def first(on: Snapshot) -> Fitting:
            return fit.fit(on, fit.wishes_of(top=1)).rows[0]

        now, then = first(machine), first(llmprobe.probe(gpus="RTX 3060 12GB", ram="32GiB DDR4-3200"))

        assert answer.model is None
        assert answer.now is not None
        assert (answer.now.model, answer.now.points, answer.now.reads_as) == (
            now.model.id,
            now.points,
            now.reads_as,
        )
        assert (reached(ram).model, reached(ram).points) == (then.model.id, then.points)
        assert ram.ram_bytes == 32 * GIB
        assert all(step.after is None or step.after.reads_as is not None for step in answer.steps)


def test_what_is_tried_exists() -> None:
    """
    Every card of the table is known with the memory that its row says, the smallest first.
    """
    for vendor, rows in table("upgrade")["cards"].items():
        assert [row["gib"] for row in rows] == sorted(row["gib"] for row in rows)
        for row in rows:
            machine = llmprobe.probe(gpus=row["gpu"], ram_bytes=32 * GIB)
            assert machine.accelerators[0].vendor == vendor
            assert round((machine.pools[1].total_bytes or 0) / GIB) in (row["gib"], row["gib"] - 1)


@pytest.mark.parametrize(
    "wishes",
    [
        {"use": "poetry"},
        {"ctx_size": 0},
        {"ctx_size": 2**31},
        {"quants": "Q99"},
        {"min_speed": -1},
        {"min_speed": "fast"},
        {"reserve_bytes": -1},
    ],
)
def test_a_bad_wish_is_refused(wishes: dict[str, Any]) -> None:
    """
    One sentence says what was given.
    """
    with pytest.raises(UsageError):
        wishes_of(model("llama", LLAMA_8B), **wishes)
