"""
What other tools got wrong about NVIDIA devices, each with the rule that keeps it from happening here.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Probed
from llmprobe.facts.seen import Seen
from llmprobe.machine import merge
from llmprobe.machine.gpu_table import lookup
from llmprobe.machine.probes import memory, nvidia
from llmprobe.machine.snapshot import collect
from llmprobe.words.message import message
from tests.machine.fake import (
    FUNCTION_NOT_FOUND,
    GIB,
    LINUX_ARM,
    LOST,
    MIB,
    MISSING,
    NO_PERMISSION,
    NOT_SUPPORTED,
    UNKNOWN,
    WINDOWS,
    FakeSource,
    card,
    nvidia_machine,
    plain_host,
)

V2 = "nvml:nvmlDeviceGetMemoryInfo_v2 0"
V1 = "nvml:nvmlDeviceGetMemoryInfo 0"
COMPUTE = "nvml:nvmlDeviceGetComputeRunningProcesses_v3 0"
NO_MEMORY = {V2: NOT_SUPPORTED, V1: NOT_SUPPORTED}
ORIN = {
    "read:/proc/device-tree/compatible": "nvidia,p3701-0005\0nvidia,tegra234\0",
    "read:/proc/device-tree/model": "NVIDIA Jetson AGX Orin Developer Kit\0",
    "read:/etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n",
}


def probed(answers: dict[str, Any], **options: Any) -> Probed:
    return nvidia.probe(FakeSource(answers, **options))


def gb10(**changes: Any) -> dict[str, Any]:
    return nvidia_machine(card(name="NVIDIA GB10", capability=(12, 1)), **NO_MEMORY) | changes


def test_bug_07_shared_memory_is_available_with_its_file_cache() -> None:
    """
    What is free of a shared pool is MemAvailable, not MemFree, which shrinks with the page cache (ollama issue 12283).
    """
    meminfo = f"MemTotal: {128 * MIB} kB\nMemFree: {8 * MIB} kB\nMemAvailable: {110 * MIB} kB\n"
    answers = plain_host(128, 110) | gb10() | {"read:/proc/meminfo": meminfo}
    source = FakeSource(answers, LINUX_ARM)
    _, pools = merge.devices([memory.probe(source), nvidia.probe(source)])

    assert [(pool.id, pool.kind, pool.free_bytes) for pool in pools] == [("ram", "unified", 110 * GIB)]


@pytest.mark.parametrize("said", [NOT_SUPPORTED, {"total": 0, "free": 0, "used": 0, "reserved": 0}])
def test_bug_08_a_device_without_memory_of_its_own_is_no_crash_and_no_zero(said: Any) -> None:
    """
    GB10 says not supported or 0: it is usable, takes RAM, and has no pool of 0 bytes (nvitop pull request 208).
    """
    found = probed(gb10(**{V2: said, V1: said}), platform=LINUX_ARM)

    assert [(device.usable, device.pools) for device in found.accelerators] == [(True, ("ram",))]
    assert found.pools == ()


def test_bug_09_a_card_is_unified_on_positive_evidence_only() -> None:
    """
    A card whose memory cannot be read is not given the host's (llama.cpp issue 17536).
    """
    found = probed(nvidia_machine(card(name="NVIDIA GeForce RTX 5090"), **NO_MEMORY))

    assert [(device.integrated, device.pools, device.usable) for device in found.accelerators] == [
        (False, (), False)
    ]


def test_bug_09_free_is_never_more_than_total() -> None:
    """
    55,372 of 32,106 MiB cannot be free (llama.cpp issue 17536).
    """
    said = {"total": 32106 * MIB, "free": 55372 * MIB, "used": 0, "reserved": 0}
    pool = probed(nvidia_machine(card(), **{V2: said})).pools[0]

    assert pool.free_bytes == pool.total_bytes == 32106 * MIB


def test_bug_10_shared_memory_needs_no_figure_of_the_driver() -> None:
    """
    Whatever way the driver fails to give a size, GB10 is known by what it is (llama.cpp issue 24933).
    """
    found = probed(gb10(**{V2: UNKNOWN, V1: UNKNOWN}), platform=LINUX_ARM)

    assert found.accelerators[0].pools == ("ram",)


def test_bug_11_not_available_is_unknown() -> None:
    """
    On a Jetson most answers are not there: none of it is 0, and the device is usable (llmfit pull request 792).
    """
    answers = ORIN | {
        "nvml:nvmlInit": None,
        "nvml:nvmlDeviceGetCount_v2": 1,
        "nvml:nvmlDeviceGetHandleByIndex_v2 0": True,
        "nvml:nvmlDeviceGetName 0": "Orin (nvgpu)",
        "nvml:nvmlDeviceGetPciInfo_v3 0": {"busId": "N/A"},
        **NO_MEMORY,
    }
    device = probed(answers, platform=LINUX_ARM).accelerators[0]

    assert (device.usable, device.pools, device.pci, device.uuid, device.driver) == (
        True,
        ("ram",),
        None,
        None,
        None,
    )


def test_bug_12_a_jetson_needs_no_library() -> None:
    """
    JetPack 5 has no NVML: the device tree names the board (ollama issue 1979).
    """
    answers = ORIN | {"nvml:nvmlInit": Answer(status="missing", code=12)}
    device = probed(answers, platform=LINUX_ARM).accelerators[0]

    assert (device.usable, device.compute_capability, device.bandwidth_bytes_per_s) == (
        True,
        "8.7",
        204_800_000_000,
    )


def test_bug_13_the_release_of_a_jetson_is_told() -> None:
    """
    Errors of CUDA on a Jetson go by its system's release (ollama issue 18067).
    """
    system = probed(dict(ORIN), platform=LINUX_ARM).nvidia

    assert system is not None
    assert system.l4t == Seen(value="36.4.3", evidence=("read:/etc/nv_tegra_release",))


def test_bug_14_what_the_driver_reserves_is_not_held_by_programs() -> None:
    """
    308 MB of an idle card are the driver's (gpustat issue 141).
    """
    pool = probed(nvidia_machine(card(reserved_mib=308))).pools[0]

    assert [(limit.by, limit.bytes // MIB) for limit in pool.limits] == [("driver-reserve", 308)]


def test_bug_16_version_2_that_is_not_there_falls_back() -> None:
    """
    Driver 510.39 lacks the second version of the memory question (nvidia-settings issue 78).
    """
    first = {"total": 1000 * MIB, "used": 100 * MIB, "free": 900 * MIB}
    pool = probed(nvidia_machine(card(), **{V2: FUNCTION_NOT_FOUND, V1: first})).pools[0]

    assert (pool.total_bytes, pool.free_bytes) == (1000 * MIB, 900 * MIB)


def test_bug_17_a_process_number_that_cannot_be_is_none() -> None:
    """
    A struct of another version reads as processes that no system has (nvitop issue 181).
    """
    listed = [{"pid": 4294967295, "usedGpuMemory": 5 * MIB}, {"pid": 17, "usedGpuMemory": 6 * MIB}]
    pool = probed(nvidia_machine(card(used_mib=20), **{COMPUTE: listed})).pools[0]

    assert [holder.pid for holder in pool.held_by] == [17]


def test_bug_18_any_error_of_version_2_is_followed_by_version_1() -> None:
    """
    WSL answers version 2 with an unknown error (nvitop pull request 30).
    """
    first = {"total": 1000 * MIB, "used": 100 * MIB, "free": 900 * MIB}

    assert probed(nvidia_machine(card(), **{V2: UNKNOWN, V1: first})).pools[0].total_bytes == 1000 * MIB


def test_bug_19_not_available_is_no_size() -> None:
    """
    2^64 - 1 bytes of a process is "not available" (nvtop issue 432).
    """
    listed = [{"pid": 79, "usedGpuMemory": 2**64 - 1}]
    pool = probed(nvidia_machine(card(used_mib=20), **{COMPUTE: listed})).pools[0]

    assert [holder.used_bytes for holder in pool.held_by] == [None]


def test_bug_20_the_window_is_no_memory() -> None:
    """
    A card of 24 GiB with a window of 32 GiB has 24 GiB (nvtop issue 436).
    """
    window = {"bar1Total": 32 * GIB, "bar1Free": 32 * GIB, "bar1Used": 0}
    pools = probed(nvidia_machine(card(), **{"nvml:nvmlDeviceGetBAR1MemoryInfo 0": window})).pools

    assert [pool.total_bytes for pool in pools] == [24564 * MIB]


def test_bug_22_devices_are_known_by_address_not_by_number() -> None:
    """
    Each card keeps its own memory whatever comes first in the list of variables (ollama issue 7429).
    """
    cards = (card(0, name="NVIDIA GeForce RTX 3090", total_mib=24576), card(1, total_mib=24564, bus=2))
    answers = nvidia_machine(*cards, **{"env:CUDA_VISIBLE_DEVICES": "1,0"})
    found = probed(answers)
    pairs = [
        (device.pci, pool.total_bytes) for device, pool in zip(found.accelerators, found.pools, strict=True)
    ]

    assert pairs == [("0000:02:00.0", 24564 * MIB), ("0000:01:00.0", 24576 * MIB)]
    assert [device.pools for device in found.accelerators] == [("vram0",), ("vram1",)]


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("GPU-00000001", [1]),
        ("GPU-0000000", []),
        ("1,7,0", [1]),
        ("1,1", []),
        ("", []),
        ("NoDevFiles", []),
    ],
)
def test_bug_23_the_variable_is_read_as_cuda_reads_it(text: str, visible: list[int]) -> None:
    """
    Short UUIDs that are unique, numbers until the first that is none, nothing for a repetition (vLLM issue 51677).
    """
    answers = nvidia_machine(card(0), card(1, bus=2), **{"env:CUDA_VISIBLE_DEVICES": text})

    assert [device.index for device in probed(answers).accelerators if device.usable] == visible


@pytest.mark.parametrize("mode", [[1, 1], NO_PERMISSION])
def test_bug_24_a_refused_parent_still_has_its_instance(mode: Any) -> None:
    """
    In a container the parent's memory is refused, perhaps its mode as well: the instance answers (ollama issue 1500).
    """
    answers = nvidia_machine(
        card(name="NVIDIA H200", capability=(9, 0)), **{V2: NO_PERMISSION, V1: NO_PERMISSION}
    )
    answers |= {
        "nvml:nvmlDeviceGetMigMode 0": mode,
        "nvml:nvmlDeviceGetMaxMigDeviceCount 0": 7,
        "nvml:nvmlDeviceGetMigDeviceHandleByIndex 0/0": True,
        "nvml:nvmlDeviceGetMemoryInfo_v2 0/0": {
            "total": 16 * GIB,
            "reserved": 0,
            "used": 0,
            "free": 16 * GIB,
        },
    }
    found = probed(answers)

    assert [
        (device.usable, pool.total_bytes)
        for device, pool in zip(found.accelerators, found.pools, strict=True)
    ] == [(True, 16 * GIB)]


def test_bug_25_every_instance_is_listed() -> None:
    """
    All instances are named, and that a program sees one of them is said (ollama issue 4814).
    """
    answers = nvidia_machine(card(name="NVIDIA H100 80GB HBM3", capability=(9, 0)))
    answers |= {"nvml:nvmlDeviceGetMigMode 0": [1, 1], "nvml:nvmlDeviceGetMaxMigDeviceCount 0": 7}
    for place in (0, 1):
        answers[f"nvml:nvmlDeviceGetMigDeviceHandleByIndex 0/{place}"] = True
        answers[f"nvml:nvmlDeviceGetUUID 0/{place}"] = f"MIG-{place}"
        answers[f"nvml:nvmlDeviceGetMemoryInfo_v2 0/{place}"] = {"total": GIB, "reserved": 0, "free": GIB}
    devices = probed(answers).accelerators

    assert [(device.uuid, device.usable) for device in devices] == [("MIG-0", True), ("MIG-1", False)]
    assert devices[1].why_not == message("unusable.nvidia-instance-not-chosen", uuid="MIG-1")


QUESTIONS = [name.removesuffix(" 0") for name in card(0) if name.endswith(" 0")]


@pytest.mark.parametrize("question", QUESTIONS)
def test_bug_26_a_device_that_gets_lost_is_left_alone(question: str) -> None:
    """
    After the answer that it is lost, nothing more is asked of it, and the other is as before (nvitop issue 139).
    """
    machine = nvidia_machine(card(0), card(1, bus=2))
    healthy = probed(machine)
    source = FakeSource(machine | {f"{question} 0": LOST})
    found = nvidia.probe(source)
    of_lost = [name for name in source.asked if name.startswith("nvml:") and name.split(" ")[1:2] == ["0"]]

    assert of_lost[-1] == f"{question} 0"
    assert found.accelerators[1] == healthy.accelerators[1]
    assert not found.accelerators[0].usable


def test_bug_28_a_sleeping_device_is_left_asleep() -> None:
    """
    Even starting the library wakes it: it is asked nothing (btop issue 1831).
    """
    answers = nvidia_machine(card(name="NVIDIA GeForce RTX 4060 Laptop GPU"))
    answers["read:/sys/bus/pci/devices/0000:01:00.0/power/runtime_status"] = "suspended\n"
    source = FakeSource(answers)
    nvidia.probe(source)

    assert [name for name in source.asked if name.startswith(("nvml:", "run:"))] == []


def test_bug_28_a_kernel_without_that_file_tells_it_by_the_power_state() -> None:
    """
    Power state D3cold is asleep too.
    """
    answers = nvidia_machine(card())
    answers["read:/sys/bus/pci/devices/0000:01:00.0/power/runtime_status"] = MISSING
    answers["read:/sys/bus/pci/devices/0000:01:00.0/power_state"] = "D3cold\n"

    assert [device.state for device in probed(answers).accelerators] == ["asleep"]


def test_bug_31_a_name_that_no_table_has_gets_no_guess() -> None:
    """
    A card without memory figure and without a row has no memory, not that of a similar name (llmfit issue 239).
    """
    found = probed(nvidia_machine(card(name="NVIDIA RTX A4000X", bits=0), **NO_MEMORY))

    assert (lookup("NVIDIA RTX A4000X"), found.pools) == (None, ())
    assert found.accelerators[0].bandwidth_bytes_per_s is None


def test_bug_49_a_vgpu_is_a_kind_of_its_own() -> None:
    """
    A guest's profile is looked up by its board, its memory is NVML's (TensorRT-LLM issue 1861).
    """
    answers = nvidia_machine(
        card(name="NVIDIA A40-24Q", total_mib=24576, bits=0, capability=(8, 6)),
        **{"nvml:nvmlDeviceGetVirtualizationMode 0": NOT_SUPPORTED},
    )
    found = probed(answers)
    partition = found.accelerators[0].partition

    assert partition is not None
    assert (partition.kind, partition.profile, found.pools[0].total_bytes) == ("vgpu", "A40-24Q", 24576 * MIB)
    assert found.accelerators[0].bandwidth_bytes_per_s == 696_000_000_000


def test_bug_51_nothing_of_cuda_is_asked() -> None:
    """
    A CUDA context would take hundreds of MB of what is measured (llama.cpp pull request 23604).
    """
    source = FakeSource(nvidia_machine(card()))
    nvidia.probe(source)

    assert {name.split(":")[0] for name in source.asked} <= {"nvml", "read", "list", "link", "env"}


def test_bug_52_a_device_on_the_bus_is_never_no_gpu() -> None:
    """
    Without library and command the card is named with the reason (whichllm pull request 165).
    """
    found = probed(nvidia_machine(card(), **{"nvml:nvmlInit": Answer(status="missing", code=12)}))

    assert [(device.pci, device.usable) for device in found.accelerators] == [("0000:01:00.0", False)]
    assert found.accelerators[0].why_not == message("unusable.nvml-no-library")


def diagnosed(answers: dict[str, Any], **options: Any) -> set[str]:
    return {finding.id for finding in collect(FakeSource(plain_host() | answers, **options)).findings}


NARROW = {
    "nvml:nvmlDeviceGetCurrPcieLinkWidth 0": 1,
    "nvml:nvmlDeviceGetMaxPcieLinkWidth 0": 16,
    "nvml:nvmlDeviceGetCurrPcieLinkGeneration 0": 1,
    "nvml:nvmlDeviceGetMaxPcieLinkGeneration 0": 4,
    "nvml:nvmlDeviceGetGpuMaxPcieLinkGeneration 0": 4,
}


def test_bug_27_a_container_that_lost_its_device_is_told_so() -> None:
    """
    After a reload of systemd NVML answers with an unknown error in a container (nvidia-docker issue 1671).
    """
    answers = nvidia_machine(card(), **{"nvml:nvmlInit": UNKNOWN, "list:/": [".dockerenv"]})

    assert "nvidia-container-lost" in diagnosed(answers)


def test_bug_47_the_link_of_a_system_on_a_chip_is_none() -> None:
    """
    GB10 says generation 1 and one lane, which means nothing; a card with one lane is told (nvtop issue 426).
    """
    assert "pcie-narrow" not in diagnosed(gb10(**NARROW), platform=LINUX_ARM)
    assert "pcie-narrow" in diagnosed(nvidia_machine(card(), **NARROW))


def test_an_idle_link_is_not_narrow() -> None:
    """
    A card that rests lowers its generation, not its width.
    """
    idle = NARROW | {"nvml:nvmlDeviceGetCurrPcieLinkWidth 0": 16}

    assert "pcie-narrow" not in diagnosed(nvidia_machine(card(), **idle))


def test_bug_48_what_does_not_fit_is_moved_to_ram_on_windows() -> None:
    """
    Under WDDM more than there is seems to fit, and that is explained (jan issue 6345).
    """
    model = {"nvml:nvmlDeviceGetDriverModel_v2 0": [0, 0]}

    assert "nvidia-sysmem-fallback" in diagnosed(nvidia_machine(card(), **model), platform=WINDOWS)
    assert "nvidia-sysmem-fallback" not in diagnosed(nvidia_machine(card(), **model))
