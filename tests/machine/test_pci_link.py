"""
The link of a card to its slot, and its sensors: what sysfs reports, and where.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Link, Power
from llmprobe.machine.asking import Asker
from llmprobe.machine.hwmon import Sensors, ask_sensors
from llmprobe.machine.pci_bus import PciDevice
from llmprobe.machine.pci_link import ask_link, parse_ancestors, parse_link_speed
from tests.machine.fake import FakeSource

BUS = "/sys/bus/pci/devices"
AMD, INTEL, PLX = "0x1002", "0x8086", "0x10b5"


def port(address: str, vendor: str, speed: str, most: str, width: str, widest: str) -> dict[str, Any]:
    """
    What sysfs reports of one port or device.
    """
    return {
        f"read:{BUS}/{address}/vendor": f"{vendor}\n",
        f"read:{BUS}/{address}/current_link_speed": f"{speed} GT/s PCIe\n",
        f"read:{BUS}/{address}/max_link_speed": f"{most} GT/s PCIe\n",
        f"read:{BUS}/{address}/current_link_width": f"{width}\n",
        f"read:{BUS}/{address}/max_link_width": f"{widest}\n",
    }


def link_of(vendor: str, way: tuple[str, ...], *ports: dict[str, Any]) -> tuple[Link | None, tuple[str, ...]]:
    """
    The link of the last device of a way, the root port first.
    """
    answers: dict[str, Any] = {f"link:{BUS}/{way[-1]}": f"../../../devices/pci0000:00/{'/'.join(way)}"}
    for each in ports:
        answers |= each
    device = PciDevice(address=way[-1], vendor=vendor, device="0x1", device_class="0x030000")
    return ask_link(Asker(FakeSource(answers)), device)


ROOT, SWITCH, DOWN, GPU = "0000:00:01.1", "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"


def test_the_link_of_a_card_is_that_of_its_edge() -> None:
    """An RX 7900 XTX has a switch of its own: its GPU says x16 whatever the slot is, its edge says x4."""
    link, evidence = link_of(
        AMD,
        (ROOT, SWITCH, DOWN, GPU),
        port(ROOT, "0x1022", "8.0", "32.0", "4", "16"),
        port(SWITCH, AMD, "8.0", "16.0", "4", "16"),
        port(DOWN, AMD, "16.0", "16.0", "16", "16"),
        port(GPU, AMD, "16.0", "16.0", "16", "16"),
    )

    assert link == Link(
        generation=3,
        max_generation=4,
        device_max_generation=4,
        width=4,
        max_width=16,
        bytes_per_s=4 * 1_969_200_000,
    )
    assert evidence == (
        f"read:{BUS}/{SWITCH}/current_link_width",
        f"read:{BUS}/{SWITCH}/max_link_width",
        f"read:{BUS}/{SWITCH}/max_link_speed",
        f"read:{BUS}/{ROOT}/max_link_speed",
    )


def test_the_dummy_link_of_an_arc_card_is_not_believed() -> None:
    """Its GPU says x1 at 2.5 GT/s; without the way to its edge the link is unknown, with it that of the edge."""
    dummy = port(GPU, INTEL, "2.5", "2.5", "1", "1")
    edge = port(SWITCH, INTEL, "16.0", "16.0", "8", "8")
    root = port(ROOT, INTEL, "16.0", "16.0", "8", "16")
    unknown, _ = link_of(INTEL, (GPU,), dummy)
    known, _ = link_of(
        INTEL, (ROOT, SWITCH, DOWN, GPU), root, edge, port(DOWN, INTEL, "2.5", "2.5", "1", "1"), dummy
    )

    assert unknown is None
    assert known is not None
    assert (known.width, known.max_generation, known.bytes_per_s) == (8, 4, 8 * 1_969_200_000)


def test_a_switch_of_the_board_is_no_part_of_the_card() -> None:
    """Behind a PLX switch the card's link is the one to that switch, as fast as its port allows."""
    link, _ = link_of(
        AMD,
        (ROOT, SWITCH, DOWN, GPU),
        port(SWITCH, PLX, "8.0", "8.0", "16", "16"),
        port(DOWN, PLX, "8.0", "8.0", "16", "16"),
        port(GPU, AMD, "8.0", "16.0", "16", "16"),
    )

    assert link is not None
    assert (link.max_generation, link.device_max_generation, link.bytes_per_s) == (3, 4, 16 * 984_600_000)


def test_a_card_in_a_slot_is_limited_by_it() -> None:
    """A card for PCIe 4.0 in a slot of 3.0 runs at 3.0."""
    link, _ = link_of(
        AMD,
        (ROOT, GPU),
        port(ROOT, "0x1022", "8.0", "8.0", "16", "16"),
        port(GPU, AMD, "2.5", "16.0", "16", "16"),
    )

    assert link is not None
    assert (link.generation, link.max_generation) == (1, 3)


@pytest.mark.parametrize(
    "way", [Answer(status="missing"), "../../../devices/virtual", "0000:00:01.0/0000:09:00.0"]
)
def test_where_the_way_is_unknown_the_device_itself_is_asked(way: Any) -> None:
    """Lanes without a speed are a link of unknown rate; nothing at all is none."""
    device = PciDevice(address=GPU, vendor=AMD, device="0x1", device_class="0x030000")
    lanes = {f"read:{BUS}/{GPU}/current_link_width": "8", f"read:{BUS}/{GPU}/max_link_width": "16"}
    link, _ = ask_link(Asker(FakeSource({f"link:{BUS}/{GPU}": way} | lanes)), device)
    nothing, evidence = ask_link(Asker(FakeSource({f"link:{BUS}/{GPU}": way})), device)

    assert link == Link(width=8, max_width=16)
    assert (nothing, evidence) == (None, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.5 GT/s PCIe\n", 1),
        ("5.0 GT/s PCIe\n", 2),
        ("5 GT/s\n", 2),
        ("16.0 GT/s PCIe\n", 4),
        ("32.0 GT/s PCIe", 5),
        ("64.0 GT/s PCIe", 6),
        ("Unknown\n", None),
        ("7.0 GT/s", None),
        ("", None),
    ],
)
def test_speeds_are_generations(text: str, expected: int | None) -> None:
    """As the kernel writes them, older ones without the decimal."""
    assert parse_link_speed(text) == expected


def test_the_way_to_a_device() -> None:
    """Root complexes and folders are left out."""
    assert parse_ancestors("../../../devices/pci0000:00/0000:00:01.1/0000:03:00.0") == (ROOT, GPU)
    assert parse_ancestors("../../devices/virtual/net") == ()


HWMON = f"{BUS}/{GPU}/hwmon/hwmon3"


def test_power_is_in_watts_and_temperature_in_degrees() -> None:
    """Hwmon counts in millionths and thousandths."""
    answers = {
        f"list:{BUS}/{GPU}/hwmon": ["hwmon3"],
        f"read:{HWMON}/power1_cap": "250000000\n",
        f"read:{HWMON}/power1_cap_default": "327000000\n",
        f"read:{HWMON}/power1_cap_max": "376000000\n",
        f"read:{HWMON}/power1_average": "18000000\n",
        f"read:{HWMON}/temp1_input": "41600\n",
    }

    assert ask_sensors(Asker(FakeSource(answers)), f"{BUS}/{GPU}") == Sensors(
        power=Power(limit_watts=250, default_watts=327, max_watts=376, draw_watts=18),
        celsius=42,
        power_evidence=tuple(
            f"read:{HWMON}/power1_{name}" for name in ("cap", "cap_default", "cap_max", "average")
        ),
        celsius_evidence=(f"read:{HWMON}/temp1_input",),
    )


def test_a_draw_without_an_average_is_that_of_the_moment() -> None:
    """Newer drivers have power1_input only, and it is evidence then."""
    answers = {f"list:{BUS}/{GPU}/hwmon": ["hwmon3"], f"read:{HWMON}/power1_input": "9000000\n"}
    sensors = ask_sensors(Asker(FakeSource(answers)), f"{BUS}/{GPU}")

    assert sensors.power == Power(draw_watts=9)
    assert sensors.power_evidence == (f"read:{HWMON}/power1_input",)


def test_a_device_without_sensors_has_none() -> None:
    """Unknown is not zero."""
    assert ask_sensors(Asker(FakeSource({})), f"{BUS}/{GPU}") == Sensors()
    assert (
        ask_sensors(Asker(FakeSource({f"list:{BUS}/{GPU}/hwmon": ["hwmon3"]})), f"{BUS}/{GPU}") == Sensors()
    )
