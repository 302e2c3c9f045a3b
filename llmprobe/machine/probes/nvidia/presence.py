"""
Whether an NVIDIA device may be here at all, found out without loading NVML and without waking a sleeping device.
"""

import re
from typing import TypeVar

import msgspec

from llmprobe.facts.nvidia import NvidiaSystem
from llmprobe.facts.seen import Seen
from llmprobe.machine.asking import Asker, as_int, items_of
from llmprobe.machine.pci_bus import PCI, PciDevice, display_devices

VENDOR = "0x10de"
LENT = "vfio-pci"
"""The kernel driver of a device that a virtual machine uses."""

PROC_VERSION = "/proc/driver/nvidia/version"
TEGRA_RELEASE = "/etc/nv_tegra_release"
TREE_COMPATIBLE = "/proc/device-tree/compatible"
TREE_MODEL = "/proc/device-tree/model"
T = TypeVar("T")

_UVM = "nvidia-uvm"
_CARD = r"nvidia\d{1,3}"
_POWER_FILES = ("power/runtime_status", "power_state")
_L4T = r"# R(\d{1,4}) \(release\), REVISION: (\d{1,4}(?:\.\d{1,4})*)"
_MODULE_VERSION = r"Kernel Module(?: for \S+)?\s+(?:Open\s+)?(\d+(?:\.\d+)+)"


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """
    The signs of an NVIDIA device, before NVML is asked.

    ``asleep`` holds the addresses of devices that the kernel has powered down, ``drivers`` the kernel
    driver bound to each address (``nvidia``, ``nouveau``, ``vfio-pci``), ``nodes_near`` its NUMA node.
    ``module_open`` is whether the kernel module that runs is NVIDIA's open one.
    ``tegra`` is the board's name where it is a Jetson, ``l4t`` the release of its system.
    """

    devices: tuple[PciDevice, ...] = ()
    asleep: tuple[str, ...] = ()
    drivers: dict[str, str] = {}
    nodes: tuple[str, ...] = ()
    nodes_near: dict[str, int] = {}
    module_version: str | None = None
    module_open: bool | None = None
    tegra: str | None = None
    l4t: str | None = None
    windows: bool = False

    @property
    def wsl(self) -> bool:
        return "dxg" in self.nodes

    @property
    def likely(self) -> bool:
        nodes = any(node.startswith("nvidia") for node in self.nodes)
        return bool(self.devices or self.tegra or self.module_version or nodes or self.wsl or self.windows)

    @property
    def elsewhere(self) -> bool:
        """True where every device is lent to a virtual machine."""
        return bool(self.devices) and all(self.lent(device.address) for device in self.devices)

    @property
    def has_all_files(self) -> bool:
        """True where there is a file for every device: a container may have been given some of them."""
        return len(self._cards) >= len(self.devices)

    @property
    def _cards(self) -> tuple[str, ...]:
        return tuple(node for node in self.nodes if re.fullmatch(_CARD, node))

    @property
    def without_uvm(self) -> bool:
        """True where the files of devices are there, and not the one through which CUDA manages their memory."""
        return bool(self._cards) and not self.wsl and self.tegra is None and _UVM not in self.nodes

    def lent(self, address: str | None) -> bool:
        """True where the device at an address is lent to a virtual machine."""
        return address is not None and self.drivers.get(address) == LENT


def look(ask: Asker) -> Presence:
    """
    The signs of an NVIDIA device.
    """
    if ask.platform.system == "win32":
        return Presence(windows=True)
    devices = tuple(device for device in display_devices(ask) if device.vendor == VENDOR)
    asleep, drivers, near = [], {}, {}
    for device in devices:
        if _sleeps(ask, device):
            asleep.append(device.address)
        node = as_int(ask.text(f"{device.path}/numa_node"))
        if node is not None:
            near[device.address] = node
        driver = ask.link(f"{device.path}/driver")
        if driver.ok and isinstance(driver.value, str):
            drivers[device.address] = driver.value.rsplit("/", 1)[-1]
    nodes = tuple(str(name) for name in items_of(ask.list("/dev")) if _is_node(str(name)))
    version = ask.text(PROC_VERSION)
    tegra = _tegra(ask) if ask.platform.machine == "aarch64" else None
    return Presence(
        devices=devices,
        asleep=tuple(asleep),
        drivers=drivers,
        nodes=nodes,
        nodes_near=near,
        module_version=parse_driver_version(version) if version else None,
        module_open="Open Kernel Module" in version if version and parse_driver_version(version) else None,
        tegra=tegra,
        l4t=parse_tegra_release(ask.text(TEGRA_RELEASE) or "") if tegra else None,
    )


def system_of(presence: Presence, ask: Asker) -> NvidiaSystem:
    """
    The facts of the system that its presence shows, with the answers they rest on.
    """
    paths = [device.path for device in presence.devices]
    tree = ask.answered(f"read:{TREE_COMPATIBLE}", f"read:{TREE_MODEL}", f"read:{TEGRA_RELEASE}")
    return NvidiaSystem(
        on_bus=_seen(
            tuple(device.address for device in presence.devices),
            tuple(f"read:{path}/vendor" for path in paths),
        ),
        kernel_drivers=_seen(presence.drivers, ask.answered(*(f"link:{path}/driver" for path in paths))),
        asleep=_seen(presence.asleep, power_questions(ask, *presence.asleep)),
        module_version=_seen(presence.module_version, (f"read:{PROC_VERSION}",)),
        device_files=_seen(presence.nodes, ("list:/dev",)),
        board=_seen(presence.tegra, tree),
        l4t=_seen(presence.l4t, (f"read:{TEGRA_RELEASE}",)),
    )


def power_questions(ask: Asker, *addresses: str) -> tuple[str, ...]:
    """
    The questions that were asked about the power state of these devices.
    """
    return ask.answered(*(f"read:{PCI}/{address}/{file}" for address in addresses for file in _POWER_FILES))


def parse_driver_version(text: str) -> str | None:
    """
    The version of the loaded kernel module from /proc/driver/nvidia/version.

    Both forms, proprietary and open: ``NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  …`` and
    ``… NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  …``.
    https://download.nvidia.com/XFree86/Linux-x86_64/580.95.05/README/procinterface.html
    """
    match = re.search(_MODULE_VERSION, text)
    return match.group(1) if match else None


def parse_gpu_information(text: str) -> dict[str, str]:
    """
    The fields of /proc/driver/nvidia/gpus/<address>/information: ``Model``, ``GPU UUID``, ``Bus Location``.

    https://download.nvidia.com/XFree86/Linux-x86_64/580.95.05/README/procinterface.html
    """
    fields = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and value.strip() and "?" not in value:
            fields[name.strip()] = value.strip()
    return fields


def parse_tegra_release(text: str) -> str | None:
    """
    The release of Jetson Linux, ``36.4.3``, from /etc/nv_tegra_release.

    Its first line is ``# R36 (release), REVISION: 4.3, GCID: …``.
    """
    match = re.search(_L4T, text)
    return f"{match[1]}.{match[2]}" if match else None


def _seen(value: T | None, evidence: tuple[str, ...]) -> Seen[T] | None:
    return Seen(value=value, evidence=evidence) if value else None


def _sleeps(ask: Asker, device: PciDevice) -> bool:
    """
    Whether the kernel has powered a device down; not every kernel has both files.
    """
    status = (ask.text(f"{device.path}/{_POWER_FILES[0]}") or "").strip()
    if status == "active":
        return False
    state = (ask.text(f"{device.path}/{_POWER_FILES[1]}") or "").strip()
    return status == "suspended" or state == "D3cold"


def _tegra(ask: Asker) -> str | None:
    """
    The board's name where the device tree says that this is a Tegra.
    """
    compatible = ask.text(TREE_COMPATIBLE)
    if compatible is None or "nvidia,tegra" not in compatible:
        return None
    model = ask.text(TREE_MODEL)
    return model.rstrip("\0\n ") if model else "NVIDIA Jetson"


def _is_node(name: str) -> bool:
    return name == "dxg" or name.startswith(("nvidia", "nvhost", "nvmap"))
