"""
The system around the devices: its name and make, whether it is a container, WSL or a virtual machine, and
how fast its memory is where the system says so without special rights.

Questions, in order:

    on Linux:
    read:/etc/os-release
    list:/                                             for .dockerenv and the like
    read:/run/.containerenv
    env:container
    read:/proc/1/cgroup
    read:/proc/sys/kernel/osrelease
    read:/sys/class/dmi/id/sys_vendor
    read:/sys/class/dmi/id/product_name
    read:/proc/device-tree/model                       where there is no DMI
    read:/proc/cpuinfo                                 for the flag ``hypervisor``
    cpuinfo:                                           where that says nothing
    list:/dev                                          under WSL, for dxg
    read:/run/udev/data/+dmi:id

    on macOS:
    sysctl:hw.model
    sysctl:kern.hv_vmm_present

    on Windows:
    registry:HKLM/HARDWARE/DESCRIPTION/System/BIOS SystemProductName   (backslashes)
"""

import re
from collections.abc import Collection
from typing import Any

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Observation, Probed
from llmprobe.machine.asking import Asker, as_int, as_text, fields_of, items_of
from llmprobe.units import MIB

NAME = "host"
PLATFORMS = frozenset({"linux", "darwin", "win32"})

UDEV_DMI = "/run/udev/data/+dmi:id"
BIOS_KEY = r"HKLM\HARDWARE\DESCRIPTION\System\BIOS"
_IN_CONTAINER = re.compile(r"docker|kubepods|containerd|libpod|lxc|garden")
_VIRTUAL = re.compile(
    r"qemu|kvm|vmware|virtualbox|xen|bochs|parallels|hyper-v|virtual machine|amazon ec2|google compute|openstack",
    re.IGNORECASE,
)
_DEVICE = re.compile(r"^E:\s*MEMORY_DEVICE_(\d+)_(\w+)=(.*)$", re.MULTILINE)
_FLAGS = re.compile(r"^flags[ \t]*:(.*)$", re.MULTILINE)
_DDR_WIDTH = 64


def probe(source: Source) -> Probed:
    """
    Return what is known of the system.
    """
    ask = Asker(source)
    seen: list[Observation] = []
    match ask.platform.system:
        case "linux":
            host = _linux(ask, seen)
        case "darwin":
            host = {"product": as_text(ask.sysctl("hw.model"))}
            virtual = as_int(ask.sysctl("kern.hv_vmm_present").value)
            host["environment"] = None if virtual is None else "vm" if virtual else "bare"
        case _:
            host = {"product": as_text(ask.registry(BIOS_KEY, "SystemProductName"))}
            host["environment"] = "vm" if _VIRTUAL.search(host["product"] or "") else None
    known = {name: value for name, value in host.items() if value is not None}
    return ask.probed(found=True, host=known, observations=tuple(seen))


def parse_os_release(text: str) -> dict[str, str]:
    """
    Return the fields of /etc/os-release without their quotes.

    https://www.freedesktop.org/software/systemd/man/latest/os-release.html
    """
    fields = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            fields[name.strip()] = value.strip().strip("\"'")
    return fields


def parse_udev_memory(text: str) -> tuple[dict[str, str], ...]:
    """
    Return the fields of every memory module that is there, from systemd's record of the firmware tables.

    https://www.freedesktop.org/software/systemd/man/latest/systemd-udevd.service.html (``dmi_memory_id``):
    lines ``E:MEMORY_DEVICE_0_CONFIGURED_SPEED_MTS=5600``.
    """
    modules: dict[str, dict[str, str]] = {}
    for number, field, value in _DEVICE.findall(text):
        modules.setdefault(number, {})[field] = value.strip()
    present = (module for _, module in sorted(modules.items(), key=lambda item: (len(item[0]), item[0])))
    return tuple(module for module in present if module.get("PRESENT") != "0" and as_int(module.get("SIZE")))


def ram_bandwidth(modules: tuple[dict[str, str], ...]) -> tuple[int, str] | None:
    """
    Return the most that the modules can give in bytes/s, if each pair of them had a channel of its own, and
    how.

    Which modules share a channel is told by their locators (``ChannelA-DIMM0``) or, where those do not say
    so, assumed of none: an upper bound.
    """
    channels: dict[str, int] = {}
    speeds = set()
    for place, module in enumerate(modules):
        speed = as_int(module.get("CONFIGURED_SPEED_MTS")) or as_int(module.get("SPEED_MTS"))
        if not speed:
            return None
        width = as_int(module.get("DATA_WIDTH")) or _DDR_WIDTH
        speeds.add(speed)
        named = _channel(place, module)
        channels[named] = max(channels.get(named, 0), speed * width * 1_000_000 // 8)
    if not channels:
        return None
    rates = "/".join(str(speed) for speed in sorted(speeds))
    return sum(channels.values()), f"{len(channels)} channels at {rates} MT/s, an upper bound"


def _summed(modules: tuple[dict[str, str], ...]) -> dict[str, Any]:
    """
    Return how many modules there are, of what kind, on how many channels, and what they hold in bytes together.
    """
    sizes = [as_int(module.get("SIZE")) or 0 for module in modules]
    return {
        "count": len(modules),
        "type": modules[0].get("TYPE"),
        "channels": len(channels_of(modules)),
        "installed_bytes": sum(sizes) if all(size >= MIB for size in sizes) else None,
    }


def channels_of(modules: tuple[dict[str, str], ...]) -> tuple[str, ...]:
    """
    Return the channel of each module, each once: told by its locator, else assumed to be one of its own.
    """
    named = [_channel(place, module) for place, module in enumerate(modules)]
    return tuple(dict.fromkeys(named))


def _channel(place: int, module: dict[str, str]) -> str:
    locator = module.get("LOCATOR", "")
    channel = re.sub(r"[-_ ]?DIMM[-_ ]?\d+$", "", locator)
    return channel if channel and channel != locator else f"module {place}"


def _linux(ask: Asker, seen: list[Observation]) -> dict[str, Any]:
    system = parse_os_release(ask.text("/etc/os-release") or "")
    if system.get("PRETTY_NAME"):
        evidence = ("read:/etc/os-release",)
        seen.append(Observation(name="host.os", value=system["PRETTY_NAME"], evidence=evidence))
    container = _container(ask)
    kernel = ask.text("/proc/sys/kernel/osrelease") or ""
    wsl = "microsoft" in kernel.lower()
    vendor = (ask.text("/sys/class/dmi/id/sys_vendor") or "").strip()
    product = (ask.text("/sys/class/dmi/id/product_name") or "").strip()
    if not vendor and not product:
        product = (ask.text("/proc/device-tree/model") or "").strip("\0\n ")
    if product.casefold().startswith(vendor.casefold()):
        # Some makers write their name into both: NVIDIA, and NVIDIA_DGX_Spark.
        vendor = ""
    virtual = "hypervisor" in _flags(ask) or bool(_VIRTUAL.search(f"{vendor} {product}"))
    if wsl:
        nodes = items_of(ask.list("/dev"))
        seen.append(Observation(name="host.wsl_dxg", value="dxg" in nodes, evidence=("list:/dev",)))
    if container is not None:
        seen.append(Observation(name="host.container", value=True, evidence=(container,)))
    host: dict[str, Any] = {
        "environment": "wsl" if wsl else "container" if container else "vm" if virtual else "bare",
        "product": " ".join(part for part in (vendor, product) if part) or None,
    }
    modules = parse_udev_memory(ask.text(UDEV_DMI) or "")
    if modules:
        seen.append(Observation(name="host.modules", value=_summed(modules), evidence=(f"read:{UDEV_DMI}",)))
    speed = ram_bandwidth(modules)
    if speed is not None:
        host["ram_bandwidth_bytes_per_s"], host["ram_bandwidth_how"] = speed
        host["ram_bandwidth_basis"] = "derived"
    return host


def _flags(ask: Asker) -> Collection[str]:
    listed = _FLAGS.search(ask.text("/proc/cpuinfo") or "")
    return listed[1].split() if listed else fields_of(ask.cpuinfo()).get("flags") or ()


def _container(ask: Asker) -> str | None:
    """
    Return the question whose answer says that this is a container, or None.
    """
    if ".dockerenv" in items_of(ask.list("/")):
        return "list:/"
    if ask.read("/run/.containerenv").ok:
        return "read:/run/.containerenv"
    if as_text(ask.env("container")):
        return "env:container"
    if _IN_CONTAINER.search(ask.text("/proc/1/cgroup") or ""):
        return "read:/proc/1/cgroup"
    return None
