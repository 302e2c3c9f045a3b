"""
The commands that change a system by its own tools: NVIDIA's driver, and parameters of the kernel.

Sources: each distribution's documentation of its driver packages; packages.debian.org/nvidia-driver (550 in Debian 13,
535 in Debian 12).
"""

from llmprobe.facts.machine import Snapshot

_BY_SYSTEM = (
    (("Ubuntu", "Linux Mint", "Pop!_OS"), "sudo ubuntu-drivers install"),
    (("Debian",), "sudo apt install nvidia-driver"),
    (("Fedora",), "sudo dnf install akmod-nvidia xorg-x11-drv-nvidia-cuda"),
    (("Red Hat", "Rocky", "AlmaLinux", "Amazon Linux"), "sudo dnf module install nvidia-driver:latest-dkms"),
    (("Arch", "Manjaro", "EndeavourOS"), "sudo pacman -S nvidia-open"),
    (("openSUSE",), "sudo zypper install nvidia-open-driver-G06-signed-kmp-meta"),
)
_NEWEST = {"Debian": 550}
"""The newest branch of the driver that a system's own packages have, where that is an old one."""

_GRUB = ("Ubuntu", "Linux Mint", "Pop!_OS", "Debian")


def driver_commands(snapshot: Snapshot, *, at_least: int = 0) -> tuple[str, ...]:
    """
    The commands that install the driver on this system; none where another system has the driver, as under WSL, or
    where the system's packages are older than ``at_least``.
    """
    if snapshot.host.system != "linux" or snapshot.host.environment in ("wsl", "container"):
        return ()
    system = snapshot.host.os or ""
    if any(name in system and newest < at_least for name, newest in _NEWEST.items()):
        return ()
    own = next((command for names, command in _BY_SYSTEM if any(name in system for name in names)), None)
    return tuple(command for _, command in _BY_SYSTEM[:3]) if own is None else (own,)


def kernel_parameter_commands(snapshot: Snapshot, parameters: str) -> tuple[str, ...]:
    """
    The commands that add parameters to the kernel's command line from the next start on.
    """
    if any(name in (snapshot.host.os or "") for name in _GRUB):
        line = 's/^GRUB_CMDLINE_LINUX_DEFAULT="/&' + parameters + " /"
        return (f"sudo sed -i '{line}' /etc/default/grub", "sudo update-grub")
    return (f"sudo grubby --update-kernel=ALL --args='{parameters}'",)
