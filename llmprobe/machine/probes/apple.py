"""
Apple silicon: one GPU that shares the host's memory, and how much of that macOS lets it use.

The exact figure is Metal's recommendedMaxWorkingSetSize, which no command prints. ``iogpu.wired_limit_mb``
sets it; at 0 macOS chooses: two thirds of memory up to 36 GiB and three quarters above, by what llama.cpp
prints on many machines (10,922 MiB of 16 GiB, 49,152 of 64). Newer systems give more (74 to 84 %), so the
rule is on the safe side.

Questions, in order:

    sysctl:hw.optional.arm64
    sysctl:hw.memsize
    sysctl:machdep.cpu.brand_string
    sysctl:kern.hv_vmm_present
    sysctl:iogpu.wired_limit_mb
    sysctl:debug.iogpu.wired_limit                     where that is not there (before macOS 14)
    run:ioreg -rc AGXAccelerator -d1
    run:vm_stat
    sysctl:kern.memorystatus_vm_pressure_level
    sysctl:sysctl.proc_translated
"""

import re

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Accelerator, Basis, Limit, Observation, Probed
from llmprobe.machine.asking import Asker, as_int, as_text, fields_of
from llmprobe.machine.gpu_table import Gpu, named
from llmprobe.units import GIB, MIB

NAME = "apple"
PLATFORMS = frozenset({"darwin"})

IOREG = ("ioreg", "-rc", "AGXAccelerator", "-d1")
_SMALL_BYTES = 36 * GIB
_CORES = re.compile(r'"gpu-core-count"\s*=\s*([0-9]{1,5})\b')
_PAGE_SIZE = re.compile(r"page size of ([0-9]{1,9}) bytes")
_PAGES = re.compile(r"^(?P<name>[^:]+):\s+(?P<count>[0-9]{1,18})\.?$")
_NEWER = "assumed: macOS before 26 gives this share, newer ones up to 84 %"


def probe(source: Source) -> Probed:
    """
    Return the GPU of an Apple chip, and its working set as a cap of ``ram``.
    """
    ask = Asker(source)
    arm = as_int(ask.sysctl("hw.optional.arm64").value)
    total = as_int(ask.sysctl("hw.memsize").value)
    brand = as_text(ask.sysctl("machdep.cpu.brand_string")) or ""
    if not arm and not brand.startswith("Apple"):
        return ask.probed(found=False)
    virtual = as_int(ask.sysctl("kern.hv_vmm_present").value) == 1
    wired = _wired_limit(ask)
    cores = parse_gpu_cores(_output(ask, *IOREG))
    seen = _observations(ask, wired)
    why_not = "macOS gives a virtual machine no Metal GPU" if virtual else None
    caps: tuple[tuple[str, Limit], ...] = ()
    if total is not None and not virtual:
        cap = working_set_cap(total, wired)
        caps = (("ram", cap),)
        evidence = ("sysctl:hw.memsize", *ask.answered("sysctl:iogpu.wired_limit_mb"))
        seen = (*seen, Observation(name="apple.working_set_bytes", value=cap.bytes, evidence=evidence))
    row = _row(brand, cores)
    accelerator = Accelerator(
        id="gpu0",
        vendor="apple",
        name=f"{brand or 'Apple'} GPU",
        backend="metal",
        pools=("ram",),
        usable=why_not is None,
        why_not=why_not,
        integrated=True,
        architecture=brand.removeprefix("Apple ") or None,
        bandwidth_bytes_per_s=row.bandwidth_bytes_per_s if row else None,
        bandwidth_basis="declared" if row else None,
        bandwidth_how=f"table: {row.name} with {row.cores} GPU cores ({row.source})" if row else None,
        cores=cores,
        evidence=("sysctl:machdep.cpu.brand_string", f"run:{' '.join(IOREG)}"),
    )
    host = {}
    if row is not None:
        host = {
            "ram_bandwidth_bytes_per_s": row.bandwidth_bytes_per_s,
            "ram_bandwidth_basis": "declared",
            "ram_bandwidth_how": accelerator.bandwidth_how,
        }
    return ask.probed(found=True, host=host, accelerators=(accelerator,), caps=caps, observations=seen)


def working_set_cap(total_bytes: int, wired_limit_mb: int | None) -> Limit:
    """
    Return the most that the GPU may use of a host's memory, in bytes.

    https://developer.apple.com/documentation/metal/mtldevice/recommendedmaxworkingsetsize
    """
    if wired_limit_mb:
        size = min(wired_limit_mb * MIB, total_bytes)
        return Limit(by="working-set", bytes=size, detail=f"iogpu.wired_limit_mb is {wired_limit_mb}")
    if total_bytes <= _SMALL_BYTES:
        size, share = total_bytes * 2 // 3, "two thirds"
    else:
        size, share = total_bytes * 3 // 4, "three quarters"
    basis: Basis = "assumed"
    detail = f"macOS lets the GPU use {share} of memory ({_NEWER})"
    return Limit(by="working-set", bytes=size // MIB * MIB, detail=detail, basis=basis)


def parse_gpu_cores(text: str) -> int | None:
    """
    Return the GPU's cores from ``ioreg -rc AGXAccelerator -d1``.
    """
    match = _CORES.search(text)
    return int(match.group(1)) if match else None


def parse_vm_stat(text: str) -> dict[str, int]:
    """
    Return the fields of ``vm_stat`` in bytes, by the page size that its own first line names (16384 on
    Apple chips).
    """
    size = _PAGE_SIZE.search(text)
    if size is None:
        return {}
    page = int(size.group(1))
    fields = {}
    for line in text.splitlines():
        match = _PAGES.match(line)
        if match:
            fields[match["name"].strip('"')] = int(match["count"]) * page
    return fields


def _wired_limit(ask: Asker) -> int | None:
    answer = ask.sysctl("iogpu.wired_limit_mb")
    if not answer.ok:
        answer = ask.sysctl("debug.iogpu.wired_limit")
    return as_int(answer.value)


def _observations(ask: Asker, wired: int | None) -> tuple[Observation, ...]:
    seen = []
    pages = parse_vm_stat(_output(ask, "vm_stat"))
    if pages:
        value = {
            name: pages[name]
            for name in ("Pages wired down", "Pages occupied by compressor")
            if name in pages
        }
        seen.append(Observation(name="apple.vm_stat", value=value, evidence=("run:vm_stat",)))
    pressure = as_int(ask.sysctl("kern.memorystatus_vm_pressure_level").value)
    if pressure is not None:
        evidence = ("sysctl:kern.memorystatus_vm_pressure_level",)
        seen.append(Observation(name="apple.pressure_level", value=pressure, evidence=evidence))
    if as_int(ask.sysctl("sysctl.proc_translated").value) == 1:
        evidence = ("sysctl:sysctl.proc_translated",)
        seen.append(Observation(name="apple.translated", value=True, evidence=evidence))
    if wired is not None:
        asked = ask.answered("sysctl:iogpu.wired_limit_mb", "sysctl:debug.iogpu.wired_limit")
        seen.append(Observation(name="apple.wired_limit_mb", value=wired, evidence=asked))
    return tuple(seen)


def _row(brand: str, cores: int | None) -> Gpu | None:
    """
    Return the chip's row: chips of one name differ in bandwidth, and the number of GPU cores tells them
    apart.

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
