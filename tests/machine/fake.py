"""
A source that answers from a dictionary, and the answers of a few usual machines to start from.

What the dictionary does not hold is ``missing``, and every question is kept, so that a test can say what was asked.
"""

from typing import Any

from llmprobe.facts.answer import Answer, Platform
from llmprobe.facts.asking import Asking, question_name

LINUX = Platform(system="linux", machine="x86_64", release="6.8.0")
LINUX_ARM = Platform(system="linux", machine="aarch64", release="6.8.0")
MAC = Platform(system="darwin", machine="arm64", release="24.0.0")
WINDOWS = Platform(system="win32", machine="AMD64", release="10")

MIB = 1024**2
GIB = 1024**3

MISSING = Answer(status="missing")
NOT_SUPPORTED = Answer(status="missing", code=3, detail="NOT_SUPPORTED")
FUNCTION_NOT_FOUND = Answer(status="missing", code=13, detail="FUNCTION_NOT_FOUND")
NO_PERMISSION = Answer(status="denied", code=4, detail="NO_PERMISSION")
LOST = Answer(status="failed", code=15, detail="GPU_IS_LOST")
UNKNOWN = Answer(status="failed", code=999, detail="UNKNOWN")


class FakeSource(Asking):
    """
    Answers by the question's name; a value that is no ``Answer`` is an ``ok`` one.
    """

    def __init__(self, answers: dict[str, Any], platform: Platform = LINUX) -> None:
        self.answers = answers
        self.platform = platform
        self.this_machine = False
        self.asked: list[str] = []

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        name = question_name(method, args)
        self.asked.append(name)
        value = self.answers.get(name, MISSING)
        return value if isinstance(value, Answer) else Answer(value=value)


def nvidia_pci(address: str = "0000:01:00.0", driver: str = "nvidia") -> dict[str, Any]:
    """
    Return the answers of sysfs about one NVIDIA card that is awake.
    """
    path = f"/sys/bus/pci/devices/{address}"
    return {
        f"read:{path}/class": "0x030000\n",
        f"read:{path}/vendor": "0x10de\n",
        f"read:{path}/device": "0x2684\n",
        f"read:{path}/power/runtime_status": "active\n",
        f"link:{path}/driver": f"../../../../bus/pci/drivers/{driver}",
    }


def card(
    index: int = 0,
    *,
    name: str = "NVIDIA GeForce RTX 4090",
    total_mib: int = 24564,
    reserved_mib: int = 450,
    used_mib: int = 0,
    bus: int = 1,
    capability: tuple[int, int] = (8, 9),
    bits: int = 384,
    megahertz: int = 10501,
) -> dict[str, Any]:
    """
    Return the answers of NVML about one healthy card.
    """
    free = total_mib - reserved_mib - used_mib
    return {
        f"nvml:nvmlDeviceGetHandleByIndex_v2 {index}": True,
        f"nvml:nvmlDeviceGetName {index}": name,
        f"nvml:nvmlDeviceGetUUID {index}": f"GPU-0000000{index}-0000-0000-0000-000000000000",
        f"nvml:nvmlDeviceGetPciInfo_v3 {index}": {"busId": f"00000000:{bus:02X}:00.0"},
        f"nvml:nvmlDeviceGetCudaComputeCapability {index}": list(capability),
        f"nvml:nvmlDeviceGetMigMode {index}": NOT_SUPPORTED,
        f"nvml:nvmlDeviceGetMemoryInfo_v2 {index}": {
            "total": total_mib * MIB,
            "reserved": reserved_mib * MIB,
            "used": used_mib * MIB,
            "free": free * MIB,
        },
        f"nvml:nvmlDeviceGetComputeMode {index}": 0,
        f"nvml:nvmlDeviceGetDisplayActive {index}": 0,
        f"nvml:nvmlDeviceGetEccMode {index}": NOT_SUPPORTED,
        f"nvml:nvmlDeviceGetBAR1MemoryInfo {index}": {"bar1Total": 32768 * MIB, "bar1Free": 0, "bar1Used": 0},
        f"nvml:nvmlDeviceGetVirtualizationMode {index}": 0,
        f"nvml:nvmlDeviceGetComputeRunningProcesses_v3 {index}": [],
        f"nvml:nvmlDeviceGetGraphicsRunningProcesses_v3 {index}": [],
        f"nvml:nvmlDeviceGetMemoryBusWidth {index}": bits,
        f"nvml:nvmlDeviceGetMaxClockInfo {index} 2": megahertz,
    }


def nvidia_machine(*cards: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """
    Return the answers of a Linux machine with these cards, on the bus at 1, 2, ….
    """
    answers: dict[str, Any] = {
        "list:/sys/bus/pci/devices": [f"0000:{place:02x}:00.0" for place in range(1, len(cards) + 1)],
        "list:/dev": ["null", "nvidia0", "nvidiactl"],
        "read:/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue",
        "nvml:nvmlInit": None,
        "nvml:nvmlSystemGetDriverVersion": "580.95.05",
        "nvml:nvmlSystemGetCudaDriverVersion_v2": 13000,
        "nvml:nvmlDeviceGetCount_v2": len(cards),
    }
    for place, answered in enumerate(cards, start=1):
        answers |= nvidia_pci(f"0000:{place:02x}:00.0")
        answers |= answered
    return answers | changes


def smi_xml(*, name: str = "NVIDIA GeForce RTX 4090", bus: int = 1, more: str = "") -> str:
    """
    The output of ``nvidia-smi -q -x`` for one idle card, with further elements of the device.
    """
    return f"""<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">
<nvidia_smi_log>
    <driver_version>580.95.05</driver_version>
    <cuda_version>13.0</cuda_version>
    <attached_gpus>1</attached_gpus>
    <gpu id="00000000:{bus:02X}:00.0">
        <product_name>{name}</product_name>
        <uuid>GPU-00000000-0000-0000-0000-000000000000</uuid>
        <display_active>Disabled</display_active>
        <mig_mode><current_mig>N/A</current_mig><pending_mig>N/A</pending_mig></mig_mode>
        <fb_memory_usage>
            <total>24564 MiB</total>
            <reserved>450 MiB</reserved>
            <used>1 MiB</used>
            <free>24113 MiB</free>
        </fb_memory_usage>
        <bar1_memory_usage><total>32768 MiB</total></bar1_memory_usage>
        <compute_mode>Default</compute_mode>
        <processes></processes>
        {more}
    </gpu>
</nvidia_smi_log>
"""


def plain_host(total_gib: int = 64, available_gib: int = 60) -> dict[str, Any]:
    """
    Return the answers of Linux about memory and processor.
    """
    return {
        "psutil:virtual_memory": {"total": total_gib * GIB, "available": available_gib * GIB},
        "read:/proc/meminfo": f"MemTotal: {total_gib * MIB} kB\nMemAvailable: {available_gib * MIB} kB\n",
        "psutil:swap_memory": {"total": 0, "used": 0},
        "cpuinfo:": {"brand_raw": "A Processor", "vendor_id_raw": "AuthenticAMD", "flags": ["avx2", "fpu"]},
        "psutil:cpu_count": 16,
        "psutil:cpu_count_cores": 8,
        "psutil:cpu_affinity": list(range(16)),
    }
