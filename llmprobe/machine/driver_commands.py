"""
The command that installs NVIDIA's driver, by the system's own packages.
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


def driver_commands(snapshot: Snapshot) -> tuple[str, ...]:
    """
    The commands that install the driver on this system; none where another system has the driver, as under WSL.
    """
    if snapshot.host.system != "linux" or snapshot.host.environment in ("wsl", "container"):
        return ()
    system = snapshot.host.os or ""
    own = next((command for names, command in _BY_SYSTEM if any(name in system for name in names)), None)
    return tuple(command for _, command in _BY_SYSTEM[:3]) if own is None else (own,)
