"""
NVIDIA devices: discrete cards, MIG instances, vGPUs, and devices that share the host's memory (GB10, Jetson).

NVML is asked only where sysfs, /dev, a Tegra device tree or Windows say that an NVIDIA device may be here,
and not of one that sleeps, because that wakes it (LLMPROBE_WAKE=1 allows it). One device's
trouble never hides another. https://docs.nvidia.com/deploy/nvml-api/

Questions, in order (``i`` is the device's index, ``i/m`` the position of a MIG instance in it):

    on Linux:
    list:/sys/bus/pci/devices
    read:/sys/bus/pci/devices/<address>/class          of each device
    read:/sys/bus/pci/devices/<address>/vendor         of each of class 0x03
    read:/sys/bus/pci/devices/<address>/device         of the same
    read:/sys/bus/pci/devices/<address>/power/runtime_status       of each of vendor 0x10de
    read:/sys/bus/pci/devices/<address>/power_state    where that does not say active
    read:/sys/bus/pci/devices/<address>/numa_node      of the same
    link:/sys/bus/pci/devices/<address>/driver         of the same
    list:/dev
    read:/proc/driver/nvidia/version
    read:/proc/device-tree/compatible                  on aarch64
    read:/proc/device-tree/model                       where that names a Tegra
    read:/etc/nv_tegra_release                         where that names a Tegra
    env:LLMPROBE_WAKE                                  where a device sleeps

    nvml:nvmlInitWithFlags 2                           where some devices sleep: without attaching to any
    nvml:nvmlInit                                      where none does, or the library lacks that
    run:nvidia-smi -q -x                               where the library cannot be loaded; its answers for NVML's then
    read:/sys/module/nvidia/version                    where it failed
    env:NVIDIA_VISIBLE_DEVICES                         where it failed, or lists no device
    read:/proc/driver/nvidia/gpus/<address>/information            of devices that NVML does not report on
    nvml:nvmlSystemGetDriverVersion
    nvml:nvmlSystemGetCudaDriverVersion_v2
    nvml:nvmlDeviceGetCount_v2

    nvml:nvmlDeviceGetHandleByIndex_v2 i
    nvml:nvmlDeviceGetName i
    nvml:nvmlDeviceGetUUID i
    nvml:nvmlDeviceGetPciInfo_v3 i                     object with busId
    nvml:nvmlDeviceGetCudaComputeCapability i          [major, minor]
    nvml:nvmlDeviceGetArchitecture i
    nvml:nvmlDeviceGetMigMode i                        [current, pending]
    nvml:nvmlDeviceGetMemoryInfo_v2 i                  object with total, reserved, free, used
    nvml:nvmlDeviceGetMemoryInfo i                     where that failed
    nvml:nvmlDeviceGetAddressingMode i                 where neither is supported, on aarch64
    nvml:nvmlDeviceGetComputeMode i
    nvml:nvmlDeviceGetDisplayActive i
    nvml:nvmlDeviceGetVirtualizationMode i
    nvml:nvmlDeviceGetComputeRunningProcesses_v3 i     list with pid, usedGpuMemory (_v2 where not found)
    nvml:nvmlDeviceGetGraphicsRunningProcesses_v3 i    the same
    winapi:adapters                                    on Windows, where no process has bytes or it shares RAM
    psutil:virtual_memory                              of the latter, and what host_ram asks
    link:/proc/self/ns/pid                             where there is a process, on Linux
    read:/proc/<pid>/comm                              of each, where its number is the same here
    nvml:nvmlDeviceGetMemoryBusWidth i
    nvml:nvmlDeviceGetMaxClockInfo i 2

    in MIG mode, instead of everything from memory on:
    nvml:nvmlDeviceGetMaxMigDeviceCount i
    nvml:nvmlDeviceGetMemoryBusWidth i
    nvml:nvmlDeviceGetMaxClockInfo i 2
    nvml:nvmlDeviceGetMigDeviceHandleByIndex i/m       for each m below that count; for each that is there:
    nvml:nvmlDeviceGetName i/m
    nvml:nvmlDeviceGetUUID i/m
    nvml:nvmlDeviceGetGpuInstanceId i/m
    nvml:nvmlDeviceGetComputeInstanceId i/m
    nvml:nvmlDeviceGetAttributes_v2 i/m                object with gpuInstanceSliceCount, memorySizeMB
    nvml:nvmlDeviceGetMemoryInfo_v2 i/m                and version 1, and the processes, as above

    env:CUDA_VISIBLE_DEVICES
    env:CUDA_MPS_PINNED_DEVICE_MEM_LIMIT
    env:CUDA_MPS_PIPE_DIRECTORY                        where that is set
    list:<that folder>                                 or /tmp/nvidia-mps, where it is set
    env:CUDA_DEVICE_ORDER                              where there are devices of different names
    env:NVIDIA_VISIBLE_DEVICES                         where the bus has more devices than NVML lists
    list:/                                             without nvidia-uvm in /dev, and what containers asks

    of each device that is not lost, for the rules:
    nvml:nvmlDeviceGetAddressingMode i
    nvml:nvmlDeviceGetVirtualizationMode i
    nvml:nvmlDeviceGetNumaNodeId i                     the node that its memory is (GH200)
    nvml:nvmlDeviceGetConfComputeMemSizeInfo i         object with protectedMemSizeKib
    nvml:nvmlDeviceGetBrand i, nvmlDeviceGetMinorNumber i, nvmlDeviceGetPerformanceState i
    nvml:nvmlDeviceGetGridLicensableFeatures_v4 i      of a vGPU
    nvml:nvmlDeviceGetPersistenceMode i                on Linux
    nvml:nvmlDeviceGetBAR1MemoryInfo i                 object with bar1Total
    nvml:nvmlDeviceGetEccMode i                        [current, pending]
    nvml:nvmlDeviceGetCurrPcieLinkGeneration i, nvmlDeviceGetMaxPcieLinkGeneration i,
    nvml:nvmlDeviceGetGpuMaxPcieLinkGeneration i, nvmlDeviceGetCurrPcieLinkWidth i,
    nvml:nvmlDeviceGetMaxPcieLinkWidth i
    nvml:nvmlDeviceGetEnforcedPowerLimit i, nvmlDeviceGetPowerManagementDefaultLimit i
    nvml:nvmlDeviceGetPowerManagementLimitConstraints i            [least, most]
    nvml:nvmlDeviceGetPowerUsage i
    nvml:nvmlDeviceGetCurrentClocksEventReasons i      (…ThrottleReasons where not found)
    nvml:nvmlDeviceGetTemperature i 0
    nvml:nvmlDeviceGetDriverModel_v2 i                 on Windows
"""

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Probed
from llmprobe.facts.vendors import Vendor
from llmprobe.machine.probes.nvidia.asking import Careful
from llmprobe.machine.probes.nvidia.presence import look

NAME = "nvidia"
PLATFORMS = frozenset({"linux", "win32"})
VENDORS = (
    Vendor(
        name="nvidia",
        rank=0,
        lists_programs=("nvidia-smi",),
        prints_link=("nvidia-smi --query-gpu=name,pcie.link.width.current,pcie.link.width.max --format=csv",),
    ),
)


def probe(source: Source) -> Probed:
    """
    Every NVIDIA device with its memory; a device that is not usable has the reason.
    """
    ask = Careful(source)
    presence = look(ask)
    if not presence.likely:
        return ask.probed(found=False)
    # Most of this package is about devices: a machine without any does not load it.
    from llmprobe.machine.probes.nvidia.present import probe_present

    return probe_present(ask, presence)
