"""
What several probes found, put together into one machine.

Earlier probes win where two give one field; what only one knows is kept. Devices of different probes that
name one PCI address or UUID are one device. Ids are numbered over all probes, vendor by vendor, in the order in
which their probe gave them: a device that can't be used keeps its place, so that its trouble renames no other.

Integrated graphics beside a card are there but not used, as llama.cpp does it (b11549, src/llama.cpp: integrated
devices are added only where there is no other). What they share is counted only where they are used.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from llmprobe.facts.answer import Platform
from llmprobe.facts.host import Disagreement, HostMemory
from llmprobe.facts.machine import (
    Accelerator,
    Cpu,
    Host,
    Limit,
    MemoryPool,
    Probed,
    Sharing,
    SystemFacts,
)
from llmprobe.machine.budget import settle, with_carve_out
from llmprobe.machine.probing import vendor
from llmprobe.words.message import message

HOST_POOL = "ram"
_ACCELERATORS_OWN = frozenset({"working-set"})
_SAME_SIZE = 0.02

Record = TypeVar("Record", bound=msgspec.Struct)
PoolNames = dict[tuple[int, str], str]
"""The name of a pool in the snapshot, by the number of its probe and its name there."""


class _Device(msgspec.Struct):
    """
    A device, and the number of the probe whose pools it names.
    """

    accelerator: Accelerator
    probe: int


def check(platform: Platform, probed: Probed) -> None:
    """
    Refuse a result that no snapshot can be made of, while it is still known which probe it is from.
    """
    host(platform, [probed])
    devices([probed])


def host(platform: Platform, found: Sequence[Probed]) -> Host:
    """
    The host and its processor. The threads that may be used are the fewest that any probe allows.
    """
    cpu = _joined(Cpu(), (probed.cpu for probed in found))
    threads = [probed.cpu.usable_threads for probed in found if probed.cpu.usable_threads is not None]
    if threads:
        cores = cpu.usable_cores
        cpu = msgspec.structs.replace(
            cpu,
            usable_threads=min(threads),
            usable_cores=None if cores is None else min(cores, *threads),
        )
    facts = _joined(SystemFacts(), (probed.host for probed in found))
    return Host(
        system=platform.system,
        machine=platform.machine,
        release=platform.release,
        cpu=cpu,
        **msgspec.structs.asdict(facts),
    )


def devices(found: Sequence[Probed]) -> tuple[tuple[Accelerator, ...], tuple[MemoryPool, ...]]:
    """
    The accelerators and the pools of a machine with their final ids, limits and budgets.

    Memory of the host that a usable accelerator allocates from becomes ``unified``. A pool of an accelerator
    that another probe knew first, with its own pools, is left out: it is the same memory.
    """
    merged = _merged(found)
    sharing = _sharing(found, merged)
    names = _names(merged)
    of_host = _joined(SystemFacts(), (probed.host for probed in found))
    accelerators = tuple(
        _as_fast_as_ram(_numbered(device, number, names), of_host) for number, device in enumerate(merged)
    )
    pools = _pools(found, names)
    limits = _by_pool(((number, probed.limits) for number, probed in enumerate(found)), names)
    caps = _by_pool(((number, probed.caps) for number, probed in enumerate(found)), names)
    if HOST_POOL in pools and any(HOST_POOL in each.pools and each.usable for each in accelerators):
        shared = _shared(pools[HOST_POOL], limits.get(HOST_POOL, ()), caps.get(HOST_POOL, ()), sharing)
        pools[HOST_POOL], caps[HOST_POOL] = shared
    order = list(dict.fromkeys([HOST_POOL, *names.values()]))
    return accelerators, tuple(
        settle(pools[name], limits.get(name, ()), caps.get(name, ())) for name in order if name in pools
    )


def disagreements(found: Sequence[Probed]) -> tuple[Disagreement, ...]:
    """
    The facts on which two probes differ: the name of a device or the size of its memory, and what probes report.
    """
    differ = [each for probed in found for each in probed.disagreements]
    seen: list[tuple[Accelerator, int | None]] = []
    for probed in found:
        sizes = {pool.id: pool.total_bytes for pool in probed.pools}
        own = [(each, sizes.get(each.pools[0]) if each.pools else None) for each in probed.accelerators]
        for accelerator, size in own:
            for before, known in seen:
                if _is_same(before, accelerator):
                    differ += _differing(before, known, accelerator, size)
        seen += own
    return tuple(differ)


def _differing(
    before: Accelerator, known: int | None, accelerator: Accelerator, size: int | None
) -> Iterator[Disagreement]:
    cited = tuple(dict.fromkeys((*before.evidence, *accelerator.evidence))) or ("source:merge",)
    if before.name != accelerator.name:
        yield Disagreement(
            of="device-name",
            device=before.pci or before.name,
            names=(before.name, accelerator.name),
            evidence=cited,
        )
    if known is not None and size is not None and abs(known - size) > _SAME_SIZE * known:
        yield Disagreement(of="device-memory", device=before.name, sizes_bytes=(known, size), evidence=cited)


def _merged(found: Sequence[Probed]) -> list[_Device]:
    merged: list[_Device] = []
    for number, probed in enumerate(found):
        earlier = list(merged)
        for accelerator in probed.accelerators:
            same = [device for device in earlier if _is_same(device.accelerator, accelerator)]
            for device in same:
                if not device.accelerator.pools and accelerator.pools:
                    device.probe = number
                device.accelerator = _filled(device.accelerator, accelerator)
            if not same:
                merged.append(_Device(accelerator=accelerator, probe=number))
    card = next((each.accelerator for each in merged if _is_card(each.accelerator)), None)
    for device in merged:
        graphics = device.accelerator
        if (
            card is not None
            and graphics.usable
            and graphics.integrated
            and vendor(graphics.vendor).in_processors
        ):
            why_not = message("unusable.integrated-beside-card", card=card.name)
            device.accelerator = msgspec.structs.replace(
                graphics, usable=False, why_not=why_not, backend=None
            )
    return sorted(merged, key=lambda each: vendor(each.accelerator.vendor).rank)


def _as_fast_as_ram(accelerator: Accelerator, of_host: SystemFacts) -> Accelerator:
    """
    A device that reads the host's memory with that memory's bandwidth, where its own is unknown.

    So is that of graphics in a processor which only a table has: the table's is that of the fastest memory that is sold
    with the processor, not of what is plugged in here.
    """
    rate = of_host.ram_bandwidth_bytes_per_s
    from_table = accelerator.bandwidth_basis == "declared" and vendor(accelerator.vendor).in_processors
    known = accelerator.bandwidth_bytes_per_s is not None and not from_table
    if rate is None or known or not accelerator.usable or HOST_POOL not in accelerator.pools:
        return accelerator
    return msgspec.structs.replace(
        accelerator,
        bandwidth_bytes_per_s=rate,
        bandwidth_basis=of_host.ram_bandwidth_basis,
        bandwidth_how=message("bandwidth.of-ram", how=of_host.ram_bandwidth_how),
    )


def _is_card(accelerator: Accelerator) -> bool:
    return accelerator.usable and not accelerator.integrated and bool(accelerator.pools)


def _sharing(found: Sequence[Probed], merged: Sequence[_Device]) -> tuple[Sharing, ...]:
    """
    The ways in which the accelerators that are used share the host's memory.
    """
    used = {(each.probe, each.accelerator.id) for each in merged if each.accelerator.usable}
    return tuple(
        sharing
        for number, probed in enumerate(found)
        for sharing in probed.sharing
        if (number, sharing.accelerator) in used
    )


def _shared(
    ram: MemoryPool, limits: tuple[Limit, ...], caps: tuple[Limit, ...], sharing: tuple[Sharing, ...]
) -> tuple[MemoryPool, tuple[Limit, ...]]:
    """
    The host's memory as processor and accelerators share it, and the caps on both together.

    What a container may use is a matter of the host's part: a carve-out is not counted by control groups, nor are pages
    that a driver takes for itself.
    """
    of_host = tuple(cap for cap in caps if cap.by not in _ACCELERATORS_OWN)
    host_budget = settle(ram, limits, of_host).budget_bytes
    ram = msgspec.structs.replace(ram, kind="unified", host_budget_bytes=host_budget)
    free = 0
    for each in sharing:
        ram = with_carve_out(ram, each)
        free += each.carve_out_bytes - each.carve_out_used_bytes
    raised = tuple(
        msgspec.structs.replace(cap, bytes=cap.bytes + free) if cap.by not in _ACCELERATORS_OWN else cap
        for cap in caps
        if cap.by != "cgroup" or not any(each.uncounted for each in sharing)
    )
    return ram, (*raised, *(each.cap for each in sharing if each.cap is not None))


def _is_same(first: Accelerator, second: Accelerator) -> bool:
    return (first.pci is not None and first.pci == second.pci) or (
        first.uuid is not None and first.uuid == second.uuid
    )


def _filled(first: Record, second: Record) -> Record:
    """
    The first record with the second's values where it has none, and the evidence of both.
    """
    changes: dict[str, Any] = {}
    for name in first.__struct_fields__:
        known, more = getattr(first, name), getattr(second, name)
        if known is None or known == ():
            changes[name] = more
        elif isinstance(known, dict):
            changes[name] = {**more, **known}
    evidence = (*getattr(first, "evidence", ()), *getattr(second, "evidence", ()))
    return msgspec.structs.replace(first, **{**changes, "evidence": tuple(dict.fromkeys(evidence))})


def _names(merged: Sequence[_Device]) -> PoolNames:
    names: PoolNames = {}
    for number, device in enumerate(merged):
        own = [pool for pool in device.accelerator.pools if pool != HOST_POOL]
        for place, pool in enumerate(own):
            names.setdefault((device.probe, pool), f"vram{number}" if place == 0 else f"vram{number}-{place}")
    return names


def _name(names: PoolNames, probe: int, pool: str) -> str | None:
    return HOST_POOL if pool == HOST_POOL else names.get((probe, pool))


def _numbered(device: _Device, number: int, names: PoolNames) -> Accelerator:
    pools = (_name(names, device.probe, pool) for pool in device.accelerator.pools)
    return msgspec.structs.replace(
        device.accelerator, id=f"gpu{number}", pools=tuple(pool for pool in pools if pool is not None)
    )


def _pools(found: Sequence[Probed], names: PoolNames) -> dict[str, MemoryPool]:
    pools: dict[str, MemoryPool] = {}
    for number, probed in enumerate(found):
        for pool in probed.pools:
            name = _name(names, number, pool.id)
            if name is not None:
                named = msgspec.structs.replace(pool, id=name)
                pools[name] = _filled(pools[name], named) if name in pools else named
    return pools


def _by_pool(
    given: Iterable[tuple[int, tuple[tuple[str, Limit], ...]]], names: PoolNames
) -> dict[str, tuple[Limit, ...]]:
    by_pool: dict[str, tuple[Limit, ...]] = {}
    for number, pairs in given:
        for pool, limit in pairs:
            name = _name(names, number, pool)
            if name is not None:
                by_pool[name] = (*by_pool.get(name, ()), limit)
    return by_pool


def _joined(empty: Record, parts: Iterable[Record]) -> Record:
    """
    The fields of all parts: the first value that is known, of tuples all items once, of records field by field.
    """
    joined = empty
    for part in parts:
        if part == empty:
            # Most probes know nothing of the host, and a record has some forty fields.
            continue
        joined = msgspec.structs.replace(
            joined,
            **{name: _first(getattr(joined, name), getattr(part, name)) for name in empty.__struct_fields__},
        )
    return joined


def _first(known: Any, more: Any) -> Any:
    if isinstance(known, HostMemory):
        return _joined(known, (more,))
    if isinstance(known, tuple):
        return tuple(dict.fromkeys((*known, *more)))
    return more if known is None or known is msgspec.UNSET else known
