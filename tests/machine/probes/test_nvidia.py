"""
NVIDIA devices through NVML.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.machine.probes import nvidia
from llmprobe.words.message import message
from tests.machine.fake import (
    FUNCTION_NOT_FOUND,
    LINUX_ARM,
    LOST,
    MIB,
    NO_PERMISSION,
    NOT_SUPPORTED,
    UNKNOWN,
    WINDOWS,
    FakeSource,
    card,
    nvidia_machine,
)

MEMORY = "nvml:nvmlDeviceGetMemoryInfo_v2 0"


def test_nothing_speaks_for_a_device() -> None:
    """
    Without any sign of an NVIDIA device NVML is not asked.
    """
    source = FakeSource({"list:/sys/bus/pci/devices": [], "list:/dev": ["null"]})
    assert nvidia.probe(source).status == "absent"
    assert not [name for name in source.asked if name.startswith("nvml:")]


def test_a_healthy_card() -> None:
    """
    Memory, driver, capability and bandwidth are the device's own.
    """
    probed = nvidia.probe(FakeSource(nvidia_machine(card())))
    device, pool = probed.accelerators[0], probed.pools[0]
    assert (probed.status, device.usable, device.pci) == ("ok", True, "0000:01:00.0")
    assert (device.driver, device.compute_capability, device.architecture) == (
        "580.95.05",
        "8.9",
        "Ada Lovelace",
    )
    assert (device.bandwidth_bytes_per_s, device.bandwidth_basis) == (1_008_096_000_000, "derived")
    assert (device.pools, pool.id, pool.total_bytes) == (("vram0",), "vram0", 24564 * MIB)
    assert pool.budget_bytes == pool.free_bytes == (24564 - 450) * MIB


def test_reserved_memory_is_a_reduction_of_its_own() -> None:
    """
    What the driver reserves is neither free nor used by programs, and all reductions add up.
    """
    pool = nvidia.probe(FakeSource(nvidia_machine(card(used_mib=1000)))).pools[0]
    assert [(limit.by, limit.bytes // MIB) for limit in pool.limits] == [
        ("driver-reserve", 450),
        ("in-use", 1000),
    ]
    assert pool.total_bytes is not None
    assert pool.total_bytes - sum(limit.bytes for limit in pool.limits) == pool.budget_bytes


def test_free_is_never_total_less_used() -> None:
    """
    Version 1 of the figures says free itself; what is not free is in use, the reserve included.
    """
    first = {"total": 1000 * MIB, "used": 100 * MIB, "free": 700 * MIB}
    answers = nvidia_machine(card(), **{MEMORY: FUNCTION_NOT_FOUND, "nvml:nvmlDeviceGetMemoryInfo 0": first})
    pool = nvidia.probe(FakeSource(answers)).pools[0]
    assert (pool.free_bytes, [limit.by for limit in pool.limits]) == (700 * MIB, ["in-use"])


def test_an_unknown_error_of_version_2_is_asked_again_as_version_1() -> None:
    """
    WSL has answered version 2 with an unknown error (nvitop pull request 30).
    """
    first = {"total": 1000 * MIB, "used": 100 * MIB, "free": 900 * MIB}
    answers = nvidia_machine(card(), **{MEMORY: UNKNOWN, "nvml:nvmlDeviceGetMemoryInfo 0": first})
    assert nvidia.probe(FakeSource(answers)).pools[0].total_bytes == 1000 * MIB


def test_processes_are_named_once_with_what_they_hold() -> None:
    """
    A process that computes and draws is one holder; one whose use is not told has None, not 0.
    """
    answers = nvidia_machine(
        card(used_mib=5000),
        **{
            "nvml:nvmlDeviceGetComputeRunningProcesses_v3 0": [{"pid": 7, "usedGpuMemory": 4000 * MIB}],
            "nvml:nvmlDeviceGetGraphicsRunningProcesses_v3 0": [
                {"pid": 7, "usedGpuMemory": 4000 * MIB},
                {"pid": 9, "usedGpuMemory": None},
            ],
            "read:/proc/7/comm": "game\n",
        },
    )
    pool = nvidia.probe(FakeSource(answers)).pools[0]
    held = [(holder.pid, holder.name, holder.used_bytes, holder.graphics) for holder in pool.held_by]
    assert held == [(7, "game", 4000 * MIB, True), (9, None, None, True)]
    named = [(limit.by, limit.bytes // MIB) for limit in pool.limits]
    assert named == [("driver-reserve", 450), ("processes", 4000), ("in-use", 1000)]


def test_what_a_process_cannot_hold_is_unknown() -> None:
    """
    WSL's "not available" is 2^64 - 1 and no size (nvtop issue 432).
    """
    answers = nvidia_machine(
        card(),
        **{"nvml:nvmlDeviceGetComputeRunningProcesses_v3 0": [{"pid": 79, "usedGpuMemory": 2**64 - 1}]},
    )
    pool = nvidia.probe(FakeSource(answers)).pools[0]
    assert [(holder.pid, holder.used_bytes) for holder in pool.held_by] == [(79, None)]


def test_an_older_driver_is_asked_for_processes_by_the_older_name() -> None:
    """
    Without version 3 the function of version 2 is asked by its own name (nvitop issue 181).
    """
    answers = nvidia_machine(
        card(used_mib=10),
        **{
            "nvml:nvmlDeviceGetComputeRunningProcesses_v3 0": FUNCTION_NOT_FOUND,
            "nvml:nvmlDeviceGetComputeRunningProcesses_v2 0": [{"pid": 5, "usedGpuMemory": 1}],
        },
    )
    assert [holder.pid for holder in nvidia.probe(FakeSource(answers)).pools[0].held_by] == [5]


@pytest.mark.parametrize(
    "question", ["nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetName", "nvmlDeviceGetMemoryInfo_v2"]
)
def test_a_lost_card_does_not_hide_the_other(question: str) -> None:
    """
    Wherever the loss shows first, the card is listed with its reason and the other is as before.
    """
    healthy = nvidia.probe(FakeSource(nvidia_machine(card(0), card(1, bus=2))))
    broken = nvidia.probe(FakeSource(nvidia_machine(card(0), card(1, bus=2), **{f"nvml:{question} 0": LOST})))
    assert [device.usable for device in broken.accelerators] == [False, True]
    assert broken.accelerators[0].why_not == message("unusable.nvml-lost")
    assert broken.accelerators[1] == healthy.accelerators[1]
    assert broken.pools[-1] == healthy.pools[1]
    assert [device.state for device in broken.accelerators] == ["lost", "present"]
    assert broken.accelerators[0].evidence_of("state") == (f"nvml:{question} 0",)


def test_a_lost_card_is_asked_nothing_more() -> None:
    """
    After the handle is refused no question is put to the device.
    """
    source = FakeSource(nvidia_machine(card(0), **{"nvml:nvmlDeviceGetHandleByIndex_v2 0": LOST}))
    nvidia.probe(source)
    assert "nvml:nvmlDeviceGetName 0" not in source.asked


def test_memory_that_is_not_told_is_unknown() -> None:
    """
    A card whose memory question fails is no unified device (llama.cpp issue 17536) and has no pool.
    """
    failing = {MEMORY: NOT_SUPPORTED, "nvml:nvmlDeviceGetMemoryInfo 0": NOT_SUPPORTED}
    probed = nvidia.probe(FakeSource(nvidia_machine(card(), **failing)))
    assert (probed.accelerators[0].usable, probed.accelerators[0].pools, probed.pools) == (False, (), ())


def test_gb10_takes_the_memory_of_the_host() -> None:
    """
    GB10 supports no memory figure and allocates from RAM.
    """
    failing = {MEMORY: NOT_SUPPORTED, "nvml:nvmlDeviceGetMemoryInfo 0": NOT_SUPPORTED}
    answers = nvidia_machine(card(name="NVIDIA GB10", capability=(12, 1)), **failing)
    answers["nvml:nvmlDeviceGetPciInfo_v3 0"] = {"busId": "0000000F:01:00.0"}
    answers["list:/sys/bus/pci/devices"] = []
    answers["nvml:nvmlDeviceGetMemoryBusWidth 0"] = NOT_SUPPORTED
    probed = nvidia.probe(FakeSource(answers, LINUX_ARM))
    device = probed.accelerators[0]
    assert (device.pools, device.integrated, device.usable, device.pci) == (
        ("ram",),
        True,
        True,
        "000f:01:00.0",
    )
    assert (device.bandwidth_bytes_per_s, device.bandwidth_basis) == (273_000_000_000, "declared")
    assert probed.pools == ()


def test_a_unified_device_that_names_the_host_memory_as_its_own_is_still_unified() -> None:
    """
    A GB10 whose driver says total is MemTotal has no pool of its own (nvitop pull request 208).
    """
    probed = nvidia.probe(FakeSource(nvidia_machine(card(name="NVIDIA GB10", total_mib=124610)), LINUX_ARM))
    assert (probed.accelerators[0].pools, probed.pools) == (("ram",), ())


def test_a_jetson_with_nvml() -> None:
    """
    The device tree says what board it is, NVML has no PCI address and no memory.
    """
    answers = {
        "list:/sys/bus/pci/devices": [],
        "list:/dev": ["nvhost-gpu", "nvmap"],
        "read:/proc/device-tree/compatible": "nvidia,p3737-0000+p3701-0005\0nvidia,tegra234\0",
        "read:/proc/device-tree/model": "NVIDIA Jetson AGX Orin Developer Kit\0",
        "nvml:nvmlInit": None,
        "nvml:nvmlDeviceGetCount_v2": 1,
        "nvml:nvmlDeviceGetHandleByIndex_v2 0": True,
        "nvml:nvmlDeviceGetName 0": "Orin (nvgpu)",
        MEMORY: NOT_SUPPORTED,
        "nvml:nvmlDeviceGetMemoryInfo 0": NOT_SUPPORTED,
    }
    device = nvidia.probe(FakeSource(answers, LINUX_ARM)).accelerators[0]
    assert (device.name, device.pools, device.integrated, device.pci) == (
        "Orin (nvgpu)",
        ("ram",),
        True,
        None,
    )
    assert (device.compute_capability, device.bandwidth_bytes_per_s) == ("8.7", 204_800_000_000)


def test_a_jetson_without_nvml() -> None:
    """
    JetPack 5 has no NVML: the device tree is enough (ollama issue 1979).
    """
    answers = {
        "read:/proc/device-tree/compatible": "nvidia,p3737-0000+p3701-0005\0nvidia,tegra234\0",
        "read:/proc/device-tree/model": "NVIDIA Jetson AGX Orin Developer Kit\0",
        "nvml:nvmlInit": Answer(status="missing", code=12),
    }
    device = nvidia.probe(FakeSource(answers, LINUX_ARM)).accelerators[0]
    assert (device.usable, device.pools, device.backend) == (True, ("ram",), "cuda")


def mig_machine(instances: dict[int, int], **changes: Any) -> dict[str, Any]:
    answers = nvidia_machine(card(name="NVIDIA H100 80GB HBM3", capability=(9, 0), bits=5120, megahertz=2619))
    answers |= {
        "nvml:nvmlDeviceGetMigMode 0": [1, 1],
        "nvml:nvmlDeviceGetMaxMigDeviceCount 0": 7,
        MEMORY: {"total": 81559 * MIB, "reserved": 0, "used": 0, "free": 81559 * MIB},
    }
    for position, mib in instances.items():
        answers |= {
            f"nvml:nvmlDeviceGetMigDeviceHandleByIndex 0/{position}": True,
            f"nvml:nvmlDeviceGetName 0/{position}": f"NVIDIA H100 80GB HBM3 MIG {position}g",
            f"nvml:nvmlDeviceGetUUID 0/{position}": f"MIG-0000000{position}",
            f"nvml:nvmlDeviceGetGpuInstanceId 0/{position}": position + 2,
            f"nvml:nvmlDeviceGetMemoryInfo_v2 0/{position}": {
                "total": mib * MIB,
                "reserved": 0,
                "used": 50 * MIB,
                "free": (mib - 50) * MIB,
            },
        }
    return answers | changes


def test_mig_instances_are_the_devices() -> None:
    """
    Every instance is listed with its own memory, the parent's 81,559 MiB appear nowhere, and one is usable.
    """
    probed = nvidia.probe(FakeSource(mig_machine({0: 40448, 1: 20096, 2: 9984})))
    assert [pool.total_bytes for pool in probed.pools] == [40448 * MIB, 20096 * MIB, 9984 * MIB]
    assert [device.usable for device in probed.accelerators] == [True, False, False]
    partition = probed.accelerators[0].partition
    assert partition is not None
    assert (partition.kind, partition.parent_name, partition.instance_id) == (
        "mig",
        "NVIDIA H100 80GB HBM3",
        2,
    )


def test_a_mig_instance_has_its_share_of_the_bandwidth() -> None:
    """
    Half of the memory comes with half of the channels.
    """
    device = nvidia.probe(FakeSource(mig_machine({0: 40448}))).accelerators[0]
    assert (device.bandwidth_bytes_per_s, device.bandwidth_basis) == (
        5120 * 2619 * 2_000_000 // 8 // 2,
        "assumed",
    )


def test_an_instance_of_an_unlisted_card_has_its_share_of_what_the_card_reports() -> None:
    """
    No row of the table has its size: a quarter of the 32,623 MiB that it reports is a quarter of its channels.
    """
    machine = mig_machine({0: 8128}, **{"nvml:nvmlDeviceGetName 0": "NVIDIA Unheard Of 9999"})
    machine[MEMORY] = {"total": 32623 * MIB, "reserved": 0, "used": 0, "free": 32623 * MIB}
    device = nvidia.probe(FakeSource(machine)).accelerators[0]
    assert device.bandwidth_bytes_per_s == 5120 * 2619 * 2_000_000 // 8 // 4


def test_an_instance_whose_card_reports_no_size_has_no_rate() -> None:
    """
    A container may not ask the card: unknown stays unknown.
    """
    machine = mig_machine({0: 8128}, **{"nvml:nvmlDeviceGetName 0": "NVIDIA Unheard Of 9999"})
    del machine[MEMORY]
    assert nvidia.probe(FakeSource(machine)).accelerators[0].bandwidth_bytes_per_s is None


def test_mig_mode_without_an_instance() -> None:
    """
    The device is listed as not usable and has no pool.
    """
    probed = nvidia.probe(FakeSource(mig_machine({})))
    assert [(device.usable, device.state) for device in probed.accelerators] == [(False, "no-instance")]
    assert probed.accelerators[0].why_not == message("unusable.nvidia-no-instance")
    assert probed.pools == ()


def test_mig_in_a_container() -> None:
    """
    The parent's memory is refused inside a container, the instances answer (ollama issue 1500).
    """
    probed = nvidia.probe(FakeSource(mig_machine({1: 20096}, **{MEMORY: NO_PERMISSION})))
    assert [pool.total_bytes for pool in probed.pools] == [20096 * MIB]


def test_a_chosen_mig_instance() -> None:
    """
    CUDA_VISIBLE_DEVICES names the instance that is used.
    """
    answers = mig_machine({0: 40448, 1: 20096}, **{"env:CUDA_VISIBLE_DEVICES": "MIG-00000001"})
    devices = nvidia.probe(FakeSource(answers)).accelerators
    assert [(device.uuid, device.usable) for device in devices] == [
        ("MIG-00000001", True),
        ("MIG-00000000", False),
    ]


def test_a_prohibited_device_gives_nothing() -> None:
    """
    Its compute mode leaves a budget of 0, with the reason.
    """
    probed = nvidia.probe(FakeSource(nvidia_machine(card(), **{"nvml:nvmlDeviceGetComputeMode 0": 2})))
    assert (probed.accelerators[0].usable, probed.pools[0].budget_bytes) == (False, 0)
    assert probed.pools[0].limits[-1].by == "hidden"


def test_hidden_devices_come_last_and_give_nothing() -> None:
    """
    CUDA_VISIBLE_DEVICES=1 leaves the second device, which is then the first.
    """
    answers = nvidia_machine(card(0), card(1, bus=2), **{"env:CUDA_VISIBLE_DEVICES": "1"})
    probed = nvidia.probe(FakeSource(answers))
    assert [(device.index, device.usable) for device in probed.accelerators] == [(1, True), (0, False)]
    assert [device.hidden_by for device in probed.accelerators] == [None, "CUDA_VISIBLE_DEVICES"]
    assert probed.accelerators[1].why_not == message(
        "unusable.nvidia-hidden", variable="CUDA_VISIBLE_DEVICES"
    )
    assert probed.pools[1].budget_bytes == 0


def test_a_sleeping_device_is_not_woken() -> None:
    """
    NVML is not asked; name and memory come from the kernel and the table (btop issue 1831).
    """
    answers = nvidia_machine(card(name="NVIDIA GeForce RTX 4060 Laptop GPU"))
    answers["read:/sys/bus/pci/devices/0000:01:00.0/power/runtime_status"] = "suspended\n"
    answers["read:/proc/driver/nvidia/gpus/0000:01:00.0/information"] = (
        "Model: \t\t NVIDIA GeForce RTX 4060 Laptop GPU\nGPU UUID: \t ????????\n"
    )
    source = FakeSource(answers)
    probed = nvidia.probe(source)
    assert not [name for name in source.asked if name.startswith("nvml:")]
    assert (probed.accelerators[0].usable, probed.pools[0].total_bytes, probed.pools[0].basis) == (
        True,
        8188 * MIB,
        "declared",
    )


def test_a_sleeping_device_is_woken_when_that_is_wished() -> None:
    """
    LLMPROBE_WAKE lets NVML be asked.
    """
    answers = nvidia_machine(card(), **{"env:LLMPROBE_WAKE": "1"})
    answers["read:/sys/bus/pci/devices/0000:01:00.0/power/runtime_status"] = "suspended\n"
    assert nvidia.probe(FakeSource(answers)).pools[0].basis == "measured"


@pytest.mark.parametrize(
    ("code", "status"), [(12, "missing"), (9, "failed"), (18, "failed"), (999, "failed")]
)
def test_a_card_without_a_working_driver_is_listed(code: int, status: Any) -> None:
    """
    Whatever keeps NVML from starting, the card on the bus is named with the reason.
    """
    answers = nvidia_machine(card(), **{"nvml:nvmlInit": Answer(status=status, code=code)})
    probed = nvidia.probe(FakeSource(answers))
    assert [device.usable for device in probed.accelerators] == [False]
    assert probed.accelerators[0].why_not
    assert probed.status == "failed"


def test_wsl_is_asked_without_a_pci_device() -> None:
    """
    Under WSL nothing is on the bus: /dev/dxg is what speaks for a device.
    """
    answers = nvidia_machine(card())
    answers |= {"list:/sys/bus/pci/devices": [], "list:/dev": ["dxg"]}
    del answers["read:/proc/driver/nvidia/version"]
    device = nvidia.probe(FakeSource(answers)).accelerators[0]
    assert (device.usable, device.pci) == (True, "0000:01:00.0")


def test_windows_without_the_library_is_absent() -> None:
    """
    NVML is asked on Windows, and its absence there is no failure.
    """
    source = FakeSource({"nvml:nvmlInit": Answer(status="missing", code=12)}, WINDOWS)
    assert nvidia.probe(source).status == "absent"


def test_devices_that_the_driver_does_not_list() -> None:
    """
    Of two cards on the bus NVML lists one: the other is named too.
    """
    answers = nvidia_machine(card(0), card(1, bus=2), **{"nvml:nvmlDeviceGetCount_v2": 1})
    answers["link:/sys/bus/pci/devices/0000:02:00.0/driver"] = "../../bus/pci/drivers/vfio-pci"
    devices = nvidia.probe(FakeSource(answers)).accelerators
    assert [(device.pci, device.usable) for device in devices] == [
        ("0000:01:00.0", True),
        ("0000:02:00.0", False),
    ]
    assert (devices[1].why_not, devices[1].state) == (message("unusable.nvidia-lent"), "lent")
    assert devices[1].evidence_of("state") == ("link:/sys/bus/pci/devices/0000:02:00.0/driver",)


def test_a_vgpu_profile_is_a_part() -> None:
    """
    A guest's device is marked as the part that its profile names.
    """
    answers = nvidia_machine(
        card(name="NVIDIA A40-24Q", bits=0), **{"nvml:nvmlDeviceGetVirtualizationMode 0": 2}
    )
    device = nvidia.probe(FakeSource(answers)).accelerators[0]
    assert device.partition is not None
    assert (device.partition.kind, device.partition.profile) == ("vgpu", "A40-24Q")


@pytest.mark.parametrize("status", ["missing", "denied", "failed", "timeout"])
def test_any_answer_may_fail(status: Any) -> None:
    """
    Whatever single answer about one card fails, there is a result and the other card is as before.
    """
    answers = nvidia_machine(card(0), card(1, bus=2))
    healthy = nvidia.probe(FakeSource(answers)).accelerators[1]
    for question in [name for name in answers if name.startswith("nvml:") and name.endswith((" 0", " 0 2"))]:
        probed = nvidia.probe(FakeSource(answers | {question: Answer(status=status)}))
        assert [device for device in probed.accelerators if device.uuid == healthy.uuid] == [healthy], (
            question
        )
