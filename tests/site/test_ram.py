"""
How fast RAM is taken to be where no firmware tells.
"""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from llmprobe.data import table
from llmprobe.facts.machine import Cpu, Host
from llmprobe.facts.measured import CoreRate, Measurement, RamRate
from llmprobe.machine.measured import with_measurement
from llmprobe.site.ram import about, of_host, usual
from llmprobe.words.message import message

HOST = Host(system="linux", machine="x86_64", release="6.8")
MACHINES = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "truth" / "memory_buses.json").read_text(encoding="utf-8")
)["machines"]


def host(name: str | None, **fields: Any) -> Host:
    """
    A host with a processor of this name.
    """
    return msgspec.structs.replace(HOST, cpu=Cpu(name=name), **fields)


@pytest.mark.parametrize(
    ("name", "gigabytes"),
    [
        # bus in bits / 8 x transfers: 16 bytes x 6,000, 16 x 3,200, 64 x 3,200, 32 x 8,000, 32 x 2,133, 8 x 4,800
        ("AMD Ryzen 9 7950X 16-Core Processor", 96.0),
        ("AMD Ryzen 7 3700X 8-Core Processor", 51.2),
        ("AMD EPYC 7763 64-Core Processor", 204.8),
        ("AMD RYZEN AI MAX+ PRO 395 w/ Radeon 8060S", 256.0),
        ("Intel(R) Xeon(R) CPU E5-2680 v3 @ 2.50GHz", 68.256),
        ("Intel(R) Core(TM) i3-N305", 38.4),
    ],
)
def test_a_processor_has_its_usual_memory(name: str, gigabytes: float) -> None:
    """
    By its family, whatever marks, clock and graphics its name has.
    """
    found = usual(host(name))

    assert (found.bytes_per_s, found.basis) == (gigabytes * 1e9, "declared")
    assert 0 < found.low <= 1 <= found.high


def test_real_machines_lie_in_the_range() -> None:
    """
    Of 79 machines chosen for variety at least 80 %, and every one has a row.
    """
    inside = 0
    for real in MACHINES:
        found = usual(host(real["processor"]))
        rate = found.bytes_per_s * real["sockets"]
        inside += rate * found.low <= real["bytes_per_s"] <= rate * found.high
        assert found.basis == "declared", real["processor"]

    assert inside >= 0.8 * len(MACHINES)


@pytest.mark.parametrize(
    ("name", "machine", "gigabytes"),
    [(None, "x86_64", 50), ("AMD EPYC", "x86_64", 150), (None, "aarch64", 25), ("VIA Nano", "x86_64", 50)],
)
def test_an_unknown_processor_has_that_of_its_kind(name: str | None, machine: str, gigabytes: int) -> None:
    """
    A wide range, and no family.
    """
    found = usual(host(name, machine=machine))

    assert (found.bytes_per_s, found.basis, found.family) == (gigabytes * 10**9, "assumed", None)
    assert found.high / found.low >= 4


def test_a_board_is_known_by_its_product() -> None:
    """
    Raspberry's processor is only "Cortex-A76".
    """
    found = usual(host("Cortex-A76", machine="aarch64", product="Raspberry Pi 5 Model B Rev 1.0"))

    assert found.family is not None
    assert found.family.startswith("Raspberry Pi 5")


def test_what_the_machine_tells_is_not_replaced() -> None:
    """
    Neither its rate nor its range.
    """
    rate, processor = of_host(host("AMD Ryzen 9 7950X", ram_bandwidth_bytes_per_s=7))

    assert (rate, processor.ram_low, processor.ram_high, processor.ram_about) == (7, 1.0, 1.0, None)


def test_what_it_rests_on_is_said() -> None:
    """
    With the family, or as assumed, and the range in bytes.
    """
    known, unknown = usual(host("AMD Ryzen 7 3700X")), usual(host(None))

    assert about(known).values["family"] == known.family
    assert about(unknown) == message("ram.assumed", low=20_000_000_000, high=100_000_000_000)
    assert of_host(host(None))[1].ram_about == about(unknown)


def test_rows_are_found_by_their_word() -> None:
    """
    A row without it in its own family's names would never be looked at; the expressions are valid.
    """
    for row in table("ram")["rows"]:
        assert row["word"]
        assert row["match"] == row["match"].lower()
        re.compile(row["match"])


RATE = RamRate(bytes_per_s=40_000_000_000, low=0.9, threads=8, span_bytes=2**30, passes=5, by="memcmp")


def test_what_was_measured_counts_before_what_firmware_tells() -> None:
    """
    And that before what is usual for the processor. Only a measured rate is one that threads reached.
    """
    bare = host("AMD Ryzen 9 7950X 16-Core Processor")
    told = msgspec.structs.replace(bare, ram_bandwidth_bytes_per_s=76_800_000_000)
    known = with_measurement(told, Measurement(ram=RATE))

    rates = [of_host(one) for one in (bare, told, known)]

    assert [rate for rate, _ in rates] == [96_000_000_000, 76_800_000_000, 40_000_000_000]
    assert [own.ram_measured for _, own in rates] == [False, False, True]
    assert (rates[2][1].ram_low, rates[2][1].ram_high, rates[2][1].ram_about) == (0.9, 1.0, None)


@pytest.mark.parametrize(
    ("together", "change", "threads"),
    [
        (8.0, {}, 8),
        (6.0, {}, 8),
        (5.9, {}, 6),
        (4.2, {}, 4),
        (0.1, {}, 1),
        (4.2, {"busy": True}, 8),
        (4.2, {"changed": ("cpu",)}, 8),
    ],
)
def test_threads_that_share_cores_are_worth_fewer(
    together: float, change: dict[str, Any], threads: int
) -> None:
    """
    Eight threads that do the work of four are four; down to three quarters it is the clock. What was seen while other
    programs ran, or on other hardware, says nothing.
    """
    cores = CoreRate(threads=8, one_bytes_per_s=10**9, all_bytes_per_s=round(together * 10**9))
    seen = msgspec.structs.replace(
        HOST, cpu=Cpu(usable_threads=8), measurement=Measurement(cores=cores, **change)
    )

    assert of_host(seen)[1].threads == threads


@pytest.mark.parametrize(
    ("name", "cores", "dies", "gigabytes"),
    [
        # dies x what one was seen to read: 58 and 62, 2 x 42.7 (AMD's 85.3), 4 x 59 (237), two sockets of four dies
        ("AMD Ryzen 7 7800X3D 8-Core Processor", 8, 1, 58.0),
        ("AMD Ryzen 7 9700X 8-Core Processor", 8, 1, 62.0),
        ("AMD EPYC 7282 16-Core Processor", 16, 2, 85.4),
        ("AMD Ryzen Threadripper PRO 7965WX 24-Cores", 24, 4, 236.0),
        ("AMD EPYC 7302 16-Core Processor", 32, 8, 341.6),
    ],
)
def test_few_core_dies_read_less_than_the_modules_feed(
    name: str, cores: int, dies: int, gigabytes: float
) -> None:
    """
    Each has a link of its own to the memory.
    """
    known = msgspec.structs.replace(HOST, cpu=Cpu(name=name, physical_cores=cores))
    one_of_two = msgspec.structs.replace(
        HOST, cpu=Cpu(name=name, physical_cores=2 * cores, usable_cores=cores)
    )
    own = of_host(known)[1]
    assert of_host(one_of_two)[1].dies == own.dies

    assert (own.dies, own.dies_bytes_per_s) == (dies, gigabytes * 1e9)


@pytest.mark.parametrize(
    "name", ["AMD Ryzen 9 7950X 16-Core Processor", "AMD EPYC 7763 64-Core Processor", "AMD Ryzen 7 8700G"]
)
def test_where_the_dies_read_as_much_as_the_modules_feed_nothing_is_said(name: str) -> None:
    """
    Eight dies of eight channels, two of two, and a processor of one piece.
    """
    assert of_host(host(name))[1].dies is None


def test_a_measured_rate_has_its_dies_in_it() -> None:
    """
    What was read was read over their links.
    """
    measured = msgspec.structs.replace(
        host("AMD Ryzen 7 7800X3D 8-Core Processor"),
        ram_bandwidth_bytes_per_s=60_000_000_000,
        ram_bandwidth_basis="measured",
    )
    assert of_host(measured)[1].dies is None
