"""
Why NVML could not be started although an NVIDIA device is there.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.driver_commands import driver_commands
from llmprobe.machine.rules import Rule, _by_address

_LIBRARY_NOT_FOUND = 12
_DRIVER_NOT_LOADED = 9
_VERSION_MISMATCH = 18
_UNKNOWN = 999
_COST = "Models run on the processor only, several times slower, and its memory is lost to them."


def no_library(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device is on the bus and the driver's library is not installed.
    """
    init = snapshot.observed("nvidia.init")
    pci = snapshot.observed("nvidia.pci")
    if init is None or pci is None or init.value["code"] != _LIBRARY_NOT_FOUND or _container(snapshot):
        return
    if snapshot.observed("nvidia.smi") is not None:
        return
    yield Finding(
        id="nvidia-no-library",
        severity="error",
        title="An NVIDIA GPU is here, its driver is not installed",
        detail=f"The library libnvidia-ml, a part of NVIDIA's driver, was not found. {_COST}",
        evidence=(*init.evidence, *pci.evidence),
        remedy=Remedy(
            text="Install NVIDIA's driver, then reboot.",
            commands=driver_commands(snapshot),
            link="https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/",
        ),
    )


def slow_start(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The driver has not answered in time: it still sets the devices up, or it hangs.
    """
    init = snapshot.observed("nvidia.init")
    waited = init is not None and init.value["status"] == "timeout"
    if not waited and not any(
        each.name == "nvidia" and each.status == "timeout" for each in snapshot.sources
    ):
        return
    stay = ("sudo nvidia-smi -pm 1",) if snapshot.host.system == "linux" else ()
    yield Finding(
        id="nvidia-slow",
        severity="warning",
        title="NVIDIA's driver did not answer in time",
        detail="Where nothing keeps it loaded it sets every GPU up anew, about a second each; or it hangs. The memory "
        "of the GPUs is not counted until it answers.",
        evidence=init.evidence if init is not None and waited else ("source:nvidia",),
        remedy=Remedy(
            text="Give it more time; where that helps, let it stay loaded (persistence mode).",
            commands=("llmprobe --timeout 30 check", *stay),
            link="https://docs.nvidia.com/deploy/driver-persistence/",
        ),
    )


def module_not_loaded(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The library is there and the kernel module is not loaded, or another driver has the device.
    """
    init = snapshot.observed("nvidia.init")
    if init is None or init.value["code"] != _DRIVER_NOT_LOADED or snapshot.host.environment == "wsl":
        return
    bound = snapshot.observed("nvidia.kernel_driver")
    drivers = sorted(set(bound.value.values())) if bound else []
    other = [driver for driver in drivers if driver != "nvidia"]
    because = f"The device is bound to {', '.join(other)}. " if other else ""
    yield Finding(
        id="nvidia-module-not-loaded",
        severity="error",
        title="The NVIDIA kernel module is not loaded",
        detail=f"{because}NVIDIA's driver is installed and cannot reach the device. {_COST} The usual causes are "
        "Secure Boot with an unsigned module, a new kernel without a rebuilt module, or nouveau.",
        evidence=(*init.evidence, *(bound.evidence if bound else ())),
        remedy=Remedy(
            text="Load the module; if that fails, see why it was not built or not allowed.",
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
    init = snapshot.observed("nvidia.init")
    if init is None or init.value["code"] != _VERSION_MISMATCH:
        return
    loaded = snapshot.observed("nvidia.module_version") or snapshot.observed("nvidia.loaded_module")
    version = f" The loaded module is {loaded.value}." if loaded else ""
    yield Finding(
        id="nvidia-version-mismatch",
        severity="error",
        title="NVIDIA's library and kernel module have different versions",
        detail=f"The driver was updated and the old module is still loaded.{version} CUDA fails until it is "
        f"replaced. {_COST}",
        evidence=(*init.evidence, *(loaded.evidence if loaded else ())),
        remedy=Remedy(text="Reboot, which loads the new module.", commands=("sudo reboot",)),
    )


def container_no_devices(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A container on a machine with an NVIDIA device was started without it.
    """
    pci = snapshot.observed("nvidia.pci")
    init = snapshot.observed("nvidia.init") or snapshot.observed("nvidia.count")
    visible = snapshot.observed("nvidia.visible_devices")
    nodes = snapshot.observed("nvidia.nodes")
    if not _container(snapshot) or pci is None or init is None or snapshot.observed("nvidia.smi") is not None:
        return
    if init.name == "nvidia.init" and init.value["code"] == _VERSION_MISMATCH:
        return
    if init.name == "nvidia.init" and nodes is not None and "nvidiactl" in nodes.value:
        return
    given = f" NVIDIA_VISIBLE_DEVICES is {visible.value!r}." if visible else ""
    yield Finding(
        id="nvidia-container-no-devices",
        severity="error",
        title="This container was started without the machine's NVIDIA GPU",
        detail=f"The device is on the bus and no device file for it is in the container.{given} {_COST}",
        evidence=(*init.evidence, *pci.evidence, *(visible.evidence if visible else ())),
        remedy=Remedy(
            text="Install the NVIDIA container toolkit on the host and start the container with the GPUs.",
            commands=("docker run --gpus all …",),
            link="https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html",
        ),
    )


def container_lost(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A running container lost its device, as happens when systemd reloads on the host.
    """
    init = snapshot.observed("nvidia.init")
    if init is None or init.value["code"] != _UNKNOWN or not _container(snapshot):
        return
    yield Finding(
        id="nvidia-container-lost",
        severity="error",
        title="This container lost its access to the GPU",
        detail=f"The driver answers with an unknown error, as it does after `systemctl daemon-reload` on the host "
        f"takes the device away from running containers. {_COST}",
        evidence=init.evidence,
        remedy=Remedy(
            text="Restart the container; give the devices by CDI to keep it from happening again.",
            commands=("docker restart CONTAINER",),
            link="https://github.com/NVIDIA/nvidia-docker/issues/1671",
        ),
    )


def vfio(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device is reserved for virtual machines.
    """
    yield from _by_address.lent(snapshot)
    bound = snapshot.observed("nvidia.kernel_driver")
    if bound is None or "vfio-pci" not in bound.value.values():
        return
    addresses = ", ".join(sorted(address for address, driver in bound.value.items() if driver == "vfio-pci"))
    yield Finding(
        id="gpu-vfio",
        severity="warning",
        title="An NVIDIA GPU is reserved for virtual machines",
        detail=f"The device at {addresses} is bound to vfio-pci, so that no program of this system can use it.",
        evidence=bound.evidence,
        remedy=Remedy(text="Run the model in the virtual machine, or bind the device to the nvidia driver."),
    )


def wsl_no_passthrough(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Windows does not lend its GPU to this Linux.
    """
    if snapshot.host.wsl_gpu is not False:
        return
    yield Finding(
        id="wsl-no-passthrough",
        severity="warning",
        title="WSL sees no GPU",
        detail="There is no /dev/dxg: Windows lends no GPU to this Linux, and models run on the processor only.",
        evidence=("list:/dev",),
        remedy=Remedy(
            text="Update WSL and the Windows driver of the GPU; WSL 1 cannot do it at all.",
            commands=("wsl --update", "wsl --set-version DISTRIBUTION 2"),
            link="https://docs.nvidia.com/cuda/wsl-user-guide/",
        ),
    )


def wsl_driver_shadow(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Under WSL a Linux driver was installed, and its library is found before the one that Windows lends.
    """
    init = snapshot.observed("nvidia.init")
    if init is None or init.value["code"] != _DRIVER_NOT_LOADED or snapshot.host.environment != "wsl":
        return
    yield Finding(
        id="wsl-driver-shadow",
        severity="error",
        title="A Linux driver hides the one that Windows lends to WSL",
        detail=f"The library libnvidia-ml of a Linux driver was loaded, which cannot work under WSL. {_COST}",
        evidence=init.evidence,
        remedy=Remedy(
            text="Remove NVIDIA's Linux driver; the library in /usr/lib/wsl/lib is enough.",
            commands=("ldconfig -p | grep libnvidia-ml", "sudo apt remove 'libnvidia-*' 'nvidia-driver-*'"),
            link="https://docs.nvidia.com/cuda/wsl-user-guide/",
        ),
    )


def _container(snapshot: Snapshot) -> bool:
    return snapshot.host.in_container is True


RULES = (
    Rule("nvidia-slow", slow_start),
    Rule("nvidia-no-library", no_library),
    Rule("nvidia-module-not-loaded", module_not_loaded),
    Rule("nvidia-version-mismatch", version_mismatch),
    Rule("nvidia-container-no-devices", container_no_devices),
    Rule("nvidia-container-lost", container_lost),
    Rule("gpu-vfio", vfio),
    Rule("wsl-no-passthrough", wsl_no_passthrough),
    Rule("wsl-driver-shadow", wsl_driver_shadow),
)
