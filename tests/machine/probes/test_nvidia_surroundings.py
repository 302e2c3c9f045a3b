"""
NVIDIA devices in containers and virtual machines, beside sleeping ones, and with memory that the kernel counts.
"""

import re
from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Probed, Throttle
from llmprobe.facts.nvidia import NvidiaDevice, NvidiaSystem
from llmprobe.facts.seen import Seen
from llmprobe.machine import merge
from llmprobe.machine.probes import memory, nvidia
from llmprobe.words.message import Message, message
from tests.machine.fake import (
    GIB,
    LINUX_ARM,
    LOST,
    MIB,
    MISSING,
    NO_PERMISSION,
    UNKNOWN,
    FakeSource,
    card,
    nvidia_machine,
    nvidia_pci,
)

LISTED = {"nvml:nvmlDeviceGetComputeRunningProcesses_v3 0": [{"pid": 7, "usedGpuMemory": 4 * GIB}]}
NAMESPACE = "link:/proc/self/ns/pid"
OF_THE_HOST = "pid:[4026531836]"


def probed(answers: dict[str, Any], **options: Any) -> Probed:
    return nvidia.probe(FakeSource(answers, **options))


def system(answers: dict[str, Any], **options: Any) -> NvidiaSystem:
    found = probed(answers, **options).nvidia
    assert found is not None
    return found


def device(answers: dict[str, Any], **options: Any) -> NvidiaDevice:
    (found,) = system(answers, **options).devices
    return found


@pytest.mark.parametrize(
    ("namespace", "name"), [(OF_THE_HOST, "ollama"), ("pid:[4026532840]", None), (MISSING, "ollama")]
)
def test_a_process_is_named_where_its_number_is_the_same_here(namespace: Any, name: str | None) -> None:
    """
    In a container process 7 of the host is somebody else.
    """
    answers = nvidia_machine(
        card(used_mib=5000), **LISTED, **{NAMESPACE: namespace, "read:/proc/7/comm": "ollama"}
    )

    assert [(each.pid, each.name) for each in probed(answers).pools[0].held_by] == [(7, name)]


def test_a_process_without_a_name_has_none() -> None:
    """
    An empty line is no name.
    """
    answers = nvidia_machine(card(used_mib=5000), **LISTED, **{"read:/proc/7/comm": "\n"})

    assert [(each.pid, each.name) for each in probed(answers).pools[0].held_by] == [(7, None)]


@pytest.mark.parametrize(
    ("given", "why_not"),
    [
        ("0", message("unusable.nvidia-not-given", devices="0")),
        ("all", message("unusable.nvidia-unlisted")),
        (MISSING, message("unusable.nvidia-unlisted")),
    ],
)
def test_devices_that_a_container_was_not_given(given: Any, why_not: Message) -> None:
    """
    The bus shows all cards of the host; those that the container was not given say so.
    """
    answers = nvidia_machine(card(0), card(1, bus=2), **{"nvml:nvmlDeviceGetCount_v2": 1})
    devices = probed(answers | {"env:NVIDIA_VISIBLE_DEVICES": given}).accelerators

    assert [device.usable for device in devices] == [True, False]
    assert devices[1].why_not == why_not


def test_a_container_with_the_driver_and_no_device() -> None:
    """
    NVIDIA_VISIBLE_DEVICES=none gives the library without devices: the count is an observed zero.
    """
    answers = nvidia_machine(
        card(), **{"nvml:nvmlDeviceGetCount_v2": 0, "env:NVIDIA_VISIBLE_DEVICES": "none"}
    )
    seen = system(answers)

    assert seen.listed == Seen(value=0, evidence=("nvml:nvmlDeviceGetCount_v2",))
    assert seen.given_to_container == Seen(value="none", evidence=("env:NVIDIA_VISIBLE_DEVICES",))


def test_a_denied_device_is_named() -> None:
    """
    A device whose handle the control group refuses is listed with that reason, and the other is as before.
    """
    machine = nvidia_machine(card(0), card(1, bus=2))
    healthy = probed(machine)
    found = probed(machine | {"nvml:nvmlDeviceGetHandleByIndex_v2 0": NO_PERMISSION})

    assert found.accelerators[1] == healthy.accelerators[1]
    assert (found.status, found.accelerators[0].why_not) == ("partial", message("unusable.nvml-denied"))
    assert found.accelerators[0].state == "unreachable"


def test_memory_of_a_gpu_that_the_kernel_counts_is_no_ram() -> None:
    """
    On GH200 the GPU's memory is a node of the system's: RAM is that of the nodes with processors, each byte once.
    """
    meminfo = f"MemTotal: {576 * MIB} kB\nMemFree: {560 * MIB} kB\nMemAvailable: {560 * MIB} kB\n"
    nodes = "/sys/devices/system/node"
    answers = nvidia_machine(
        card(name="NVIDIA GH200 480GB", total_mib=97871, capability=(9, 0), bits=6144, megahertz=2619),
        **{
            "psutil:virtual_memory": {"total": 576 * GIB, "available": 560 * GIB},
            "read:/proc/meminfo": meminfo,
            f"read:{nodes}/has_memory": "0-1\n",
            f"read:{nodes}/has_cpu": "0\n",
            f"read:{nodes}/node0/meminfo": f"Node 0 MemTotal: {480 * MIB} kB\nNode 0 MemFree: {465 * MIB} kB\n",
            f"read:{nodes}/node1/meminfo": f"Node 1 MemTotal: {96 * MIB} kB\nNode 1 MemFree: {95 * MIB} kB\n",
            "nvml:nvmlDeviceGetAddressingMode 0": 2,
            "nvml:nvmlDeviceGetNumaNodeId 0": 1,
        },
    )
    source = FakeSource(answers, LINUX_ARM)
    found = nvidia.probe(source)
    accelerators, pools = merge.devices([memory.probe(source), found])

    assert [(pool.id, pool.kind, pool.total_bytes) for pool in pools] == [
        ("ram", "system", 480 * GIB),
        ("vram0", "vram", 97871 * MIB),
    ]
    assert found.nvidia is not None
    assert (accelerators[0].integrated, found.nvidia.devices[0].memory_node) == (False, 1)


def test_the_addressing_mode_is_a_number_or_an_object() -> None:
    """
    nvidia-ml-py gives the number, other bindings the struct.
    """
    for said in (2, {"version": 1, "value": 2}):
        answers = nvidia_machine(card(), **{"nvml:nvmlDeviceGetAddressingMode 0": said})
        assert device(answers).addressing == "ats"


def test_an_unlicensed_vgpu() -> None:
    """
    The features of a guest say whether any is licensed; other devices are not asked.
    """
    features = {
        "isGridLicenseSupported": 1,
        "licensableFeaturesCount": 1,
        "gridLicensableFeatures": [{"featureCode": 2, "featureState": 0}, {"featureState": 1}],
    }
    answers = nvidia_machine(card(name="NVIDIA A40-24Q"), **{"nvml:nvmlDeviceGetVirtualizationMode 0": 2})
    answers["nvml:nvmlDeviceGetGridLicensableFeatures_v4 0"] = features
    source = FakeSource(nvidia_machine(card()))
    nvidia.probe(source)

    assert device(answers).licensed is False
    assert device(nvidia_machine(card())).licensed is None
    assert not [name for name in source.asked if "GridLicensable" in name]


def test_older_drivers_call_slowing_down_throttling() -> None:
    """
    Before 535 the question has another name, and the same bits.
    """
    answers = nvidia_machine(card(), **{"nvml:nvmlDeviceGetCurrentClocksThrottleReasons 0": 0x84})

    accelerator = probed(answers).accelerators[0]

    assert accelerator.throttle == Throttle(reasons=("power-limit", "power-brake"))
    assert accelerator.evidence_of("throttle")[1] == "nvml:nvmlDeviceGetCurrentClocksThrottleReasons 0"


@pytest.mark.parametrize("value", [2**32 - 1, -1])
def test_no_node_is_none(value: int) -> None:
    """
    A device whose memory is no node says so by a number that is none.
    """
    answers = nvidia_machine(card(), **{"nvml:nvmlDeviceGetNumaNodeId 0": value})
    answers["read:/sys/bus/pci/devices/0000:01:00.0/numa_node"] = "-1\n"

    assert (device(answers).memory_node, probed(answers).accelerators[0].numa_node) == (None, None)


def half_asleep(**changes: Any) -> dict[str, Any]:
    """
    Return two cards, the first of which sleeps while 5000 MiB of the second are in use.
    """
    answers = nvidia_machine(card(0), card(1, bus=2, used_mib=5000))
    answers["read:/sys/bus/pci/devices/0000:01:00.0/power/runtime_status"] = "suspended\n"
    for place, model in ((1, "NVIDIA GeForce RTX 4060 Laptop GPU"), (2, "NVIDIA GeForce RTX 4090")):
        answers[f"read:/proc/driver/nvidia/gpus/0000:0{place}:00.0/information"] = f"Model: {model}\n"
    return answers | changes


@pytest.mark.parametrize("init", [{"nvml:nvmlInitWithFlags 2": None}, {}])
def test_a_sleeping_device_beside_one_that_is_awake(init: dict[str, Any]) -> None:
    """
    The one that is awake is asked, without attaching to the other where the library can do that.
    """
    source = FakeSource(half_asleep(**init))
    found = nvidia.probe(source)

    assert [(each.state, each.usable) for each in found.accelerators] == [("asleep", True), ("present", True)]
    assert [(pool.basis, pool.total_bytes, pool.free_bytes) for pool in found.pools] == [
        ("declared", 8188 * MIB, 8188 * MIB - 330 * MIB - 8188 * MIB // 150),
        ("measured", 24564 * MIB, (24564 - 450 - 5000) * MIB),
    ]
    assert [name for name in source.asked if re.match(r"nvml:\w+ 0( |$)", name)] == []
    assert ("nvml:nvmlInit" in source.asked) is not bool(init)


@pytest.mark.parametrize(
    "changes",
    [
        {"nvml:nvmlDeviceGetCount_v2": 1},
        {"nvml:nvmlInitWithFlags 2": Answer(status="failed", code=999)},
        {"nvml:nvmlInit": Answer(status="timeout")},
    ],
)
def test_where_the_numbers_are_unsure_neither_is_asked(changes: dict[str, Any]) -> None:
    """
    With fewer devices than on the bus it is not known which number sleeps: the figures are the table's.
    """
    source = FakeSource(half_asleep(**changes))
    found = nvidia.probe(source)

    assert [pool.basis for pool in found.pools] == ["declared", "declared"]
    assert not any("GetHandle" in name for name in source.asked)


def test_an_instance_by_its_old_name() -> None:
    """
    CUDA_VISIBLE_DEVICES may name an instance by its parent and its place in it.
    """
    parent = "GPU-00000000-0000-0000-0000-000000000000"
    answers = nvidia_machine(card(name="NVIDIA A100-SXM4-40GB", capability=(8, 0)))
    answers |= {"nvml:nvmlDeviceGetMigMode 0": [1, 1], "nvml:nvmlDeviceGetMaxMigDeviceCount 0": 7}
    for place in (0, 1):
        answers[f"nvml:nvmlDeviceGetMigDeviceHandleByIndex 0/{place}"] = True
        answers[f"nvml:nvmlDeviceGetUUID 0/{place}"] = f"MIG-{place}"
        answers[f"nvml:nvmlDeviceGetGpuInstanceId 0/{place}"] = place + 1
        answers[f"nvml:nvmlDeviceGetComputeInstanceId 0/{place}"] = 0
        answers[f"nvml:nvmlDeviceGetMemoryInfo_v2 0/{place}"] = {"total": GIB, "reserved": 0, "free": GIB}
    answers["env:CUDA_VISIBLE_DEVICES"] = f"MIG-{parent}/2/0"

    assert [(each.uuid, each.usable) for each in probed(answers).accelerators] == [
        ("MIG-1", True),
        ("MIG-0", False),
    ]


def test_vgpus_are_devices_and_no_instances() -> None:
    """
    A guest with two of them may use both.
    """
    answers = nvidia_machine(card(0, name="NVIDIA A40-24Q"), card(1, name="NVIDIA A40-24Q", bus=2))
    answers |= {f"nvml:nvmlDeviceGetVirtualizationMode {place}": 2 for place in (0, 1)}
    answers["env:CUDA_VISIBLE_DEVICES"] = "1,0"

    assert [(each.index, each.usable) for each in probed(answers).accelerators] == [(1, True), (0, True)]


def test_a_profile_by_its_attributes() -> None:
    """
    An instance whose name has none: compute slices, and memory in GB rounded up from 39.5.
    """
    answers = nvidia_machine(card(name="NVIDIA H100 80GB HBM3", capability=(9, 0)))
    answers |= {"nvml:nvmlDeviceGetMigMode 0": [1, 1], "nvml:nvmlDeviceGetMaxMigDeviceCount 0": 7}
    for place, attributes in enumerate(
        (
            {"gpuInstanceSliceCount": 3, "memorySizeMB": 40448},
            {"gpuInstanceSliceCount": 3},
            {"memorySizeMB": 1},
        )
    ):
        answers[f"nvml:nvmlDeviceGetMigDeviceHandleByIndex 0/{place}"] = True
        answers[f"nvml:nvmlDeviceGetAttributes_v2 0/{place}"] = attributes
        answers[f"nvml:nvmlDeviceGetMemoryInfo_v2 0/{place}"] = {"total": GIB, "reserved": 0, "free": GIB}
    parts = [each.partition for each in probed(answers).accelerators]

    assert [part and part.profile for part in parts] == ["3g.40gb", None, None]


@pytest.mark.parametrize(
    ("version", "text"), [(12040, "12.4"), (13000, "13.0"), (11080, "11.8"), (12110, "12.11"), (0, None)]
)
def test_the_version_of_cuda(version: int, text: str | None) -> None:
    """
    Thousands are the first number, tens the second.
    """
    found = system(nvidia_machine(card(), **{"nvml:nvmlSystemGetCudaDriverVersion_v2": version}))

    assert (found.cuda_version and found.cuda_version.value) == text


def test_what_was_not_found_is_no_fact() -> None:
    """
    No module, no board and no variable are None, never an empty value.
    """
    found = system(
        nvidia_machine(card(), **{"read:/proc/driver/nvidia/version": MISSING, "list:/dev": MISSING})
    )
    facts = (found.module_version, found.installed_module, found.device_files, found.board, found.l4t)

    assert facts == (None,) * 5
    assert (found.asleep, found.start, found.listed, found.by_command) == (None,) * 4
    assert (found.given_to_container, found.cuda_visible_devices, found.uncertain_order) == (None,) * 3
    assert found.on_bus == Seen(
        value=("0000:01:00.0",), evidence=("read:/sys/bus/pci/devices/0000:01:00.0/vendor",)
    )
    assert found.kernel_drivers == Seen(
        value={"0000:01:00.0": "nvidia"}, evidence=("link:/sys/bus/pci/devices/0000:01:00.0/driver",)
    )


@pytest.mark.parametrize(
    ("model", "usable", "sizes"),
    [
        ("NVIDIA GeForce RTX 4090", True, (24564 * MIB, 24564 * MIB - 330 * MIB - 24564 * MIB // 150)),
        ("NVIDIA GB10", False, None),
        ("NVIDIA Nothing 1", False, None),
    ],
)
def test_a_sleeping_device_has_the_tables_memory(model: str, usable: bool, sizes: Any) -> None:
    """
    Less the usual reserve; without a size in the table it is not used.
    """
    answers = nvidia_machine(card())
    answers["read:/sys/bus/pci/devices/0000:01:00.0/power/runtime_status"] = "suspended\n"
    answers["read:/proc/driver/nvidia/gpus/0000:01:00.0/information"] = f"Model: {model}\n"
    found = probed(answers)

    assert [(each.usable, each.state) for each in found.accelerators] == [(usable, "asleep")]
    assert [(pool.total_bytes, pool.free_bytes) for pool in found.pools] == ([sizes] if sizes else [])
    if sizes:
        assert found.pools[0].budget_bytes == sizes[1]
        assert found.pools[0].limits[0].bytes == sizes[0] - sizes[1]
    else:
        assert found.accelerators[0].why_not == message("unusable.nvidia-asleep")


def test_a_device_that_is_awake_and_not_asked_says_why() -> None:
    """
    Asking it would wake another.
    """
    answers = nvidia_machine(card(0), card(1, bus=2), **{"nvml:nvmlInitWithFlags 2": UNKNOWN})
    answers["read:/sys/bus/pci/devices/0000:01:00.0/power/runtime_status"] = "suspended\n"
    for place in (1, 2):
        answers[f"read:/sys/bus/pci/devices/0000:0{place}:00.0/device"] = "0xffff\n"

    assert [(each.state, each.why_not) for each in probed(answers).accelerators] == [
        ("asleep", message("unusable.nvidia-asleep")),
        ("present", message("unusable.nvidia-not-asked")),
    ]


@pytest.mark.parametrize(("uuid", "expected"), [("GPU-1", "GPU-1"), (None, "GPU-7")])
def test_a_device_without_an_address_has_the_one_that_is_left(uuid: str | None, expected: str) -> None:
    """
    And the UUID that the kernel module has for it, where NVML gave none.
    """
    answers = nvidia_machine(card(), **{"nvml:nvmlDeviceGetPciInfo_v3 0": MISSING})
    answers["nvml:nvmlDeviceGetUUID 0"] = MISSING if uuid is None else uuid
    answers["read:/proc/driver/nvidia/gpus/0000:01:00.0/information"] = "Model: Other\nGPU UUID: GPU-7\n"
    (found,) = probed(answers).accelerators

    assert (found.pci, found.uuid, found.name) == ("0000:01:00.0", expected, "NVIDIA GeForce RTX 4090")


def test_a_lost_device_has_the_kernels_name_for_it() -> None:
    """
    Without NVML's, and only by the address that is left; with two left nobody knows which.
    """
    lost = {"nvml:nvmlDeviceGetHandleByIndex_v2 1": LOST}
    answers = nvidia_machine(card(0), card(1, bus=2), **lost)
    answers["read:/proc/driver/nvidia/gpus/0000:02:00.0/information"] = "Model: NVIDIA RTX A2000\n"
    more = (
        answers
        | nvidia_pci("0000:03:00.0")
        | {"list:/sys/bus/pci/devices": ["0000:01:00.0", "0000:02:00.0", "0000:03:00.0"]}
    )

    assert [(each.name, each.pci) for each in probed(answers).accelerators][1] == (
        "NVIDIA RTX A2000",
        "0000:02:00.0",
    )
    assert [(each.name, each.pci) for each in probed(more).accelerators][1] == ("NVIDIA GPU", None)


@pytest.mark.parametrize("on_bus", [["01", "02", "03"], ["02", "03"]])
def test_a_lent_device_is_listed_beside_one_without_address(on_bus: list[str]) -> None:
    """
    NVML cannot list it, and its address is not the other's, even where it is the only one left. Nor does CUDA list it.
    """
    answers = nvidia_machine(card(0), card(1, bus=2), card(2, bus=3))
    answers["nvml:nvmlDeviceGetCount_v2"] = 2
    answers["list:/sys/bus/pci/devices"] = [f"0000:{place}:00.0" for place in on_bus]
    answers["nvml:nvmlDeviceGetPciInfo_v3 0"] = MISSING
    answers["nvml:nvmlDeviceGetPciInfo_v3 1"] = {"busId": "00000000:03:00.0"}
    answers["nvml:nvmlDeviceGetBAR1MemoryInfo 2"] = MISSING
    answers["link:/sys/bus/pci/devices/0000:02:00.0/driver"] = "../../bus/pci/drivers/vfio-pci"

    found = probed(answers).accelerators

    assert [(each.pci, each.state, each.backend) for each in found] == [
        (None, "present", "cuda"),
        ("0000:03:00.0", "present", "cuda"),
        ("0000:02:00.0", "lent", None),
    ]
    assert [each.window is not None for each in found] == [True, True, False]


def test_the_bandwidth_of_a_chip_that_the_table_does_not_know() -> None:
    """
    It is unknown, with no basis and no origin.
    """
    answers = nvidia_machine(card(name="Orin (nvgpu)", bits=0))
    (found,) = probed(answers).accelerators

    assert (found.bandwidth_bytes_per_s, found.bandwidth_basis, found.bandwidth_how) == (None, None, None)


def test_the_node_of_a_device() -> None:
    """
    On a machine with several processors a card is near one of them.
    """
    answers = nvidia_machine(card())
    answers["read:/sys/bus/pci/devices/0000:01:00.0/numa_node"] = "1\n"

    assert probed(answers).accelerators[0].numa_node == 1


def test_architecture_without_a_compute_capability() -> None:
    """
    A driver that does not tell the one may tell the other.
    """
    answers = nvidia_machine(
        card(), **{"nvml:nvmlDeviceGetCudaComputeCapability 0": Answer(status="missing")}
    )
    answers["nvml:nvmlDeviceGetArchitecture 0"] = 7

    assert probed(answers).accelerators[0].architecture == "Ampere"
