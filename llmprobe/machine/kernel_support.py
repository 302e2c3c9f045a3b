"""
The first kernel whose driver knows a GPU, where the GPU is younger than kernels that are still in use.

A driver that doesn't know a GPU isn't bound to it: AMD's is loaded, finds a block of a version that it has no code for
(Linux, amdgpu_discovery.c), and gives up; Intel's has a list of numbers (Linux, include/drm/intel/pciids.h), of which
new ones need an option at first (``force_probe``).
"""

from llmprobe.machine.kernel_release import kernel_version

_SINCE: dict[tuple[int, int], frozenset[str]] = {
    # RDNA 3: https://www.phoronix.com/review/amd-rx7000-rdna3
    (6, 0): frozenset({"0x744c", "0x7448", "0x744a", "0x7449", "0x744b", "0x745e"}),
    (6, 1): frozenset({"0x7480", "0x7483", "0x7489", "0x15bf", "0x15c8"}),
    # Arc A: i915 without force_probe.
    (6, 2): frozenset(
        {"0x56a0", "0x56a1", "0x56a2", "0x56a5", "0x56a6", "0x5690", "0x5691", "0x5692", "0x5693"}
    ),
    (6, 3): frozenset({"0x747e", "0x7470"}),
    # Strix Point, and Strix Halo after it.
    (6, 10): frozenset({"0x150e"}),
    (6, 11): frozenset({"0x1586"}),
    # RDNA 4, Krackan, Battlemage and Lunar Lake without force_probe.
    (6, 12): frozenset(
        {"0x7550", "0x7551", "0x7590", "0x1114", "0xe20b", "0xe20c", "0xe211", "0xe212", "0x64a0", "0x6420"}
    ),
    # Battlemage G31.
    (6, 17): frozenset({"0xe220", "0xe221", "0xe222", "0xe223"}),
}


def too_old(release: str | None, device: str | None) -> str | None:
    """
    The first kernel that has a driver for a device, where the one that runs is older; None where it is not.
    """
    version = kernel_version(release)
    since = next((first for first, devices in _SINCE.items() if device in devices), None)
    if version is None or since is None or version >= since:
        return None
    return ".".join(map(str, since))
