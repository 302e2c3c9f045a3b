"""
The memory of the host: what is set aside of it, what waits for it, how it is laid out and how fast it is.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.rules import Rule
from llmprobe.units import GIB, format_bytes

_X86 = ("x86_64", "amd64")
_WAITING_PERCENT = 5.0
_WORTH_SAYING = 1 * GIB
_MISSING_SHARE = 0.12
_PRESSURE_WARNING = 2


def memory_pressure(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Programs wait for memory at this moment.
    """
    waits = snapshot.observed("memory.pressure")
    level = snapshot.observed("apple.pressure_level")
    if waits is not None and waits.value.get("some", 0.0) >= _WAITING_PERCENT:
        how, evidence = f"for {waits.value['some']:g} % of the last ten seconds", waits.evidence
    elif level is not None and level.value >= _PRESSURE_WARNING:
        how, evidence = f"and macOS calls it {'critical' if level.value > 2 else 'high'}", level.evidence
    else:
        return
    yield Finding(
        id="memory-pressure",
        severity="warning",
        title="Programs wait for memory",
        detail=f"Some program waited {how}. What is free now is needed by what runs already, and a model makes all of "
        "it slower.",
        evidence=evidence,
        remedy=Remedy(text="Close programs before loading a model."),
    )


def strict_overcommit(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The kernel promises no more memory than it has, so that reserving much fails early.
    """
    seen = snapshot.observed("memory.strict_overcommit")
    if seen is None:
        return
    limit, committed = seen.value["limit_bytes"], seen.value["committed_bytes"]
    left = (
        ""
        if limit is None or committed is None
        else f" {format_bytes(max(0, limit - committed))} can still be promised."
    )
    yield Finding(
        id="no-swap-overcommit2",
        severity="warning",
        title="The kernel promises no more memory than there is",
        detail=f"vm.overcommit_memory is 2.{left} Engines reserve more than they use: starting one can fail though "
        "memory is free.",
        evidence=seen.evidence,
        remedy=Remedy(text="Use the usual setting.", commands=("sudo sysctl vm.overcommit_memory=0",)),
    )


def huge_pages(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Memory is set aside as huge pages, which engines do not use.
    """
    seen = snapshot.observed("memory.huge_pages")
    if seen is None or seen.value["total_bytes"] < _WORTH_SAYING:
        return
    yield Finding(
        id="hugepages-reserved",
        severity="note",
        title=f"{format_bytes(seen.value['total_bytes'])} are set aside as huge pages",
        detail=f"{format_bytes(seen.value['free_bytes'])} of them are not in use. Engines cannot take them, and they "
        "count as used.",
        evidence=seen.evidence,
        remedy=Remedy(
            text="Give them back where no database or virtual machine needs them.",
            commands=("sudo sysctl vm.nr_hugepages=0",),
        ),
    )


def zfs_cache(snapshot: Snapshot) -> Iterator[Finding]:
    """
    ZFS caches files in memory that the kernel counts as used.
    """
    seen = snapshot.observed("memory.zfs_cache_bytes")
    if seen is None or seen.value < _WORTH_SAYING:
        return
    yield Finding(
        id="zfs-arc",
        severity="note",
        title=f"ZFS can give back {format_bytes(seen.value)} of its cache",
        detail="Other tools show it as used. It is counted as free here; ZFS gives it back when it is needed, though "
        "not at once, so that a model that needs it may load slowly.",
        evidence=seen.evidence,
        remedy=Remedy(
            text="Limit the cache to keep the memory free from the start.",
            commands=(f"echo {4 * GIB} | sudo tee /sys/module/zfs/parameters/zfs_arc_max",),
        ),
    )


def address_space(snapshot: Snapshot) -> Iterator[Finding]:
    """
    This shell limits how much a program may map.
    """
    seen = snapshot.observed("memory.limits")
    limit = seen.value.get("address_space_bytes") if seen else None
    if seen is None or limit is None:
        return
    yield Finding(
        id="address-space-limit",
        severity="warning",
        title=f"A program may map {format_bytes(limit)} here",
        detail="A model's file is mapped whole, and CUDA maps far more than it uses: engines fail to start, or to load "
        "a model that would fit.",
        evidence=seen.evidence,
        remedy=Remedy(text="Lift the limit of this shell.", commands=("ulimit -v unlimited",)),
    )


def numa(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Memory belongs to several groups of processors, and the way to another group's is slower.
    """
    seen = snapshot.observed("numa.nodes")
    nodes = [each for each in seen.value if each["processors"]] if seen else []
    if seen is None or len(nodes) < 2:
        return
    yield Finding(
        id="numa-multi",
        severity="note",
        title=f"Memory is divided into {len(nodes)} nodes",
        detail="A program that runs on one node and reads the memory of another gets a part of the bandwidth only. "
        "What runs on the processor can be half as fast or less.",
        evidence=seen.evidence,
        remedy=Remedy(
            text="Let llama.cpp spread its threads and memory over the nodes.",
            commands=("llama-server --numa distribute …",),
        ),
    )


def memory_only_nodes(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Some memory has no processors near it: a GPU's own, or an extension.
    """
    seen = snapshot.observed("numa.nodes")
    nodes = [each for each in seen.value if not each["processors"]] if seen else []
    size = sum(each["total_bytes"] or 0 for each in nodes)
    if seen is None or not size or not any(each["processors"] for each in seen.value):
        return
    x86 = snapshot.host.machine.lower() in _X86
    yield Finding(
        id="numa-memory-only",
        severity="note",
        title=f"{format_bytes(size)} of memory have no processors near them",
        detail="It is an extension of memory (CXL or on the package), which is slower or faster than the rest."
        if x86
        else "It is the memory of GPUs, which the kernel counts as its own. Here it is counted with the GPUs only.",
        evidence=seen.evidence,
    )


def single_channel(snapshot: Snapshot) -> Iterator[Finding]:
    """
    One memory module is read at half the speed of two.
    """
    seen = snapshot.observed("host.modules")
    if seen is None or seen.value["channels"] != 1 or not (seen.value["type"] or "").startswith("DDR"):
        return
    yield Finding(
        id="single-channel-ram",
        severity="warning",
        title="Memory runs on one channel",
        detail="What runs on the processor is as fast as memory can be read: with a second module in the other channel "
        "it would be almost twice as fast.",
        evidence=seen.evidence,
        remedy=Remedy(
            text="Put in a second module of the same kind, in the slot that the board's manual names."
        ),
    )


def less_than_installed(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The system has less memory than its modules hold.
    """
    seen = snapshot.observed("host.modules")
    ram = snapshot.pool("ram")
    installed = seen.value["installed_bytes"] if seen else None
    if seen is None or installed is None or ram is None or ram.total_bytes is None:
        return
    missing = installed - ram.total_bytes
    if snapshot.host.environment == "vm" or missing < max(_WORTH_SAYING, _MISSING_SHARE * installed):
        return
    yield Finding(
        id="ram-vs-installed",
        severity="note",
        title=f"{format_bytes(missing)} of {format_bytes(installed)} installed are not given to the system",
        detail="The firmware sets memory aside for graphics, a kernel parameter leaves it out, or a module is faulty.",
        evidence=(*seen.evidence, *ram.evidence),
        remedy=Remedy(
            text="Look at the size of the frame buffer in the firmware, and for mem= or memmap= in the parameters.",
            commands=("cat /proc/cmdline", "sudo dmidecode -t memory"),
        ),
    )


def wsl_cap(snapshot: Snapshot) -> Iterator[Finding]:
    """
    WSL has only a part of the memory of Windows.
    """
    ram = snapshot.pool("ram")
    if snapshot.host.environment != "wsl" or ram is None or ram.total_bytes is None:
        return
    yield Finding(
        id="wsl-ram-cap",
        severity="note",
        title=f"WSL was given {format_bytes(ram.total_bytes)} of the memory of Windows",
        detail="Without a setting it gets half. What Windows has beyond it cannot be seen or used from here.",
        evidence=ram.evidence,
        remedy=Remedy(
            text="Set memory= below [wsl2] in %UserProfile%\\.wslconfig, then restart WSL from Windows.",
            commands=("wsl --shutdown",),
            link="https://learn.microsoft.com/windows/wsl/wsl-config",
        ),
    )


RULES = (
    Rule("memory-pressure", memory_pressure),
    Rule("no-swap-overcommit2", strict_overcommit),
    Rule("hugepages-reserved", huge_pages),
    Rule("zfs-arc", zfs_cache),
    Rule("address-space-limit", address_space),
    Rule("numa-multi", numa),
    Rule("numa-memory-only", memory_only_nodes),
    Rule("single-channel-ram", single_channel),
    Rule("ram-vs-installed", less_than_installed),
    Rule("wsl-ram-cap", wsl_cap),
)
