"""
The processor: what it is, how many cores it has, how many of them this process may run on, what it can
compute.

The quota of a container is not here: see ``cgroup``, which lowers ``usable_threads`` further.

Questions, in order:

    cpuinfo:
    psutil:cpu_count
    psutil:cpu_count_cores
    psutil:cpu_affinity                                on Linux and Windows
    read:/proc/cpuinfo                                 on Linux, where those left name, flags or counts open
    sysctl:hw.perflevel0.physicalcpu                   on macOS
    sysctl:hw.perflevel1.physicalcpu                   on macOS
    sysctl:machdep.cpu.brand_string                    on macOS
    read:/sys/devices/cpu_core/cpus                    on Linux, x86: performance cores of a hybrid
    read:/sys/devices/cpu_atom/cpus                    on Linux, x86: efficiency cores
"""

from collections.abc import Iterable
from typing import Any

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Probed
from llmprobe.machine.asking import Asker, as_int, as_text, fields_of
from llmprobe.machine.cpu_list import parse_cpu_list

NAME = "cpu"
PLATFORMS = frozenset({"linux", "darwin", "win32"})

CPUINFO = "/proc/cpuinfo"
_COMPUTING = (
    "sse",
    "ssse",
    "avx",
    "f16c",
    "fma",
    "bmi2",
    "amx",
    "neon",
    "asimd",
    "sve",
    "sme",
    "i8mm",
    "bf16",
    "fphp",
)
_X86 = ("x86_64", "amd64", "i386", "i686", "x86")


def probe(source: Source) -> Probed:
    """
    Return the fields of ``Cpu`` that the processor itself and this process's affinity give.
    """
    ask = Asker(source)
    facts = fields_of(ask.cpuinfo())
    cpu: dict[str, Any] = {
        "name": facts.get("brand_raw") or None,
        "vendor": facts.get("vendor_id_raw") or None,
        "instruction_sets": instruction_sets(facts.get("flags") or ()),
        "logical_cores": as_int(ask.psutil("cpu_count").value) or as_int(facts.get("count")),
        "physical_cores": as_int(ask.psutil("cpu_count_cores").value),
    }
    affinity = ask.psutil("cpu_affinity") if ask.platform.system != "darwin" else None
    match ask.platform.system:
        case "linux":
            _add_proc_cpuinfo(ask, cpu)
            if ask.platform.machine.lower() in _X86:
                _add_hybrid(ask, cpu)
        case "darwin":
            _add_perflevels(ask, cpu)
        case _:
            pass
    cpu["usable_threads"] = cpu["logical_cores"]
    limits = []
    if affinity is not None and affinity.ok and isinstance(affinity.value, list) and affinity.value:
        allowed = len(affinity.value)
        if cpu["logical_cores"] is None or allowed < cpu["logical_cores"]:
            limits.append(f"affinity: this process may run on {allowed} of the processor's threads")
        cpu["usable_threads"] = allowed
    cpu["limits"] = tuple(limits)
    asked = (
        "cpuinfo:",
        "psutil:cpu_count",
        "psutil:cpu_count_cores",
        "psutil:cpu_affinity",
        f"read:{CPUINFO}",
    )
    cpu["evidence"] = ask.answered(*asked)
    found = cpu["name"] is not None or cpu["logical_cores"] is not None
    return ask.probed(found=found, cpu={key: value for key, value in cpu.items() if value is not None})


def parse_cpuinfo(text: str) -> list[dict[str, str]]:
    """
    Return one object of fields per logical processor of /proc/cpuinfo.

    https://docs.kernel.org/filesystems/proc.html; x86 says ``model name`` and ``flags``, ARM ``Features``.
    """
    processors: list[dict[str, str]] = []
    current: dict[str, str] = {}
    for line in [*text.splitlines(), ""]:
        name, colon, value = line.partition(":")
        if colon:
            current[name.strip()] = value.strip()
        elif current:
            if "processor" in current:
                processors.append(current)
            current = {}
    return processors


def instruction_sets(flags: Iterable[object]) -> tuple[str, ...]:
    """
    Return those of a processor's flags that matter to arithmetic, sorted: most flags say other things.
    """
    return tuple(sorted({name for flag in flags if (name := str(flag).lower()).startswith(_COMPUTING)}))


def _add_proc_cpuinfo(ask: Asker, cpu: dict[str, Any]) -> None:
    """
    Fill what py-cpuinfo and psutil left open from the kernel's own list.
    """
    if cpu["name"] and cpu["instruction_sets"] and cpu["logical_cores"] and cpu["physical_cores"]:
        return
    text = ask.text(CPUINFO)
    processors = parse_cpuinfo(text) if text else []
    if not processors:
        return
    first = processors[0]
    cpu["name"] = cpu["name"] or first.get("model name") or first.get("Hardware")
    cpu["vendor"] = cpu["vendor"] or first.get("vendor_id")
    if not cpu["instruction_sets"]:
        flags = first.get("flags") or first.get("Features") or ""
        cpu["instruction_sets"] = instruction_sets(flags.split())
    cpu["logical_cores"] = cpu["logical_cores"] or len(processors)
    cores = {(each.get("physical id"), each.get("core id")) for each in processors if "core id" in each}
    cpu["physical_cores"] = cpu["physical_cores"] or len(cores) or None


def _add_hybrid(ask: Asker, cpu: dict[str, Any]) -> None:
    """
    Count the two kinds of cores of a hybrid x86 processor: performance cores have two threads each.
    """
    fast, slow = ask.text("/sys/devices/cpu_core/cpus"), ask.text("/sys/devices/cpu_atom/cpus")
    if fast is None or slow is None:
        return
    efficiency = len(parse_cpu_list(slow))
    if efficiency and cpu["physical_cores"] and cpu["physical_cores"] > efficiency:
        cpu["efficiency_cores"] = efficiency
        cpu["performance_cores"] = cpu["physical_cores"] - efficiency


def _add_perflevels(ask: Asker, cpu: dict[str, Any]) -> None:
    cpu["performance_cores"] = as_int(ask.sysctl("hw.perflevel0.physicalcpu").value)
    cpu["efficiency_cores"] = as_int(ask.sysctl("hw.perflevel1.physicalcpu").value)
    cpu["name"] = cpu["name"] or as_text(ask.sysctl("machdep.cpu.brand_string"))
