"""
What Vulkan's own answer shows: a GPU that it does not list, and budgets that cannot be.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.rules import Rule
from llmprobe.machine.rules._devices import called
from llmprobe.machine.shell_commands import unset
from llmprobe.words.message import message


def vulkan_not_listed(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A GPU that would be used by Vulkan has no driver for it.
    """
    vulkan = snapshot.vulkan
    if vulkan is None or vulkan.visible is not None:
        return
    numbered = {each.accelerator for each in vulkan.devices if each.number is not None}
    missed = [
        each
        for each in snapshot.accelerators
        if each.usable and each.backend == "vulkan" and each.id not in numbered
    ]
    if not missed:
        return
    software = tuple(each.name for each in vulkan.devices if each.kind == "software")
    yield Finding(
        id="vulkan-not-listed",
        severity="warning",
        title=message(
            "finding.vulkan-not-listed.title", devices=tuple(called(snapshot, each) for each in missed)
        ),
        detail=message("finding.vulkan-not-listed.detail", software=software)
        if vulkan.loaded
        else message("finding.vulkan-not-listed.no-loader"),
        evidence=vulkan.evidence,
        remedy=Remedy(
            text=message("finding.vulkan-not-listed.remedy"),
            commands=("sudo apt install mesa-vulkan-drivers",) if snapshot.host.system == "linux" else (),
        ),
    )


def vulkan_budget(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A driver lets a program have more than its memory holds.
    """
    vulkan = snapshot.vulkan
    for each in vulkan.devices if vulkan is not None else ():
        if each.clamped_bytes is None or each.number is None:
            continue
        assert vulkan is not None
        yield Finding(
            id="vulkan-budget",
            severity="note",
            title=message("finding.vulkan-budget.title", device=each.name),
            detail=message(
                "finding.vulkan-budget.detail", more_bytes=each.clamped_bytes, total_bytes=each.total_bytes
            ),
            evidence=vulkan.evidence,
        )


def visible_hides(snapshot: Snapshot) -> Iterator[Finding]:
    """
    GGML_VK_VISIBLE_DEVICES leaves GPUs out that would run by Vulkan.
    """
    vulkan = snapshot.vulkan
    hidden = tuple(called(snapshot, each) for each in snapshot.accelerators if each.hidden_by == _VARIABLE)
    if vulkan is None or vulkan.visible is None or not hidden:
        return
    yield Finding(
        id="vulkan-visible-hides",
        severity="warning",
        title=message("finding.vulkan-visible-hides.title", devices=hidden),
        detail=message("finding.vulkan-visible-hides.detail", value=vulkan.visible),
        evidence=(f"env:{_VARIABLE}",),
        remedy=Remedy(
            text=message("finding.vulkan-visible-hides.remedy"), commands=(unset(snapshot, _VARIABLE),)
        ),
    )


_VARIABLE = "GGML_VK_VISIBLE_DEVICES"

RULES = (
    Rule("vulkan-visible-hides", visible_hides),
    Rule("vulkan-not-listed", vulkan_not_listed),
    Rule("vulkan-budget", vulkan_budget),
)
