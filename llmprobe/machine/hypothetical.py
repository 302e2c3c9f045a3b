"""
A machine that nobody has yet, from the names of its GPUs and the size of its memory.

It is idle: nothing is in use but what the driver and the system usually keep. Every figure is from the
table of devices (basis ``declared``), and everything says so.
"""

import difflib
import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from llmprobe.errors import UsageError
from llmprobe.facts.machine import Accelerator, Basis, Cpu, Host, Limit, MemoryPool, Snapshot
from llmprobe.machine import rules
from llmprobe.machine.gpu_table import Gpu, named, rows, simplified, usual_reserve
from llmprobe.machine.probes.apple import working_set_cap
from llmprobe.units import GIB, format_bytes

_COUNT = re.compile(r"\s*([0-9]{1,4})\s*[x×*]\s+(.*)|\s*([0-9]{1,4})x(.*)", re.IGNORECASE)
_SIZE = re.compile(r"\b([0-9]{1,5})\s*(gb|gib|g)\b", re.IGNORECASE)
_CORES = re.compile(r"\b([0-9]{1,4})[- ]?cores?\b", re.IGNORECASE)
_BACKENDS: dict[str, Literal["cuda", "rocm", "sycl", "metal"]] = {
    "nvidia": "cuda",
    "amd": "rocm",
    "intel": "sycl",
    "apple": "metal",
}
_BRANDS = ("", "RTX ", "GTX ", "RX ", "Arc ")
"""What people leave out: ``4090``, ``7900 XTX``."""
_SEVERAL = re.compile(r"\s*(?:,|\+|&|;|\band\b)\s*", re.IGNORECASE)
_CLOSE = 0.08
_SYSTEM_BYTES = 2 * GIB
_MOST_GPUS = 16
"""As llama.cpp b11549 can use (src/llama.cpp, llama_max_devices)."""

_MOST_RAM = 64 * 1024 * GIB


class _Wanted(msgspec.Struct, frozen=True):
    text: str
    row: Gpu
    size_gb: int | None


def hypothetical(gpus: Sequence[str], ram_bytes: int) -> Snapshot:
    """
    Return an idle machine with these GPUs (``2x RTX 4090``, ``RTX 3060 12GB``, ``M3 Max 64GB``) and this
    much memory.

    Raises:
        UsageError: no GPU has that name or that memory, one name has several sizes, or Apple's are mixed
        with others.
    """
    if ram_bytes <= 0:
        raise UsageError(
            "a machine without memory cannot run anything", hint="give --ram a size such as 64GiB"
        )
    if ram_bytes > _MOST_RAM:
        raise UsageError(f"no machine has {format_bytes(ram_bytes)} of RAM", hint="give --ram 64TiB or less")
    wanted = [each for text in gpus for each in _wanted(text)]
    if len(wanted) > _MOST_GPUS:
        raise _too_many(len(wanted))
    shared = [each for each in wanted if each.row.unified]
    if shared and len(wanted) > 1:
        raise UsageError(
            f"{shared[0].row.name} shares the memory of its host and comes alone",
            hint="name either one such chip, or cards with memory of their own",
        )
    if shared and shared[0].size_gb is not None:
        ram_bytes = shared[0].size_gb * GIB
    ram = _ram(ram_bytes, shared[0] if shared else None)
    pools = [ram]
    accelerators = []
    for number, each in enumerate(wanted):
        accelerators.append(_accelerator(number, each))
        if not each.row.unified:
            pools.append(_vram(number, each))
    snapshot = Snapshot(
        this_machine=False,
        origin="hypothetical",
        host=_host(shared[0].row if shared else None),
        pools=tuple(pools),
        accelerators=tuple(accelerators),
    )
    return rules.diagnosed(snapshot)


def parse_gpu(text: str) -> tuple[int, str, int | None]:
    """
    Return how many, the name, and the size in GB where one is named: ``2x RTX 3060 12GB`` -> (2, "RTX
    3060", 12).
    """
    count, name = 1, text.strip()
    match = _COUNT.fullmatch(name)
    if match:
        count = int(match.group(1) or match.group(3))
        name = (match.group(2) or match.group(4)).strip()
    size = _SIZE.search(name)
    if size is None:
        return count, name, None
    return count, " ".join(_SIZE.sub(" ", name).split()), int(size.group(1))


def _wanted(text: str) -> list[_Wanted]:
    count, name, size_gb = parse_gpu(text)
    if not name or not count:
        raise UsageError(f"{text!r} is no GPU", hint="write it as 'RTX 4090' or '2x RTX 3090'")
    if count > _MOST_GPUS:
        raise _too_many(count)
    match = _COUNT.fullmatch(text)
    whole = named((match.group(2) or match.group(4)) if match else text)
    row = whole[0] if len(whole) == 1 else _row(name, size_gb)
    return [_Wanted(text, row, size_gb)] * count


def _row(name: str, size_gb: int | None) -> Gpu:
    cores = _CORES.search(name)
    plain = _CORES.sub(" ", name)
    found = next((rows_of for brand in _BRANDS if (rows_of := named(f"{brand}{plain}"))), ())
    if not found:
        raise _unknown(name)
    first = found[0]
    if first.vendor == "apple":
        wanted = int(cores.group(1)) if cores else first.cores
        fitting = [row for row in found if row.cores == wanted]
        if not fitting:
            known = ", ".join(str(row.cores) for row in found)
            raise UsageError(f"{first.name} is not made with {wanted} GPU cores", hint=f"it has {known}")
        return fitting[0]
    if first.unified:
        return first
    if size_gb is None:
        if len({row.memory_bytes for row in found}) > 1:
            sizes = ", ".join(f"'{_with_size(row)}'" for row in found)
            raise UsageError(f"{name!r} is sold with different memory", hint=f"say which: {sizes}")
        return first
    fitting = [row for row in found if _fits(row, size_gb)]
    if not fitting:
        sizes = ", ".join(f"{_gb(row)}GB" for row in found)
        raise UsageError(f"{first.name} is not sold with {size_gb}GB", hint=f"it has {sizes}")
    return fitting[0]


def _too_many(count: int) -> UsageError:
    return UsageError(
        f"llama.cpp cannot use {count} GPUs together", hint=f"give {_MOST_GPUS} or fewer in all (--gpu)"
    )


def _unknown(name: str) -> UsageError:
    if len(_SEVERAL.split(name)) > 1:
        return UsageError(
            f"{name!r} is more than one GPU",
            hint="give --gpu for each kind, such as --gpu 'RTX 3090' --gpu 'RTX 3060 12GB'",
        )
    names = {simplified(row.name): row.name for row in rows()}
    close = difflib.get_close_matches(simplified(name), names, n=4, cutoff=0.4)
    nearest = ", ".join(dict.fromkeys(names[each] for each in close))
    hint = f"nearest: {nearest}" if nearest else "write it as its maker does, such as 'RTX 4090'"
    return UsageError(f"no GPU named {name!r} is in the table", hint=hint)


def _fits(row: Gpu, size_gb: int) -> bool:
    return row.memory_bytes is not None and abs(row.memory_bytes / (size_gb * GIB) - 1) < _CLOSE


def _with_size(row: Gpu) -> str:
    """
    Return the name of a GPU with its memory, which some makers write into the name themselves.
    """
    return row.name if _SIZE.search(row.name) else f"{row.name} {_gb(row)}GB"


def _gb(row: Gpu) -> int:
    return round((row.memory_bytes or 0) / GIB)


def _ram(total: int, shared: _Wanted | None) -> MemoryPool:
    """
    Return the memory of an idle host: the system keeps an eighth of it, and no more than 2 GiB.
    """
    system = min(_SYSTEM_BYTES, total // 8)
    limits = [Limit(by="os", bytes=system, detail="what an idle system usually uses", basis="assumed")]
    budget = total - system
    if shared is not None and shared.row.vendor == "apple":
        cap = working_set_cap(total, None)
        limits.append(msgspec.structs.replace(cap, bytes=max(0, budget - cap.bytes)))
        budget = min(budget, cap.bytes)
    return MemoryPool(
        id="ram",
        kind="unified" if shared else "system",
        total_bytes=total,
        free_bytes=total - system,
        budget_bytes=budget,
        limits=tuple(limits),
        basis="declared",
        evidence=("option:--ram",),
    )


def _vram(number: int, wanted: _Wanted) -> MemoryPool:
    row = wanted.row
    total = row.memory_bytes
    reserve = usual_reserve(row)
    left = None if total is None else total - reserve
    detail = "what the driver usually keeps of an idle device"
    return MemoryPool(
        id=f"vram{number}",
        kind="vram",
        total_bytes=total,
        free_bytes=left,
        budget_bytes=left,
        limits=(Limit(by="driver-reserve", bytes=reserve, detail=detail, basis="declared"),),
        basis="declared",
        evidence=(f"option:--gpu {wanted.text}",),
    )


def _accelerator(number: int, wanted: _Wanted) -> Accelerator:
    row = wanted.row
    basis: Basis | None = "declared" if row.bandwidth_bytes_per_s else None
    return Accelerator(
        id=f"gpu{number}",
        vendor=row.vendor,
        name=row.name,
        backend=_BACKENDS[row.vendor],
        pools=("ram",) if row.unified else (f"vram{number}",),
        integrated=row.unified,
        index=number,
        compute_capability=row.compute_capability,
        architecture=row.architecture,
        bandwidth_bytes_per_s=row.bandwidth_bytes_per_s,
        bandwidth_basis=basis,
        bandwidth_how=_how(row) if basis else None,
        cores=row.cores,
        evidence=(f"option:--gpu {wanted.text}",),
    )


def _how(row: Gpu) -> str:
    cores = f" with {row.cores} GPU cores" if row.cores else ""
    return f"table: {row.name}{cores} ({row.source})"


def _host(shared: Gpu | None) -> Host:
    if shared is None:
        return Host(system="linux", machine="x86_64", product="hypothetical machine")
    apple = shared.vendor == "apple"
    return Host(
        system="darwin" if apple else "linux",
        machine="arm64" if apple else "aarch64",
        product=f"hypothetical machine with {shared.name}",
        cpu=Cpu(name=shared.name) if apple else Cpu(),
        ram_bandwidth_bytes_per_s=shared.bandwidth_bytes_per_s,
        ram_bandwidth_basis="declared" if shared.bandwidth_bytes_per_s else None,
        ram_bandwidth_how=f"table: {shared.name}" if shared.bandwidth_bytes_per_s else None,
    )
