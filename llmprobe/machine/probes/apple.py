"""
Apple silicon: one GPU that shares the host's memory, and how much of that macOS lets it use.

The exact figure is Metal's recommendedMaxWorkingSetSize, in which ``iogpu.wired_limit_mb`` is counted. Where Metal
does not answer, that setting stands for it; at 0 macOS chooses. Before macOS 26 that was two thirds of memory below
36 GiB and three quarters from there on, by what llama.cpp prints on many machines (10,922 MiB of 16 GiB, 27,648 of 36,
49,152 of 64). Since then it is a share that grows with memory. It is a figure for one program: what others hold of the
GPU's memory is seen in what is free.

An Intel Mac has no memory that its processor and GPU share in this way; its GPUs are named, not used.

Questions, in order:

    sysctl:hw.optional.arm64
    sysctl:hw.memsize
    sysctl:machdep.cpu.brand_string
    sysctl:kern.hv_vmm_present
    metal:                                             not in a virtual machine
    sysctl:iogpu.wired_limit_mb
    sysctl:debug.iogpu.wired_limit                     where that is not there (before macOS 14)
    run:ioreg -rc AGXAccelerator -d1
    run:vm_stat
    sysctl:kern.memorystatus_vm_pressure_level
    sysctl:sysctl.proc_translated
    run:pmset -g

    on Intel Macs, instead of all after the third:
    run:system_profiler SPDisplaysDataType -json
"""

import re
from typing import Literal

import msgspec

from llmprobe.facts.answer import Source
from llmprobe.facts.host import HostMemory, MemoryPressure
from llmprobe.facts.machine import Accelerator, Limit, Probed, SystemFacts
from llmprobe.facts.vendors import Apple, Vendor, WorkingSet
from llmprobe.machine.asking import Asker, as_int, as_text, fields_of
from llmprobe.machine.gpu_table import Gpu, named
from llmprobe.machine.vm_stat import EVIDENCE, asked_pages, mac_pages
from llmprobe.units import GIB, MIB
from llmprobe.words.message import message

NAME = "apple"
PLATFORMS = frozenset({"darwin"})
LISTS_GPUS = True
VENDORS = (Vendor(name="apple", rank=3),)

IOREG = ("ioreg", "-rc", "AGXAccelerator", "-d1")
POWER = ("pmset", "-g")
DISPLAYS = ("system_profiler", "SPDisplaysDataType", "-json")
_MACOS_26 = 25
"""The major version of Darwin, macOS 26's kernel."""
_CHIP = r"Apple M(\d{1,2})\b"
_FIRST_WITH_MACOS_26 = 5
_SHARES = ((128 * GIB, 0.84), (64 * GIB, 0.81), (32 * GIB, 0.78), (16 * GIB, 0.74))
"""
The share from a size of memory on, as llama.cpp and MLX print it: 115,448.7 MB of 128 GiB (antirez/ds4#893), 55,662.8
of 64 (M3 Max and M1), 40,200.9 of 48 (ggml-org/llama.cpp#16634), 30,150.7 of 36, 26,800.6 of 32, 18,186 MiB of 24,
14,302.3 MB of 18, 11.84 GiB of 16 (AlexsJones/llmfit#754). A size between two has at least the share of the smaller.
"""
_THREE_QUARTERS_FROM = 36 * GIB
_BYTES_NOT_MIB = 1 << 24
"""No Mac has 16 TiB: the older of the two settings is in bytes where it is larger."""
_IN_USE = r'"In use system memory"\s*=\s*([0-9]{1,18})\b'
_LOW_POWER = r"(?m)^\s*lowpowermode\s+([01])\s*$"
_CORES = r'"gpu-core-count"\s*=\s*([0-9]{1,5})\b'
_HIGH, _CRITICAL = 2, 4
"""What kern.memorystatus_vm_pressure_level means (kVMPressureWarning, kVMPressureCritical)."""


class _Display(msgspec.Struct):
    name: str | None = msgspec.field(name="_name", default=None)
    sppci_model: str | None = None
    spdisplays_vendor: str = ""
    spdisplays_vram: str | None = None


class _Displays(msgspec.Struct):
    displays: tuple[_Display, ...] = msgspec.field(name="SPDisplaysDataType", default=())


def probe(source: Source) -> Probed:
    """
    The GPU of an Apple chip, and its working set as a cap of ``ram``.
    """
    ask = Asker(source)
    arm = as_int(ask.sysctl("hw.optional.arm64").value)
    total = as_int(ask.sysctl("hw.memsize").value)
    brand = as_text(ask.sysctl("machdep.cpu.brand_string")) or ""
    if not arm and not brand.startswith("Apple"):
        graphics = _of_intel_mac(ask) if total is not None and brand else ()
        return ask.probed(found=bool(graphics), accelerators=graphics)
    virtual = as_int(ask.sysctl("kern.hv_vmm_present").value) == 1
    metal = None if virtual else _working_set_by_metal(ask)
    wired = _wired_limit(ask)
    device = _output(ask, *IOREG)
    working_set = None
    caps: tuple[tuple[str, Limit], ...] = ()
    if total is not None and not virtual:
        cap = (
            metal_cap(total, metal, wired)
            if metal
            else working_set_cap(total, wired, brand, ask.platform.release)
        )
        caps = (("ram", cap),)
        asked = ("metal:",) if metal else ask.answered("sysctl:iogpu.wired_limit_mb")
        working_set = WorkingSet(
            bytes=cap.bytes, wired_limit_mb=wired, evidence=("sysctl:hw.memsize", *asked)
        )
    accelerator = _gpu(brand, parse_gpu_cores(device), virtual=virtual)
    host = SystemFacts(
        ram_bandwidth_bytes_per_s=accelerator.bandwidth_bytes_per_s,
        ram_bandwidth_basis=accelerator.bandwidth_basis,
        ram_bandwidth_how=accelerator.bandwidth_how,
        memory=HostMemory(pressure=_pressure(ask)),
    )
    apple = _apple(ask, working_set, parse_in_use(device), total)
    return ask.probed(found=True, host=host, accelerators=(accelerator,), caps=caps, apple=apple)


def metal_cap(total_bytes: int, recommended_bytes: int, wired_limit_mb: int | None) -> Limit:
    """
    The most that the GPU may use of a host's memory, in bytes, as Metal itself reports it.

    What is allocated of it belongs to the process that asks, which is this one, so nothing is taken off.
    """
    size = min(recommended_bytes, total_bytes)
    detail = message("limit.metal-working-set", working_set_bytes=size, wired_limit_mb=wired_limit_mb or None)
    return Limit(by="working-set", bytes=size, detail=detail, basis="measured")


def working_set_cap(
    total_bytes: int, wired_limit_mb: int | None, chip: str = "", release: str | None = None
) -> Limit:
    """
    The most that the GPU may use of a host's memory, in bytes. ``release`` is Darwin's, None where it is not known.

    Chips from the M5 on never had a macOS before 26.
    https://developer.apple.com/documentation/metal/mtldevice/recommendedmaxworkingsetsize
    """
    if wired_limit_mb:
        size = min(wired_limit_mb * MIB, total_bytes)
        detail = message("limit.wired-limit", wired_limit_mb=wired_limit_mb)
        return Limit(by="working-set", bytes=size, detail=detail)
    share = next((share for least, share in _SHARES if total_bytes >= least), None)
    if share is not None and _has_macos_26(chip, release):
        detail = message("limit.assumed-working-set-26", share=share)
    else:
        share = 0.75 if total_bytes >= _THREE_QUARTERS_FROM else 2 / 3
        detail = message("limit.assumed-working-set", share=share)
    size = int(total_bytes * share) // MIB * MIB
    return Limit(by="working-set", bytes=size, detail=detail, basis="assumed")


def _has_macos_26(chip: str, release: str | None) -> bool:
    major = as_int((release or "").partition(".")[0])
    if major is not None and major >= _MACOS_26:
        return True
    found = re.match(_CHIP, chip)
    return found is not None and int(found.group(1)) >= _FIRST_WITH_MACOS_26


def parse_gpu_cores(text: str) -> int | None:
    """
    The number of GPU cores in ``ioreg -rc AGXAccelerator -d1``.
    """
    match = re.search(_CORES, text)
    return int(match.group(1)) if match else None


def parse_in_use(text: str) -> int | None:
    """
    The memory that the GPU holds now, in bytes, in ``ioreg -rc AGXAccelerator -d1``.

    Beside ``In use system memory`` there is ``In use system memory (driver)``, which is something else.
    """
    match = re.search(_IN_USE, text)
    return int(match.group(1)) if match else None


def parse_low_power(text: str) -> bool | None:
    """
    Whether ``pmset -g`` lists Low Power Mode as on; None where it does not list it.
    """
    match = re.search(_LOW_POWER, text)
    return match.group(1) == "1" if match else None


def parse_displays(text: str) -> tuple[tuple[str, str, str | None], ...]:
    """
    Maker, name and memory (``4 GB``) of each GPU in ``system_profiler SPDisplaysDataType -json``.
    """
    try:
        document = msgspec.json.decode(text, type=_Displays)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return tuple(
        (each.spdisplays_vendor.lower(), each.sppci_model or each.name or "GPU", each.spdisplays_vram)
        for each in document.displays
    )


def _of_intel_mac(ask: Asker) -> tuple[Accelerator, ...]:
    found = []
    for number, (maker, name, memory) in enumerate(parse_displays(_output(ask, *DISPLAYS))):
        vendor: Literal["amd", "intel", "nvidia", "other"] = next(
            (known for known in ("amd", "intel", "nvidia") if known in maker or known in name.lower()),
            "other",
        )
        found.append(
            Accelerator(
                id=f"gpu{number}",
                vendor=vendor,
                name=f"{name} ({memory})" if memory else name,
                pools=("ram",) if vendor == "intel" else (),
                usable=False,
                why_not=message("unusable.intel-mac"),
                integrated=vendor == "intel",
                evidence=(f"run:{' '.join(DISPLAYS)}",),
            )
        )
    return tuple(found)


def _working_set_by_metal(ask: Asker) -> int | None:
    """
    Metal's figure in bytes; zero is no figure either.
    """
    return as_int(fields_of(ask.metal()).get("recommendedMaxWorkingSetSize"))


def _wired_limit(ask: Asker) -> int | None:
    answer = ask.sysctl("iogpu.wired_limit_mb")
    if answer.ok:
        return as_int(answer.value)
    older = as_int(ask.sysctl("debug.iogpu.wired_limit").value)
    return older // MIB if older is not None and older >= _BYTES_NOT_MIB else older


def _gpu(brand: str, cores: int | None, *, virtual: bool) -> Accelerator:
    row = _row(brand, cores)
    how = None
    if row is not None:
        how = message("bandwidth.table", name=row.name, cores=row.cores, source=row.source)
    return Accelerator(
        id="gpu0",
        vendor="apple",
        name=f"{brand or 'Apple'} GPU",
        backend="metal",
        pools=("ram",),
        usable=not virtual,
        why_not=message("unusable.virtual-mac") if virtual else None,
        integrated=True,
        architecture=brand.removeprefix("Apple ") or None,
        bandwidth_bytes_per_s=row.bandwidth_bytes_per_s if row else None,
        bandwidth_basis="declared" if row else None,
        bandwidth_how=how,
        cores=cores,
        evidence=("sysctl:machdep.cpu.brand_string", f"run:{' '.join(IOREG)}"),
    )


def _pressure(ask: Asker) -> MemoryPressure | None:
    level = as_int(ask.sysctl("kern.memorystatus_vm_pressure_level").value)
    if level is None:
        return None
    return MemoryPressure(
        level="critical" if level >= _CRITICAL else "high" if level >= _HIGH else "normal",
        evidence=("sysctl:kern.memorystatus_vm_pressure_level",),
    )


def _apple(
    ask: Asker, working_set: WorkingSet | None, gpu_in_use: int | None, total_bytes: int | None
) -> Apple:
    pages = asked_pages(ask)
    counted = None if total_bytes is None else mac_pages(pages, total_bytes)
    translated = as_int(ask.sysctl("sysctl.proc_translated").value)
    asked = (f"run:{' '.join(IOREG)}", EVIDENCE, "sysctl:sysctl.proc_translated")
    return Apple(
        working_set=working_set,
        gpu_in_use_bytes=gpu_in_use,
        wired_bytes=pages.get("Pages wired down"),
        compressed_bytes=pages.get("Pages occupied by compressor"),
        missing_bytes=None if counted is None else counted.missing_bytes,
        translated=None if translated is None else translated == 1,
        low_power_mode=parse_low_power(_output(ask, *POWER)),
        evidence=ask.answered(*asked, f"run:{' '.join(POWER)}"),
    )


def _row(brand: str, cores: int | None) -> Gpu | None:
    """
    The chip's row: chips of one name differ in bandwidth, and the number of GPU cores distinguishes them.

    Without that number the row is taken only where all of the name agree.
    """
    rows = named(brand) if brand else ()
    exact = [row for row in rows if row.cores == cores]
    if exact:
        return exact[0]
    return rows[0] if rows and len({row.bandwidth_bytes_per_s for row in rows}) == 1 else None


def _output(ask: Asker, *argv: str) -> str:
    output = fields_of(ask.run(*argv)).get("stdout")
    return output if isinstance(output, str) else ""
