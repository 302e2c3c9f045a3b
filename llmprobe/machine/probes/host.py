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
    read:/proc/cpuinfo                                 for the flag ``hypervisor``, the processor
    cpuinfo:                                           where that says nothing
    list:/dev                                          under WSL, for dxg, and what wsl_settings asks
    read:/run/udev/data/+dmi:id

    on macOS:
    sysctl:hw.model
    sysctl:kern.hv_vmm_present

    on Windows:
    registry:HKLM/HARDWARE/DESCRIPTION/System/BIOS SystemProductName   (backslashes)
    registry:HKLM/HARDWARE/DESCRIPTION/System/BIOS SystemManufacturer
    winapi:memory-modules
    cpuinfo:                                           where there are some
"""

import re
from collections.abc import Collection
from typing import Literal

from msgspec import UNSET, UnsetType

from llmprobe.facts.answer import Source
from llmprobe.facts.host import HostMemory, MemoryModules, WslSettings
from llmprobe.facts.machine import Probed, SystemFacts
from llmprobe.machine.asking import Asker, as_int, as_text, fields_of, items_of, listed
from llmprobe.machine.containers import keeper, sign_of_container
from llmprobe.machine.memory_bus import Bus, bus
from llmprobe.units import MIB
from llmprobe.words.message import Message, message

NAME = "host"
PLATFORMS = frozenset({"linux", "darwin", "win32", "freebsd", "openbsd", "netbsd"})

UDEV_DMI = "/run/udev/data/+dmi:id"
BIOS_KEY = r"HKLM\HARDWARE\DESCRIPTION\System\BIOS"
_FIRMWARE = "memory-modules"
_VIRTUAL = (
    r"(?i)qemu|kvm|vmware|virtualbox|xen|bochs|parallels|hyper-v|virtual machine|amazon ec2|google compute"
    r"|openstack"
)
_DEVICES = "MEMORY_DEVICE_"
_DEVICE = rf"(?m)^E:\s*{_DEVICES}(\d+)_(\w+)=(.*)$"
_FLAGS = r"(?m)^flags[ \t]*:(.*)$"
_MODEL = r"(?m)^model name[ \t]*:(.*)$"
_SOCKET = r"(?m)^physical id[ \t]*:(.*)$"


def probe(source: Source) -> Probed:
    """
    The system around the devices.
    """
    ask = Asker(source)
    match ask.platform.system:
        case "linux":
            host = _linux(ask)
        case "darwin":
            host = _mac(ask)
        case "win32":
            host = _windows(ask)
        case _:
            host = SystemFacts()
    return ask.probed(found=True, host=host)


def parse_os_release(text: str) -> dict[str, str]:
    """
    The fields of /etc/os-release without their quotes.

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
    The fields of every memory module that is installed, from systemd's record of the firmware tables.

    https://www.freedesktop.org/software/systemd/man/latest/systemd-udevd.service.html (``dmi_memory_id``):
    lines ``E:MEMORY_DEVICE_0_CONFIGURED_SPEED_MTS=5600``.
    """
    modules: dict[str, dict[str, str]] = {}
    for number, field, value in re.findall(_DEVICE, text) if _DEVICES in text else ():
        modules.setdefault(number, {})[field] = value.strip()
    present = (module for _, module in sorted(modules.items(), key=lambda item: (len(item[0]), item[0])))
    return tuple(module for module in present if module.get("PRESENT") != "0" and as_int(module.get("SIZE")))


def slots(text: str) -> int:
    """
    How many places for memory modules the firmware lists, the empty ones among them.
    """
    return len({number for number, _, _ in re.findall(_DEVICE, text)}) if _DEVICES in text else 0


def _modules(modules: tuple[dict[str, str], ...], used: Bus, places: int, question: str) -> MemoryModules:
    sizes = [as_int(module.get("SIZE")) or 0 for module in modules]
    return MemoryModules(
        count=len(modules),
        slots=places,
        kind=modules[0].get("TYPE"),
        channels=used.channels,
        bus_bits=used.bits,
        most_bus_bits=used.most_bits,
        installed_bytes=sum(sizes) if all(size >= MIB for size in sizes) else None,
        evidence=(question,),
    )


def _bandwidth(used: Bus) -> Message:
    """
    How the peak rate of the modules is known.
    """
    return message("bandwidth.modules", channels=used.channels, speeds_mts=used.transfers_mts)


def _processor(ask: Asker) -> tuple[str | None, int | None]:
    """
    The name of the processor and the number of sockets that the kernel counts, each None where it does not tell.
    """
    text = ask.text("/proc/cpuinfo") or ""
    sockets = len(set(re.findall(_SOCKET, text))) or None
    if (name := re.search(_MODEL, text)) is not None:
        return name[1].strip(), sockets
    named = fields_of(ask.cpuinfo()).get("brand_raw")
    return named if isinstance(named, str) else None, sockets


def _windows(ask: Asker) -> SystemFacts:
    product = as_text(ask.registry(BIOS_KEY, "SystemProductName"))
    maker = as_text(ask.registry(BIOS_KEY, "SystemManufacturer"))
    told = fields_of(ask.winapi(_FIRMWARE))
    places = [each for each in listed(told.get("modules")) if isinstance(each, dict)]
    modules = tuple(each for each in places if each.get("PRESENT") != "0" and as_int(each.get("SIZE")))
    used = None
    if modules:
        brand = fields_of(ask.cpuinfo()).get("brand_raw")
        used = bus(
            modules,
            processor=brand if isinstance(brand, str) else None,
            sockets=as_int(told.get("sockets")),
            system=f"{maker or ''} {product or ''}",
        )
    rate = None if used is None else used.bytes_per_s
    found = None if used is None else _modules(modules, used, len(places), f"winapi:{_FIRMWARE}")
    return SystemFacts(
        product=product,
        environment="vm" if re.search(_VIRTUAL, f"{maker or ''} {product or ''}") else None,
        ram_bandwidth_bytes_per_s=rate,
        ram_bandwidth_basis="derived" if rate else None,
        ram_bandwidth_how=None if used is None or rate is None else _bandwidth(used),
        memory=HostMemory(modules=found),
    )


def _mac(ask: Asker) -> SystemFacts:
    product = as_text(ask.sysctl("hw.model"))
    virtual = as_int(ask.sysctl("kern.hv_vmm_present").value)
    if virtual is None:
        return SystemFacts(product=product)
    return SystemFacts(
        product=product,
        environment="vm" if virtual else "bare",
        environment_evidence=("sysctl:kern.hv_vmm_present",),
    )


def _linux(ask: Asker) -> SystemFacts:
    release = parse_os_release(ask.text("/etc/os-release") or "")
    container = sign_of_container(ask)
    kernel = ask.text("/proc/sys/kernel/osrelease") or ""
    wsl = "microsoft" in kernel.lower()
    vendor = (ask.text("/sys/class/dmi/id/sys_vendor") or "").strip()
    product = (ask.text("/sys/class/dmi/id/product_name") or "").strip()
    if not vendor and not product:
        product = (ask.text("/proc/device-tree/model") or "").strip("\0\n ")
    if product.casefold().startswith(vendor.casefold()):
        # Some makers write their name into both: NVIDIA, and NVIDIA_DGX_Spark.
        vendor = ""
    virtual = "hypervisor" in _flags(ask) or bool(re.search(_VIRTUAL, f"{vendor} {product}"))
    environment: Literal["wsl", "container", "vm", "bare"] = (
        "wsl" if wsl else "container" if container else "vm" if virtual else "bare"
    )
    evidence = ("read:/proc/sys/kernel/osrelease",) if wsl else (container,) if container else ()
    firmware = ask.text(UDEV_DMI) or ""
    modules = parse_udev_memory(firmware)
    used = None
    if modules:
        processor, sockets = _processor(ask)
        used = bus(modules, processor=processor, sockets=sockets, system=f"{vendor} {product}")
    rate = None if used is None else used.bytes_per_s
    return SystemFacts(
        os=release.get("PRETTY_NAME") or None,
        environment=environment,
        environment_evidence=evidence,
        in_container=container is not None,
        container_of=(keeper(ask) or UNSET) if container is not None else UNSET,
        wsl_gpu="dxg" in items_of(ask.list("/dev")) if wsl else None,
        product=" ".join(part for part in (vendor, product) if part) or None,
        ram_bandwidth_bytes_per_s=rate,
        ram_bandwidth_basis="derived" if rate else None,
        ram_bandwidth_how=None if used is None or rate is None else _bandwidth(used),
        memory=HostMemory(
            modules=None if used is None else _modules(modules, used, slots(firmware), f"read:{UDEV_DMI}"),
            wsl=_wsl(ask) if wsl else UNSET,
        ),
    )


def _wsl(ask: Asker) -> WslSettings | UnsetType:
    """
    What Windows' user set for WSL, as far as it is known.
    """
    # Imported only here: most machines are none.
    from llmprobe.machine.wsl_settings import ask_settings

    return ask_settings(ask) or UNSET


def _flags(ask: Asker) -> Collection[str]:
    found = re.search(_FLAGS, ask.text("/proc/cpuinfo") or "")
    return found[1].split() if found else listed(fields_of(ask.cpuinfo()).get("flags"))
