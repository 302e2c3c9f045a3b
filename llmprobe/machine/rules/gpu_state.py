"""
GPUs that are here and cannot be used as they are, or not by everyone.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.machine.rules import Rule, _by_address, asked_nvml
from llmprobe.units import format_bytes

_HIDDEN = "hidden by CUDA_VISIBLE_DEVICES"


def lost(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device has fallen off the bus; the others go on.
    """
    seen = snapshot.observed("nvidia.lost")
    if seen is None:
        return
    names = [
        f"{each.name} ({each.pci or f'NVML index {each.index}'})"
        for each in snapshot.accelerators
        if each.vendor == "nvidia" and str(each.index) in seen.value
    ]
    yield Finding(
        id="gpu-lost",
        severity="error",
        title="A GPU has fallen off the bus",
        detail=f"The driver has lost {', '.join(names) or 'a device'} (Xid 79). Its memory is not counted; the "
        "other devices are not concerned, though programs may number them differently now.",
        evidence=seen.evidence,
        remedy=Remedy(
            text="Reboot; if it comes back, look at the power cables, the riser and the slot.",
            commands=("sudo dmesg | grep -i xid", "sudo reboot"),
            link="https://docs.nvidia.com/deploy/xid-errors/",
        ),
    )


def asleep(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device sleeps and was not woken, so that its figures are the table's.
    """
    yield from _by_address.asleep(snapshot)
    seen = snapshot.observed("nvidia.asleep")
    if seen is None or any(
        each.index is not None for each in snapshot.accelerators if each.vendor == "nvidia"
    ):
        return
    yield Finding(
        id="gpu-asleep",
        severity="note",
        title="A GPU is asleep and was not woken",
        detail=f"The device at {', '.join(seen.value)} is powered down, as laptops do to save the battery. Its "
        "memory is taken from a table, and what is free of it is not known.",
        evidence=seen.evidence,
        remedy=Remedy(text="Ask for its own figures, which wakes it.", commands=("llmprobe check --wake",)),
    )


def unreachable(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The driver counts a device and tells nothing of its memory, and it is not lost.
    """
    lost_devices = snapshot.observed("nvidia.lost")
    gone = lost_devices.value if lost_devices else []
    for each in snapshot.accelerators:
        if each.vendor != "nvidia" or each.usable or each.pools or each.index is None:
            continue
        if str(each.index) in gone or _in_mig_mode(each):
            continue
        yield Finding(
            id="gpu-unreachable",
            severity="error",
            title=f"{each.name} cannot be reached",
            detail=f"The driver lists the device, but {each.why_not}. It is not counted.",
            evidence=each.evidence,
            remedy=Remedy(
                text="See what the driver says of it.", commands=("nvidia-smi", "sudo dmesg | grep -i nvrm")
            ),
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
                title=f"No program may compute on {each.name}",
                detail=f"Its compute mode is prohibited: CUDA refuses the device ({each.id}) to every program, and its "
                "memory is not counted.",
                evidence=asked_nvml(snapshot, f"nvmlDeviceGetComputeMode {each.index}"),
                remedy=Remedy(text="Set it back.", commands=(f"sudo nvidia-smi -i {each.index} -c DEFAULT",)),
            )


def exclusive(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device serves one program at a time.
    """
    for each in snapshot.accelerators:
        if each.compute_mode == "exclusive-process":
            taken = "and one has it now" if not each.usable else "and none has it now"
            yield Finding(
                id="exclusive-process",
                severity="note" if each.usable else "error",
                title=f"{each.name} serves one program at a time",
                detail=f"Its compute mode is exclusive-process, {taken}. A second program gets an error.",
                evidence=asked_nvml(snapshot, f"nvmlDeviceGetComputeMode {each.index}"),
                remedy=Remedy(
                    text="Let programs share it.", commands=(f"sudo nvidia-smi -i {each.index} -c DEFAULT",)
                ),
            )


def mig_partitioned(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A device is divided, and a program gets one instance of it.
    """
    instances = [each for each in snapshot.accelerators if _is_instance(each)]
    if not instances:
        return
    listed = "; ".join(
        f"{each.name}: {_size(snapshot, each)}, {each.uuid or 'UUID unknown'}" for each in instances
    )
    yield Finding(
        id="mig-partitioned",
        severity="note",
        title="A GPU is divided into MIG instances",
        detail=f"A program gets one instance and its memory, never the whole device. Here: {listed}.",
        evidence=tuple(name for each in instances for name in each.evidence),
        remedy=Remedy(
            text="Choose the instance for a program by its UUID, or end the division to have the device whole.",
            commands=(
                f"export CUDA_VISIBLE_DEVICES={instances[0].uuid or 'MIG-UUID'}",
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
        if each.vendor == "nvidia" and not each.usable and _in_mig_mode(each):
            yield Finding(
                id="mig-no-instance",
                severity="error",
                title=f"{each.name} is in MIG mode and has no instance",
                detail="In this mode programs run on instances only, and there is none: the device cannot be used.",
                evidence=each.evidence,
                remedy=Remedy(
                    text="Make an instance, or end the mode.",
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
    seen = snapshot.observed("nvidia.cuda_visible_devices")
    hidden = [each for each in snapshot.accelerators if each.why_not == _HIDDEN]
    if seen is None or not (hidden or seen.value["invalid"]):
        return
    invalid = seen.value["invalid"]
    because = (
        f" The entry {invalid!r} names no device or one twice, and CUDA stops reading there."
        if invalid
        else ""
    )
    names = ", ".join(f"{each.name} ({_size(snapshot, each)})" for each in hidden) or "nothing"
    yield Finding(
        id="cuda-visible-hides",
        severity="warning",
        title="CUDA_VISIBLE_DEVICES hides a GPU"
        if hidden
        else "CUDA_VISIBLE_DEVICES has an entry that names no GPU",
        detail=f"CUDA_VISIBLE_DEVICES={seen.value['value']} hides {names}.{because} Hidden memory is not counted.",
        evidence=seen.evidence,
        remedy=Remedy(
            text="Unset it, or name devices by UUID.",
            commands=("unset CUDA_VISIBLE_DEVICES", "nvidia-smi -L"),
        ),
    )


def order_uncertain(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Different models without a set order: CUDA's numbers may differ from those shown.
    """
    seen = snapshot.observed("nvidia.order_uncertain")
    if seen is None:
        return
    yield Finding(
        id="cuda-order-uncertain",
        severity="note",
        title="CUDA may number these GPUs in another order",
        detail=f"By default CUDA puts the fastest first, while the driver and this list go by the bus "
        f"({', '.join(seen.value)}). A split by device could be turned around.",
        evidence=seen.evidence,
        remedy=Remedy(text="Make CUDA go by the bus.", commands=("export CUDA_DEVICE_ORDER=PCI_BUS_ID",)),
    )


def _is_instance(each: Accelerator) -> bool:
    return each.partition is not None and each.partition.kind == "mig"


def _in_mig_mode(each: Accelerator) -> bool:
    return any(name.startswith("nvml:nvmlDeviceGetMigMode") for name in each.evidence)


def _size(snapshot: Snapshot, each: Accelerator) -> str:
    pools = [snapshot.pool(pool) for pool in each.pools]
    sizes = [pool.total_bytes for pool in pools if pool is not None and pool.total_bytes is not None]
    return format_bytes(sum(sizes)) if sizes else "memory unknown"


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
