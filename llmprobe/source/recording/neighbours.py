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
_VARIABLES = (
    "CUDA_DEVICE_ORDER",
    "CUDA_VISIBLE_DEVICES",
    "GGML_VK_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "HSA_OVERRIDE_GFX_VERSION",
    "NVIDIA_VISIBLE_DEVICES",
    "ONEAPI_DEVICE_SELECTOR",
    "ROCR_VISIBLE_DEVICES",
    "ZE_AFFINITY_MASK",
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
    for name in _VARIABLES:
        source.env(name)
    source.psutil("virtual_memory")
    source.psutil("swap_memory")
