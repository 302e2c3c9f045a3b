"""
Reasons why NVML could not be started although an NVIDIA device is there.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Accelerator, Snapshot, SourceReport
from llmprobe.facts.nvidia import LibraryStart, NvidiaSystem
from llmprobe.facts.seen import Seen
from llmprobe.machine.driver_commands import driver_commands
from llmprobe.machine.rules import Rule
from llmprobe.machine.rules._devices import called
from llmprobe.words.message import Message, Value, message

_LIBRARY_NOT_FOUND = 12
_DRIVER_NOT_LOADED = 9
_VERSION_MISMATCH = 18
_UNKNOWN = 999
_SHORT_S = 0.25
_CUDA_12 = 525
_CONTROL_FILE = "nvidiactl"


def slow_start(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The driver did not answer in time: it is still initializing the devices, or it hangs.
    """
    start = _system(snapshot).start
    waiting = start.evidence if start is not None and start.value.status == "timeout" else ()
    if not waiting and not any(each.name == "nvidia" and _hung(each) for each in snapshot.sources):
        return
    stay = ("sudo nvidia-smi -pm 1",) if snapshot.host.system == "linux" else ()
    yield Finding(
        id="nvidia-slow",
        severity="warning",
        title=message("finding.nvidia-slow.title"),
        detail=message("finding.nvidia-slow.detail"),
        evidence=waiting or ("source:nvidia",),
        remedy=Remedy(
            text=message("finding.nvidia-slow.remedy"),
            commands=("llmprobe --timeout 30 check", *stay),
            link="https://docs.nvidia.com/deploy/driver-persistence/",
        ),
    )


def _hung(source: SourceReport) -> bool:
    """
    Whether a source did not answer in a time in which others do; a shorter limit says nothing of the driver.
    """
    limit = None if source.detail is None else source.detail.values.get("seconds")
    return source.status == "timeout" and not (isinstance(limit, int | float) and limit < _SHORT_S)


def no_library(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device is on the bus and the driver's library is not installed.
    """
    system = _system(snapshot)
    start = _failed(system, _LIBRARY_NOT_FOUND)
    if start is None or system.on_bus is None or system.by_command is not None or _container(snapshot):
        return
    yield Finding(
        id="nvidia-no-library",
        severity="error",
        title=message("finding.nvidia-no-library.title"),
        detail=message("finding.nvidia-no-library.detail"),
        evidence=(*start.evidence, *system.on_bus.evidence),
        remedy=Remedy(
            text=message("finding.nvidia-no-library.remedy"),
            commands=driver_commands(snapshot),
            link="https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/",
        ),
    )


def module_not_loaded(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The library is there and the kernel module is not loaded, or another driver has the device.
    """
    system = _system(snapshot)
    start = _failed(system, _DRIVER_NOT_LOADED)
    if start is None or snapshot.host.environment == "wsl":
        return
    bound = system.kernel_drivers
    others = sorted(set(bound.value.values()) - {"nvidia"}) if bound is not None else []
    yield Finding(
        id="nvidia-module-not-loaded",
        severity="error",
        title=message("finding.nvidia-module-not-loaded.title"),
        detail=message("finding.nvidia-module-not-loaded.detail", drivers=tuple(others)),
        evidence=(*start.evidence, *(bound.evidence if bound is not None else ())),
        remedy=Remedy(
            text=message("finding.nvidia-module-not-loaded.remedy"),
            commands=(
                "sudo modprobe nvidia",
                "dkms status",
                "mokutil --sb-state",
                "sudo dmesg | grep -i nvidia",
            ),
        ),
    )


def version_mismatch(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The library was updated while the old kernel module is still loaded.
    """
    system = _system(snapshot)
    start = _failed(system, _VERSION_MISMATCH)
    if start is None:
        return
    loaded = system.module_version or system.installed_module
    yield Finding(
        id="nvidia-version-mismatch",
        severity="error",
        title=message("finding.nvidia-version-mismatch.title"),
        detail=message(
            "finding.nvidia-version-mismatch.detail", version=loaded.value if loaded is not None else None
        ),
        evidence=(*start.evidence, *(loaded.evidence if loaded is not None else ())),
        remedy=Remedy(text=message("finding.nvidia-version-mismatch.remedy"), commands=("sudo reboot",)),
    )


def container_no_devices(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A container on a machine with an NVIDIA device was started without it.
    """
    system = _system(snapshot)
    none_there = _without_device(system)
    if not _container(snapshot) or system.on_bus is None or system.by_command is not None or not none_there:
        return
    given = system.given_to_container
    yield Finding(
        id="nvidia-container-no-devices",
        severity="error",
        title=message("finding.nvidia-container-no-devices.title"),
        detail=message(
            "finding.nvidia-container-no-devices.detail", given=given.value if given is not None else None
        ),
        evidence=(*none_there, *system.on_bus.evidence, *(given.evidence if given is not None else ())),
        remedy=Remedy(
            text=message("finding.nvidia-container-no-devices.remedy"),
            commands=("docker run --gpus all …",),
            link="https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html",
        ),
    )


def container_lost(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A running container lost its device, as happens when systemd reloads on the host.
    """
    start = _failed(_system(snapshot), _UNKNOWN)
    if start is None or not _container(snapshot):
        return
    yield Finding(
        id="nvidia-container-lost",
        severity="error",
        title=message("finding.nvidia-container-lost.title"),
        detail=message("finding.nvidia-container-lost.detail"),
        evidence=start.evidence,
        remedy=Remedy(
            text=message("finding.nvidia-container-lost.remedy"),
            commands=("docker restart CONTAINER",),
            link="https://github.com/NVIDIA/nvidia-docker/issues/1671",
        ),
    )


_WITHOUT_START = {
    "unusable.nvidia-dropped": "dropped",
    "unusable.nvidia-needs-open": "open",
    "unusable.nvidia-needs-proprietary": "proprietary",
    "unusable.nvidia-not-started": "started",
    "unusable.nvidia-unlisted": "unlisted",
    "unusable.other-driver": "bound",
}
"""What the driver lacks for a device that it does not list, by the reason."""


def unlisted(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The driver runs and does not list a device that is on the bus.
    """
    system = _system(snapshot)
    if (
        system.start is not None
        or system.on_bus is None
        or (_container(snapshot) and _without_device(system))
    ):
        return
    alike: dict[str, list[Accelerator]] = {}
    for each in snapshot.accelerators:
        what = _WITHOUT_START.get(each.why_not.id) if each.why_not is not None else None
        if each.vendor == "nvidia" and each.state == "present" and what is not None:
            alike.setdefault(what, []).append(each)
    others = any(each.usable for each in snapshot.accelerators)
    for what, devices in alike.items():
        if what == "unlisted" and _container(snapshot):
            # A container may have been given some devices only.
            continue
        first = devices[0]
        last = first.why_not.values.get("last") if first.why_not is not None else None
        yield Finding(
            id="nvidia-unlisted",
            severity="note" if _worse(last, snapshot) else "warning" if others else "error",
            title=message(
                "finding.nvidia-unlisted.title", devices=tuple(called(snapshot, each) for each in devices)
            ),
            detail=message("finding.nvidia-unlisted.detail", why=first.why_not),
            evidence=tuple(dict.fromkeys((*system.on_bus.evidence, *first.evidence))),
            remedy=Remedy(
                text=message("finding.nvidia-unlisted.keep", last=last)
                if _worse(last, snapshot)
                else _remedy(what, last),
                commands=_COMMANDS.get(what, ("sudo dmesg | grep -i -e nvrm -e nvidia",)),
                link="https://www.nvidia.com/en-us/drivers/unix/" if what == "dropped" else None,
            ),
        )


def _worse(last: Value, snapshot: Snapshot) -> bool:
    """
    Whether the branch of the driver that serves a device takes current engines from those that are used.
    """
    used = any(each.usable and each.vendor == "nvidia" for each in snapshot.accelerators)
    return isinstance(last, int) and last < _CUDA_12 and used


_COMMANDS = {
    "bound": ("lspci -k -d 10de:",),
    "open": ("modinfo -F license nvidia", "sudo apt install nvidia-open"),
    "proprietary": ("modinfo -F license nvidia", "sudo apt install cuda-drivers"),
}
"""What a person runs, where it is not the log of the kernel."""


def _remedy(what: str, last: Value) -> Message:
    if what == "dropped":
        return message("finding.nvidia-unlisted.branch", last=last)
    return message(f"finding.nvidia-unlisted.remedy-{what}")


def no_uvm(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A container has the files of its devices and not the one of CUDA's memory manager.
    """
    for each in snapshot.accelerators:
        if each.why_not is None or each.why_not.id != "unusable.nvidia-no-uvm":
            continue
        yield Finding(
            id="nvidia-no-uvm",
            severity="error",
            title=message("finding.nvidia-no-uvm.title"),
            detail=message("finding.nvidia-no-uvm.detail"),
            evidence=each.evidence_of("state"),
            remedy=Remedy(
                text=message("finding.nvidia-no-uvm.remedy"),
                commands=("sudo nvidia-modprobe -u -c=0", "ls -l /dev/nvidia*"),
            ),
        )
        return


def lent(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device is reserved for virtual machines.
    """
    for each in snapshot.accelerators:
        if each.state != "lent":
            continue
        yield Finding(
            id="gpu-vfio",
            severity="warning",
            title=message("finding.gpu-vfio.title", name=called(snapshot, each)),
            detail=message("finding.gpu-vfio.detail", pci=each.pci),
            evidence=each.evidence_of("state"),
            remedy=Remedy(text=message("finding.gpu-vfio.remedy")),
        )


def wsl_no_passthrough(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Windows gives this Linux no access to its GPU.
    """
    if snapshot.host.wsl_gpu is not False:
        return
    yield Finding(
        id="wsl-no-passthrough",
        severity="warning",
        title=message("finding.wsl-no-passthrough.title"),
        detail=message("finding.wsl-no-passthrough.detail"),
        evidence=("list:/dev",),
        remedy=Remedy(
            text=message("finding.wsl-no-passthrough.remedy"),
            commands=("wsl --update", "wsl --set-version DISTRIBUTION 2"),
            link="https://docs.nvidia.com/cuda/wsl-user-guide/",
        ),
    )


def wsl_driver_shadow(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Under WSL a Linux driver was installed, and its library is found before the one that Windows provides.
    """
    start = _failed(_system(snapshot), _DRIVER_NOT_LOADED)
    if start is None or snapshot.host.environment != "wsl":
        return
    yield Finding(
        id="wsl-driver-shadow",
        severity="error",
        title=message("finding.wsl-driver-shadow.title"),
        detail=message("finding.wsl-driver-shadow.detail"),
        evidence=start.evidence,
        remedy=Remedy(
            text=message("finding.wsl-driver-shadow.remedy"),
            commands=("ldconfig -p | grep libnvidia-ml", "sudo apt remove 'libnvidia-*' 'nvidia-driver-*'"),
            link="https://docs.nvidia.com/cuda/wsl-user-guide/",
        ),
    )


def _system(snapshot: Snapshot) -> NvidiaSystem:
    return snapshot.nvidia or NvidiaSystem()


def _failed(system: NvidiaSystem, code: int) -> Seen[LibraryStart] | None:
    """
    The start of the library where it failed with a return code.
    """
    start = system.start
    return start if start is not None and start.value.code == code else None


def _without_device(system: NvidiaSystem) -> tuple[str, ...]:
    """
    The evidence that the driver has no device here: NVML counts none, or does not start without its device files.
    """
    start, files = system.start, system.device_files
    if start is None:
        return system.listed.evidence if system.listed is not None else ()
    if start.value.code == _VERSION_MISMATCH or (files is not None and _CONTROL_FILE in files.value):
        return ()
    return start.evidence


def _container(snapshot: Snapshot) -> bool:
    return bool(snapshot.host.in_container)


RULES = (
    Rule("nvidia-slow", slow_start),
    Rule("nvidia-no-library", no_library),
    Rule("nvidia-module-not-loaded", module_not_loaded),
    Rule("nvidia-version-mismatch", version_mismatch),
    Rule("nvidia-container-no-devices", container_no_devices),
    Rule("nvidia-container-lost", container_lost),
    Rule("nvidia-unlisted", unlisted),
    Rule("nvidia-no-uvm", no_uvm),
    Rule("gpu-vfio", lent),
    Rule("wsl-no-passthrough", wsl_no_passthrough),
    Rule("wsl-driver-shadow", wsl_driver_shadow),
)
