"""
The processes that hold memory of one NVML device or MIG instance.

NVML gives the numbers that processes have on the host. Where this is another PID namespace than the host's, the same
number is somebody else here, so that no name is looked up.
"""

import msgspec

from llmprobe.facts.machine import Holder
from llmprobe.machine.asking import Asker, as_int, as_text, items_of

COMPUTE = ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2")
GRAPHICS = ("nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2")
_FUNCTION_NOT_FOUND = 13
_NAMESPACE = "/proc/self/ns/pid"
_OF_THE_HOST = "pid:[4026531836]"
"""The first PID namespace has a fixed number (Linux, include/linux/proc_ns.h: PROC_PID_INIT_INO)."""

_HIGHEST_PID = 4194304
"""PID_MAX_LIMIT on 64 bits. More is how a struct of another version reads (https://github.com/XuehaiPan/nvitop/issues/181)."""


def ask_holders(
    ask: Asker, handle: str, total_bytes: int | None, pci: str | None = None
) -> tuple[Holder, ...]:
    """
    The processes that hold memory of a device, each once, the largest first.

    A size above the device's is unknown: it is "not available" read as a number. A process may be listed for
    computing and for graphics. On Windows the sizes are those that Windows counts of the adapter at ``pci``.
    """
    seen: dict[int, tuple[int | None, bool]] = {}
    for functions, graphics in ((COMPUTE, False), (GRAPHICS, True)):
        for process in _processes(ask, handle, functions):
            pid = as_int(process.get("pid"))
            if pid is None or (ask.platform.system == "linux" and pid > _HIGHEST_PID):
                continue
            used, was_graphics = as_int(process.get("usedGpuMemory")), graphics
            if used is not None and total_bytes is not None and used > total_bytes:
                used = None
            if pid in seen:
                before, before_graphics = seen[pid]
                used = before if used is None else used if before is None else max(before, used)
                was_graphics = before_graphics or graphics
            seen[pid] = (used, was_graphics)
    named = bool(seen) and _are_of_the_host(ask)
    holders = [
        Holder(pid=pid, name=_name(ask, pid) if named else None, used_bytes=used, graphics=graphics)
        for pid, (used, graphics) in seen.items()
    ]
    if ask.platform.system == "win32" and all(each.used_bytes is None for each in holders):
        holders = _counted_by_windows(ask, holders, pci)
    return tuple(sorted(holders, key=lambda each: (-(each.used_bytes or 0), each.pid or 0)))


def _counted_by_windows(ask: Asker, holders: list[Holder], pci: str | None) -> list[Holder]:
    """
    The processes with the names and sizes that Windows has of them, and those that it alone lists.
    """
    # Imported only here: other systems have no such adapters.
    from llmprobe.machine.adapter_programs import programs_of

    told = {each.pid: each for each in programs_of(ask, pci) if each.pid is not None and each.used_bytes}
    joined = [
        msgspec.structs.replace(each, name=more.name, used_bytes=more.used_bytes)
        if (more := told.pop(each.pid or 0, None)) is not None
        else each
        for each in holders
    ]
    return [*joined, *told.values()]


def parse_comm(text: str) -> str | None:
    """
    The program's name from /proc/<pid>/comm, at most 15 characters.

    https://docs.kernel.org/filesystems/proc.html#proc-pid-comm
    """
    return text.strip() or None


def _processes(ask: Asker, handle: str, functions: tuple[str, str]) -> list[dict[str, object]]:
    newest, older = functions
    answer = ask.nvml(newest, handle)
    if answer.code == _FUNCTION_NOT_FOUND:
        answer = ask.nvml(older, handle)
    return [each for each in items_of(answer) if isinstance(each, dict)]


def _are_of_the_host(ask: Asker) -> bool:
    """
    Whether process numbers mean the same here as they do to the driver.
    """
    if ask.platform.system != "linux":
        return False
    namespace = as_text(ask.link(_NAMESPACE))
    return namespace is None or namespace == _OF_THE_HOST


def _name(ask: Asker, pid: int) -> str | None:
    text = ask.text(f"/proc/{pid}/comm")
    return parse_comm(text) if text else None
