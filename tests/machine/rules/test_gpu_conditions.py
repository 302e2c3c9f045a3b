"""
Each condition of the rules about GPUs and NVIDIA's driver by itself.
"""

from typing import Any

import pytest

from llmprobe.facts.machine import Holder, Link, Partition, Power, SourceReport, Throttle, Window
from llmprobe.facts.nvidia import LibraryStart, NvidiaSystem
from llmprobe.facts.seen import Seen
from llmprobe.words.message import message
from tests.machine.fake import GIB, MIB
from tests.machine.rules.records import (
    ASKED,
    card,
    commands,
    found,
    in_use,
    machine,
    only,
    pool,
    severity,
)


def seen(value: Any, evidence: tuple[str, ...] = ASKED) -> Any:
    return Seen(value=value, evidence=evidence)


def start(code: int | None, status: Any = "failed") -> Any:
    return seen(LibraryStart(status=status, code=code, why=message("test")), ("nvmlInit",))


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (in_use(0.301), "note"),
        (in_use(0.29), None),
        (in_use(1, "display"), "warning"),
        (in_use(0.99, "in-use"), "note"),
        (in_use(9, "driver-reserve"), None),
    ],
)
def test_what_programs_hold_is_worth_a_note_from_3_percent_on(used: Any, expected: str | None) -> None:
    """And a warning from a tenth on, of 10 GiB; the driver's own is no program's."""
    snapshot = machine(card(), pools=(pool(gib=10, limits=(used,)),))

    assert severity(snapshot, "vram-held") == expected


@pytest.mark.parametrize(
    ("accelerator", "memory"),
    [
        (card(usable=False), pool(limits=(in_use(9),))),
        (card(), pool(gib=None, limits=(in_use(9),))),
        (card(), pool(gib=0, limits=(in_use(9),))),
        (card(pools=("ram",)), pool("ram", 64, limits=(in_use(9),))),
    ],
)
def test_only_a_usable_cards_own_memory_is_held(accelerator: Any, memory: Any) -> None:
    """Of a size that is known."""
    assert found(machine(accelerator, pools=(memory,)), "vram-held") == []


@pytest.mark.parametrize(
    ("holders", "name", "count", "more"),
    [
        ((), "unlisted", None, None),
        ((Holder(pid=1, name="a"),), "unknown", None, None),
        ((Holder(pid=1, name="a", used_bytes=1), Holder(pid=2, name="b")), "by", 1, None),
        (tuple(Holder(pid=at, name="a", used_bytes=1) for at in range(5)), "by", 5, None),
        (tuple(Holder(pid=at, name="a", used_bytes=1) for at in range(7)), "by", 5, 2),
    ],
)
def test_five_holders_are_named(holders: Any, name: str, count: int | None, more: int | None) -> None:
    """Those whose use is known, and how many more there are."""
    finding = only(machine(card(), pools=(pool(limits=(in_use(9),), held_by=holders),)), "vram-held")
    said = finding.detail.values["holders"]
    values = getattr(said, "values", {})

    assert getattr(said, "id", None) == f"finding.vram-held.{name}"
    assert (len(values["processes"]) if "processes" in values else None, values.get("more")) == (count, more)


@pytest.mark.parametrize(
    ("names", "vendor", "expected"),
    [
        (("ollama", "ollama_llama_se"), "nvidia", ("ollama stop MODEL",)),
        (("lms", "ollama"), "nvidia", ("ollama stop MODEL", "lms unload --all")),
        (("llama-server", "x", "llama-server"), "nvidia", ()),
        (("x",), "nvidia", ("nvidia-smi",)),
        (("x",), "amd", ("rocm-smi --showpids",)),
        (("x",), "intel", ()),
    ],
)
def test_memory_is_freed_by_the_program_that_holds_it(
    names: tuple[str, ...], vendor: str, expected: tuple[str, ...]
) -> None:
    """Engines unload a model, a server of another machine cannot be ended from here, others are listed."""
    holders = tuple(Holder(pid=at, name=name, used_bytes=1) for at, name in enumerate(names))
    snapshot = machine(card(vendor=vendor), pools=(pool(limits=(in_use(9),), held_by=holders),))

    assert commands(only(snapshot, "vram-held")) == expected


@pytest.mark.parametrize(
    ("holders", "drawn"),
    [
        ((Holder(used_bytes=3, graphics=True), Holder(used_bytes=4), Holder(graphics=True)), 3),
        ((Holder(used_bytes=4),), None),
        ((), None),
    ],
)
def test_what_a_display_takes_is_what_programs_draw(holders: Any, drawn: int | None) -> None:
    """Unknown where none does."""
    snapshot = machine(card(display_active=True), pools=(pool(held_by=holders),))

    assert only(snapshot, "display-on-gpu").detail.values["graphics_bytes"] == drawn
    assert found(machine(card(display_active=False)), "display-on-gpu") == []
    assert found(machine(card()), "display-on-gpu") == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"ecc": True, "memory_bus_bits": 384}, ("sudo nvidia-smi -i 0 -e 0",)),
        ({"ecc": True, "memory_bus_bits": 384, "vendor": "amd"}, ()),
        ({"ecc": True, "memory_bus_bits": 1023}, ("sudo nvidia-smi -i 0 -e 0",)),
        ({"ecc": True, "memory_bus_bits": 1024}, None),
        ({"ecc": True}, None),
        ({"ecc": False, "memory_bus_bits": 384}, None),
    ],
)
def test_error_correction_costs_gddr_memory(fields: dict[str, Any], expected: tuple[str, ...] | None) -> None:
    """A bus of 1024 bits is one of HBM."""
    findings = found(machine(card(**fields)), "ecc-on")

    assert [commands(one) for one in findings] == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("limits", "basis", "expected"),
    [
        ((in_use(0.601, "driver-reserve"),), "measured", "note"),
        ((in_use(0.59, "driver-reserve"),), "measured", None),
        ((in_use(0.301, "driver-reserve"), in_use(0.3, "driver-reserve")), "measured", "note"),
        ((in_use(2, "driver-reserve", basis="assumed"),), "measured", None),
        ((in_use(2, "processes"),), "measured", None),
        ((in_use(2, "driver-reserve"),), "declared", None),
    ],
)
def test_a_large_reserve_of_the_driver(limits: Any, basis: Any, expected: str | None) -> None:
    """Of 10 GiB from 0.6 on, all of it measured."""
    snapshot = machine(card(), pools=(pool(gib=10, limits=limits, basis=basis),))

    assert severity(snapshot, "vram-reserved") == expected


@pytest.mark.parametrize(
    ("window", "memory", "expected"),
    [
        (Window(visible_bytes=256 * MIB), 16, "note"),
        (Window(visible_bytes=256 * MIB, slows="computing"), 16, "warning"),
        (Window(visible_bytes=256 * MIB, resizable=False), 16, None),
        (Window(visible_bytes=8 * GIB), 16, None),
        (Window(visible_bytes=512 * MIB), 16, None),
        (Window(visible_bytes=256 * MIB), 1, None),
        (Window(visible_bytes=256 * MIB), 1.1, "note"),
        (Window(visible_bytes=256 * MIB), None, "note"),
        (Window(visible_bytes=256 * MIB + 1), None, None),
        (None, 16, None),
    ],
)
def test_a_small_window_to_the_memory(window: Any, memory: float | None, expected: str | None) -> None:
    """One that was never resized, to more than a GiB; a larger one is as large as its slot allows."""
    assert severity(machine(card(window=window), pools=(pool(gib=memory),)), "rebar-off") == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"state": "lost"}, None),
        ({"integrated": True}, None),
        ({"partition": Partition(kind="vgpu")}, None),
        ({"partition": Partition(kind="mig")}, "note"),
        ({}, "note"),
    ],
)
def test_links_are_of_cards_that_respond(fields: dict[str, Any], expected: str | None) -> None:
    """A virtual machine's share of a card has none of its own."""
    accelerator = card(link=Link(width=8, max_width=16), window=Window(visible_bytes=256 * MIB), **fields)

    assert severity(machine(accelerator), "pcie-narrow") == expected
    assert severity(machine(accelerator), "rebar-off") == expected


@pytest.mark.parametrize(
    ("link", "expected", "causes"),
    [
        (Link(width=4, max_width=16), "warning", ["lanes"]),
        (Link(width=5, max_width=16), "note", ["lanes"]),
        (Link(width=16, max_width=16), None, []),
        (Link(width=4), None, []),
        (Link(max_width=16), None, []),
        (Link(max_generation=3, device_max_generation=4), "note", ["generation"]),
        (Link(max_generation=4, device_max_generation=4), None, []),
        (Link(max_generation=3), None, []),
        (Link(device_max_generation=4), None, []),
        (Link(generation=1, max_generation=4, device_max_generation=4), None, []),
        (Link(width=1, max_width=1, max_generation=3, device_max_generation=4), "note", ["generation"]),
        (
            Link(width=2, max_width=16, max_generation=3, device_max_generation=4),
            "warning",
            ["lanes", "generation"],
        ),
        (None, None, []),
    ],
)
def test_a_link_is_narrow_or_old(link: Any, expected: str | None, causes: list[str]) -> None:
    """Four lanes or fewer are a warning; what is unknown is neither."""
    snapshot = machine(card(link=link))

    assert severity(snapshot, "pcie-narrow") == expected
    for finding in found(snapshot, "pcie-narrow"):
        said: Any = finding.detail.values["causes"]
        assert [one.id for one in said] == [f"finding.pcie-narrow.{cause}" for cause in causes]
        assert finding.title.id == f"finding.pcie-narrow.title{'' if 'lanes' in causes else '-slow'}"


def test_a_virtual_machine_cannot_change_a_link() -> None:
    """There is no remedy for it."""
    accelerator = card(link=Link(width=4, max_width=16))

    assert only(machine(accelerator, host={"environment": "vm"}), "pcie-narrow").remedy is None
    assert commands(only(machine(accelerator), "pcie-narrow"))[0].startswith(
        "nvidia-smi --query-gpu=name,pcie"
    )


@pytest.mark.parametrize(
    ("throttle", "expected"),
    [
        (Throttle(reasons=("temperature",)), "warning"),
        (Throttle(reasons=("power-limit", "temperature-hardware")), "warning"),
        (Throttle(reasons=("power-limit",)), None),
        (Throttle(reasons=()), None),
        (Throttle(celsius=99), None),
        (None, None),
    ],
)
def test_a_hot_card_is_one_that_slows_down(throttle: Any, expected: str | None) -> None:
    """A temperature alone is no reason."""
    assert severity(machine(card(throttle=throttle)), "thermal-throttle") == expected
    assert [len(commands(one)) for one in found(machine(card(throttle=throttle)), "thermal-throttle")] == (
        [2] if expected else []
    )
    for finding in found(machine(card(throttle=throttle, vendor="amd")), "thermal-throttle"):
        assert commands(finding) == ()


@pytest.mark.parametrize(
    ("power", "throttle", "expected"),
    [
        (Power(limit_watts=96.9, default_watts=100), None, "note"),
        (Power(limit_watts=97, default_watts=100), None, None),
        (Power(limit_watts=50), None, None),
        (Power(default_watts=50), None, None),
        (None, None, None),
        (None, Throttle(reasons=("power-brake",)), "warning"),
        (Power(limit_watts=50, default_watts=100), Throttle(), "note"),
        (Power(limit_watts=100, default_watts=100), Throttle(reasons=("power-limit",)), None),
    ],
)
def test_a_card_may_draw_less_than_it_was_made_for(power: Any, throttle: Any, expected: str | None) -> None:
    """By 3 % and more, or its supply brakes it."""
    snapshot = machine(card(power=power, throttle=throttle))

    assert severity(snapshot, "power-cap") == expected
    for finding in found(snapshot, "power-cap"):
        assert commands(finding) == (("sudo nvidia-smi -i 0 -pl 100",) if expected == "note" else ())


@pytest.mark.parametrize(
    ("system", "sources", "evidence"),
    [
        (NvidiaSystem(start=start(None, "timeout")), (), ("nvmlInit",)),
        (NvidiaSystem(start=start(9)), (), None),
        (None, (SourceReport(name="nvidia", status="timeout"),), ("source:nvidia",)),
        (None, (SourceReport(name="amd", status="timeout"),), None),
        (None, (SourceReport(name="nvidia", status="failed"),), None),
        (None, (), None),
    ],
)
def test_a_driver_that_takes_too_long(system: Any, sources: Any, evidence: Any) -> None:
    """Its library's start, or the whole probe."""
    findings = found(machine(nvidia=system, sources=sources), "nvidia-slow")

    assert [one.evidence for one in findings] == ([] if evidence is None else [evidence])


@pytest.mark.parametrize(("system", "count"), [("linux", 2), ("win32", 1)])
def test_a_driver_is_kept_awake_on_linux(system: str, count: int) -> None:
    """Windows keeps it so by itself."""
    snapshot = machine(nvidia=NvidiaSystem(start=start(None, "timeout")), host={"system": system})

    assert len(commands(only(snapshot, "nvidia-slow"))) == count
