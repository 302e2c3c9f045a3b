"""
GPUs that are not usable as they are, or not by every program.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.harmless import shell_word
from llmprobe.machine.rules import Rule
from llmprobe.machine.rules._devices import called, memory_of
from llmprobe.machine.shell_commands import assign, unset
from llmprobe.words.message import message

_CUDA_VARIABLE = "CUDA_VISIBLE_DEVICES"
_OCCUPIED = "unusable.nvidia-occupied"


def lost(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device has fallen off the bus; the others go on.
    """
    for each in snapshot.accelerators:
        if each.state != "lost":
            continue
        nvidia = each.vendor == "nvidia"
        yield Finding(
            id="gpu-lost",
            severity="error",
            title=message("finding.gpu-lost.title", name=called(snapshot, each)),
            detail=message("finding.gpu-lost.detail", pci=each.pci, index=each.index),
            evidence=each.evidence_of("state"),
            remedy=Remedy(
                text=message("finding.gpu-lost.remedy"),
                commands=("sudo dmesg | grep -i xid" if nvidia else "sudo dmesg", "sudo reboot"),
                link="https://docs.nvidia.com/deploy/xid-errors/" if nvidia else None,
            ),
        )


def asleep(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device sleeps and was not woken, so that its figures are those of the table, or unknown.
    """
    for each in snapshot.accelerators:
        if each.state != "asleep":
            continue
        yield Finding(
            id="gpu-asleep",
            severity="note",
            title=message("finding.gpu-asleep.title", name=called(snapshot, each)),
            detail=message(
                "finding.gpu-asleep.detail-table" if each.usable else "finding.gpu-asleep.detail-unknown",
                pci=each.pci,
            ),
            evidence=each.evidence_of("state"),
            remedy=Remedy(text=message("finding.gpu-asleep.remedy"), commands=("llmprobe check --wake",)),
        )


def unreachable(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The driver lists a device and does not report its memory, and the device is not lost.
    """
    for each in snapshot.accelerators:
        if each.state != "unreachable":
            continue
        commands = ("nvidia-smi", "sudo dmesg | grep -i nvrm") if each.vendor == "nvidia" else ("sudo dmesg",)
        yield Finding(
            id="gpu-unreachable",
            severity="error",
            title=message("finding.gpu-unreachable.title", name=called(snapshot, each)),
            detail=message("finding.gpu-unreachable.detail", why=each.why_not),
            evidence=each.evidence_of("state"),
            remedy=Remedy(text=message("finding.gpu-unreachable.remedy"), commands=commands),
        )


def prohibited(snapshot: Snapshot) -> Iterator[Finding]:
    """
    An administrator has set a device so that no program may compute on it.
    """
    for each in snapshot.accelerators:
        if each.compute_mode == "prohibited":
            yield Finding(
                id="compute-prohibited",
                severity="error",
                title=message("finding.compute-prohibited.title", name=called(snapshot, each)),
                detail=message("finding.compute-prohibited.detail", id=each.id),
                evidence=each.evidence_of("compute_mode"),
                remedy=Remedy(
                    text=message("finding.compute-prohibited.remedy"),
                    commands=(f"sudo nvidia-smi -i {each.index} -c DEFAULT",),
                ),
            )


def exclusive(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device serves one program at a time.
    """
    for each in snapshot.accelerators:
        if each.compute_mode == "exclusive-process":
            occupied = each.why_not is not None and each.why_not.id == _OCCUPIED
            yield Finding(
                id="exclusive-process",
                severity="error" if occupied else "note",
                title=message("finding.exclusive-process.title", name=called(snapshot, each)),
                detail=message(
                    "finding.exclusive-process.detail-occupied"
                    if occupied
                    else "finding.exclusive-process.detail-free"
                ),
                evidence=each.evidence_of("compute_mode"),
                remedy=Remedy(
                    text=message("finding.exclusive-process.remedy"),
                    commands=(f"sudo nvidia-smi -i {each.index} -c DEFAULT",),
                ),
            )


def mig_partitioned(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device is divided, and a program gets one instance of it.
    """
    instances = [each for each in snapshot.accelerators if each.partition and each.partition.kind == "mig"]
    if not instances:
        return
    listed = tuple(
        message(
            "finding.mig-partitioned.instance",
            name=each.name,
            memory_bytes=memory_of(snapshot, each),
            uuid=each.uuid,
        )
        for each in instances
    )
    yield Finding(
        id="mig-partitioned",
        severity="note",
        title=message("finding.mig-partitioned.title"),
        detail=message("finding.mig-partitioned.detail", instances=listed),
        evidence=tuple(name for each in instances for name in each.evidence),
        remedy=Remedy(
            text=message("finding.mig-partitioned.remedy"),
            commands=(
                f"export {_CUDA_VARIABLE}={shell_word(instances[0].uuid or 'MIG-UUID')}",
                "sudo nvidia-smi -mig 0",
            ),
            link="https://docs.nvidia.com/datacenter/tesla/mig-user-guide/",
        ),
    )


def mig_no_instance(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device is in MIG mode without an instance, so that nothing can run on it.
    """
    for each in snapshot.accelerators:
        if each.state == "no-instance":
            yield Finding(
                id="mig-no-instance",
                severity="error",
                title=message("finding.mig-no-instance.title", name=called(snapshot, each)),
                detail=message("finding.mig-no-instance.detail"),
                evidence=each.evidence_of("state"),
                remedy=Remedy(
                    text=message("finding.mig-no-instance.remedy"),
                    commands=(
                        f"sudo nvidia-smi mig -i {each.index} -cgi 0 -C",
                        f"sudo nvidia-smi -i {each.index} -mig 0",
                    ),
                ),
            )


def visible_hides(snapshot: Snapshot) -> Iterator[Finding]:
    """
    CUDA_VISIBLE_DEVICES leaves devices out, perhaps by an entry that names none.
    """
    seen = snapshot.nvidia.cuda_visible_devices if snapshot.nvidia is not None else None
    hidden = [
        each for each in snapshot.accelerators if each.hidden_by == _CUDA_VARIABLE and each.vendor == "nvidia"
    ]
    if seen is None or not (hidden or seen.value.invalid):
        return
    devices = tuple(
        message(
            "finding.cuda-visible-hides.device",
            name=called(snapshot, each),
            memory_bytes=memory_of(snapshot, each),
        )
        for each in hidden
    )
    yield Finding(
        id="cuda-visible-hides",
        severity="warning",
        title=message("finding.cuda-visible-hides.title")
        if hidden
        else message("finding.cuda-visible-hides.title-invalid"),
        detail=message(
            "finding.cuda-visible-hides.detail",
            value=seen.value.value,
            devices=devices,
            invalid=seen.value.invalid,
        ),
        evidence=seen.evidence,
        remedy=Remedy(
            text=message("finding.cuda-visible-hides.remedy"),
            commands=(unset(snapshot, _CUDA_VARIABLE), "nvidia-smi -L"),
        ),
    )


def order_uncertain(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Unlike devices without a set order: CUDA's numbers may differ from those shown.
    """
    seen = snapshot.nvidia.uncertain_order if snapshot.nvidia is not None else None
    if seen is None:
        return
    yield Finding(
        id="cuda-order-uncertain",
        severity="note",
        title=message("finding.cuda-order-uncertain.title"),
        detail=message("finding.cuda-order-uncertain.detail", names=seen.value),
        evidence=seen.evidence,
        remedy=Remedy(
            text=message("finding.cuda-order-uncertain.remedy"),
            commands=(assign(snapshot, "CUDA_DEVICE_ORDER", "PCI_BUS_ID"),),
        ),
    )


RULES = (
    Rule("gpu-lost", lost),
    Rule("gpu-asleep", asleep),
    Rule("gpu-unreachable", unreachable),
    Rule("compute-prohibited", prohibited),
    Rule("exclusive-process", exclusive),
    Rule("mig-partitioned", mig_partitioned),
    Rule("mig-no-instance", mig_no_instance),
    Rule("cuda-visible-hides", visible_hides),
    Rule("cuda-order-uncertain", order_uncertain),
)
