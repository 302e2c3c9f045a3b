"""
The kernel's settings on which the speed of memory depends.

Questions, in order, on Linux only:

    read:/sys/kernel/mm/transparent_hugepage/enabled
    read:/proc/sys/kernel/numa_balancing
    read:/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor
"""

from llmprobe.machine.asking import Asker

PATHS = {
    "transparent_hugepage": "/sys/kernel/mm/transparent_hugepage/enabled",
    "numa_balancing": "/proc/sys/kernel/numa_balancing",
    "scaling_governor": "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
}
_LONGEST = 40


def kernel_settings(ask: Asker) -> dict[str, str]:
    """
    The settings by name, those that this kernel has. Of a choice (``always [madvise] never``) what is chosen.

    https://docs.kernel.org/admin-guide/mm/transhuge.html, https://docs.kernel.org/admin-guide/pm/cpufreq.html
    """
    if ask.platform.system != "linux":
        return {}
    texts = {name: ask.text(path) for name, path in PATHS.items()}
    return {name: _chosen(text) for name, text in texts.items() if text and text.strip()}


def _chosen(text: str) -> str:
    _, bracket, rest = text.partition("[")
    return (rest.partition("]")[0] if bracket else text).strip()[:_LONGEST]
