"""
Properties of an NVIDIA device or its driver that decide what can run on it.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.machine.driver_commands import driver_commands
from llmprobe.machine.nvidia_ids import last_branch
from llmprobe.machine.rules import Rule
from llmprobe.machine.rules._devices import called
from llmprobe.units import whole_number
from llmprobe.words.message import message

_CUDA_12 = 525
_CUDA_12_4 = 550
_CUDA_12_8 = 570
_JIT_BELOW = (7, 0)
_NO_BUILD_BELOW = (5, 0)
_NO_CUDA_13_BELOW = (7, 5)
_JETPACK_5 = (7, 2)
"""The first board of JetPack 5: older ones end with JetPack 4, whose CUDA is 10.2."""
_JETPACK_4 = "32."
"""The release of Jetson Linux in JetPack 4: https://developer.nvidia.com/embedded/jetson-linux-archive."""


def driver_too_old(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A driver is older than the one that current programs are built for.

    CUDA 12 needs 525, its release 12.4 came with 550 (docs.nvidia.com/cuda/cuda-toolkit-release-notes). Ollama
    leaves devices before Volta out below 570 (ollama, discover/cuda_compat.go). A device whose last branch is older
    has no newer driver.
    """
    reported = set()
    for each in snapshot.accelerators:
        driver = _major(each.driver)
        if each.vendor != "nvidia" or driver is None or each.integrated:
            continue
        capability = _capability(each)
        old_device = capability is not None and capability < _JIT_BELOW
        wanted = _CUDA_12_8 if old_device else _CUDA_12_4
        if (
            driver >= wanted
            or (driver, wanted) in reported
            or (last_branch(each.architecture) or wanted) < wanted
        ):
            continue
        reported.add((driver, wanted))
        if driver < _CUDA_12:
            cost = message("finding.driver-too-old.no-cuda-12")
        elif old_device:
            cost = message("finding.driver-too-old.old-device", name=called(snapshot, each))
        else:
            cost = message("finding.driver-too-old.no-translation")
        yield Finding(
            id="driver-too-old",
            severity="warning" if driver < _CUDA_12 or old_device else "note",
            title=message("finding.driver-too-old.title", version=each.driver),
            detail=message("finding.driver-too-old.detail", cost=cost, wanted=wanted),
            evidence=each.evidence_of("driver"),
            remedy=Remedy(
                text=message("finding.driver-too-old.remedy", wanted=wanted),
                commands=driver_commands(snapshot, at_least=wanted),
                link="https://www.nvidia.com/en-us/drivers/",
            ),
        )


def gpu_too_old(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device is older than those that current programs are built for.
    """
    for each in snapshot.accelerators:
        capability = _capability(each)
        if each.vendor != "nvidia" or capability is None or capability >= _NO_CUDA_13_BELOW:
            continue
        board = each.integrated and capability < _JETPACK_5
        if each.integrated and not board and _on_jetpack_4(snapshot):
            yield _old_jetpack(snapshot, each)
            continue
        none = capability < _NO_BUILD_BELOW or board
        yield Finding(
            id="gpu-too-old",
            severity="warning" if none else "note",
            title=message("finding.gpu-too-old.title", name=called(snapshot, each)),
            detail=message("finding.gpu-too-old.detail-board")
            if board
            else message(
                "finding.gpu-too-old.detail-no-cuda-12" if none else "finding.gpu-too-old.detail-no-cuda-13",
                compute_capability=each.compute_capability,
            ),
            evidence=each.evidence,
            remedy=Remedy(
                text=message("finding.gpu-too-old.remedy-board")
                if board
                else message("finding.gpu-too-old.remedy-no-cuda-12")
                if none
                else message("finding.gpu-too-old.remedy-no-cuda-13")
            ),
        )


def _on_jetpack_4(snapshot: Snapshot) -> bool:
    l4t = snapshot.nvidia.l4t if snapshot.nvidia is not None else None
    return l4t is not None and l4t.value.startswith(_JETPACK_4)


def _old_jetpack(snapshot: Snapshot, board: Accelerator) -> Finding:
    """
    A board that runs JetPack 4 and could run JetPack 5: CUDA comes with the system there.
    """
    l4t = snapshot.nvidia.l4t if snapshot.nvidia is not None else None
    return Finding(
        id="gpu-too-old",
        severity="warning",
        title=message("finding.gpu-too-old.title-jetpack", name=called(snapshot, board)),
        detail=message("finding.gpu-too-old.detail-jetpack"),
        evidence=(*board.evidence, *(l4t.evidence if l4t is not None else ())),
        remedy=Remedy(
            text=message("finding.gpu-too-old.remedy-jetpack"),
            link="https://developer.nvidia.com/embedded/jetpack-archive",
        ),
    )


def vgpu(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A virtual machine has a share of a GPU.
    """
    known = {each.index: each for each in snapshot.nvidia.devices} if snapshot.nvidia is not None else {}
    for each in snapshot.accelerators:
        if each.partition is None or each.partition.kind != "vgpu":
            continue
        device = known.get(each.index) if each.index is not None else None
        unlicensed = device is not None and device.licensed is False
        yield Finding(
            id="vgpu",
            severity="warning" if unlicensed else "note",
            title=message("finding.vgpu.title-unlicensed", name=called(snapshot, each))
            if unlicensed
            else message("finding.vgpu.title", name=called(snapshot, each)),
            detail=message(
                "finding.vgpu.detail-unlicensed" if unlicensed else "finding.vgpu.detail",
                profile=each.partition.profile,
            ),
            evidence=tuple(dict.fromkeys((*each.evidence, *(device.evidence if device is not None else ())))),
            remedy=Remedy(
                text=message("finding.vgpu.remedy"),
                commands=("nvidia-smi -q | grep -i licen",),
                link="https://docs.nvidia.com/vgpu/latest/grid-licensing-user-guide/",
            )
            if unlicensed
            else None,
        )


def sysmem_fallback(snapshot: Snapshot) -> Iterator[Finding]:
    """
    On Windows the driver moves memory that does not fit to RAM instead of refusing it.
    """
    concerned = [
        each for each in snapshot.accelerators if each.driver_model == "wddm" and not each.integrated
    ]
    if not concerned:
        return
    evidence = (name for each in concerned for name in each.evidence_of("driver_model"))
    yield Finding(
        id="nvidia-sysmem-fallback",
        severity="note",
        title=message("finding.nvidia-sysmem-fallback.title"),
        detail=message("finding.nvidia-sysmem-fallback.detail"),
        evidence=tuple(dict.fromkeys(evidence)),
        remedy=Remedy(
            text=message("finding.nvidia-sysmem-fallback.remedy"),
            link="https://nvidia.custhelp.com/app/answers/detail/a_id/5490",
        ),
    )


def by_command(snapshot: Snapshot) -> Iterator[Finding]:
    """
    NVML could not be loaded, and the figures are those that nvidia-smi prints.
    """
    system = snapshot.nvidia
    if system is None or system.by_command is None or system.start is None:
        return
    yield Finding(
        id="nvidia-smi-only",
        severity="note",
        title=message("finding.nvidia-smi-only.title"),
        detail=message("finding.nvidia-smi-only.detail", why=system.start.value.why),
        evidence=(*system.start.evidence, *system.by_command.evidence),
        remedy=Remedy(
            text=message("finding.nvidia-smi-only.remedy"),
            commands=("ldconfig -p | grep libnvidia-ml", "export LD_LIBRARY_PATH=/usr/lib/wsl/lib"),
        ),
    )


def _major(version: str | None) -> int | None:
    major = (version or "").split(".")[0]
    return whole_number(major)


def _capability(each: Accelerator) -> tuple[int, int] | None:
    major, _, minor = (each.compute_capability or "").partition(".")
    numbers = whole_number(major), whole_number(minor)
    return None if numbers[0] is None or numbers[1] is None else (numbers[0], numbers[1])


RULES = (
    Rule("driver-too-old", driver_too_old),
    Rule("gpu-too-old", gpu_too_old),
    Rule("vgpu", vgpu),
    Rule("nvidia-sysmem-fallback", sysmem_fallback),
    Rule("nvidia-smi-only", by_command),
)
