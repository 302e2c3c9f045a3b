"""
What oneAPI's variables take from SYCL: GPUs that it does not see, and texts at which its programs end.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.rules import Rule
from llmprobe.machine.rules._devices import called
from llmprobe.machine.shell_commands import assign, unset
from llmprobe.words.message import message


def hidden_from_sycl(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A variable hides Intel GPUs, or tiles of them, from SYCL, which matters to a build of llama.cpp with it.
    """
    found = snapshot.oneapi
    if not found or found.problem is not None or not found.hidden:
        return
    names = {each.pci: called(snapshot, each) for each in snapshot.accelerators}
    yield Finding(
        id="sycl-hides",
        severity="note",
        title=message(
            "finding.sycl-hides.title",
            variables=_variables(snapshot),
            devices=tuple(names.get(pci, pci) for pci in found.hidden),
        ),
        detail=message(
            "finding.sycl-hides.detail",
            left=tuple(
                message(
                    "finding.sycl-hides.device",
                    device=names.get(one.pci, one.pci),
                    tile=one.tile,
                    number=one.number,
                )
                for one in found.devices
            ),
        ),
        evidence=found.evidence,
        remedy=Remedy(
            text=message("finding.sycl-hides.remedy"), commands=(unset(snapshot, *_variables(snapshot)),)
        ),
    )


def ends_sycl(snapshot: Snapshot) -> Iterator[Finding]:
    """
    llama.cpp with SYCL ends at the text of ONEAPI_DEVICE_SELECTOR.
    """
    found = snapshot.oneapi
    if not found or found.problem is None:
        return
    yield Finding(
        id="sycl-selector",
        severity="warning",
        title=message("finding.sycl-selector.title"),
        detail=message("finding.sycl-selector.detail", value=found.selector, problem=found.problem),
        evidence=found.evidence,
        remedy=Remedy(
            text=message("finding.sycl-selector.remedy"),
            commands=(assign(snapshot, "ONEAPI_DEVICE_SELECTOR", "level_zero:gpu"),),
        ),
    )


def _variables(snapshot: Snapshot) -> tuple[str, ...]:
    found = snapshot.oneapi
    return tuple(one.partition(":")[2] for one in found.evidence) if found else ()


RULES = (Rule("sycl-selector", ends_sycl), Rule("sycl-hides", hidden_from_sycl))
