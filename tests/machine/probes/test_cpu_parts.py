"""
The parts of the probes for the processor and the host by themselves.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer, Platform
from llmprobe.facts.machine import Cpu, SystemFacts
from llmprobe.machine.probes import cpu, host
from llmprobe.machine.probes.cpu import instruction_sets, parse_cpuinfo, parse_lscpu
from llmprobe.machine.probes.host import parse_os_release, parse_udev_memory
from llmprobe.words.message import message
from tests.machine.fake import GIB, LINUX, LINUX_ARM, MAC, MIB, WINDOWS, FakeSource

ONE = "processor : 0\nmodel name : A\nvendor_id : V\nflags : avx2 fpu\nphysical id : 0\ncore id : {core}\n\n"
CPUS = "/sys/devices/system/cpu"


def processor(answers: dict[str, Any], platform: Platform = LINUX) -> Cpu:
    return cpu.probe(FakeSource(answers, platform)).cpu


def system(answers: dict[str, Any], platform: Platform = LINUX) -> SystemFacts:
    return host.probe(FakeSource(answers, platform)).host


def test_processors_are_blocks_of_fields() -> None:
    """A block without a number is the board's; the last one needs no empty line after it."""
    text = "processor: 0\nflags: a b\n\nHardware : board\n\nprocessor: 1\nmodel name: x: y"

    assert parse_cpuinfo(text) == [
        {"processor": "0", "flags": "a b"},
        {"processor": "1", "model name": "x: y"},
    ]
    assert parse_cpuinfo("") == []


def test_only_flags_that_compute_are_kept() -> None:
    """In lower case, sorted, each once."""
    assert instruction_sets(["AVX2", "fpu", "avx2", "asimd", "amx_int8"]) == ("amx_int8", "asimd", "avx2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Architecture: x\nModel name:   Cortex-A76\nModel name: B\n", "Cortex-A76"),
        ("Model name: -\n", None),
        ("BIOS Model name: x\n", None),
        ("Model name:\n", None),
    ],
)
def test_the_first_name_that_lscpu_prints(text: str, expected: str | None) -> None:
    """A dash is none."""
    assert parse_lscpu(text) == expected


@pytest.mark.parametrize(
    ("answers", "logical", "physical"),
    [
        ({"psutil:cpu_count": 8, "psutil:cpu_count_cores": 4}, 8, 4),
        ({"read:/proc/cpuinfo": ONE.format(core=0) + ONE.format(core=0) + ONE.format(core=1)}, 3, 2),
        ({"read:/proc/cpuinfo": "processor: 0\nmodel name: A\nflags: x\n"}, 1, None),
        ({"cpuinfo:": {"brand_raw": "A", "count": 6}}, 6, None),
        ({}, None, None),
    ],
)
def test_threads_and_cores_are_counted(
    answers: dict[str, Any], logical: int | None, physical: int | None
) -> None:
    """By psutil, by the kernel's list, or by py-cpuinfo; what nobody counts is unknown."""
    found = processor(answers)

    assert (found.logical_cores, found.physical_cores) == (logical, physical)


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ({}, "absent"),
        ({"psutil:cpu_count": 8}, "ok"),
        ({"read:/proc/cpuinfo": "processor: 0\nmodel name: A\nflags: x\n"}, "ok"),
    ],
)
def test_a_processor_is_found_by_its_name_or_its_threads(answers: dict[str, Any], status: str) -> None:
    """Neither is no processor that anybody knows."""
    assert cpu.probe(FakeSource(answers)).status == status


@pytest.mark.parametrize(
    ("listed", "more", "name", "evidence"),
    [
        ("model name: A\nflags: avx2", {}, "A", ("read:/proc/cpuinfo",)),
        ("cpu: POWER9\nflags: x", {}, "POWER9", ("read:/proc/cpuinfo",)),
        ("uarch: sifive\nFeatures: x", {}, "sifive", ("read:/proc/cpuinfo",)),
        ("model name: A", {"brand_raw": "B"}, "A", ("read:/proc/cpuinfo", "cpuinfo:")),
        ("Features: asimd", {"brand_raw": "B"}, "B", ("read:/proc/cpuinfo", "cpuinfo:")),
        ("Features: asimd", {}, "L", ("read:/proc/cpuinfo", "run:lscpu")),
    ],
)
def test_a_processor_is_named_by_the_first_that_knows(
    listed: str, more: dict[str, Any], name: str, evidence: tuple[str, ...]
) -> None:
    """The kernel, py-cpuinfo, lscpu; who was asked in vain is not cited."""
    answers: dict[str, Any] = {
        "read:/proc/cpuinfo": f"processor: 0\n{listed}\n",
        "run:lscpu": {"exit": 0, "stdout": "Model name: L\n", "stderr": ""},
    }
    found = processor(answers | ({"cpuinfo:": more} if more else {}), LINUX_ARM)

    assert (found.name, found.evidence[: len(evidence)]) == (name, evidence)
    assert found.evidence[len(evidence)] == "psutil:cpu_count"


@pytest.mark.parametrize("flags", [7, "avx2", {"avx2": True}, None, True])
def test_flags_that_are_no_list_are_none(flags: object) -> None:
    """A recording may say anything; a processor without flags is no crash."""
    answers = {"cpuinfo:": {"brand_raw": "B", "flags": flags}}

    assert (processor(answers, WINDOWS).name, processor(answers, WINDOWS).instruction_sets) == ("B", ())
    assert system(answers).environment == system({}).environment


def test_an_empty_name_is_no_name() -> None:
    """A virtual machine may have a registry without the names of its processor: they are unknown then."""
    found = processor(
        {"cpuinfo:": {"brand_raw": "", "vendor_id_raw": "", "flags": ["avx2"], "count": 2}}, WINDOWS
    )

    assert (found.name, found.vendor, found.instruction_sets) == (None, None, ("avx2",))


def test_only_linux_has_lscpu() -> None:
    """Another system's name stays unknown."""
    source = FakeSource({"psutil:cpu_count": 4}, WINDOWS)
    cpu.probe(source)

    assert "run:lscpu" not in source.asked
    assert "read:/proc/cpuinfo" not in source.asked


@pytest.mark.parametrize(
    ("slow", "cores", "expected"),
    [
        ("16-23", 16, (8, 8)),
        ("16-23", 8, (None, None)),
        ("16-23", 9, (1, 8)),
        ("", 16, (None, None)),
        (None, 16, (None, None)),
        ("16-23", None, (None, None)),
    ],
)
def test_performance_cores_are_those_that_are_not_efficient(
    slow: str | None, cores: int | None, expected: tuple[int | None, int | None]
) -> None:
    """Of a hybrid there are both."""
    answers: dict[str, Any] = {
        "psutil:cpu_count": 24,
        "psutil:cpu_count_cores": cores,
        "read:/sys/devices/cpu_core/cpus": "0-15\n",
        "read:/sys/devices/cpu_atom/cpus": Answer(status="missing") if slow is None else slow,
    }
    found = processor(answers)

    assert (found.performance_cores, found.efficiency_cores) == expected
    assert found.usable_cores == (expected[0] or cores)


@pytest.mark.parametrize(
    ("capacities", "expected"),
    [
        ([1024, 1024, 500, 500], (2, 2)),
        ([1024, 871, 870], (2, 1)),
        ([1024, 871, 500], (2, 1)),
        ([327, 327, 327, 810, 810, 790, 790, 1024], (5, 3)),
        ([1024, 800, 600, 500, 480], (3, 2)),
        ([1024, 1024], (None, None)),
        ([1024, None, 500], (1, 1)),
        ([None, 1024, 500], (None, None)),
    ],
)
def test_cores_are_of_a_kind_within_15_percent(
    capacities: list[int | None], expected: tuple[int | None, int | None]
) -> None:
    """
    All of one kind are no two kinds; without the first nothing is asked. Of more than two kinds the slowest is apart:
    a Snapdragon 8 Gen 2 has one prime core, four large ones and three small ones.
    """
    answers: dict[str, Any] = {"psutil:cpu_count": len(capacities)}
    for number, capacity in enumerate(capacities):
        if capacity is not None:
            answers[f"read:{CPUS}/cpu{number}/cpu_capacity"] = f"{capacity}\n"
    found = processor(answers, LINUX_ARM)

    assert (found.performance_cores, found.efficiency_cores) == expected


@pytest.mark.parametrize(
    ("affinity", "threads", "cores", "limited"),
    [
        ([0, 1, 2, 3], 4, 2, False),
        ([0, 1], 2, 1, True),
        ([0, 2], 2, 2, True),
        ([0, 3], 2, None, True),
        ([], 4, 2, False),
        (Answer(status="missing"), 4, 2, False),
        ("0-3", 4, 2, False),
    ],
)
def test_threads_that_may_run_have_their_cores(
    affinity: Any, threads: int, cores: int | None, *, limited: bool
) -> None:
    """Unknown where one of them does not say its siblings; all of them are no limit."""
    answers: dict[str, Any] = {
        "psutil:cpu_count": 4,
        "psutil:cpu_count_cores": 2,
        "psutil:cpu_affinity": affinity,
        f"read:{CPUS}/cpu0/topology/thread_siblings_list": "0-1\n",
        f"read:{CPUS}/cpu1/topology/thread_siblings_list": "0-1\n",
        f"read:{CPUS}/cpu2/topology/thread_siblings_list": "2-3\n",
    }
    found = processor(answers)

    assert (found.usable_threads, found.usable_cores) == (threads, cores)
    assert found.limits == ((message("limit.cpu-affinity", threads=threads),) if limited else ())


def test_a_mac_has_no_affinity_and_levels_of_its_own() -> None:
    """Its features are named as on Linux; of an Intel Mac other ones."""
    answers: dict[str, Any] = {
        "psutil:cpu_count": 8,
        "sysctl:machdep.cpu.brand_string": "Apple M1",
        "sysctl:hw.perflevel0.physicalcpu": 4,
        "sysctl:hw.perflevel1.physicalcpu": 2,
        "sysctl:hw.optional.arm.FEAT_I8MM": 0,
        "sysctl:hw.optional.arm.FEAT_BF16": 1,
        "sysctl:hw.optional.avx2_0": 1,
    }
    source = FakeSource(answers, MAC)
    found = cpu.probe(source).cpu
    intel = processor(answers, Platform(system="darwin", machine="x86_64", release="20"))

    assert (found.name, found.performance_cores, found.efficiency_cores) == ("Apple M1", 4, 2)
    assert (found.instruction_sets, intel.instruction_sets) == (("asimd", "bf16"), ("avx2",))
    assert "psutil:cpu_affinity" not in source.asked


def test_fields_of_a_release_have_no_quotes() -> None:
    """Comments and lines without a value are none."""
    assert parse_os_release("A=\"x y\"\n#B=1\nC\nD = 'z'\n") == {"A": "x y", "D": "z"}


def modules(*given: dict[str, Any]) -> str:
    return "".join(
        f"E:MEMORY_DEVICE_{at}_{key}={value}\n" for at, one in enumerate(given) for key, value in one.items()
    )


FULL = {"SIZE": 16 * GIB, "TYPE": "DDR5", "SPEED_MTS": 5600, "CONFIGURED_SPEED_MTS": 4800}


def test_modules_are_those_that_are_there() -> None:
    """In the order of their numbers; an empty slot has no size or says that it is empty."""
    text = modules(FULL | {"LOCATOR": "a"}, {"SIZE": 0}, {"TYPE": "x"}, FULL | {"PRESENT": 0})
    text = "E:MEMORY_DEVICE_10_SIZE=1\nE:MEMORY_DEVICE_9_SIZE=2\n" + text

    assert [one["SIZE"] for one in parse_udev_memory(text)] == [str(16 * GIB), "2", "1"]


@pytest.mark.parametrize(
    ("given", "rate", "channels", "slots"),
    [
        ([FULL], 38_400_000_000, 1, 1),
        ([FULL, FULL, {"PRESENT": 0}], 76_800_000_000, 2, 3),
        ([FULL | {"LOCATOR": "ChannelA-DIMM0"}, FULL | {"LOCATOR": "ChannelA-DIMM1"}], 38_400_000_000, 1, 2),
        ([FULL, {"SIZE": GIB}], None, 2, 2),
    ],
)
def test_the_rate_of_modules_is_that_of_their_channels(
    given: list[dict[str, Any]], rate: int | None, channels: int, slots: int
) -> None:
    """64 bits each, at the speed that is configured; unknown where one does not say its own."""
    found = system({"read:/run/udev/data/+dmi:id": modules(*given)})

    assert found.memory.modules is not None
    assert (found.memory.modules.channels, found.memory.modules.slots) == (channels, slots)
    assert found.ram_bandwidth_bytes_per_s == rate
    assert found.ram_bandwidth_how is None or found.ram_bandwidth_how.values["channels"] == channels
    assert (found.ram_bandwidth_how is None) == (rate is None)


def test_the_processor_bounds_the_bus_of_modules_without_names() -> None:
    """Four sticks of a client are two channels; two sockets have twice as many."""
    answers = {
        "read:/run/udev/data/+dmi:id": modules(FULL, FULL, FULL, FULL),
        "read:/proc/cpuinfo": "model name\t: AMD Ryzen 9 7950X\nphysical id\t: 0\n",
    }
    two = answers | {
        "read:/proc/cpuinfo": answers["read:/proc/cpuinfo"]
        + "model name\t: AMD Ryzen 9 7950X\nphysical id\t: 1\n"
    }

    assert system(answers).ram_bandwidth_bytes_per_s == 76_800_000_000
    assert system(two).ram_bandwidth_bytes_per_s == 153_600_000_000


@pytest.mark.parametrize(
    ("sizes", "installed"), [((GIB, 2 * GIB), 3 * GIB), ((MIB,), MIB), ((GIB, MIB - 1), None)]
)
def test_a_size_below_a_mib_is_in_another_unit(sizes: tuple[int, ...], installed: int | None) -> None:
    """Old firmware counts otherwise, so that the sum is unknown."""
    text = modules(*({"SIZE": size, "TYPE": "DDR4"} for size in sizes))
    memory = system({"read:/run/udev/data/+dmi:id": text}).memory.modules

    assert memory is not None
    assert (memory.count, memory.kind, memory.installed_bytes) == (len(sizes), "DDR4", installed)
    assert system({}).memory.modules is None


@pytest.mark.parametrize(
    ("answers", "environment", "evidence"),
    [
        ({}, "bare", ()),
        ({"list:/": [".dockerenv"]}, "container", ("list:/",)),
        ({"read:/run/.containerenv": ""}, "container", ("read:/run/.containerenv",)),
        ({"env:container": "podman"}, "container", ("env:container",)),
        ({"env:container": ""}, "bare", ()),
        ({"read:/proc/1/cgroup": "0::/kubepods/x"}, "container", ("read:/proc/1/cgroup",)),
        ({"read:/proc/1/cgroup": "0::/init.scope"}, "bare", ()),
        ({"read:/proc/cpuinfo": "flags : fpu hypervisor\n"}, "vm", ()),
        ({"cpuinfo:": {"flags": ["hypervisor"]}}, "vm", ()),
        ({"read:/sys/class/dmi/id/sys_vendor": "QEMU\n"}, "vm", ()),
        ({"read:/sys/class/dmi/id/product_name": "VMware7,1\n"}, "vm", ()),
        (
            {"read:/proc/sys/kernel/osrelease": "5.15-Microsoft-standard", "list:/": [".dockerenv"]},
            "wsl",
            ("read:/proc/sys/kernel/osrelease",),
        ),
    ],
)
def test_what_a_system_runs_in(answers: dict[str, Any], environment: str, evidence: tuple[str, ...]) -> None:
    """WSL before a container before a virtual machine, with what shows it."""
    found = system(answers)

    assert (found.environment, found.environment_evidence) == (environment, evidence)
    assert found.in_container is (environment == "container" or "list:/" in answers)


@pytest.mark.parametrize(
    ("vendor", "name", "tree", "expected"),
    [
        ("Dell", "XPS", None, "Dell XPS"),
        ("NVIDIA", "NVIDIA_DGX_Spark", None, "NVIDIA_DGX_Spark"),
        ("Dell", "", "Pi", "Dell"),
        ("", "XPS", "Pi", "XPS"),
        ("", "", "Raspberry Pi 5\0", "Raspberry Pi 5"),
        ("", "", None, None),
    ],
)
def test_a_product_has_its_makers_name_once(
    vendor: str, name: str, tree: str | None, expected: str | None
) -> None:
    """A board without firmware of a PC is named by its device tree."""
    answers: dict[str, Any] = {
        "read:/sys/class/dmi/id/sys_vendor": vendor,
        "read:/sys/class/dmi/id/product_name": name,
    }
    if tree is not None:
        answers["read:/proc/device-tree/model"] = tree

    assert system(answers).product == expected


@pytest.mark.parametrize(("virtual", "expected"), [(1, "vm"), (0, "bare"), (None, None)])
def test_a_mac_says_whether_it_is_virtual(virtual: int | None, expected: str | None) -> None:
    """Where it does not, nobody knows."""
    answers: dict[str, Any] = {"sysctl:hw.model": "Mac15,3"}
    if virtual is not None:
        answers["sysctl:kern.hv_vmm_present"] = virtual
    found = system(answers, MAC)

    assert (found.environment, found.product) == (expected, "Mac15,3")
    assert bool(found.environment_evidence) is (virtual is not None)


@pytest.mark.parametrize(("product", "expected"), [("Virtual Machine", "vm"), ("XPS 13", None), (None, None)])
def test_windows_is_virtual_by_its_products_name(product: str | None, expected: str | None) -> None:
    """Another name says nothing."""
    key = r"registry:HKLM\HARDWARE\DESCRIPTION\System\BIOS SystemProductName"
    found = system({} if product is None else {key: product}, WINDOWS)

    assert (found.environment, found.product) == (expected, product)
