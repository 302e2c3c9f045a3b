"""
What an NVIDIA device or its driver is, where that decides what can run on it.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.machine.driver_commands import driver_commands
from llmprobe.machine.rules import Rule, asked_nvml

_CUDA_12 = 525
_CUDA_12_4 = 550
_CUDA_12_8 = 570
_JIT_BELOW = (7, 0)
_NO_BUILD_BELOW = (5, 0)
_NO_CUDA_13_BELOW = (7, 5)


def driver_too_old(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A driver is older than what programs of today are built for.

    CUDA 12 needs 525, its release 12.4 came with 550 (docs.nvidia.com/cuda/cuda-toolkit-release-notes). Ollama
    leaves devices before Volta out below 570 (ollama, discover/cuda_compat.go).
    """
    told = set()
    for each in snapshot.accelerators:
        driver = _major(each.driver)
        if each.vendor != "nvidia" or driver is None or each.integrated or each.index is None:
            continue
        capability = _capability(each)
        old_device = capability is not None and capability < _JIT_BELOW
        wanted = _CUDA_12_8 if old_device else _CUDA_12_4
        if driver >= wanted or (driver, wanted) in told:
            continue
        told.add((driver, wanted))
        if driver < _CUDA_12:
            cost = "Programs built with CUDA 12 or 13, which current engines are, do not start on the GPU."
        elif old_device:
            cost = (
                f"Ollama leaves {each.name} out with it, and other engines may fail to translate code for it."
            )
        else:
            cost = "Programs built with a newer CUDA can fail when they have to translate code for the GPU."
        yield Finding(
            id="driver-too-old",
            severity="warning" if driver < _CUDA_12 or old_device else "note",
            title=f"The NVIDIA driver {each.driver} is old",
            detail=f"{cost} Version {wanted} or newer has no such trouble.",
            evidence=asked_nvml(snapshot, "nvmlSystemGetDriverVersion"),
            remedy=Remedy(
                text=f"Install a driver of version {wanted} or newer, then reboot.",
                commands=driver_commands(snapshot),
                link="https://www.nvidia.com/en-us/drivers/",
            ),
        )


def gpu_too_old(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device is older than what programs of today are built for.
    """
    for each in snapshot.accelerators:
        capability = _capability(each)
        if each.vendor != "nvidia" or capability is None or capability >= _NO_CUDA_13_BELOW:
            continue
        none = capability < _NO_BUILD_BELOW
        yield Finding(
            id="gpu-too-old",
            severity="warning" if none else "note",
            title=f"{each.name} is older than some engines support",
            detail="No CUDA 12 build has code for its compute capability "
            f"{each.compute_capability}; an engine would need a build with CUDA 11 or Vulkan."
            if none
            else f"Builds with CUDA 13 have no code for its compute capability {each.compute_capability}: take those "
            "with CUDA 12.",
            evidence=each.evidence,
            remedy=Remedy(text="Choose the engine's build for CUDA 12, or for Vulkan."),
        )


def vgpu(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A virtual machine has a share of a GPU.
    """
    licensed = snapshot.observed("nvidia.licensed")
    for each in snapshot.accelerators:
        if each.partition is None or each.partition.kind != "vgpu":
            continue
        state = licensed.value.get(str(each.index)) if licensed else None
        without = state is False
        yield Finding(
            id="vgpu",
            severity="warning" if without else "note",
            title=f"{each.name} is a share of a GPU{' without a licence' if without else ''}",
            detail=f"The profile {each.partition.profile} gives this machine a fixed memory; computing time is shared "
            "with other machines, so that speeds vary."
            + (" Without a licence the driver slows it down after some minutes." if without else ""),
            evidence=(*each.evidence, *(licensed.evidence if licensed else ())),
            remedy=Remedy(
                text="Give the machine a licence of NVIDIA vGPU.",
                commands=("nvidia-smi -q | grep -i licen",),
                link="https://docs.nvidia.com/vgpu/latest/grid-licensing-user-guide/",
            )
            if without
            else None,
        )


def sysmem_fallback(snapshot: Snapshot) -> Iterator[Finding]:
    """
    On Windows the driver moves what does not fit to RAM instead of refusing it.
    """
    seen = snapshot.observed("nvidia.driver_model")
    if seen is None or "wddm" not in seen.value.values():
        return
    yield Finding(
        id="nvidia-sysmem-fallback",
        severity="note",
        title="What does not fit into the GPU goes to RAM unseen",
        detail="Windows' driver lends RAM to programs that ask for more memory than the GPU has. A model that is too "
        "large loads then, and runs many times slower. Which program holds how much is not told either.",
        evidence=seen.evidence,
        remedy=Remedy(
            text="NVIDIA Control Panel, Manage 3D settings, CUDA - Sysmem Fallback Policy: Prefer No Sysmem Fallback.",
            link="https://nvidia.custhelp.com/app/answers/detail/a_id/5490",
        ),
    )


def told_by_command(snapshot: Snapshot) -> Iterator[Finding]:
    """
    NVML could not be loaded, and the figures are what nvidia-smi prints.
    """
    seen, init = snapshot.observed("nvidia.smi"), snapshot.observed("nvidia.init")
    if seen is None or init is None:
        return
    yield Finding(
        id="nvidia-smi-only",
        severity="note",
        title="NVIDIA's library could not be loaded, nvidia-smi works",
        detail=f"The figures are those of nvidia-smi, rounded to MiB, because {init.value['why']}. Engines that look "
        "for the library in the same way do not find the GPU.",
        evidence=(*init.evidence, *seen.evidence),
        remedy=Remedy(
            text="Let the linker find libnvidia-ml.so.1 (under WSL it is in /usr/lib/wsl/lib).",
            commands=("ldconfig -p | grep libnvidia-ml", "export LD_LIBRARY_PATH=/usr/lib/wsl/lib"),
        ),
    )


def _major(version: str | None) -> int | None:
    major = (version or "").split(".")[0]
    return int(major) if major.isdecimal() and len(major) < 6 else None


def _capability(each: Accelerator) -> tuple[int, int] | None:
    major, _, minor = (each.compute_capability or "").partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None


RULES = (
    Rule("driver-too-old", driver_too_old),
    Rule("gpu-too-old", gpu_too_old),
    Rule("vgpu", vgpu),
    Rule("nvidia-sysmem-fallback", sysmem_fallback),
    Rule("nvidia-smi-only", told_by_command),
)
