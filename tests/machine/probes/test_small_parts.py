"""
The parts of the probes for Intel's cards, for Macs and for other GPUs by themselves.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Probed
from llmprobe.machine.intel_memory import parse_bar, parse_size
from llmprobe.machine.probes import apple, intel, pci
from llmprobe.machine.probes.apple import (
    metal_cap,
    parse_displays,
    parse_gpu_cores,
    parse_in_use,
    working_set_cap,
)
from tests.machine.fake import GIB, MAC, MIB, FakeSource

ADDRESS = "0000:03:00.0"
PATH = f"/sys/bus/pci/devices/{ADDRESS}"


def arc(**changes: Any) -> dict[str, Any]:
    """
    What sysfs says of an Arc A770 driven by xe; ``__`` in a name stands for a slash.
    """
    files: dict[str, Any] = {
        "class": "0x030000\n",
        "vendor": "0x8086\n",
        "device": "0x56a0\n",
        "tile0__physical_vram_size_bytes": f"{16 * GIB}\n",
    }
    answers: dict[str, Any] = {f"read:{PATH}/{name.replace('__', '/')}": text for name, text in files.items()}
    answers |= {
        "list:/sys/bus/pci/devices": [ADDRESS],
        f"link:{PATH}/driver": "../../bus/pci/drivers/xe",
        f"list:{PATH}": ["class", "tile0", "tile0x"],
        f"list:{PATH}/drm": ["card1", "renderD129", "renderD130"],
        "run:test -w /dev/dri/renderD129": {"exit": 0, "stdout": "", "stderr": ""},
    }
    return answers | changes


def of_intel(answers: dict[str, Any]) -> Probed:
    return intel.probe(FakeSource(answers))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0x0000000000001000 0x0000000000001fff 0x0000000000140204", 0x1000),
        ("0x0000000000001000 0x0000000000001001 0x0000000000140204", 2),
        ("0x0000000000000000 0x0000000000000000 0x0000000000000000", None),
        ("nonsense", None),
    ],
)
def test_a_region_is_from_its_first_to_its_last_byte(line: str, expected: int | None) -> None:
    """Of the line with its number; one that is not there is not mapped."""
    assert parse_bar(f"x\n{line}\n", 1) == expected
    assert parse_bar("x\n", 1) is None


@pytest.mark.parametrize(
    ("text", "expected"), [("0x10\n", 16), ("10", 10), ("0X1f", 31), ("0xg", None), ("", None)]
)
def test_a_size_is_written_in_two_ways(text: str, expected: int | None) -> None:
    """With a prefix it is hexadecimal."""
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    ("changes", "usable", "why"),
    [
        ({}, True, None),
        ({"run:test -w /dev/dri/renderD129": {"exit": 1}}, False, "unusable.render-node-closed"),
        ({"run:test -w /dev/dri/renderD129": {"exit": 2}}, True, None),
        ({"run:test -w /dev/dri/renderD129": Answer(status="missing")}, True, None),
        ({f"list:{PATH}/drm": ["card1"]}, True, None),
        ({f"link:{PATH}/driver": Answer(status="missing")}, False, "unusable.no-driver"),
        ({f"link:{PATH}/driver": "../vfio-pci"}, False, "unusable.lent-to-vm"),
        ({f"list:{PATH}": [], f"read:{PATH}/device": "0xffff"}, False, "unusable.size-unknown"),
    ],
)
def test_what_a_card_of_intel_is_missing(changes: dict[str, Any], usable: bool, why: str | None) -> None:
    """Its first device file, a driver, a size that is known."""
    (card,) = of_intel(arc(**changes)).accelerators

    assert (card.usable, card.why_not.id if card.why_not else None) == (usable, why)
    assert card.backend == ("vulkan" if usable else None)
    assert card.state == ("lent" if why == "unusable.lent-to-vm" else "present")


@pytest.mark.parametrize(
    ("changes", "total", "basis"),
    [
        ({}, 16 * GIB, "measured"),
        (
            {f"list:{PATH}": ["tile0", "tile1"], f"read:{PATH}/tile1/physical_vram_size_bytes": "0x100"},
            16 * GIB + 256,
            "measured",
        ),
        (
            {f"link:{PATH}/driver": "../i915", f"read:{PATH}/drm/card1/lmem_total_bytes": str(8 * GIB)},
            8 * GIB,
            "measured",
        ),
        ({f"read:{PATH}/device": "0xe20b", f"list:{PATH}": []}, 12 * GIB, "declared"),
    ],
)
def test_a_card_of_intel_has_a_size(changes: dict[str, Any], total: int, basis: str) -> None:
    """Of all its tiles, as its driver says, or of its name; an Arc B580 has 12 GB."""
    (pool,) = of_intel(arc(**changes)).pools

    assert (pool.total_bytes, pool.basis) == (total, basis)
    assert pool.budget_bytes is not None
    assert sum(limit.bytes for limit in pool.limits) == total - pool.budget_bytes
    assert pool.evidence


def test_a_name_of_intel_that_nobody_knows_has_its_number() -> None:
    """Also where not even that is known; the rate is then unknown."""
    numbered, unnamed = (
        of_intel(arc(**{f"read:{PATH}/device": device})).accelerators[0]
        for device in ("0xffff\n", Answer(status="missing"))
    )

    assert (numbered.name, unnamed.name) == ("Intel GPU (0xffff)", "Intel GPU (unknown device)")
    assert (numbered.bandwidth_bytes_per_s, numbered.bandwidth_basis) == (None, None)


@pytest.mark.parametrize(
    ("status", "reasons", "expected"),
    [
        ("1", {"reason_thermal": "1", "reason_pl1": "0"}, ("temperature",)),
        ("0", {"reason_thermal": "1"}, ()),
        (None, {"reason_thermal": "1"}, None),
    ],
)
def test_why_a_card_of_intel_is_slow(status: str | None, reasons: dict[str, str], expected: Any) -> None:
    """What holds now, where the driver says that something does."""
    path = f"{PATH}/tile0/gt0/freq0/throttle"
    changes: dict[str, Any] = {f"read:{path}/{name}": text for name, text in reasons.items()}
    if status is not None:
        changes[f"read:{path}/status"] = status
    (card,) = of_intel(arc(**changes)).accelerators

    assert (card.throttle.reasons if card.throttle else None) == expected
    assert ("throttle" in card.cited) is (expected is not None)


def test_a_sensor_alone_is_a_temperature() -> None:
    """Of a driver that gives no reasons."""
    changes: dict[str, Any] = {
        f"link:{PATH}/driver": "../i915",
        f"read:{PATH}/drm/card1/lmem_total_bytes": str(8 * GIB),
        f"list:{PATH}/hwmon": ["hwmon3"],
        f"read:{PATH}/hwmon/hwmon3/temp1_input": "61000\n",
    }
    (card,) = of_intel(arc(**changes)).accelerators

    assert card.throttle is None or (card.throttle.reasons, card.throttle.celsius) == (None, 61)


@pytest.mark.parametrize(
    ("vendor", "device", "name"),
    [("0x1234", "0x1111", "GPU of vendor 0x1234 (0x1111)"), ("0x1ed5", None, None)],
)
def test_a_gpu_without_a_probe_is_named_by_its_numbers(
    vendor: str, device: str | None, name: str | None
) -> None:
    """With the driver that has it."""
    answers: dict[str, Any] = {
        "list:/sys/bus/pci/devices": [ADDRESS],
        f"read:{PATH}/class": "0x120000\n",
        f"read:{PATH}/vendor": vendor,
        f"link:{PATH}/driver": "../../../drivers/other",
    }
    if device is not None:
        answers[f"read:{PATH}/device"] = device
    (found,) = pci.probe(FakeSource(answers)).accelerators

    assert name is None or found.name == name
    assert device is not None or found.name.endswith("(unknown device)")
    assert (found.driver, found.pci, found.usable) == ("other", ADDRESS, False)


@pytest.mark.parametrize(
    ("total", "wired", "size", "basis"),
    [
        (24, None, 16 * GIB, "assumed"),
        (36, 0, 27 * GIB, "assumed"),
        (48, None, 36 * GIB, "assumed"),
        (64, 50 * 1024, 50 * GIB, "measured"),
        (64, 99 * 1024, 64 * GIB, "measured"),
    ],
)
def test_the_working_set_is_a_share_or_a_setting(
    total: int, wired: int | None, size: int, basis: str
) -> None:
    """Two thirds below 36 GiB, three quarters from there on; never more than there is, in whole MiB."""
    found = working_set_cap(total * GIB, wired)

    assert (found.bytes, found.basis) == (size, basis)
    assert working_set_cap(37 * GIB + 1, None).bytes % MIB == 0


@pytest.mark.parametrize(("wired", "said"), [(0, None), (None, None), (5, 5)])
def test_metals_own_figure_names_a_setting(wired: int | None, said: int | None) -> None:
    """One that is not zero."""
    found = metal_cap(64 * GIB, 48 * GIB, wired)

    assert found.detail is not None
    assert found.detail.values["wired_limit_mb"] == said


def test_what_tools_of_a_mac_print_is_read() -> None:
    """And what they do not print is unknown."""
    text = '"gpu-core-count" = 38\n"In use system memory"=77\n"In use system memory (driver)"=5'

    assert (parse_gpu_cores(text), parse_in_use(text)) == (38, 77)
    assert (parse_gpu_cores(""), parse_in_use("")) == (None, None)
    displays = (
        '{"SPDisplaysDataType": [{"_name": "a", "spdisplays_vendor": "AMD"},'
        ' {"sppci_model": "b", "_name": "c", "spdisplays_vram": "4 GB"}, {}]}'
    )
    assert parse_displays(displays) == (("amd", "a", None), ("", "b", "4 GB"), ("", "GPU", None))
    assert parse_displays("[") == ()


CHIP: dict[str, Any] = {
    "sysctl:hw.optional.arm64": 1,
    "sysctl:hw.memsize": 64 * GIB,
    "sysctl:machdep.cpu.brand_string": "Apple M3 Max",
}


@pytest.mark.parametrize(
    ("changes", "usable", "cap"),
    [
        ({}, True, 48 * GIB),
        ({"metal:": {"recommendedMaxWorkingSetSize": 50 * GIB}}, True, 50 * GIB),
        ({"metal:": {"recommendedMaxWorkingSetSize": 0}}, True, 48 * GIB),
        ({"sysctl:kern.hv_vmm_present": 1}, False, None),
        ({"sysctl:kern.hv_vmm_present": 0}, True, 48 * GIB),
        ({"sysctl:hw.memsize": Answer(status="missing")}, True, None),
        ({"sysctl:hw.optional.arm64": 0}, True, 48 * GIB),
    ],
)
def test_a_chip_of_apple_has_a_working_set(changes: dict[str, Any], usable: bool, cap: int | None) -> None:
    """Not in a virtual machine, and not of unknown memory; Rosetta hides only one of the two signs."""
    found = apple.probe(FakeSource(CHIP | changes, MAC))

    assert [one.usable for one in found.accelerators] == [usable]
    assert [limit.bytes for _, limit in found.caps] == ([] if cap is None else [cap])
    assert found.apple is not None
    assert (found.apple.working_set is None) is (cap is None)


@pytest.mark.parametrize(
    ("level", "word"), [(1, "normal"), (2, "high"), (3, "high"), (4, "critical"), (None, None)]
)
def test_pressure_on_a_mac_is_a_word(level: int | None, word: str | None) -> None:
    """By the kernel's number."""
    changes = {} if level is None else {"sysctl:kern.memorystatus_vm_pressure_level": level}
    pressure = apple.probe(FakeSource(CHIP | changes, MAC)).host.memory.pressure

    assert (pressure.level if pressure else None) == word


@pytest.mark.parametrize(("said", "translated"), [(1, True), (0, False), (None, None)])
def test_a_mac_says_whether_python_is_translated(said: int | None, translated: bool | None) -> None:
    """Where it does not, nobody knows."""
    changes = {} if said is None else {"sysctl:sysctl.proc_translated": said}
    found = apple.probe(FakeSource(CHIP | changes, MAC)).apple

    assert found is not None
    assert found.translated is translated


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "ok"),
        ({"sysctl:hw.memsize": Answer(status="missing")}, "absent"),
        ({"sysctl:machdep.cpu.brand_string": Answer(status="missing")}, "absent"),
    ],
)
def test_graphics_of_an_intel_mac_are_named_and_not_used(changes: dict[str, Any], status: str) -> None:
    """Where it is one: with memory and a name."""
    answers: dict[str, Any] = {
        "sysctl:hw.memsize": 16 * GIB,
        "sysctl:machdep.cpu.brand_string": "Intel(R) Core(TM) i7",
        "run:system_profiler SPDisplaysDataType -json": {
            "exit": 0,
            "stdout": '{"SPDisplaysDataType": [{"sppci_model": "Radeon Pro", "spdisplays_vendor": "amd",'
            ' "spdisplays_vram": "4 GB"}, {"sppci_model": "Intel Iris"}, {"sppci_model": "Other"}]}',
            "stderr": "",
        },
    }
    found = apple.probe(FakeSource(answers | changes, MAC))

    assert found.status == status
    if status == "ok":
        assert [(one.vendor, one.name, one.pools, one.integrated) for one in found.accelerators] == [
            ("amd", "Radeon Pro (4 GB)", (), False),
            ("intel", "Intel Iris", ("ram",), True),
            ("other", "Other", (), False),
        ]
