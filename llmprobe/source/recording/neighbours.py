"""
What a recording keeps beside what the probes of today ask: raw text that a later parser can learn more from.
"""

from llmprobe.facts.answer import Source

_LINUX_FILES = (
    "/etc/os-release",
    "/proc/cmdline",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/pressure/memory",
    "/proc/swaps",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/overcommit_ratio",
    "/proc/version",
    "/sys/devices/system/node/online",
)
_LINUX_LISTS = (
    "/dev/dri",
    "/sys/bus/pci/devices",
    "/sys/class/drm",
    "/sys/class/kfd/kfd/topology/nodes",
)
_MAC_SYSCTLS = ("hw.memsize_usable", "hw.model", "hw.pagesize", "kern.osproductversion", "vm.swapusage")
_WINDOWS = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_BIOS = r"HKLM\HARDWARE\DESCRIPTION\System\BIOS"
_REGISTRY = (
    (_WINDOWS, "ProductName"),
    (_WINDOWS, "DisplayVersion"),
    (_WINDOWS, "CurrentBuild"),
    (_WINDOWS, "UBR"),
    (_BIOS, "SystemManufacturer"),
    (_BIOS, "BaseBoardProduct"),
    (_BIOS, "BIOSVersion"),
    (r"HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor\0", "ProcessorNameString"),
    (r"HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor\0", "Identifier"),
    (r"HKLM\SYSTEM\CurrentControlSet\Control\GraphicsDrivers", "HwSchMode"),
)
_WINDOWS_LIBRARIES = ("adapters", "memory", "processor", "memory-modules")
_DISPLAYS = "/sys/bus/pci/devices"
_VARIABLES = (
    "CUDA_DEVICE_ORDER",
    "CUDA_VISIBLE_DEVICES",
    "GGML_VK_DISABLE_COOPMAT",
    "GGML_VK_FORCE_MAX_ALLOCATION_SIZE",
    "GGML_VK_FORCE_MAX_BUFFER_SIZE",
    "GGML_VK_SUBALLOCATION_BLOCK_SIZE",
    "GGML_VK_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "HIP_VISIBLE_DEVICES",
    "HSA_OVERRIDE_GFX_VERSION",
    "NVIDIA_VISIBLE_DEVICES",
    "ONEAPI_DEVICE_SELECTOR",
    "ROCR_VISIBLE_DEVICES",
    "VK_DRIVER_FILES",
    "VK_ICD_FILENAMES",
    "ZE_AFFINITY_MASK",
    "ZE_FLAT_DEVICE_HIERARCHY",
)


def ask_neighbours(source: Source) -> None:
    """
    Put further questions to a source that keeps them.
    """
    if source.platform.system == "linux":
        for path in _LINUX_FILES:
            source.read(path)
        for path in _LINUX_LISTS:
            source.list(path)
    elif source.platform.system == "darwin":
        for name in _MAC_SYSCTLS:
            source.sysctl(name)
    elif source.platform.system == "win32":
        for key, name in _REGISTRY:
            source.registry(key, name)
        for name in _WINDOWS_LIBRARIES:
            source.winapi(name)
    if not _sleeps(source):
        source.vulkan()
    for name in _VARIABLES:
        source.env(name)
    source.psutil("virtual_memory")
    source.psutil("swap_memory")


def _sleeps(source: Source) -> bool:
    """
    Whether a device on the bus sleeps, which Vulkan's drivers would wake: all are looked at, not only GPUs.
    """
    if source.platform.system != "linux":
        return False
    listed = source.list(_DISPLAYS)
    states = (source.read(f"{_DISPLAYS}/{name}/power/runtime_status") for name in listed.value or ())
    return any(str(state.value).strip() == "suspended" for state in states if state.ok)
