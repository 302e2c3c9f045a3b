"""
Whether an NVIDIA device may be here at all, found out without loading NVML and without waking a sleeping
device.
"""

import re

import msgspec

from llmprobe.facts.machine import Observation
from llmprobe.machine.asking import Asker, as_int, items_of
from llmprobe.machine.pci_bus import PCI, PciDevice, display_devices

VENDOR = "0x10de"
PROC_VERSION = "/proc/driver/nvidia/version"
TEGRA_RELEASE = "/etc/nv_tegra_release"
TREE_COMPATIBLE = "/proc/device-tree/compatible"
TREE_MODEL = "/proc/device-tree/model"
_POWER_FILES = ("power/runtime_status", "power_state")
_L4T = re.compile(r"# R(\d{1,4}) \(release\), REVISION: (\d{1,4}(?:\.\d{1,4})*)")
_MODULE_VERSION = re.compile(r"Kernel Module(?: for \S+)?\s+(?:Open\s+)?(\d+(?:\.\d+)+)")


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """
    What speaks for an NVIDIA device before NVML is asked.

    ``asleep`` holds the addresses of devices that the kernel has powered down, ``drivers`` the kernel
    driver bound to each address (``nvidia``, ``nouveau``, ``vfio-pci``), ``nodes_near`` its NUMA node.
    ``tegra`` is the board's name where it is a Jetson, ``l4t`` the release of its system.
    """

    devices: tuple[PciDevice, ...] = ()
    asleep: tuple[str, ...] = ()
    drivers: dict[str, str] = {}
    nodes: tuple[str, ...] = ()
    nodes_near: dict[str, int] = {}
    module_version: str | None = None
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
        drivers = [self.drivers.get(device.address) for device in self.devices]
        return bool(drivers) and all(driver == "vfio-pci" for driver in drivers)


def look(ask: Asker) -> Presence:
    """
    Return what speaks for an NVIDIA device.
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
        tegra=tegra,
        l4t=parse_tegra_release(ask.text(TEGRA_RELEASE) or "") if tegra else None,
    )


def observations(presence: Presence, ask: Asker) -> tuple[Observation, ...]:
    """
    Return what rules need of it, with the answers it stands on.
    """
    seen = []
    if presence.devices:
        evidence = tuple(f"read:{device.path}/vendor" for device in presence.devices)
        addresses = [device.address for device in presence.devices]
        seen.append(Observation(name="nvidia.pci", value=addresses, evidence=evidence))
        links = ask.answered(*(f"link:{device.path}/driver" for device in presence.devices))
        seen.append(Observation(name="nvidia.kernel_driver", value=presence.drivers, evidence=links))
    if presence.nodes_near:
        evidence = tuple(f"read:{PCI}/{each}/numa_node" for each in presence.nodes_near)
        seen.append(Observation(name="nvidia.near_node", value=presence.nodes_near, evidence=evidence))
    if presence.asleep:
        names = [f"read:{PCI}/{each}/{file}" for each in presence.asleep for file in _POWER_FILES]
        evidence = ask.answered(*names)
        seen.append(Observation(name="nvidia.asleep", value=list(presence.asleep), evidence=evidence))
    if presence.module_version:
        evidence = (f"read:{PROC_VERSION}",)
        seen.append(
            Observation(name="nvidia.module_version", value=presence.module_version, evidence=evidence)
        )
    if presence.nodes:
        seen.append(Observation(name="nvidia.nodes", value=list(presence.nodes), evidence=("list:/dev",)))
    if presence.tegra:
        evidence = ask.answered(f"read:{TREE_COMPATIBLE}", f"read:{TREE_MODEL}", f"read:{TEGRA_RELEASE}")
        seen.append(Observation(name="nvidia.tegra", value=presence.tegra, evidence=evidence))
    if presence.l4t:
        evidence = (f"read:{TEGRA_RELEASE}",)
        seen.append(Observation(name="nvidia.l4t", value=presence.l4t, evidence=evidence))
    return tuple(seen)


def parse_driver_version(text: str) -> str | None:
    """
    Return the version of the loaded kernel module from /proc/driver/nvidia/version.

    Both forms, proprietary and open: ``NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  …`` and
    ``… NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  …``.
    https://download.nvidia.com/XFree86/Linux-x86_64/580.95.05/README/procinterface.html
    """
    match = _MODULE_VERSION.search(text)
    return match.group(1) if match else None


def parse_gpu_information(text: str) -> dict[str, str]:
    """
    Return the fields of /proc/driver/nvidia/gpus/<address>/information: ``Model``, ``GPU UUID``, ``Bus
    Location``.

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
    Return the release of Jetson Linux, ``36.4.3``, from /etc/nv_tegra_release.

    Its first line is ``# R36 (release), REVISION: 4.3, GCID: …``.
    """
    match = _L4T.search(text)
    return f"{match[1]}.{match[2]}" if match else None


def _sleeps(ask: Asker, device: PciDevice) -> bool:
    """
    Return whether the kernel has powered a device down; not every kernel keeps both files.
    """
    status = (ask.text(f"{device.path}/{_POWER_FILES[0]}") or "").strip()
    if status == "active":
        return False
    state = (ask.text(f"{device.path}/{_POWER_FILES[1]}") or "").strip()
    return status == "suspended" or state == "D3cold"


def _tegra(ask: Asker) -> str | None:
    """
    Return the board's name where the device tree or NVIDIA's release file says that this is a Tegra.
    """
    compatible = ask.text(TREE_COMPATIBLE)
    if compatible is None or "nvidia,tegra" not in compatible:
        return None
    model = ask.text(TREE_MODEL)
    return model.rstrip("\0\n ") if model else "NVIDIA Jetson"


def _is_node(name: str) -> bool:
    return name == "dxg" or name.startswith(("nvidia", "nvhost", "nvmap"))
