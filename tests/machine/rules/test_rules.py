"""
Each rule fires where its matter is and stays silent elsewhere.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from llmprobe.facts.answer import Answer, Status
from llmprobe.facts.machine import Host, Snapshot, SourceReport
from llmprobe.machine import rules
from llmprobe.machine.hypothetical import Options, hypothetical
from llmprobe.machine.snapshot import collect
from llmprobe.words.message import message
from tests.machine.fake import (
    GIB,
    LINUX_ARM,
    LOST,
    MAC,
    MIB,
    NOT_SUPPORTED,
    UNKNOWN,
    WINDOWS,
    FakeSource,
    card,
    nvidia_machine,
    plain_host,
    smi_xml,
)
from tests.machine.rules.engine_cases import CASES as ENGINE_CASES
from tests.machine.rules.host_cases import CASES as HOST_CASES

INIT = "nvml:nvmlInit"


def snapshot_of(source: FakeSource) -> Snapshot:
    """
    Return the machine of a source.
    """
    return collect(source)


def linux(answers: dict[str, Any]) -> Snapshot:
    return snapshot_of(FakeSource(plain_host() | answers))


def nvidia_with(*cards: dict[str, Any], **changes: Any) -> Snapshot:
    return linux(nvidia_machine(*(cards or (card(),)), **changes))


def ids(snapshot: Snapshot) -> set[str]:
    return {finding.id for finding in rules.diagnosed(snapshot).findings}


def init_fails(code: int, **more: Any) -> Snapshot:
    status: Any = "missing" if code == 12 else "failed"
    return nvidia_with(card(), **{INIT: Answer(status=status, code=code)}, **more)


def in_container(**more: Any) -> dict[str, Any]:
    return {
        "list:/": [".dockerenv"],
        "list:/dev": ["null"],
        "read:/proc/driver/nvidia/version": Answer(status="missing"),
    } | more


def mig(**more: Any) -> Snapshot:
    return nvidia_with(card(name="NVIDIA H100 80GB HBM3"), **{"nvml:nvmlDeviceGetMigMode 0": [1, 1]}, **more)


INSTANCE = {
    "nvml:nvmlDeviceGetMigDeviceHandleByIndex 0/0": True,
    "nvml:nvmlDeviceGetName 0/0": "NVIDIA H100 80GB HBM3 MIG 3g.40gb",
    "nvml:nvmlDeviceGetMemoryInfo_v2 0/0": {"total": 40 * GIB, "reserved": 0, "free": 40 * GIB},
}
UNIFIED = {
    "nvml:nvmlDeviceGetMemoryInfo_v2 0": NOT_SUPPORTED,
    "nvml:nvmlDeviceGetMemoryInfo 0": NOT_SUPPORTED,
}
SLEEPING = {"read:/sys/bus/pci/devices/0000:01:00.0/power/runtime_status": "suspended"}
BUSY = {"nvml:nvmlDeviceGetComputeRunningProcesses_v3 0": [{"pid": 5, "usedGpuMemory": 8000 * MIB}]}
BAR1 = "nvml:nvmlDeviceGetBAR1MemoryInfo 0"
REASONS = "nvml:nvmlDeviceGetCurrentClocksEventReasons 0"
LINK = {
    "nvml:nvmlDeviceGetMaxPcieLinkWidth 0": 16,
    "nvml:nvmlDeviceGetMaxPcieLinkGeneration 0": 4,
    "nvml:nvmlDeviceGetGpuMaxPcieLinkGeneration 0": 4,
}
POWER = {
    "nvml:nvmlDeviceGetEnforcedPowerLimit 0": 300000,
    "nvml:nvmlDeviceGetPowerManagementDefaultLimit 0": 450000,
}
CONTAINER_8G = {
    "read:/proc/self/cgroup": "0::/\n",
    "read:/proc/self/mountinfo": "30 20 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
    "read:/sys/fs/cgroup/memory.max": str(8 * GIB),
    "read:/sys/fs/cgroup/memory.current": str(1 * GIB),
    "read:/sys/fs/cgroup/cpu.max": "200000 100000",
}
INTEL = {
    "list:/sys/bus/pci/devices": ["0000:00:02.0"],
    "read:/sys/bus/pci/devices/0000:00:02.0/class": "0x030000",
    "read:/sys/bus/pci/devices/0000:00:02.0/vendor": "0x8086",
}
M3_MAX = {
    "sysctl:hw.optional.arm64": 1,
    "sysctl:hw.memsize": 64 * GIB,
    "sysctl:machdep.cpu.brand_string": "Apple M3 Max",
    "psutil:virtual_memory": {"total": 64 * GIB, "available": 60 * GIB},
}


def printed(text: str) -> dict[str, object]:
    """
    What a command that ended well answers.
    """
    return {"exit": 0, "stdout": text, "stderr": ""}


MAC_OVERFULL = {
    "run:vm_stat": printed(
        "(page size of 16384 bytes)\nPages free: 9.\nPages purgeable: 0.\nFile-backed pages: 65536.\n"
        "Anonymous pages: 3000000.\nPages wired down: 500000.\nPages stored in compressor: 800000.\n"
    )
}

CASES: dict[str, Callable[[], Snapshot]] = {
    "nvidia-no-library": lambda: init_fails(12),
    "nvidia-module-not-loaded": lambda: init_fails(9),
    "nvidia-version-mismatch": lambda: init_fails(18),
    "nvidia-container-no-devices": lambda: init_fails(12, **in_container()),
    "nvidia-container-lost": lambda: init_fails(999, **in_container()),
    "gpu-vfio": lambda: nvidia_with(
        card(), **{"link:/sys/bus/pci/devices/0000:01:00.0/driver": "../../bus/pci/drivers/vfio-pci"}
    ),
    "wsl-no-passthrough": lambda: linux({"read:/proc/sys/kernel/osrelease": "5.15-microsoft-standard-WSL2"}),
    "wsl-driver-shadow": lambda: linux(
        {
            "read:/proc/sys/kernel/osrelease": "5.15-microsoft-standard-WSL2",
            "list:/dev": ["dxg"],
            INIT: Answer(status="failed", code=9),
        }
    ),
    "gpu-lost": lambda: nvidia_with(
        card(0), card(1, bus=2), **{"nvml:nvmlDeviceGetHandleByIndex_v2 1": LOST}
    ),
    "gpu-asleep": lambda: nvidia_with(card(), **SLEEPING),
    "gpu-unreachable": lambda: nvidia_with(card(), **{"nvml:nvmlDeviceGetHandleByIndex_v2 0": UNKNOWN}),
    "compute-prohibited": lambda: nvidia_with(card(), **{"nvml:nvmlDeviceGetComputeMode 0": 2}),
    "exclusive-process": lambda: nvidia_with(card(), **{"nvml:nvmlDeviceGetComputeMode 0": 3}),
    "mig-partitioned": lambda: mig(**INSTANCE),
    "mig-no-instance": mig,
    "cuda-visible-hides": lambda: nvidia_with(card(0), card(1, bus=2), **{"env:CUDA_VISIBLE_DEVICES": "0"}),
    "cuda-order-uncertain": lambda: nvidia_with(card(0), card(1, name="NVIDIA GeForce RTX 3090", bus=2)),
    "vram-held": lambda: nvidia_with(card(used_mib=9000), **BUSY),
    "display-on-gpu": lambda: nvidia_with(card(), **{"nvml:nvmlDeviceGetDisplayActive 0": 1}),
    "swap-in-use": lambda: linux({"psutil:swap_memory": {"total": 8 * GIB, "used": 4 * GIB}}),
    "unified-pool": lambda: snapshot_of(
        FakeSource(plain_host() | nvidia_machine(card(name="NVIDIA GB10"), **UNIFIED), LINUX_ARM)
    ),
    "mac-wired-limit": lambda: snapshot_of(FakeSource(M3_MAX, MAC)),
    "mac-memory-full": lambda: snapshot_of(FakeSource(M3_MAX | MAC_OVERFULL, MAC)),
    "mac-low-power": lambda: snapshot_of(
        FakeSource(M3_MAX | {"run:pmset -g": printed(" lowpowermode         1\n")}, MAC)
    ),
    "mac-rosetta": lambda: snapshot_of(FakeSource(M3_MAX | {"sysctl:sysctl.proc_translated": 1}, MAC)),
    "mac-vm": lambda: snapshot_of(FakeSource(M3_MAX | {"sysctl:kern.hv_vmm_present": 1}, MAC)),
    "container-ram": lambda: linux(CONTAINER_8G),
    "cpu-quota": lambda: linux(CONTAINER_8G),
    "no-avx2": lambda: linux({"cpuinfo:": {"brand_raw": "QEMU Virtual CPU", "flags": ["sse4_2"]}}),
    "ecc-on": lambda: nvidia_with(card(name="NVIDIA A10G"), **{"nvml:nvmlDeviceGetEccMode 0": [1, 1]}),
    "vram-reserved": lambda: nvidia_with(card(reserved_mib=2000)),
    "rebar-off": lambda: nvidia_with(card(), **{BAR1: {"bar1Total": 256 * MIB}}),
    "pcie-narrow": lambda: nvidia_with(card(), **LINK, **{"nvml:nvmlDeviceGetCurrPcieLinkWidth 0": 4}),
    "thermal-throttle": lambda: nvidia_with(
        card(), **{REASONS: 0x20, "nvml:nvmlDeviceGetTemperature 0 0": 91}
    ),
    "power-cap": lambda: nvidia_with(card(), **POWER),
    "driver-too-old": lambda: nvidia_with(
        card(name="Tesla P40", capability=(6, 1)), **{"nvml:nvmlSystemGetDriverVersion": "550.54.14"}
    ),
    "gpu-too-old": lambda: nvidia_with(card(name="Tesla M40 24GB", capability=(5, 2))),
    "vgpu": lambda: nvidia_with(card(name="NVIDIA A40-24Q"), **{"nvml:nvmlDeviceGetVirtualizationMode 0": 2}),
    "nvidia-sysmem-fallback": lambda: snapshot_of(
        FakeSource(
            plain_host() | nvidia_machine(card(), **{"nvml:nvmlDeviceGetDriverModel_v2 0": [0, 0]}), WINDOWS
        )
    ),
    "nvidia-smi-only": lambda: init_fails(
        12, **{"run:nvidia-smi -q -x": {"exit": 0, "stdout": smi_xml(), "stderr": ""}}
    ),
    "table-estimate": lambda: nvidia_with(card(bits=0)),
    "no-gpu": lambda: linux(INTEL),
    "probe-failed": lambda: linux({"psutil:swap_memory": Answer(status="timeout")}),
    "no-nvlink": lambda: hypothetical(["2x RTX 4090 nvlink"], 64 * GIB),
    "memory-assumed": lambda: hypothetical(["RTX 3060"], 64 * GIB),
    "cpu-not-listed": lambda: hypothetical([], 64 * GIB, Options(cpu="Some processor")),
    "gpu-not-looked-for": lambda: linux({"list:/sys/bus/pci/devices": Answer(status="timeout")}),
    "not-recorded": lambda: linux({"psutil:swap_memory": Answer(status="not_recorded")}),
}

CASES |= {
    "rule-crashed": lambda: msgspec.structs.replace(
        linux({}), sources=(SourceReport(name="rule:no-avx2", status="crashed"),)
    )
}
CASES |= {
    "nvidia-unlisted": lambda: nvidia_with(card(), **{"nvml:nvmlDeviceGetCount_v2": 0}),
    "nvidia-no-uvm": lambda: nvidia_with(
        card(), **in_container(**{"list:/dev": ["nvidia0", "nvidiactl", "null"]})
    ),
}
CASES |= {"nvidia-slow": lambda: nvidia_with(card(), **{INIT: Answer(status="timeout")})}
CASES |= HOST_CASES
CASES |= ENGINE_CASES


def test_every_rule_has_a_case() -> None:
    """
    A new rule comes with a machine on which it fires.
    """
    assert sorted(CASES) == sorted(rule.id for rule in rules.all_rules())


@pytest.mark.parametrize("rule_id", CASES)
def test_a_rule_fires_where_its_matter_is(rule_id: str) -> None:
    """
    With its evidence, which are questions that were asked, and words for a person.
    """
    found = [finding for finding in rules.diagnosed(CASES[rule_id]()).findings if finding.id == rule_id]
    assert found
    assert all(finding.evidence and finding.title and finding.detail for finding in found)


@pytest.mark.parametrize("rule_id", sorted(set(CASES) - {"no-gpu"}))
def test_a_rule_is_silent_on_a_healthy_machine(rule_id: str) -> None:
    """
    An idle card in a sound machine gives no finding at all.
    """
    assert rule_id not in ids(nvidia_with(card()))


def test_a_machine_with_a_gpu_is_not_without_one() -> None:
    """
    Nor is one whose only card is broken: that has its own finding.
    """
    assert "no-gpu" not in ids(nvidia_with(card()))
    assert "no-gpu" not in ids(init_fails(9))


@pytest.mark.parametrize("status", ["timeout", "denied", "failed", "not_recorded"])
def test_a_source_that_did_not_answer_is_no_missing_gpu(status: Status) -> None:
    """
    Where the bus could not be listed it is unknown whether there is a GPU, and the finding names the sources.
    """
    snapshot = linux({"list:/sys/bus/pci/devices": Answer(status=status)})
    finding = next(each for each in snapshot.findings if each.id == "gpu-not-looked-for")

    assert "no-gpu" not in ids(snapshot)
    assert set(finding.evidence) >= {"source:amd", "source:intel", "source:pci"}
    assert (finding.remedy is not None) is (status == "timeout")


def test_a_probe_that_crashed_is_no_missing_gpu() -> None:
    """
    Nobody looked for the devices of its vendor.
    """
    bare = Snapshot(
        this_machine=True,
        host=Host(system="linux", machine="x86_64"),
        sources=(
            SourceReport(name="nvidia", status="absent"),
            SourceReport(name="amd", status="crashed"),
            SourceReport(name="disk", status="timeout"),
        ),
    )
    finding = next(each for each in rules.diagnosed(bare).findings if each.id == "gpu-not-looked-for")

    assert "no-gpu" not in ids(bare)
    assert finding.evidence == ("source:amd",)


def test_a_gpu_that_is_known_is_looked_for_no_further() -> None:
    """
    With a usable card, a silent source of another vendor is no warning about GPUs.
    """
    snapshot = nvidia_with(card(), **{"list:/sys/class/kfd/kfd/topology/nodes": Answer(status="timeout")})
    silent = msgspec.structs.replace(
        snapshot, sources=(*snapshot.sources, SourceReport(name="asahi", status="timeout"))
    )

    assert ids(silent) & {"no-gpu", "gpu-not-looked-for"} == set()


def test_sources_that_failed_alike_are_one_finding() -> None:
    """
    One for each status and reason, so that a slow machine is no page of warnings; each says what may help.
    """
    slow, broken = message("source.deadline", seconds=1.0), message("source.crashed", error="KeyError")
    snapshot = Snapshot(
        this_machine=True,
        host=Host(system="linux", machine="x86_64"),
        sources=(
            SourceReport(name="cpu", status="timeout", detail=slow),
            SourceReport(name="disk", status="crashed", detail=broken),
            SourceReport(name="numa", status="timeout", detail=slow),
            SourceReport(name="memory", status="timeout"),
            SourceReport(name="cgroup", status="partial", detail=slow),
            SourceReport(name="host", status="ok"),
            SourceReport(name="power", status="absent"),
        ),
    )

    found = {each.evidence: each for each in rules.diagnosed(snapshot).findings if each.id == "probe-failed"}
    assert {names: (each.severity, each.detail.values["reason"]) for names, each in found.items()} == {
        ("source:cpu", "source:numa"): ("warning", slow),
        ("source:memory",): ("warning", None),
        ("source:disk",): ("warning", broken),
        ("source:cgroup",): ("note", slow),
    }
    assert {names[0]: each.remedy and each.remedy.commands for names, each in found.items()} == {
        "source:cpu": ("llmprobe --timeout 10 check",),
        "source:memory": ("llmprobe --timeout 10 check",),
        "source:disk": ("llmprobe record -o machine.json",),
        "source:cgroup": None,
    }
    assert found["source:cpu", "source:numa"].title.values["sources"] == ("cpu", "numa")


def test_errors_come_first() -> None:
    """
    Findings are sorted by severity.
    """
    severities = [finding.severity for finding in init_fails(18, **INTEL).findings]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert severities[0] == "error"


def test_a_container_is_not_told_to_install_a_driver() -> None:
    """
    The driver belongs to the host.
    """
    assert "nvidia-no-library" not in ids(init_fails(12, **in_container()))


def test_a_limit_above_the_host_is_none() -> None:
    """
    A container that may use more than there is is not limited.
    """
    assert "container-ram" not in ids(
        linux(CONTAINER_8G | {"read:/sys/fs/cgroup/memory.max": str(100 * GIB)})
    )


def test_who_holds_memory_is_named() -> None:
    """
    By process, with what it holds.
    """
    busy = nvidia_with(card(used_mib=9000), **BUSY, **{"read:/proc/5/comm": "ollama\n"})
    finding = next(each for each in busy.findings if each.id == "vram-held")
    process = message("finding.vram-held.process", name="ollama", pid=5, used_bytes=8000 * MIB)
    assert finding.detail.values["holders"] == message(
        "finding.vram-held.by", processes=(process,), more=None
    )
    assert "Used by ollama (PID 5) 7.81 GiB." in str(finding.detail)
    assert finding.remedy is not None
    assert "ollama stop MODEL" in finding.remedy.commands


def test_an_arm_processor_lacks_no_avx2() -> None:
    """
    The rule is about x86.
    """
    snapshot = linux({})
    arm = msgspec.structs.replace(
        snapshot, host=Host(system="linux", machine="aarch64", cpu=snapshot.host.cpu)
    )
    assert "no-avx2" not in ids(arm)


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("ollama", "ollama stop MODEL"),
        ("llmster", "lms unload --all"),
        ("game", "nvidia-smi"),
    ],
)
def test_who_holds_memory_is_told_how_to_let_go(program: str, command: str) -> None:
    """
    Each engine is unloaded in its own way.
    """
    busy = nvidia_with(card(used_mib=9000), **BUSY, **{"read:/proc/5/comm": program})
    remedy = next(each.remedy for each in busy.findings if each.id == "vram-held")

    assert remedy is not None
    assert remedy.commands == (command,)


@pytest.mark.parametrize(
    ("system", "command"),
    [("Ubuntu 24.04.3 LTS", "sudo ubuntu-drivers install"), ("Arch Linux", "sudo pacman -S nvidia-open")],
)
def test_the_driver_is_installed_as_the_system_does(system: str, command: str) -> None:
    """
    The command is that of the system's own packages.
    """
    missing = init_fails(12, **{"read:/etc/os-release": f'PRETTY_NAME="{system}"\n'})
    remedy = next(each.remedy for each in missing.findings if each.id == "nvidia-no-library")

    assert remedy is not None
    assert remedy.commands == (command,)
