"""
The processor: what it is, how many cores it has, how many of them this process may run on, what it can
compute.

The quota of a container is not here: see ``cgroup``, which lowers ``usable_threads`` further.

Questions, in order:

    read:/proc/cpuinfo                                 on Linux
    cpuinfo:                                           elsewhere; on Linux where the name or the flags are still open
    read:/proc/device-tree/compatible                  on Linux, not x86: the chip
    run:lscpu                                          on Linux, where the name is still open
    winapi:processor                                   on Windows
    psutil:cpu_count
    psutil:cpu_count_cores
    psutil:cpu_affinity                                on Linux and Windows
    sysctl:hw.perflevel0.physicalcpu                   on macOS, and so the rest of sysctl
    sysctl:hw.perflevel1.physicalcpu
    sysctl:machdep.cpu.brand_string
    sysctl:hw.optional.arm.FEAT_DotProd                on Apple chips: and FEAT_I8MM, FEAT_BF16, FEAT_FP16, FEAT_SME
    sysctl:hw.optional.avx2_0                          on Intel Macs: and hw.optional.avx512f, hw.optional.fma
    read:/sys/devices/cpu_core/cpus                    on Linux, x86: performance cores of a hybrid
    read:/sys/devices/cpu_atom/cpus                    on Linux, x86: efficiency cores
    read:/sys/devices/system/cpu/cpu0/cpu_capacity     on Linux, not x86; then of every other processor
    read:/sys/devices/system/cpu/cpu<N>/topology/thread_siblings_list   of each allowed processor, where not all are
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Cpu, Probed
from llmprobe.machine.asking import Asker, as_int, as_text, fields_of, items_of, listed
from llmprobe.machine.boards import chip, cores_by_part, riscv_sets, says_nothing
from llmprobe.machine.cpu_list import parse_cpu_list
from llmprobe.words.message import Message, message

NAME = "cpu"
PLATFORMS = frozenset({"linux", "darwin", "win32", "freebsd", "openbsd", "netbsd"})

CPUINFO = "/proc/cpuinfo"
COMPATIBLE = "/proc/device-tree/compatible"
_NAME_FIELDS = ("model name", "cpu", "uarch", "Hardware")
"""Of x86 and a few ARM; of POWER; of RISC-V; of older ARM boards."""

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
    "rvv",
    "zfh",
    "zvfh",
)
_CPUS = "/sys/devices/system/cpu"
_MOST_PROCESSORS = 1024
_SAME_KIND = 0.85
_ARM_FEATURES = (
    ("hw.optional.arm.FEAT_DotProd", "asimddp"),
    ("hw.optional.arm.FEAT_I8MM", "i8mm"),
    ("hw.optional.arm.FEAT_BF16", "bf16"),
    ("hw.optional.arm.FEAT_FP16", "asimdhp"),
    ("hw.optional.arm.FEAT_SME", "sme"),
)
_X86_FEATURES = (
    ("hw.optional.avx2_0", "avx2"),
    ("hw.optional.avx512f", "avx512f"),
    ("hw.optional.fma", "fma"),
)
_X86 = ("x86_64", "amd64", "i386", "i686", "x86")


def probe(source: Source) -> Probed:
    """
    The processor, and how much of it this process's affinity leaves.
    """
    ask = Asker(source)
    linux = ask.platform.system == "linux"
    processors = parse_cpuinfo(ask.text(CPUINFO) or "") if linux else []
    cpu = _identity(ask, processors)
    if ask.platform.system == "win32":
        cpu = _with_windows_features(ask, cpu)
    topology = {(each.get("physical id"), each.get("core id")) for each in processors if "core id" in each}
    cpu = msgspec.structs.replace(
        cpu,
        logical_cores=as_int(ask.psutil("cpu_count").value) or cpu.logical_cores or len(processors) or None,
        physical_cores=as_int(ask.psutil("cpu_count_cores").value) or len(topology) or None,
    )
    fast: frozenset[int] = frozenset()
    affinity = ask.psutil("cpu_affinity") if ask.platform.system != "darwin" else None
    match ask.platform.system:
        case "linux":
            x86 = ask.platform.machine.lower() in _X86
            cpu, fast = _with_hybrid(ask, cpu) if x86 else _with_capacities(ask, cpu)
        case "darwin":
            cpu = _with_features(ask, _with_perflevels(ask, cpu))
        case _:
            pass
    threads, cores = cpu.logical_cores, cpu.performance_cores or cpu.physical_cores
    limits: tuple[Message, ...] = ()
    if affinity is not None and affinity.ok and isinstance(affinity.value, list) and affinity.value:
        allowed = len(affinity.value)
        if cpu.logical_cores is None or allowed < cpu.logical_cores:
            limits = (message("limit.cpu-affinity", threads=allowed),)
            cores = _cores_of(ask, affinity.value, fast)
        threads = allowed
    counted = ask.answered("psutil:cpu_count", "psutil:cpu_count_cores", "psutil:cpu_affinity")
    cpu = msgspec.structs.replace(
        cpu, usable_threads=threads, usable_cores=cores, limits=limits, evidence=(*cpu.evidence, *counted)
    )
    return ask.probed(found=cpu.name is not None or cpu.logical_cores is not None, cpu=cpu)


def parse_cpuinfo(text: str) -> list[dict[str, str]]:
    """
    One object of fields per logical processor of /proc/cpuinfo.

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
    The flags of a processor that matter to arithmetic, sorted: most flags concern other things.
    """
    return tuple(sorted({name for flag in flags if (name := str(flag).lower()).startswith(_COMPUTING)}))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def parse_lscpu(text: str) -> str | None:
    """
    The name of the first processor that ``lscpu`` prints, None where it knows none.

    https://man7.org/linux/man-pages/man1/lscpu.1.html: it has the names of ARM's part numbers.
    """
    match = re.search(r"^Model name:[ \t]*(\S.*)$", text, re.MULTILINE)
    return match[1].strip() if match and match[1].strip() != "-" else None


def _identity(ask: Asker, processors: list[dict[str, str]]) -> Cpu:
    """
    Name, vendor and instruction sets, from the kernel's list first, with their evidence.

    ``logical_cores`` is py-cpuinfo's count, None where it was not needed.
    """
    first = processors[0] if processors else {}
    name = next((first[key] for key in _NAME_FIELDS if first.get(key)), None)
    flags = (first.get("flags") or first.get("Features") or "").split()
    flags += riscv_sets(first.get("isa", ""))
    board = ask.platform.system == "linux" and ask.platform.machine.lower() not in _X86
    if first and board and (not first.get("model name") or says_nothing(first["model name"])):
        name = cores_by_part(processors) or name
    vendor = first.get("vendor_id")
    count = None
    evidence = [f"read:{CPUINFO}"] if first else []
    if not name or not flags:
        facts = fields_of(ask.cpuinfo())
        evidence += ["cpuinfo:"] if facts else []
        name = name or _text(facts.get("brand_raw"))
        vendor = vendor or _text(facts.get("vendor_id_raw"))
        flags += listed(facts.get("flags"))
        count = as_int(facts.get("count"))
    if not name and ask.platform.system == "linux":
        name = parse_lscpu(str(fields_of(ask.run("lscpu")).get("stdout") or ""))
        evidence += ["run:lscpu"] if name else []
    if board and (model := chip(ask.text(COMPATIBLE) or "")) is not None:
        name = f"{model} ({name})" if name else model
        evidence.append(f"read:{COMPATIBLE}")
    return Cpu(
        name=name,
        vendor=vendor,
        instruction_sets=instruction_sets(flags),
        logical_cores=count,
        evidence=tuple(evidence),
    )


def _with_windows_features(ask: Asker, cpu: Cpu) -> Cpu:
    """
    Add what Windows lets programs use: its registry, which py-cpuinfo reads, names no AVX.

    https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-isprocessorfeaturepresent
    """
    present = instruction_sets(items_of(ask.winapi("processor")))
    if not present:
        return cpu
    return msgspec.structs.replace(
        cpu,
        instruction_sets=tuple(sorted({*cpu.instruction_sets, *present})),
        evidence=(*cpu.evidence, "winapi:processor"),
    )


def _with_hybrid(ask: Asker, cpu: Cpu) -> tuple[Cpu, frozenset[int]]:
    """
    Count the two kinds of cores of a hybrid x86 processor; with the threads of its performance cores.

    Efficiency cores have one thread each.
    """
    fast, slow = ask.text("/sys/devices/cpu_core/cpus"), ask.text("/sys/devices/cpu_atom/cpus")
    if fast is None or slow is None:
        return cpu, frozenset()
    efficiency = len(parse_cpu_list(slow))
    if efficiency and cpu.physical_cores and cpu.physical_cores > efficiency:
        performance = cpu.physical_cores - efficiency
        cpu = msgspec.structs.replace(cpu, performance_cores=performance, efficiency_cores=efficiency)
    return cpu, frozenset(parse_cpu_list(fast))


def _with_capacities(ask: Asker, cpu: Cpu) -> tuple[Cpu, frozenset[int]]:
    """
    Count the kinds of cores of an ARM processor by their capacity; with the numbers of the fastest.

    https://docs.kernel.org/scheduler/sched-capacity.html: 1024 is the fastest of the machine. Cores of the same kind
    may differ a little by their highest clock. Of three kinds and more (one prime core of a telephone, four large ones,
    three small ones) only the slowest are left out.
    """
    count = cpu.logical_cores or 0
    if not count or as_int(ask.text(f"{_CPUS}/cpu0/cpu_capacity")) is None:
        return cpu, frozenset()
    known = {
        number: capacity
        for number in range(min(count, _MOST_PROCESSORS))
        if (capacity := as_int(ask.text(f"{_CPUS}/cpu{number}/cpu_capacity"))) is not None
    }
    kinds: list[int] = []
    for capacity in sorted(known.values(), reverse=True):
        if not kinds or capacity <= kinds[-1] * _SAME_KIND:
            kinds.append(capacity)
    fast = frozenset(number for number, capacity in known.items() if len(kinds) < 2 or capacity > kinds[-1])
    if 0 < len(fast) < len(known):
        cpu = msgspec.structs.replace(
            cpu, performance_cores=len(fast), efficiency_cores=len(known) - len(fast)
        )
    return cpu, fast


def _cores_of(ask: Asker, allowed: list[Any], fast: frozenset[int]) -> int | None:
    """
    The number of cores behind some threads; of a hybrid processor its performance cores among them.
    """
    numbers = [number for number in allowed if isinstance(number, int)]
    wanted = [number for number in numbers if number in fast] or numbers
    cores = set()
    for number in wanted[:_MOST_PROCESSORS]:
        siblings = ask.text(f"{_CPUS}/cpu{number}/topology/thread_siblings_list")
        if siblings is None:
            return None
        cores.add(siblings.strip())
    return len(cores) or None


def _with_perflevels(ask: Asker, cpu: Cpu) -> Cpu:
    performance = as_int(ask.sysctl("hw.perflevel0.physicalcpu").value)
    efficiency = as_int(ask.sysctl("hw.perflevel1.physicalcpu").value)
    return msgspec.structs.replace(
        cpu,
        performance_cores=performance,
        efficiency_cores=efficiency,
        name=cpu.name or as_text(ask.sysctl("machdep.cpu.brand_string")),
    )


def _with_features(ask: Asker, cpu: Cpu) -> Cpu:
    """
    Name the instruction sets of a Mac's processor, as Linux names the same.

    https://developer.apple.com/documentation/kernel/1387446-sysctlbyname/determining_instruction_set_characteristics
    """
    apple = ask.platform.machine.lower() in ("arm64", "aarch64")
    here = {
        name
        for key, name in (_ARM_FEATURES if apple else _X86_FEATURES)
        if as_int(ask.sysctl(key).value) == 1
    }
    if apple:
        here |= {"asimd"}
    return msgspec.structs.replace(cpu, instruction_sets=tuple(sorted(here | set(cpu.instruction_sets))))
