"""
What is tried for a machine and how it is judged: what costs nothing, what can be bought, what is worth it.
"""

from datetime import date
from functools import cache

import msgspec
import pytest

import llmprobe
from llmprobe.advise.upgrade.bought import more_ram, other_cards
from llmprobe.advise.upgrade.change import Change
from llmprobe.advise.upgrade.free import free_changes
from llmprobe.advise.upgrade.judge import for_less, in_order, judged, outcome, second_card, verdict
from llmprobe.facts.finding import Finding
from llmprobe.facts.host import HostMemory, MemoryModules
from llmprobe.facts.machine import Cpu, Link, Snapshot
from llmprobe.facts.prices import PriceRange
from llmprobe.facts.upgrade import Reached, Step
from llmprobe.machine.gpu_table import with_size
from llmprobe.units import GIB
from llmprobe.words.message import Message, message
from tests.advise.machines import LLAMA_8B, machine, model
from tests.machine_fixtures import replayed

SMALL = model("llama", LLAMA_8B)


@cache
def reached(
    gib: float = 24, *, points: float = 0.0, name: str = "small", reads_as: float | None = None
) -> Reached:
    choice = llmprobe.recommend(SMALL, machine((gib,)), ctx_size=4096, top=1).choices[0]
    return Reached(
        model=name,
        model_name=name.title(),
        choice=choice,
        points=points,
        reads_as=reads_as,
        unit=None if reads_as is None else "%",
        test=None if reads_as is None else "a test",
    )


def change(kind: str = "equal-card", *, known: bool = True) -> Change:
    return Change(kind=kind, name=message("test"), machine=machine() if known else None)  # type: ignore[arg-type]


def step(kind: str, gain: float | None, *, helps: bool | None = True) -> Step:
    return Step(
        kind=kind,  # type: ignore[arg-type]
        name=message(kind),
        costs_nothing=kind in {"repair", "free", "limit", "slot"},
        before=reached(points=0.0),
        after=None if helps is None else reached(points=gain or 0.0),
        gain=gain,
        helps=helps,
        outcome=message("test"),
    )


def with_modules(snapshot: Snapshot, **modules: object) -> Snapshot:
    found = MemoryModules(evidence=(), **modules)  # type: ignore[arg-type]  # as the tests below give them
    host = msgspec.structs.replace(snapshot.host, memory=HostMemory(modules=found))
    return msgspec.structs.replace(snapshot, host=host)


class TestWorth:
    """
    A quarter of a doubling is worth money, a twentieth an effort; a doubling of ``fit`` is two points.
    """

    @pytest.mark.parametrize(
        ("kind", "gain", "scale", "helps"),
        [
            ("equal-card", 0.25, 1.0, True),
            ("equal-card", 0.24, 1.0, False),
            ("ram", 0.49, 2.0, False),
            ("ram", 0.5, 2.0, True),
            ("free", 0.05, 1.0, True),
            ("free", 0.04, 1.0, False),
            ("slot", 0.09, 2.0, False),
            ("repair", 0.1, 2.0, True),
            ("card-instead", -1.0, 1.0, False),
        ],
    )
    def test_a_gain_is_worth_it_from_a_size_on(
        self, kind: str, gain: float, scale: float, *, helps: bool
    ) -> None:
        """
        More is asked of what costs money.
        """
        found = judged(change(kind), reached(points=0.0), reached(points=gain), scale=scale)

        assert (found.gain, found.helps) == (gain, helps)

    @pytest.mark.parametrize(
        ("before", "after", "helps"), [(False, True, True), (False, False, False), (True, False, False)]
    )
    def test_what_runs_only_then_helps(self, *, before: bool, after: bool, helps: bool) -> None:
        """
        Nothing can be subtracted then.
        """
        found = judged(change(), reached() if before else None, reached() if after else None, scale=1.0)

        assert (found.gain, found.helps) == (None, helps)

    def test_what_nobody_can_tell_is_unknown(self) -> None:
        """
        A change whose machine is not known.
        """
        found = judged(change("power", known=False), reached(), None, scale=1.0)

        assert (found.gain, found.helps, found.after) == (None, None, None)
        assert found.outcome.id == "upgrade.gain-unknown"
        assert not found.costs_nothing


class TestOutcome:
    """
    What is then possible.
    """

    @pytest.mark.parametrize(
        ("before", "after", "told"),
        [
            (False, False, "upgrade.still-nothing"),
            (True, False, "upgrade.nothing-then"),
            (False, True, "upgrade.then-runs"),
            (True, True, "upgrade.then"),
        ],
    )
    def test_of_one_model(self, *, before: bool, after: bool, told: str) -> None:
        """
        It runs or not, before and after.
        """
        found = outcome(change(), reached() if before else None, reached() if after else None)

        assert found.id == told

    def test_of_the_catalog_another_model_has_both_scores(self) -> None:
        """
        As no text says how the two differ.
        """
        found = outcome(change(), reached(reads_as=50.0), reached(name="large", reads_as=60.0))

        assert found.id == "upgrade.other-model"
        assert (found.values["model"], found.values["instead"]) == ("Large", "Small")
        assert (found.values["reads_as"], found.values["instead_reads_as"]) == (60.0, 50.0)

    def test_the_time_of_an_answer_is_compared_where_it_differs(self) -> None:
        """
        A card of 4 GiB keeps layers in RAM, one of 24 has all.
        """
        slow, fast = reached(4), reached(24)
        assert slow.choice.time is not None
        assert fast.choice.time is not None
        found, same = outcome(change(), slow, fast), outcome(change(), fast, fast)

        assert found.values["seconds"] == fast.choice.time.seconds.likely
        assert found.values["instead_seconds"] == slow.choice.time.seconds.likely
        assert (same.values["seconds"], same.values["instead_seconds"]) == (None, None)


def priced(one: Step, low: float, high: float) -> Step:
    return msgspec.structs.replace(one, price=PriceRange(low=low, high=high, currency="USD"))


class TestPrice:
    """
    What is cheaper comes first of about equal gains, and what brings most of a gain for less is named.
    """

    def test_of_about_equal_gains_the_cheaper_comes_first(self) -> None:
        """
        0.90 and 0.91 are the same; 0.8 is less. What has no price comes last of equals.
        """
        steps = [
            step("equal-card", 0.91),
            priced(step("other-card", 0.9), 700, 900),
            priced(step("card-instead", 0.91), 2000, 3000),
            priced(step("ram", 0.8), 100, 200),
        ]

        assert [one.kind for one in in_order(steps)] == ["other-card", "card-instead", "equal-card", "ram"]

    @pytest.mark.parametrize(
        ("gain", "low", "high", "named"),
        [
            (0.8, 400, 900, True),
            (0.75, 400, 900, True),
            (0.74, 400, 900, False),
            (0.8, 400, 1000, False),
        ],
    )
    def test_most_of_a_gain_for_less_is_named(
        self, gain: float, low: float, high: float, *, named: bool
    ) -> None:
        """
        Three quarters of it, for less than the first can cost in any case.
        """
        first, other = priced(step("card-instead", 1.0), 1000, 1500), priced(step("ram", gain), low, high)

        assert for_less([first, other]) == (other if named else None)

    def test_without_a_price_or_a_gain_nothing_is_compared(self) -> None:
        """
        Nor with what costs nothing or does not help.
        """
        first, cheap = priced(step("card-instead", 1.0), 1000, 1500), priced(step("ram", 0.9), 100, 200)

        assert for_less([]) is None
        assert for_less([step("card-instead", 1.0), cheap]) is None
        assert for_less([first, step("ram", 0.9)]) is None
        assert for_less([first, msgspec.structs.replace(cheap, helps=False)]) is None
        assert for_less([first, msgspec.structs.replace(cheap, costs_nothing=True)]) is None
        assert for_less([msgspec.structs.replace(first, gain=None), cheap]) is None

    def test_what_is_bought_has_the_price_of_its_product(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A used RTX 3090 by pages of the last six months, 96 GiB of DDR5 as kits of 64 and 32, and no page for an A6000.
        """
        monkeypatch.setattr("llmprobe.facts.prices.today", lambda: date(2026, 11, 30))
        snapshot = replayed("linux-4090-64g")
        found = {
            one.gpu or one.kind: judged(one, None, reached(), scale=1.0).price
            for one in (*more_ram(snapshot), *other_cards(snapshot))
        }
        card, kit = found["RTX 3090"], found["ram"]
        assert card is not None
        assert kit is not None

        assert (card.condition, card.currency) == ("used", "USD")
        assert kit.high > kit.low > 0
        assert found["RTX A6000"] is None

    def test_a_module_beside_another_is_all_that_is_bought(self) -> None:
        """
        Elsewhere a whole kit is; RAM of no known kind has no name to be priced by.
        """
        (beside,) = more_ram(replayed("linux-laptop-single-channel-8g"))
        (kit,) = more_ram(replayed("linux-3060-12g-16g-desktop"))
        (unknown,) = more_ram(machine(ram_gib=30))

        assert (beside.product, kit.product, unknown.product) == ("8GiB DDR4", "32GiB DDR4", None)


class TestAnswer:
    """
    The order of steps, the verdict, and the answer about a second card.
    """

    def test_free_helps_first_then_by_gain_then_unknown_then_useless(self) -> None:
        """
        What runs only then is the largest gain.
        """
        runs = msgspec.structs.replace(step("ram", None), before=None)
        steps = [
            step("slot", 0.0, helps=False),
            step("power", None, helps=None),
            step("equal-card", 0.5),
            step("card-instead", 0.9),
            step("free", 0.1),
            runs,
        ]
        found = [(one.kind, one.helps) for one in in_order(steps)]

        assert found == [
            ("free", True),
            ("ram", True),
            ("card-instead", True),
            ("equal-card", True),
            ("power", None),
            ("slot", False),
        ]

    @pytest.mark.parametrize(
        ("kinds", "runs", "told"),
        [
            ((("free", True), ("ram", True)), True, "upgrade.first-then"),
            ((("free", True), ("ram", False)), True, "upgrade.free-only"),
            ((("free", False), ("ram", True)), True, "upgrade.best"),
            ((("ram", False),), True, "upgrade.no-help"),
            ((("ram", False),), False, "upgrade.no-help-and-nothing"),
            ((("repair", None), ("ram", True)), True, "upgrade.repair-verdict"),
        ],
    )
    def test_the_verdict(
        self,
        kinds: tuple[tuple[str, bool | None], ...],
        runs: bool,
        told: str,
    ) -> None:
        """
        What costs nothing is named before what is bought, and a repair of what nobody knows before all.
        """
        steps = tuple(step(kind, 0.3, helps=helps) for kind, helps in kinds)

        assert verdict(steps, reached() if runs else None).id == told

    @pytest.mark.parametrize(
        ("kinds", "why", "helps", "told"),
        [
            ((("equal-card", True),), None, True, "upgrade.card-yes"),
            ((("other-card", True), ("equal-card", False)), None, True, "upgrade.card-yes"),
            ((("equal-card", False),), None, False, "upgrade.card-no"),
            ((("card-instead", True),), None, False, "upgrade.card-most"),
            ((("first-card", True),), None, True, "upgrade.card-yes"),
            ((("repair", None),), None, None, "upgrade.card-after-repair"),
            ((("ram", True),), message("test"), False, "upgrade.card-no-place"),
        ],
    )
    def test_whether_a_second_card_helps(
        self,
        kinds: tuple[tuple[str, bool | None], ...],
        why: Message | None,
        helps: bool | None,
        told: str,
    ) -> None:
        """
        Yes or no, and unknown only where a card that is there does not work.
        """
        found = second_card(tuple(step(kind, 0.3, helps=one) for kind, one in kinds), why, done=False)

        assert (found.helps, found.answer.id) == (helps, told)


class TestRam:
    """
    The next sizes that are sold and that the slots take.
    """

    @pytest.mark.parametrize(
        ("ram_gib", "modules", "sizes"),
        [
            (30, None, [64, 96]),
            (14, None, [24 + 8, 64]),
            (
                62,
                {"count": 2, "channels": 2, "slots": 4, "kind": "DDR4", "installed_bytes": 64 * GIB},
                [96, 128],
            ),
            (62, {"count": 2, "channels": 2, "slots": 2, "kind": "DDR4", "installed_bytes": 64 * GIB}, []),
            (94, {"count": 2, "channels": 2, "slots": 4, "kind": "DDR5", "installed_bytes": 96 * GIB}, [192]),
            (22, {"count": 6, "channels": 2, "slots": 6, "kind": "DDR3", "installed_bytes": 24 * GIB}, []),
        ],
    )
    def test_sizes(self, ram_gib: float, modules: dict[str, object] | None, sizes: list[int]) -> None:
        """
        At least 1.4 times as much, at most the slots times the largest usual module (8 GiB of DDR3, 32 of DDR4, 48 of
        DDR5), 192 GiB where they are unknown.
        """
        snapshot = machine(ram_gib=ram_gib)
        if modules is not None:
            snapshot = with_modules(snapshot, **modules)
        found = list(more_ram(snapshot, 2))

        assert [(one.ram_bytes or 0) // GIB for one in found] == sizes

    def test_a_server_takes_more(self) -> None:
        """
        Registered modules of 64 GiB of DDR4, in eight slots.
        """
        snapshot = with_modules(
            machine(ram_gib=250), count=8, channels=8, slots=8, kind="DDR4", installed_bytes=256 * GIB
        )
        server = msgspec.structs.replace(
            snapshot, host=msgspec.structs.replace(snapshot.host, cpu=Cpu(name="AMD EPYC 7302 16-Core"))
        )

        assert [one.ram_bytes for one in more_ram(server, 3)] == [384 * GIB, 512 * GIB]
        assert list(more_ram(snapshot, 3)) == []

    def test_a_free_channel_is_filled_with_as_much_again(self) -> None:
        """
        The rate doubles with it; 8 become 16.
        """
        before = replayed("linux-laptop-single-channel-8g")
        (found,) = more_ram(before)
        assert found.machine is not None

        assert found.ram_bytes == 16 * GIB
        assert found.name.id == "upgrade.ram-second-channel"
        assert found.machine.host.ram_bandwidth_bytes_per_s == 2 * (
            before.host.ram_bandwidth_bytes_per_s or 0
        )

    def test_a_guest_is_named(self) -> None:
        """
        WSL has the memory that Windows gives it.
        """
        (found,) = more_ram(replayed("linux-wsl2-4070tisuper-16g"))

        assert found.name.values["environment"] == "wsl"


class TestCards:
    """
    Few and sensible cards.
    """

    def kinds(self, snapshot: Snapshot, needed_gib: float | None = None) -> list[tuple[str, str | None]]:
        needed = None if needed_gib is None else int(needed_gib * GIB)
        return [(one.kind, one.gpu) for one in other_cards(snapshot, needed)]

    def test_beside_a_card_its_like_and_another_and_larger_ones_instead(self) -> None:
        """
        Of 24 GB: the same, the first of the table that is not smaller, and the next two sizes.
        """
        assert self.kinds(llmprobe.probe(gpus="RTX 4090", ram_bytes=32 * GIB)) == [
            ("equal-card", "NVIDIA GeForce RTX 4090"),
            ("other-card", "RTX 3090"),
            ("card-instead", "RTX 5090"),
            ("card-instead", "RTX A6000"),
        ]

    def test_its_own_kind_is_no_other_card(self) -> None:
        """
        Beside an RTX 3090 the next is a 5090.
        """
        found = self.kinds(llmprobe.probe(gpus="RTX 3090", ram_bytes=32 * GIB))

        assert ("other-card", "RTX 5090") in found
        assert ("other-card", "RTX 3090") not in found

    def test_the_same_name_with_more_memory_is_another_card(self) -> None:
        """
        The RTX 5060 Ti was sold with 8 and with 16 GB.
        """
        found = self.kinds(llmprobe.probe(gpus="RTX 5060 Ti 8GB", ram_bytes=32 * GIB))

        assert ("other-card", "RTX 5060 Ti 16GB") in found

    def test_a_card_of_several_sizes_is_named_with_its_own(self) -> None:
        """
        A buyer must know which RTX 5060 Ti is meant; of an RTX 3090 there is one.
        """
        found = {
            one.kind: one.name.values
            for one in other_cards(llmprobe.probe(gpus="RTX 5060 Ti 8GB", ram_bytes=32 * GIB), None)
        }

        assert found["equal-card"]["name"] == "NVIDIA GeForce RTX 5060 Ti 8GB"
        assert found["other-card"]["name"] == "NVIDIA GeForce RTX 5060 Ti 16GB"
        assert found["card-instead"]["instead"] == "NVIDIA GeForce RTX 5060 Ti 8GB"
        assert with_size("NVIDIA GeForce RTX 3090", 24 * GIB) == "NVIDIA GeForce RTX 3090"

    def test_what_a_model_needs_is_tried(self) -> None:
        """
        80 GiB: beside 24 one of 96 (48 are too few), and 96 instead; 30 GiB are there with the usual ones.
        """
        four = llmprobe.probe(gpus="RTX 4090", ram_bytes=32 * GIB)

        assert ("other-card", "RTX PRO 6000 Blackwell Workstation") in self.kinds(four, 80)
        assert ("card-instead", "RTX PRO 6000 Blackwell Workstation") in self.kinds(four, 80)
        assert self.kinds(four, 30) == self.kinds(four)

    def test_a_vendor_stays(self) -> None:
        """
        An engine uses cards of one backend together.
        """
        amd = self.kinds(llmprobe.probe(gpus="RX 7900 XTX", ram_bytes=32 * GIB))
        intel = self.kinds(llmprobe.probe(gpus="Arc B580", ram_bytes=32 * GIB))

        assert all(gpu is not None and ("RX" in gpu or "Radeon" in gpu) for _, gpu in amd)
        assert all(gpu is not None and "Arc" in gpu for _, gpu in intel)

    def test_the_smallest_of_several_is_replaced(self) -> None:
        """
        And what stays is counted with the new one.
        """
        both = llmprobe.probe(gpus=["RTX 4090", "RTX 3060 12GB"], ram_bytes=32 * GIB)
        changes = [one for one in other_cards(both) if one.kind == "card-instead"]

        assert [one.gpu for one in changes] == ["RTX 5060 Ti 16GB", "RTX 3090"]
        for one in changes:
            assert one.machine is not None
            assert [card.id for card in one.machine.accelerators] == ["gpu0", "gpu1"]
            assert one.machine.accelerators[0].name == "NVIDIA GeForce RTX 4090"

    def test_an_engine_uses_no_more_than_16(self) -> None:
        """
        Then no card is tried.
        """
        assert self.kinds(machine((24,) * 16)) == []

    def test_a_first_card_has_its_whole_slot(self) -> None:
        """
        A second one has four lanes in a desktop, and all in a server.
        """
        (first, *_) = other_cards(llmprobe.probe(ram="32GiB"))
        desktop = next(
            one
            for one in other_cards(llmprobe.probe(gpus="RTX 4090", ram_bytes=32 * GIB))
            if one.kind == "other-card"
        )
        server = next(
            one
            for one in other_cards(llmprobe.probe(gpus="RTX 4090", ram_bytes=32 * GIB, cpu="EPYC 7302"))
            if one.kind == "equal-card"
        )

        assert [width(one) for one in (first, desktop, server)] == [8, 4, 16]

    def test_watts_are_the_makers(self) -> None:
        """
        450 W for one more RTX 4090, 350 for an RTX 3090.
        """
        found = {
            one.gpu: one.watts for one in other_cards(llmprobe.probe(gpus="RTX 4090", ram_bytes=32 * GIB))
        }

        assert found["NVIDIA GeForce RTX 4090"] == 450
        assert found["RTX 3090"] == 350

    def test_a_recorded_card_has_the_watts_of_its_kind(self) -> None:
        """
        Where the driver was not asked for its limit, the table has it.
        """
        (equal,) = (one for one in other_cards(replayed("linux-4090-64g")) if one.kind == "equal-card")

        assert equal.watts == 450


def width(one: Change) -> int | None:
    assert one.machine is not None
    link = one.machine.accelerators[-1].link
    return None if link is None else link.width


class TestFree:
    """
    What costs nothing.
    """

    def test_a_quarter_of_a_gib_is_worth_a_line(self) -> None:
        """
        The driver's own use of an idle card is not.
        """
        assert [one.kind for one in free_changes(replayed("linux-2x3090-64g"))] == []
        assert [one.kind for one in free_changes(replayed("windows-4070-12g-wddm"))] == ["free"]

    def test_ended_programs_are_named_with_their_command(self) -> None:
        """
        Ollama lets go of its model.
        """
        (found,) = (
            one for one in free_changes(replayed("linux-3080-10g-32g-smi-only")) if one.kind == "free"
        )
        held = found.name.values["held"]
        assert isinstance(held, tuple)
        assert isinstance(held[0], Message)

        assert held[0].id == "held.device"
        assert found.commands == ("ollama stop MODEL",) or "ollama" in found.commands[0]

    def test_cards_with_one_fault_are_one_repair(self) -> None:
        """
        Four A100 whose driver was slow; of a lab's five a card of each fault that its owner can remove.
        """
        (slow,) = (one for one in free_changes(replayed("linux-4xa100-slow-driver")) if one.kind == "repair")
        lab = [
            one.name.values["devices"]
            for one in free_changes(replayed("linux-lab-5-cards-256g"))
            if one.kind == "repair"
        ]

        assert slow.name.values["devices"] == ("gpu0", "gpu1", "gpu2", "gpu3")
        assert lab == [("gpu1",), ("gpu2",), ("gpu3",)]

    @pytest.mark.parametrize(
        "name",
        ["linux-uhd770-desktop-64g", "macos-vm-m1-7g", "linux-zfs-server-128g", "linux-mtt-s80-and-tahiti"],
    )
    def test_what_cannot_be_used_at_all_is_no_repair(self, name: str) -> None:
        """
        Graphics slower than the processor, a Mac in a Mac, a card that is lent, a vendor without support.
        """
        assert "repair" not in {one.kind for one in free_changes(replayed(name))}

    def test_a_hidden_gpu_is_looked_for(self) -> None:
        """
        Under WSL with the wrong driver nobody knows what is there.
        """
        found = [one for one in free_changes(replayed("linux-wsl2-driver-shadow")) if one.kind == "repair"]

        assert [one.machine for one in found] == [None] * len(found)
        assert found[0].name.id == "upgrade.repair-finding"
        assert found[0].commands

    def test_limits_have_their_commands(self) -> None:
        """
        That of macOS and that of a container.
        """
        mac = [one for one in free_changes(replayed("macos-m3max-64g")) if one.kind == "limit"]
        box = [one for one in free_changes(replayed("linux-container-8g")) if one.kind == "limit"]

        assert [(one.name.id, one.commands[0].split("=")[0]) for one in mac] == [
            ("upgrade.limit-mac", "sudo sysctl iogpu.wired_limit_mb")
        ]
        assert [(one.name.id, one.commands[0].split()[0]) for one in box] == [
            ("upgrade.limit-container", "docker")
        ]

    def test_a_narrow_slot_is_left_where_it_is_seen(self) -> None:
        """
        Four lanes of 16 on a board; in a virtual machine the lanes are those of nothing.
        """
        (board,) = (one for one in free_changes(replayed("linux-p40-24g-hot-narrow")) if one.kind == "slot")

        assert (board.name.values["lanes"], board.name.values["instead"]) == (16, 4)
        assert "slot" not in {one.kind for one in free_changes(replayed("linux-a10g-cloud-vm-32g"))}

    def test_a_finding_of_another_kind_has_no_command_here(self) -> None:
        """
        Only what is about memory in use says how to free it.
        """
        before = machine((24,))
        other = Finding(
            id="another", severity="note", title=message("test"), detail=message("test"), evidence=()
        )
        link = Link(width=16, max_width=16)
        card = msgspec.structs.replace(before.accelerators[0], link=link)

        assert (
            list(free_changes(msgspec.structs.replace(before, findings=(other,), accelerators=(card,)))) == []
        )
