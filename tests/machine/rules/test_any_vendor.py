"""
The findings about GPUs that hold for every vendor: a probe gives the facts, and no other file knows the vendor.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.answer import Source
from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import (
    Accelerator,
    Limit,
    MemoryPool,
    Partition,
    Power,
    Probed,
    Snapshot,
    Throttle,
    Window,
)
from llmprobe.facts.vendors import Vendor
from llmprobe.machine import probing
from llmprobe.machine.pcie import pcie_link
from llmprobe.machine.probing import Probe
from llmprobe.machine.snapshot import collect
from llmprobe.words.message import message
from tests.machine.fake import GIB, MIB, FakeSource, plain_host

ADDRESS = "0000:07:00.0"
CITED = {
    field: (f"read:/sys/class/accel/{field}",)
    for field in ("link", "window", "power", "throttle", "state", "ecc", "display_active")
}


def seen(**facts: Any) -> Snapshot:
    """
    A machine with one card of 16 GiB, of a vendor that only its probe knows.
    """
    return with_cards(card(**facts))


def card(**facts: Any) -> Accelerator:
    fields: dict[str, Any] = {
        "id": "gpu0",
        "vendor": "newcomer",
        "name": "Newcomer X1",
        "backend": "vulkan",
        "pools": ("vram0",),
        "pci": ADDRESS,
        "cited": CITED,
        "evidence": ("read:/sys/class/accel/name",),
    }
    return Accelerator(**(fields | facts))


TOOLS = Vendor(name="newcomer", lists_programs=("newcomer-smi programs",), prints_link=("newcomer-smi link",))


def with_cards(*cards: Accelerator, pool: dict[str, Any] | None = None) -> Snapshot:
    """
    What a machine with these cards looks like, by a probe that is added at run time.
    """
    memory: dict[str, Any] = {
        "id": "vram0",
        "kind": "vram",
        "total_bytes": 16 * GIB,
        "free_bytes": 16 * GIB,
        "budget_bytes": 16 * GIB,
        "evidence": ("read:/sys/class/accel/memory",),
    }
    pools = (MemoryPool(**(memory | (pool or {}))),)

    def probe(source: Source) -> Probed:
        return Probed(accelerators=cards, pools=pools)

    probes = (*probing.all_probes(), Probe("newcomer", frozenset({"linux"}), probe, (TOOLS,)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probing, "all_probes", lambda: probes)
        snapshot = collect(FakeSource(plain_host()))
    assert [each for each in snapshot.sources if each.status == "crashed"] == []
    return snapshot


def finding(snapshot: Snapshot, finding_id: str) -> Finding | None:
    return next((each for each in snapshot.findings if each.id == finding_id), None)


def only(snapshot: Snapshot, finding_id: str) -> Finding:
    (found,) = (each for each in snapshot.findings if each.id == finding_id)
    return found


@pytest.mark.parametrize(
    ("facts", "finding_id", "field"),
    [
        ({"link": pcie_link(width=4, max_width=16)}, "pcie-narrow", "link"),
        ({"window": Window(visible_bytes=256 * MIB)}, "rebar-off", "window"),
        ({"power": Power(limit_watts=100, default_watts=200)}, "power-cap", "power"),
        ({"throttle": Throttle(reasons=("power-brake",))}, "power-cap", "throttle"),
        ({"throttle": Throttle(reasons=("temperature",), celsius=95)}, "thermal-throttle", "throttle"),
        ({"ecc": True, "memory_bus_bits": 384}, "ecc-on", "ecc"),
        ({"display_active": True}, "display-on-gpu", "display_active"),
        ({"state": "asleep"}, "gpu-asleep", "state"),
        ({"state": "lent"}, "gpu-vfio", "state"),
        ({"state": "lost"}, "gpu-lost", "state"),
        ({"state": "unreachable"}, "gpu-unreachable", "state"),
    ],
)
def test_a_new_vendor_gets_the_findings_of_every_vendor(
    facts: dict[str, Any], finding_id: str, field: str
) -> None:
    """Its facts are enough: the finding names the card and cites the answers behind the fact, and no tool of others."""
    found = only(seen(**facts), finding_id)

    assert found.title.values.get("name") == "Newcomer X1"
    assert found.evidence == CITED[field]
    assert [command for command in found.remedy.commands if "nvidia" in command] == []  # type: ignore[union-attr]
    assert found.remedy is not None
    assert found.remedy.link is None


def test_a_new_vendor_names_its_own_tools() -> None:
    """Its probe says which commands show more, and no rule has to know the vendor."""
    narrow = only(seen(link=pcie_link(width=1, max_width=16)), "pcie-narrow")
    full = with_cards(
        card(),
        pool={
            "free_bytes": 8 * GIB,
            "budget_bytes": 8 * GIB,
            "limits": (Limit(by="processes", bytes=8 * GIB),),
        },
    )

    assert narrow.remedy is not None
    assert narrow.remedy.commands == ("newcomer-smi link",)
    held = only(full, "vram-held")
    assert held.remedy is not None
    assert held.remedy.commands == ("newcomer-smi programs",)


def test_a_new_vendor_comes_after_the_others_and_its_silence_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A probe that finds accelerators is asked for by name where it does not answer; one that finds none is not."""

    def silent(source: Source) -> Probed:
        return Probed(status="denied")

    linux = frozenset({"linux"})
    newcomer = Probe("newcomer", linux, silent, (TOOLS,), lists_gpus=True)
    probes = (newcomer, Probe("weather", linux, silent))
    monkeypatch.setattr(probing, "all_probes", lambda: probes)

    assert only(collect(FakeSource(plain_host())), "gpu-not-looked-for").evidence == ("source:newcomer",)
    assert probing.vendor("newcomer") == TOOLS
    assert probing.vendor("nobody") == Vendor(name="nobody")
    monkeypatch.undo()
    ranks = [probing.vendor(name).rank for name in ("nvidia", "amd", "intel", "apple", "other", "newcomer")]
    assert ranks == sorted(ranks)
    assert len(set(ranks[:5])) == 5


def test_a_card_among_equal_ones_is_named_with_its_id() -> None:
    """Two of one name are told apart; one of its name needs no id."""
    first, second = card(), card(id="gpu1", pci="0000:08:00.0", state="lost", usable=False)
    other = card(id="gpu2", name="Newcomer Y", pci="0000:09:00.0", state="asleep")
    snapshot = with_cards(first, second, other)

    assert only(snapshot, "gpu-lost").title.values["name"] == "gpu1 Newcomer X1"
    assert only(snapshot, "gpu-asleep").title.values["name"] == "Newcomer Y"


def test_a_card_in_order_has_no_finding() -> None:
    """Full link, full window, its own power limit, cool, and without error correction."""
    snapshot = seen(
        link=pcie_link(max_generation=4, device_max_generation=4, width=16, max_width=16),
        window=Window(visible_bytes=16 * GIB),
        power=Power(limit_watts=200, default_watts=200),
        throttle=Throttle(reasons=("power-limit", "hardware"), celsius=60),
        ecc=False,
        memory_bus_bits=256,
        display_active=False,
    )

    assert {each.id for each in snapshot.findings} - {"gpu-unsupported-vendor"} == set()


def test_facts_that_are_unknown_are_no_finding() -> None:
    """Nothing is reported of a card whose link, window, power and temperature nobody knows."""
    snapshot = seen(
        link=pcie_link(width=4), power=Power(draw_watts=9), throttle=Throttle(celsius=99), ecc=None
    )

    assert {each.id for each in snapshot.findings} - {"gpu-unsupported-vendor"} == set()


def test_evidence_of_a_fact_without_its_own_is_that_of_the_device() -> None:
    """A finding is never without evidence."""
    found = only(seen(link=pcie_link(width=1, max_width=16), cited={}), "pcie-narrow")

    assert found.evidence == ("read:/sys/class/accel/name",)


@pytest.mark.parametrize(
    ("width", "most", "severity"),
    [(1, 16, "warning"), (4, 16, "warning"), (5, 16, "note"), (8, 16, "note"), (16, 16, None), (4, 4, None)],
)
def test_four_lanes_or_fewer_are_a_warning(width: int, most: int, severity: str | None) -> None:
    """More lanes cost little; all of them nothing."""
    found = finding(seen(link=pcie_link(width=width, max_width=most)), "pcie-narrow")

    assert (found and found.severity) == severity


@pytest.mark.parametrize(
    ("generation", "newest", "narrow"), [(3, 4, True), (4, 4, False), (5, 4, False), (None, 4, False)]
)
def test_an_old_slot_is_a_slow_link(generation: int | None, newest: int, narrow: bool) -> None:
    """The slot limits the generation; a slot that is newer than the card limits nothing."""
    link = pcie_link(max_generation=generation, device_max_generation=newest, width=16, max_width=16)
    found = finding(seen(link=link), "pcie-narrow")

    assert (found is not None) is narrow
    if found is not None:
        assert (found.severity, found.title.id) == ("note", "finding.pcie-narrow.title-slow")
        assert found.detail.values["causes"] == (
            message("finding.pcie-narrow.generation", generation=generation, newest=newest),
        )


def test_a_link_that_is_narrow_and_old_has_both_causes_and_its_rate() -> None:
    """Lanes first; the rate is that of the lanes that are connected, at the slot's generation."""
    link = pcie_link(max_generation=3, device_max_generation=4, width=8, max_width=16)
    found = only(seen(link=link), "pcie-narrow")

    assert found.title.id == "finding.pcie-narrow.title"
    assert found.detail == message(
        "finding.pcie-narrow.detail",
        causes=(
            message("finding.pcie-narrow.lanes", lanes=8, most=16),
            message("finding.pcie-narrow.generation", generation=3, newest=4),
        ),
        bytes_per_s=8 * 984_600_000,
    )
    assert str(found.detail).startswith(
        "The link is below what the card supports: 8 of 16 lanes are connected and the link is limited to PCIe "
        "generation 3 of 4. It carries at most 7.9 GB/s."
    )


def test_a_virtual_machine_cannot_move_its_card() -> None:
    """The finding stays, the remedy goes."""
    snapshot = seen(link=pcie_link(width=1, max_width=16))
    virtual = msgspec.structs.replace(snapshot, host=msgspec.structs.replace(snapshot.host, environment="vm"))
    from llmprobe.machine.rules.gpu_link import pcie_narrow

    assert [each.remedy for each in pcie_narrow(snapshot)] != [None]
    assert [each.remedy for each in pcie_narrow(virtual)] == [None]


@pytest.mark.parametrize(
    ("visible", "total", "small"),
    [
        (256 * MIB, 16 * GIB, True),
        (8 * GIB, 16 * GIB, False),
        (512 * MIB, 16 * GIB, False),
        (16 * GIB, 16 * GIB, False),
        (256 * MIB, GIB, False),
        (256 * MIB, GIB + 1, True),
        (256 * MIB, None, True),
        (256 * MIB + 1, None, False),
    ],
)
def test_a_window_is_small_that_was_not_resized(visible: int, total: int | None, small: bool) -> None:
    """Of cards above 1 GiB, and where the memory is unknown."""
    sizes = {"total_bytes": total, "free_bytes": total, "budget_bytes": total}
    snapshot = with_cards(card(window=Window(visible_bytes=visible)), pool=sizes)

    assert (finding(snapshot, "rebar-off") is not None) is small


@pytest.mark.parametrize(
    ("slows", "severity"), [("sharing", "note"), ("loading", "note"), ("computing", "warning")]
)
def test_a_small_window_matters_by_what_it_slows(slows: Any, severity: str) -> None:
    """Cards that compute more slowly are warned of; each kind has its own sentence."""
    found = only(seen(window=Window(visible_bytes=256 * MIB, slows=slows)), "rebar-off")

    assert (found.severity, found.detail) == (
        severity,
        message(f"finding.rebar-off.detail-{slows}", visible_bytes=256 * MIB),
    )


def test_a_window_that_the_card_cannot_resize_is_no_finding() -> None:
    """Nothing can be done about it."""
    window = Window(visible_bytes=256 * MIB, resizable=False)

    assert finding(seen(window=window), "rebar-off") is None


@pytest.mark.parametrize(
    "changes",
    [{"integrated": True}, {"state": "asleep"}, {"partition": Partition(kind="vgpu", profile="A40-24Q")}],
)
def test_only_cards_that_respond_have_a_link(changes: dict[str, Any]) -> None:
    """Graphics in a processor, sleeping cards and shares of a card are left out."""
    snapshot = seen(link=pcie_link(width=1, max_width=16), window=Window(visible_bytes=256 * MIB), **changes)

    assert {each.id for each in snapshot.findings} & {"pcie-narrow", "rebar-off"} == set()


def test_a_divided_card_is_one_card() -> None:
    """Its instances share link, power and temperature, which are reported once, by the name of the whole."""
    part = Partition(kind="mig", parent_name="Whole", parent_uuid="GPU-1")
    facts = {
        "link": pcie_link(width=1, max_width=16),
        "power": Power(limit_watts=1, default_watts=2),
        "throttle": Throttle(reasons=("temperature-hardware",)),
        "partition": part,
    }
    snapshot = with_cards(card(uuid="a", pci=None, **facts), card(id="gpu1", uuid="b", pci=None, **facts))

    for finding_id in ("pcie-narrow", "power-cap", "thermal-throttle"):
        assert only(snapshot, finding_id).title.values["name"] == "Whole"


@pytest.mark.parametrize(
    ("limit", "usual", "capped"),
    [(193, 200, True), (194, 200, False), (200, 200, False), (300, 200, False), (0, 200, False)],
)
def test_a_power_limit_matters_from_three_percent(limit: float, usual: float, capped: bool) -> None:
    """A little less than usual is rounding; unknown is no limit."""
    found = finding(seen(power=Power(limit_watts=limit, default_watts=usual)), "power-cap")

    assert (found is not None) is capped
    if found is not None:
        assert found.severity == "note"
        assert found.title == message(
            "finding.power-cap.title", name="Newcomer X1", limit_watts=limit, default_watts=usual
        )


def test_a_supply_that_is_too_weak_comes_before_a_limit() -> None:
    """One finding, the graver."""
    found = only(
        seen(throttle=Throttle(reasons=("power-brake",)), power=Power(limit_watts=100, default_watts=200)),
        "power-cap",
    )

    assert (found.severity, found.title.id) == ("warning", "finding.power-cap.title-brake")


@pytest.mark.parametrize(
    ("reasons", "hot"),
    [
        (("temperature",), True),
        (("temperature-hardware",), True),
        (("power-limit", "hardware"), False),
        (None, False),
    ],
)
def test_heat_is_told_from_other_causes(reasons: Any, hot: bool) -> None:
    """A power limit that is reached under load is as it should be."""
    found = finding(seen(throttle=Throttle(reasons=reasons, celsius=91)), "thermal-throttle")

    assert (found is not None) is hot
    if found is not None:
        assert found.severity == "warning"
        assert found.detail.values == {"celsius": 91}


@pytest.mark.parametrize(("bits", "costs"), [(384, True), (512, True), (1024, False), (None, False)])
def test_error_correction_costs_memory_without_stacks_only(bits: int | None, costs: bool) -> None:
    """HBM, whose bus has 1024 bits a stack, has bits of its own for it."""
    assert (finding(seen(ecc=True, memory_bus_bits=bits), "ecc-on") is not None) is costs


@pytest.mark.parametrize(
    ("budget", "begins"),
    [
        (14 * GIB, "14.00 GiB of 16.00 GiB is available to a model now. No program"),
        (0, "0 B of 16.00 GiB is available"),
        (None, "No program is listed as using it."),
    ],
)
def test_memory_that_is_available_is_a_figure_or_unknown(budget: int | None, begins: str) -> None:
    """Nothing is 0 bytes, and unknown is left out."""
    from llmprobe.machine.rules.memory_in_use import vram_held

    snapshot = with_cards(card(), pool={"limits": (Limit(by="in-use", bytes=2 * GIB),)})
    pools = tuple(
        msgspec.structs.replace(pool, budget_bytes=budget) if pool.kind == "vram" else pool
        for pool in snapshot.pools
    )
    (found,) = vram_held(msgspec.structs.replace(snapshot, pools=pools))

    assert found.detail.values["budget_bytes"] == budget
    assert str(found.detail).startswith(begins)


@pytest.mark.parametrize(
    ("by", "basis", "reported"),
    [
        ("driver-reserve", "measured", True),
        ("driver-reserve", "assumed", False),
        ("in-use", "measured", False),
    ],
)
def test_a_large_reserve_is_one_that_was_measured(by: str, basis: Any, reported: bool) -> None:
    """A usual share that is only assumed of the driver is no finding, nor is what programs use."""
    limits = (Limit(by=by, bytes=2 * GIB, basis=basis),)
    snapshot = with_cards(card(), pool={"limits": limits, "budget_bytes": 14 * GIB})

    assert (finding(snapshot, "vram-reserved") is not None) is reported


@pytest.mark.parametrize(
    ("usable", "detail"),
    [(True, "finding.gpu-asleep.detail-table"), (False, "finding.gpu-asleep.detail-unknown")],
)
def test_a_sleeping_card_is_planned_on_or_not(usable: bool, detail: str) -> None:
    """By what a table has of it, or not at all."""
    found = only(seen(state="asleep", usable=usable), "gpu-asleep")

    assert (found.severity, found.detail) == ("note", message(detail, pci=ADDRESS))


@pytest.mark.parametrize(
    ("generation", "lane"),
    [
        (1, 250_000_000),
        (2, 500_000_000),
        (3, 984_600_000),
        (4, 1_969_200_000),
        (5, 3_938_500_000),
        (6, 7_562_500_000),
        (7, None),
        (None, None),
    ],
)
def test_the_rate_of_a_lane(generation: int | None, lane: int | None) -> None:
    """2.5 and 5 GT/s less 8b/10b, 8 to 32 GT/s less 128b/130b, 64 GT/s less 14 of 256 bytes (PCI-SIG)."""
    link = pcie_link(max_generation=generation, width=16)

    assert link is not None
    assert link.bytes_per_s == (None if lane is None else 16 * lane)


def test_a_link_without_any_fact_is_none() -> None:
    """Unknown is None, and a width alone has no rate."""
    assert pcie_link() is None
    assert pcie_link(width=16) is not None
    assert pcie_link(max_generation=4) is not None
    assert pcie_link(max_generation=4).bytes_per_s is None  # type: ignore[union-attr]
