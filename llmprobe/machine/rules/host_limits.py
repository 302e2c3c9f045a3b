"""
What the host or its owner does not let a program have: memory, processors, instructions; and memory that is
shared.
"""

from collections.abc import Iterator
from typing import Any

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.rules import Rule
from llmprobe.units import GIB, MIB, format_bytes

_X86 = ("x86_64", "amd64")
_LEFT_TO_MACOS_BYTES = 8 * GIB


def unified_pool(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Processor and GPU share one memory, which is counted once.
    """
    ram = snapshot.pool("ram")
    sharing = [each for each in snapshot.accelerators if "ram" in each.pools and each.usable]
    if ram is None or not sharing:
        return
    total = "memory" if ram.total_bytes is None else format_bytes(ram.total_bytes)
    yield Finding(
        id="unified-pool",
        severity="note",
        title=f"{sharing[0].name} shares the memory of the host",
        detail=f"The {total} of this machine serve processor and GPU together and are counted once. What is free is "
        "what the system can make available, file cache included.",
        evidence=(*ram.evidence, *sharing[0].evidence),
    )


def mac_wired_limit(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A Mac's GPU may use only a part of memory.
    """
    ram = snapshot.pool("ram")
    limit = next((each for each in ram.limits if each.by == "working-set"), None) if ram else None
    if ram is None or ram.total_bytes is None or limit is None or limit.bytes == 0:
        return
    if not any(each.vendor == "apple" for each in snapshot.accelerators):
        return
    more = max(0, ram.total_bytes - _LEFT_TO_MACOS_BYTES)
    found = snapshot.observed("apple.working_set_bytes")
    yield Finding(
        id="mac-wired-limit",
        severity="note",
        title="macOS lets the GPU use a part of memory only",
        detail=f"{limit.detail or 'The working set is limited'}; {format_bytes(limit.bytes)} that is free now "
        "cannot be used by the GPU.",
        evidence=found.evidence if found else ram.evidence,
        remedy=Remedy(
            text="It can be raised until the next start; leave macOS 8 GiB or more.",
            commands=(f"sudo sysctl iogpu.wired_limit_mb={more // MIB}",)
            if more > ram.total_bytes // 2
            else (),
        ),
    )


def mac_rosetta(snapshot: Snapshot) -> Iterator[Finding]:
    """
    This Python runs translated, as if on an Intel processor.
    """
    seen = snapshot.observed("apple.translated")
    if seen is None:
        return
    yield Finding(
        id="mac-rosetta",
        severity="warning",
        title="This Python is an Intel build and runs translated",
        detail="What it sees of the processor is what Rosetta shows. Programs that are started the same way run "
        "without Metal and much slower.",
        evidence=seen.evidence,
        remedy=Remedy(text="Install Python for Apple silicon.", commands=("arch -arm64 /bin/zsh",)),
    )


def mac_vm(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A macOS inside a virtual machine has no Metal.
    """
    for each in snapshot.accelerators:
        if each.vendor == "apple" and not each.usable and snapshot.host.environment == "vm":
            yield Finding(
                id="mac-vm",
                severity="warning",
                title="This macOS runs in a virtual machine",
                detail=f"{each.why_not or 'It has no GPU'}. Models run on the processor only.",
                evidence=("sysctl:kern.hv_vmm_present",),
                remedy=Remedy(text="Run the engine on the Mac itself."),
            )


def container_ram(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A container or service may use less memory than the host has.
    """
    seen = snapshot.observed("cgroup.memory")
    ram = snapshot.pool("ram")
    if (
        seen is None
        or ram is None
        or (ram.total_bytes is not None and seen.value["limit_bytes"] >= ram.total_bytes)
    ):
        return
    total = "more" if ram.total_bytes is None else format_bytes(ram.total_bytes)
    yield Finding(
        id="container-ram",
        severity="warning",
        title=f"This container may use {format_bytes(seen.value['limit_bytes'])} of the host's memory",
        detail=f"The host has {total}, of which {format_bytes(seen.value['left_bytes'])} are left to this "
        "container. "
        + (
            "A program that takes more is slowed down until it stands still."
            if seen.value.get("high")
            else "A program that takes more is killed."
        ),
        evidence=seen.evidence,
        remedy=Remedy(
            text="Raise the limit.", commands=("docker update --memory SIZE --memory-swap SIZE CONTAINER",)
        ),
    )


def cpu_quota(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Fewer threads may run than the processor has.
    """
    cpu = snapshot.host.cpu
    if cpu.usable_threads is None or cpu.logical_cores is None or cpu.usable_threads >= cpu.logical_cores:
        return
    quota = snapshot.observed("cgroup.cpu_quota") or snapshot.observed("cgroup.cpuset")
    yield Finding(
        id="cpu-quota",
        severity="warning",
        title=f"{cpu.usable_threads} of {cpu.logical_cores} threads may be used here",
        detail=f"{'; '.join(cpu.limits) or 'The processors are limited'}. An engine that starts a thread per "
        "processor of the host is slowed down many times by waiting for its own threads.",
        evidence=quota.evidence if quota else cpu.evidence,
        remedy=Remedy(
            text="Give engines the number.",
            commands=(f"llama-server --threads {cpu.usable_cores or cpu.usable_threads} …",),
        ),
    )


def no_avx2(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The processor lacks AVX2.
    """
    host = snapshot.host
    if not _lacks_avx2(snapshot) or host.environment == "vm":
        return
    yield Finding(
        id="no-avx2",
        severity="warning",
        title="The processor has no AVX2",
        detail="What runs on the processor is several times slower, and some builds of engines do not start at all.",
        evidence=host.cpu.evidence or ("cpuinfo:",),
    )


def vm_hides_avx(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A virtual machine does not show the instruction sets of its host.
    """
    host = snapshot.host
    if not _lacks_avx2(snapshot) or host.environment != "vm":
        return
    yield Finding(
        id="vm-hides-avx",
        severity="warning",
        title="The virtual machine shows a processor without AVX2",
        detail=f"It is called {host.cpu.name or 'unknown'}; the host very likely has AVX2. What runs on the processor "
        "is several times slower than it could be, and some builds of engines do not start at all.",
        evidence=host.cpu.evidence or ("cpuinfo:",),
        remedy=Remedy(
            text="Give the virtual machine the host's processor type: in Proxmox or in QEMU.",
            commands=("qm set ID --cpu host", "qemu-system-x86_64 -cpu host …"),
        ),
    )


def sources_disagree(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Two sources tell different things of one device or of memory.
    """
    for seen in snapshot.observations:
        if seen.name not in ("merge.disagreement", "memory.counts"):
            continue
        told: list[dict[str, Any]] = (
            seen.value if seen.name == "merge.disagreement" else [_of_counts(seen.value)]
        )
        for each in told:
            yield Finding(
                id="sources-disagree",
                severity="note",
                title=f"Two sources disagree on {each['what']}",
                detail=f"One says {each['values'][0]}, the other {each['values'][1]}. The first is used.",
                evidence=seen.evidence,
            )


def _of_counts(counts: dict[str, int]) -> dict[str, object]:
    kernel, psutil = counts.get("kernel", 0), counts.get("psutil", 0)
    return {"what": "the size of memory", "values": [format_bytes(kernel), format_bytes(psutil)]}


def _lacks_avx2(snapshot: Snapshot) -> bool:
    """
    Tell whether AVX2 is known to be missing: Windows' registry names no AVX at all, and Rosetta's is not the chip's.
    """
    cpu = snapshot.host.cpu
    known = "avx" in cpu.instruction_sets if snapshot.host.system == "win32" else bool(cpu.instruction_sets)
    x86 = snapshot.host.machine.lower() in _X86 and snapshot.observed("apple.translated") is None
    return x86 and known and "avx2" not in cpu.instruction_sets


RULES = (
    Rule("unified-pool", unified_pool),
    Rule("mac-wired-limit", mac_wired_limit),
    Rule("mac-rosetta", mac_rosetta),
    Rule("mac-vm", mac_vm),
    Rule("container-ram", container_ram),
    Rule("cpu-quota", cpu_quota),
    Rule("no-avx2", no_avx2),
    Rule("vm-hides-avx", vm_hides_avx),
    Rule("sources-disagree", sources_disagree),
)
