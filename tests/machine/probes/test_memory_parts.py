"""
The parts of the probe for memory by themselves.
"""

from typing import Any

import pytest

from llmprobe.facts.machine import Probed
from llmprobe.machine.probes import memory
from llmprobe.machine.probes.memory import parse_limits, parse_pressure, parse_swaps
from tests.machine.fake import LINUX, MIB, WINDOWS, FakeSource


def of_memory(answers: dict[str, Any], platform: Any = LINUX) -> Probed:
    return memory.probe(FakeSource(answers, platform))


def test_lines_of_the_kernel_about_memory_are_read() -> None:
    """Swap in KiB, pressure in percent, limits in their own units; what is no number is left out."""
    assert parse_swaps("Filename Type Size Used Priority\n/a b file 4 2 -2\n/x y\n/z file a b c\n") == (
        ("/a b", 4096, 2048),
    )
    assert parse_pressure("some avg10=1.50 avg60=0\nfull avg10=0.00 avg60=0\nnone avg10=1 \n") == {
        "some": 1.5,
        "full": 0.0,
    }
    head = "Limit                     Soft\nMax address space         unlimited\n"
    text = f"{head}Max locked memory         8\nMax x                     y\n"
    assert parse_limits(text) == {"Max address space": None, "Max locked memory": 8}


@pytest.mark.parametrize(
    ("meminfo", "expected"),
    [
        ("HugePages_Total: 4\nHugePages_Free: 1\nHugepagesize: 2048 kB\n", (8 * MIB, 2 * MIB)),
        ("HugePages_Total: 4\nHugepagesize: 2048 kB\n", (8 * MIB, 0)),
        ("HugePages_Total: 0\nHugepagesize: 2048 kB\n", None),
        ("HugePages_Total: 4\n", None),
    ],
)
def test_huge_pages_are_counted_in_bytes(meminfo: str, expected: tuple[int, int] | None) -> None:
    """None that are reserved are none."""
    text = f"MemTotal: 4096 kB\nMemAvailable: 2048 kB\n{meminfo}"
    pages = of_memory({"read:/proc/meminfo": text}).host.memory.huge_pages

    assert ((pages.total_bytes, pages.free_bytes) if pages else None) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("some avg10=0.00 avg60=1\nfull avg10=0.00 avg60=1\n", None),
        ("some avg10=1.00 avg60=1\nfull avg10=0.00 avg60=1\n", (1.0, 0.0)),
        ("", None),
    ],
)
def test_nobody_who_waits_is_no_pressure(text: str, expected: Any) -> None:
    """One of both shares is enough."""
    pressure = of_memory({"read:/proc/pressure/memory": text}).host.memory.pressure

    assert ((pressure.some_percent, pressure.full_percent) if pressure else None) == expected


@pytest.mark.parametrize(("mode", "strict"), [("2", True), ("1", False), ("0", False), ("", False)])
def test_only_one_mode_of_promising_is_strict(mode: str, *, strict: bool) -> None:
    """The kernel's second."""
    found = of_memory({"read:/proc/sys/vm/overcommit_memory": mode}).host.memory.strict_overcommit

    assert (found is not None) is strict


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("Max address space         8\nMax locked memory         unlimited\n", (8, None)),
        ("Max address space         unlimited\nMax locked memory         9\n", (None, 9)),
        ("Max address space         unlimited\nMax locked memory         unlimited\n", None),
    ],
)
def test_limits_of_a_shell_are_those_that_are_set(lines: str, expected: Any) -> None:
    """Two that are unlimited are none."""
    limits = of_memory({"read:/proc/self/limits": f"Limit\n{lines}"}).host.memory.process_limits

    assert ((limits.address_space_bytes, limits.locked_bytes) if limits else None) == expected


@pytest.mark.parametrize(
    ("swap", "platform", "expected"),
    [
        ({"total": 9, "used": 4}, LINUX, (9, 4, 2048)),
        ({"total": 9, "used": 4}, WINDOWS, (9, 4, None)),
        ({"total": 9}, LINUX, None),
        ({"used": 4}, LINUX, None),
    ],
)
def test_compressed_swap_is_counted_on_linux(swap: dict[str, int], platform: Any, expected: Any) -> None:
    """What zram holds is in memory; half a figure is none."""
    answers: dict[str, Any] = {
        "psutil:swap_memory": swap,
        "read:/proc/swaps": "Filename Type Size Used Priority\n/dev/zram0 partition 8 2 5\n/dev/sda partition 8 1 5\n",
    }
    found = of_memory(answers, platform).host.memory.swap

    assert ((found.total_bytes, found.used_bytes, found.compressed_used_bytes) if found else None) == expected


def test_what_is_in_use_of_the_ram_is_the_rest() -> None:
    """Where it is known what is available; without a size there is no pool."""
    known = of_memory({"read:/proc/meminfo": "MemTotal: 4096 kB\nMemAvailable: 1024 kB\n"}).pools
    unknown = of_memory({"read:/proc/meminfo": "MemTotal: 4096 kB\n"}).pools

    assert [(one.total_bytes, one.free_bytes, [limit.bytes for limit in one.limits]) for one in known] == [
        (4 * MIB, MIB, [3 * MIB])
    ]
    assert [(one.total_bytes, one.free_bytes, one.limits) for one in unknown] == [(4 * MIB, None, ())]
    assert of_memory({}).status == "absent"
