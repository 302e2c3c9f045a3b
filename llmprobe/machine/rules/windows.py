"""
What a system lists beside GPUs: adapters that no model is put on. Of Windows also a display without its maker's driver,
the GPU that it lends to WSL without a word on what it is, and memory that it does not promise.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.windows import UncountedAdapter
from llmprobe.machine.rules import Rule
from llmprobe.machine.rules._devices import lent_by_windows, on_basic_driver, uncounted
from llmprobe.words.message import Message, message


def adapter_not_counted(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Adapters are listed that are no GPUs for models.
    """
    waiting = on_basic_driver(snapshot)
    others = [each for each in uncounted(snapshot) if each not in waiting]
    if not others:
        return
    yield Finding(
        id="adapter-not-counted",
        severity="note",
        title=message("finding.adapter-not-counted.title", adapters=tuple(each.name for each in others)),
        detail=message("finding.adapter-not-counted.detail", adapters=tuple(map(_described, others))),
        evidence=tuple(name for each in others for name in each.evidence),
    )


def gpu_basic_driver(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A display has only the driver that is a part of Windows, so that its GPU computes nothing.
    """
    waiting = on_basic_driver(snapshot)
    if not waiting:
        return
    yield Finding(
        id="gpu-basic-driver",
        severity="note" if any(each.usable for each in snapshot.accelerators) else "warning",
        title=message("finding.gpu-basic-driver.title"),
        detail=message("finding.gpu-basic-driver.detail", adapter=waiting[0].name),
        evidence=tuple(name for each in waiting for name in each.evidence),
        remedy=Remedy(text=message("finding.gpu-basic-driver.remedy")),
    )


def wsl_other_gpu(snapshot: Snapshot) -> Iterator[Finding]:
    """
    WSL has a GPU of AMD, Intel or Qualcomm, which no file of Linux describes.
    """
    if not lent_by_windows(snapshot):
        return
    yield Finding(
        id="wsl-other-gpu",
        severity="warning",
        title=message("finding.wsl-other-gpu.title"),
        detail=message("finding.wsl-other-gpu.detail"),
        evidence=("list:/dev", "nvml:nvmlInit"),
        remedy=Remedy(
            text=message("finding.wsl-other-gpu.remedy"),
            link="https://learn.microsoft.com/windows/wsl/tutorials/gpu-compute",
        ),
    )


def commit_limit(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Windows will promise less memory than is free, because its page files are small.
    """
    commit, ram = snapshot.host.memory.commit, snapshot.pool("ram")
    if commit is None or ram is None or not any(limit.by == "commit" for limit in ram.limits):
        return
    yield Finding(
        id="commit-limit",
        severity="warning",
        title=message(
            "finding.commit-limit.title", left_bytes=max(0, commit.limit_bytes - commit.promised_bytes)
        ),
        detail=message(
            "finding.commit-limit.detail",
            limit_bytes=commit.limit_bytes,
            promised_bytes=commit.promised_bytes,
        ),
        evidence=commit.evidence,
        remedy=Remedy(
            text=message("finding.commit-limit.remedy"),
            link="https://learn.microsoft.com/troubleshoot/windows-client/performance/introduction-to-the-page-file",
        ),
    )


def _described(adapter: UncountedAdapter) -> Message:
    match adapter.kind:
        case "npu":
            return message("finding.adapter-not-counted.npu", name=adapter.name)
        case "remote":
            return message("finding.adapter-not-counted.remote", name=adapter.name)
        case "basic":
            return message("finding.adapter-not-counted.basic", name=adapter.name)
        case "virtual":
            return message("finding.adapter-not-counted.virtual", name=adapter.name)
        case "slow-graphics":
            return message("finding.adapter-not-counted.slow-graphics", name=adapter.name)
        case "opencl-graphics":
            return message("finding.adapter-not-counted.opencl-graphics", name=adapter.name)
        case "other-graphics":
            return message("finding.adapter-not-counted.other-graphics", name=adapter.name)


RULES = (
    Rule("adapter-not-counted", adapter_not_counted),
    Rule("gpu-basic-driver", gpu_basic_driver),
    Rule("wsl-other-gpu", wsl_other_gpu),
    Rule("commit-limit", commit_limit),
)
