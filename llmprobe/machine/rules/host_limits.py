"""
Limits that the host or its owner sets on a program: memory, processors, instructions; and memory that is shared.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.rules import Rule
from llmprobe.units import GIB, MIB
from llmprobe.words.message import message

_X86 = ("x86_64", "amd64")
_LEFT_TO_MACOS_BYTES = 8 * GIB
_WORTH_SAYING_BYTES = 1 * GIB


def unified_pool(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Processor and GPU share one memory, which is counted once.
    """
    ram = snapshot.pool("ram")
    sharing = [each for each in snapshot.accelerators if "ram" in each.pools and each.usable]
    if ram is None or not sharing:
        return
    yield Finding(
        id="unified-pool",
        severity="note",
        title=message("finding.unified-pool.title", device=sharing[0].name),
        detail=message("finding.unified-pool.detail", total_bytes=ram.total_bytes),
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
    # Under Linux the driver of the GPU sets its limit.
    if snapshot.host.system != "darwin" or not any(each.vendor == "apple" for each in snapshot.accelerators):
        return
    more = max(0, ram.total_bytes - _LEFT_TO_MACOS_BYTES)
    working_set = snapshot.apple.working_set if snapshot.apple is not None else None
    yield Finding(
        id="mac-wired-limit",
        severity="note",
        title=message("finding.mac-wired-limit.title"),
        detail=message("finding.mac-wired-limit.detail", limit=limit.detail, lost_bytes=limit.bytes),
        evidence=working_set.evidence if working_set is not None else ram.evidence,
        remedy=Remedy(
            text=message("finding.mac-wired-limit.remedy", left_bytes=_LEFT_TO_MACOS_BYTES),
            commands=(f"sudo sysctl iogpu.wired_limit_mb={more // MIB}",)
            if more > ram.total_bytes // 2
            else (),
        ),
    )


def mac_memory_full(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Programs of a Mac would not fit into its memory uncompressed.
    """
    missing = snapshot.apple.missing_bytes if snapshot.apple is not None else None
    if missing is None or missing < _WORTH_SAYING_BYTES:
        return
    yield Finding(
        id="mac-memory-full",
        severity="warning",
        title=message("finding.mac-memory-full.title", missing_bytes=missing),
        detail=message("finding.mac-memory-full.detail"),
        evidence=("run:vm_stat",),
        remedy=Remedy(
            text=message("finding.mac-memory-full.remedy"),
            commands=("top -l 1 -o mem -n 10 -stats command,mem",),
        ),
    )


def mac_low_power(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A Mac saves power, and its GPU is slower for it.
    """
    if snapshot.apple is None or not snapshot.apple.low_power_mode:
        return
    yield Finding(
        id="mac-low-power",
        severity="note",
        title=message("finding.mac-low-power.title"),
        detail=message("finding.mac-low-power.detail"),
        evidence=("run:pmset -g",),
        remedy=Remedy(
            text=message("finding.mac-low-power.remedy"), commands=("sudo pmset -a lowpowermode 0",)
        ),
    )


def mac_rosetta(snapshot: Snapshot) -> Iterator[Finding]:
    """
    This Python runs translated, as if on an Intel processor.
    """
    if snapshot.apple is None or not snapshot.apple.translated:
        return
    yield Finding(
        id="mac-rosetta",
        severity="warning",
        title=message("finding.mac-rosetta.title"),
        detail=message("finding.mac-rosetta.detail"),
        evidence=("sysctl:sysctl.proc_translated",),
        remedy=Remedy(text=message("finding.mac-rosetta.remedy"), commands=("arch -arm64 /bin/zsh",)),
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
                title=message("finding.mac-vm.title"),
                detail=message("finding.mac-vm.detail"),
                evidence=("sysctl:kern.hv_vmm_present",),
                remedy=Remedy(text=message("finding.mac-vm.remedy")),
            )


def container_ram(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A container or service may use less memory than the host has.
    """
    group = snapshot.host.control_group
    memory = group.memory if group is not None else None
    ram = snapshot.pool("ram")
    if memory is None or ram is None:
        return
    if ram.total_bytes is not None and memory.limit_bytes >= ram.total_bytes:
        return
    yield Finding(
        id="container-ram",
        severity="warning",
        title=message("finding.container-ram.title", limit_bytes=memory.limit_bytes),
        detail=message(
            "finding.container-ram.detail-slowed"
            if memory.slows_down
            else "finding.container-ram.detail-killed",
            left_bytes=memory.left_bytes,
            host_bytes=ram.total_bytes,
        ),
        evidence=memory.evidence,
        remedy=Remedy(
            text=message("finding.container-ram.remedy"),
            commands=("docker update --memory SIZE --memory-swap SIZE CONTAINER",),
        ),
    )


def cpu_quota(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Fewer threads may run than the processor has.
    """
    cpu = snapshot.host.cpu
    if cpu.usable_threads is None or cpu.logical_cores is None or cpu.usable_threads >= cpu.logical_cores:
        return
    group = snapshot.host.control_group
    limit = (group.cpu_quota or group.cpu_set) if group is not None else None
    yield Finding(
        id="cpu-quota",
        severity="warning",
        title=message("finding.cpu-quota.title", usable=cpu.usable_threads, threads=cpu.logical_cores),
        detail=message("finding.cpu-quota.detail", limits=cpu.limits),
        evidence=limit.evidence if limit is not None else cpu.evidence,
        remedy=Remedy(
            text=message("finding.cpu-quota.remedy"),
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
        title=message("finding.no-avx2.title"),
        detail=message("finding.no-avx2.detail"),
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
        title=message("finding.vm-hides-avx.title"),
        detail=message("finding.vm-hides-avx.detail", processor=host.cpu.name),
        evidence=host.cpu.evidence or ("cpuinfo:",),
        remedy=Remedy(
            text=message("finding.vm-hides-avx.remedy"),
            commands=("qm set ID --cpu host", "qemu-system-x86_64 -cpu host …"),
        ),
    )


def sources_disagree(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Two sources differ on one device or on memory.
    """
    for each in snapshot.disagreements:
        values = each.names if each.names is not None else each.sizes_bytes
        if values is None:
            continue
        yield Finding(
            id="sources-disagree",
            severity="note",
            title=message("finding.sources-disagree.title-memory")
            if each.of == "host-memory"
            else message("finding.sources-disagree.title-name", device=each.device)
            if each.of == "device-name"
            else message("finding.sources-disagree.title-size", device=each.device),
            detail=message("finding.sources-disagree.detail", first=each.names[0], second=each.names[1])
            if each.names is not None
            else message(
                "finding.sources-disagree.detail-sizes", first_bytes=values[0], second_bytes=values[1]
            ),
            evidence=each.evidence,
        )


def _lacks_avx2(snapshot: Snapshot) -> bool:
    """
    Whether AVX2 is known to be missing: Windows' registry names no AVX at all, and Rosetta's is not the chip's.
    """
    cpu = snapshot.host.cpu
    known = "avx" in cpu.instruction_sets if snapshot.host.system == "win32" else bool(cpu.instruction_sets)
    translated = snapshot.apple is not None and snapshot.apple.translated
    x86 = snapshot.host.machine.lower() in _X86 and not translated
    return x86 and known and "avx2" not in cpu.instruction_sets


RULES = (
    Rule("unified-pool", unified_pool),
    Rule("mac-wired-limit", mac_wired_limit),
    Rule("mac-memory-full", mac_memory_full),
    Rule("mac-low-power", mac_low_power),
    Rule("mac-rosetta", mac_rosetta),
    Rule("mac-vm", mac_vm),
    Rule("container-ram", container_ram),
    Rule("cpu-quota", cpu_quota),
    Rule("no-avx2", no_avx2),
    Rule("vm-hides-avx", vm_hides_avx),
    Rule("sources-disagree", sources_disagree),
)
