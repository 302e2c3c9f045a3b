"""
Whether an NVIDIA device may be here at all, found out without loading NVML and without waking a sleeping
device.
"""

import re

import msgspec

from llmprobe.facts.machine import Observation
from llmprobe.machine.asking import Asker, items_of
from llmprobe.machine.pci_bus import PciDevice, display_devices

VENDOR = "0x10de"
PROC_VERSION = "/proc/driver/nvidia/version"
TEGRA_RELEASE = "/etc/nv_tegra_release"
TREE_COMPATIBLE = "/proc/device-tree/compatible"
TREE_MODEL = "/proc/device-tree/model"
_MODULE_VERSION = re.compile(r"Kernel Module(?: for \S+)?\s+(?:Open\s+)?(\d+(?:\.\d+)+)")


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """
    What speaks for an NVIDIA device before NVML is asked.

    ``asleep`` holds the addresses of devices that the kernel has powered down, ``drivers`` the kernel
    driver bound to each address (``nvidia``, ``nouveau``, ``vfio-pci``). ``tegra`` is the board's name
    where it is a Jetson.
    """

    devices: tuple[PciDevice, ...] = ()
    asleep: tuple[str, ...] = ()
    drivers: dict[str, str] = {}
    nodes: tuple[str, ...] = ()
    module_version: str | None = None
    tegra: str | None = None
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
    asleep, drivers = [], {}
    for device in devices:
        status = ask.text(f"{device.path}/power/runtime_status")
        if status is not None and status.strip() == "suspended":
            asleep.append(device.address)
        driver = ask.link(f"{device.path}/driver")
        if driver.ok and isinstance(driver.value, str):
            drivers[device.address] = driver.value.rsplit("/", 1)[-1]
    nodes = tuple(str(name) for name in items_of(ask.list("/dev")) if _is_node(str(name)))
    version = ask.text(PROC_VERSION)
    return Presence(
        devices=devices,
        asleep=tuple(asleep),
        drivers=drivers,
        nodes=nodes,
        module_version=parse_driver_version(version) if version else None,
        tegra=_tegra(ask) if ask.platform.machine == "aarch64" else None,
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
    if presence.asleep:
        evidence = tuple(f"read:/sys/bus/pci/devices/{each}/power/runtime_status" for each in presence.asleep)
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


def _tegra(ask: Asker) -> str | None:
    """
    Return the board's name where the device tree or NVIDIA's release file says that this is a Tegra.
    """
    compatible = ask.text(TREE_COMPATIBLE)
    if compatible is None or "nvidia,tegra" not in compatible:
        return None
    model = ask.text(TREE_MODEL)
    ask.read(TEGRA_RELEASE)
    return model.rstrip("\0\n ") if model else "NVIDIA Jetson"


def _is_node(name: str) -> bool:
    return name == "dxg" or name.startswith(("nvidia", "nvhost", "nvmap"))
