"""
Apple silicon.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.facts.vendors import WorkingSet
from llmprobe.machine.probes import apple
from llmprobe.machine.snapshot import collect
from llmprobe.words.message import message
from tests.machine.fake import GIB, MAC, MIB, FakeSource


def mac(brand: str, gib: int, cores: int, **changes: Any) -> FakeSource:
    answers = {
        "sysctl:hw.optional.arm64": 1,
        "sysctl:hw.memsize": gib * GIB,
        "sysctl:machdep.cpu.brand_string": brand,
        "sysctl:kern.hv_vmm_present": 0,
        "sysctl:iogpu.wired_limit_mb": 0,
        "run:ioreg -rc AGXAccelerator -d1": {
            "exit": 0,
            "stdout": f'  "gpu-core-count" = {cores}\n',
            "stderr": "",
        },
    }
    return FakeSource(answers | changes, MAC)


@pytest.mark.parametrize(
    ("gib", "mib"), [(8, 5461), (16, 10922), (32, 21845), (36, 27648), (64, 49152), (128, 98304)]
)
def test_the_working_set_by_rule(gib: int, mib: int) -> None:
    """
    Two thirds below 36 GiB, three quarters from there on, as llama.cpp prints it on such machines; never all of memory.
    """
    limit = apple.working_set_cap(gib * GIB, 0)
    assert (limit.by, limit.bytes, limit.basis) == ("working-set", mib * MIB, "assumed")


@pytest.mark.parametrize(
    ("chip", "gib", "megabytes"),
    [
        ("Apple M3", 16, 12713.1),
        ("Apple M3 Pro", 18, 14302.25),
        ("Apple M5", 24, 19069.4),
        ("Apple M4", 32, 26800.6),
        ("Apple M4 Max", 36, 30150.67),
        ("Apple M5 Max", 48, 40200.9),
        ("Apple M3 Max", 64, 55662.79),
        ("Apple M5 Max", 128, 115448.7),
    ],
)
def test_macos_26_gives_the_gpu_more(chip: str, gib: int, megabytes: float) -> None:
    """
    As llama.cpp and MLX printed recommendedMaxWorkingSetSize, in units of 10^6 bytes; Darwin 25 is macOS 26.
    """
    limit = apple.working_set_cap(gib * GIB, 0, chip, "25.1.0")

    assert limit.bytes == pytest.approx(megabytes * 1e6, rel=0.001)
    assert limit.basis == "assumed"
    assert apple.working_set_cap(gib * GIB, 0, "Apple M4", "24.6.0").bytes < limit.bytes
    assert apple.working_set_cap(gib * GIB, 20000, chip).bytes == min(20000 * MIB, gib * GIB)


def test_a_chip_that_came_with_macos_26_has_its_share() -> None:
    """
    The M5 never had an older macOS, so that its share is known where the system's version is not.
    """
    assert apple.working_set_cap(32 * GIB, 0, "Apple M5") == apple.working_set_cap(32 * GIB, 0, "", "25.0.0")
    assert apple.working_set_cap(8 * GIB, 0, "Apple M5").bytes == 5461 * MIB


def test_a_limit_that_was_set_wins() -> None:
    """
    ``iogpu.wired_limit_mb`` is what Metal then reports, as far as there is memory.
    """
    assert apple.working_set_cap(128 * GIB, 114688).bytes == 112 * GIB
    assert apple.working_set_cap(16 * GIB, 99999).bytes == 16 * GIB


METAL = {
    "name": "Apple M5 Max",
    "recommendedMaxWorkingSetSize": 115448725504,
    "currentAllocatedSize": 9 * GIB,
}


@pytest.mark.parametrize("wired", [0, 65536])
def test_metal_knows_better_than_the_rule_and_the_setting(wired: int) -> None:
    """
    107.5 GiB of 128 on macOS 26, where the rule says 96; what the asking process holds is not taken off.
    """
    source = mac("Apple M5 Max", 128, 40, **{"metal:": METAL, "sysctl:iogpu.wired_limit_mb": wired})
    probed = apple.probe(source)
    assert [(limit.bytes, limit.basis) for _, limit in probed.caps] == [(115448725504, "measured")]
    assert probed.apple is not None
    assert probed.apple.working_set == WorkingSet(
        bytes=115448725504, wired_limit_mb=wired, evidence=("sysctl:hw.memsize", "metal:")
    )


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(status="missing"), "ok"),
        (Answer(status="failed", detail="AttributeError: objc_msgSend"), "partial"),
        (Answer(value={"recommendedMaxWorkingSetSize": 0}), "ok"),
        (Answer(value={"recommendedMaxWorkingSetSize": "zz"}), "ok"),
    ],
)
def test_without_metal_the_rule_stands(answer: Answer, status: str) -> None:
    """
    Whatever Metal does not say is assumed, and a failure of it is told.
    """
    probed = apple.probe(mac("Apple M5 Max", 128, 40, **{"metal:": answer}))

    assert [(limit.bytes, limit.basis) for _, limit in probed.caps] == [(110100 * MIB, "assumed")]
    assert probed.status == status


def test_metal_never_gives_more_than_there_is() -> None:
    """
    A figure above all of memory is cut to it.
    """
    assert apple.metal_cap(16 * GIB, 17 * GIB, None).bytes == 16 * GIB


def test_the_setting_that_metal_counts_in_is_named() -> None:
    """
    The detail says the figure, its origin and what set it.
    """
    detail = apple.metal_cap(128 * GIB, 112 * GIB, 114688).detail

    assert detail == message("limit.metal-working-set", working_set_bytes=112 * GIB, wired_limit_mb=114688)
    assert str(detail) == (
        "Metal's recommendedMaxWorkingSetSize is 112.0 GiB (iogpu.wired_limit_mb is 114688)"
    )


def test_a_virtual_machine_is_not_asked_for_metal() -> None:
    """
    It has no device to describe.
    """
    source = mac("Apple M1", 16, 8, **{"sysctl:kern.hv_vmm_present": 1})
    apple.probe(source)

    assert "metal:" not in source.asked


def test_the_gpu_takes_the_memory_of_the_host() -> None:
    """
    One pool, one device, a cap.
    """
    probed = apple.probe(mac("Apple M3 Max", 64, 40))
    assert [device.pools for device in probed.accelerators] == [("ram",)]
    assert [(pool, limit.bytes) for pool, limit in probed.caps] == [("ram", 49152 * MIB)]
    assert probed.pools == ()


@pytest.mark.parametrize(("cores", "gigabytes"), [(40, 400), (30, 300)])
def test_the_number_of_cores_tells_the_bandwidth(cores: int, gigabytes: int) -> None:
    """
    One name, two bandwidths.
    """
    device = apple.probe(mac("Apple M3 Max", 64, cores)).accelerators[0]
    assert (device.bandwidth_bytes_per_s, device.bandwidth_basis) == (gigabytes * 10**9, "declared")


def test_without_cores_a_bandwidth_is_given_only_where_there_is_one() -> None:
    """
    M3 Max has two, M1 has one.
    """
    silent = {"run:ioreg -rc AGXAccelerator -d1": {"exit": 1, "stdout": "", "stderr": ""}}
    assert apple.probe(mac("Apple M3 Max", 64, 0, **silent)).accelerators[0].bandwidth_bytes_per_s is None
    assert (
        apple.probe(mac("Apple M1", 16, 0, **silent)).accelerators[0].bandwidth_bytes_per_s == 68_250_000_000
    )


def test_a_virtual_machine_has_no_gpu() -> None:
    """
    Inside one there is no Metal device, and nothing is taken off the memory.
    """
    probed = apple.probe(mac("Apple M1", 16, 8, **{"sysctl:kern.hv_vmm_present": 1}))
    assert (probed.accelerators[0].usable, probed.caps) == (False, ())


def test_an_intel_mac_is_none() -> None:
    """
    A Mac with another processor is left to other probes.
    """
    source = FakeSource({"sysctl:machdep.cpu.brand_string": "Intel(R) Core(TM) i7"}, MAC)
    assert apple.probe(source).status == "absent"


def test_bug_46_the_gpu_never_has_all_of_a_macs_memory() -> None:
    """
    Of 16 GiB the working set is 10.7, and a setting above what there is gives what there is.
    """
    pools = [
        collect(FakeSource(mac("Apple M1", 16, 8, **changes).answers | psutil, MAC)).pool("ram")
        for changes in ({}, {"sysctl:iogpu.wired_limit_mb": 65536})
        for psutil in ({"psutil:virtual_memory": {"total": 16 * GIB, "available": 15 * GIB}},)
    ]
    assert [pool.budget_bytes for pool in pools if pool] == [10922 * MIB, 15 * GIB]


@pytest.mark.parametrize(("older", "expected"), [(8192, 8192 * MIB), (8192 * MIB, 8192 * MIB)])
def test_the_older_setting_is_in_bytes_or_mebibytes(older: int, expected: int) -> None:
    """
    No Mac has as many MiB as the bytes would be.
    """
    source = mac("Apple M1", 16, 8, debug=older)
    source.answers |= {"sysctl:debug.iogpu.wired_limit": older}
    del source.answers["sysctl:iogpu.wired_limit_mb"]

    assert [limit.bytes for _, limit in apple.probe(source).caps] == [expected]


def test_what_the_gpu_holds_is_not_what_its_driver_holds() -> None:
    """
    One name is the beginning of the other.
    """
    text = '"PerformanceStatistics" = {"In use system memory (driver)"=7,"In use system memory"=302120960}'

    assert apple.parse_in_use(text) == 302120960


def test_gpus_of_an_intel_mac_are_named() -> None:
    """
    The card and the processor's graphics, neither of them used.
    """
    displays = (
        '{"SPDisplaysDataType":[{"_name":"kHW_IntelUHDGraphics630Item","sppci_model":"Intel UHD Graphics 630",'
        '"spdisplays_vendor":"Intel"},{"sppci_model":"AMD Radeon Pro 5500M","spdisplays_vendor":'
        '"sppci_vendor_amd","spdisplays_vram":"4 GB"}]}'
    )
    answers = {
        "sysctl:hw.memsize": 16 * GIB,
        "sysctl:machdep.cpu.brand_string": "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz",
        "run:system_profiler SPDisplaysDataType -json": {"exit": 0, "stdout": displays, "stderr": ""},
    }
    found = apple.probe(FakeSource(answers, MAC)).accelerators

    assert [(each.vendor, each.name, each.usable, each.integrated) for each in found] == [
        ("intel", "Intel UHD Graphics 630", False, True),
        ("amd", "AMD Radeon Pro 5500M (4 GB)", False, False),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "System-wide power settings:\nCurrently in use:\n standby              1\n lowpowermode         1\n",
            True,
        ),
        (" lowpowermode         0\n powermode            0\n", False),
        (" powermode            1\n", None),
        ("", None),
    ],
)
def test_low_power_mode_is_what_pmset_lists(text: str, expected: bool | None) -> None:
    """
    Macs that lack the mode do not list it.
    """
    source = mac("Apple M3", 16, 10, **{"run:pmset -g": {"exit": 0, "stdout": text, "stderr": ""}})
    probed = apple.probe(source)
    assert probed.apple is not None
    assert probed.apple.low_power_mode is expected
