"""
What a machine offers to a search: which devices may be used together, and how much may be put where.

The budget is what is free now under every limit of the snapshot; of that a stated reserve is kept. VRAM and
RAM are added. Memory that host and accelerator share is counted once: both must fit in what is free of it.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.devices import Device
from llmprobe.facts.engine import Abilities
from llmprobe.facts.finding import GPU_UNKNOWN
from llmprobe.facts.machine import Accelerator, MemoryPool, Snapshot
from llmprobe.facts.measured import Correction
from llmprobe.facts.processor import Processor, cpu_kind
from llmprobe.facts.recommendation import Wishes
from llmprobe.machine.budget import given_back
from llmprobe.site.devices import (
    MOST_DEVICES,
    device_of,
    environment_for,
    left_over,
    listed,
    numbers,
)
from llmprobe.site.drivers import driver_of
from llmprobe.site.ram import of_host
from llmprobe.units import MIB
from llmprobe.words.message import Message, message

DEFAULT_RESERVE_BYTES = 512 * MIB
"""Kept free on every GPU and in RAM, beside the engine's own overhead."""


class Shortfall(msgspec.Struct, frozen=True):
    """
    Where too little is free, and by how much: ``host``, a device, or ``shared`` (host and device together).

    Where it is not ``known`` how much is free, all that would be put there counts as missing.
    """

    where: str
    missing_bytes: int
    known: bool = True


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """
    The devices that can be used together, each set in the order of the engine, largest set first; the
    empty set is the processor alone. Capacities are budgets less the reserve; None is unknown.

    ``unsure`` is true where there is no device and it is unknown whether the machine has one.
    ``shared_free_bytes`` is what host and accelerator may take together of a unified pool; None without one.
    """

    device_sets: tuple[tuple[Device, ...], ...]
    budgets: dict[str, int | None]
    capacities: dict[str, int | None]
    pools: dict[str, str]
    shared_free_bytes: int | None
    reserve_bytes: int
    ram_bandwidth_bytes_per_s: int
    processor: Processor = Processor()
    cpu: Literal["x86", "arm"] = "x86"
    notes: tuple[Message, ...] = ()
    instances: dict[str, str] = {}
    abilities: Abilities = Abilities()
    listed: dict[str, tuple[Accelerator, ...]] = {}
    windows: bool = False
    unsure: bool = False
    corrections: tuple[Correction, ...] = ()

    def environment(self, devices: tuple[Device, ...]) -> dict[str, str]:
        """
        What makes the engine see these devices and number them so: instances of a divided one, or a part
        of all that its backend lists.
        """
        chosen = [self.instances[device.id] for device in devices if device.id in self.instances]
        if chosen:
            return {str(BACKENDS[devices[0].backend].visible): ",".join(chosen)}
        # The shell of Windows has no variables before a command.
        return {} if self.windows else environment_for(self._there(devices), devices)

    def named(self, devices: tuple[Device, ...]) -> tuple[str, ...] | None:
        """
        The ids of devices that an engine must be told to use, None where it uses no others by itself.

        Of instances of a divided one the environment shows it no others.
        """
        if not left_over(self._there(devices), devices) or any(one.id in self.instances for one in devices):
            return None
        return tuple(device.id for device in devices)

    def numbers(self, devices: tuple[Device, ...]) -> tuple[int, ...]:
        """
        The numbers that their backend gives these devices.
        """
        return numbers(self._there(devices), devices)

    def _there(self, devices: tuple[Device, ...]) -> tuple[Accelerator, ...]:
        return self.listed.get(devices[0].backend, ()) if devices else ()

    @property
    def unified(self) -> bool:
        return self.shared_free_bytes is not None

    def room(self, devices: tuple[Device, ...]) -> int:
        """
        All that host and devices may take together, shared memory counted once.
        """
        apart = ["host", *(one.id for one in devices)]
        together = 0
        if self.shared_free_bytes is not None:
            together = max(0, self.shared_free_bytes - self.reserve_bytes)
            apart = [device for device in apart if self.pools[device] != "ram"]
        return together + sum(max(0, self.capacities[device] or 0) for device in apart)

    def pool_budgets(self) -> dict[str, int | None]:
        """
        The budgets by pool, and by device where it may take less of a pool than all together.
        """
        budgets = dict(self.budgets)
        for device, pool in self.pools.items():
            budgets[pool] = self.shared_free_bytes if self.unified and pool == "ram" else self.budgets[device]
        return budgets

    def shortfalls(self, totals: Mapping[str, int]) -> tuple[Shortfall, ...]:
        """
        Where these totals per device do not fit; a pool of unknown size fits nothing.
        """
        short: list[Shortfall] = []
        for device, size in totals.items():
            capacity = self.capacities.get(device)
            missing = size if capacity is None else size - capacity
            if missing > 0:
                short.append(Shortfall(device, missing, known=capacity is not None))
        if self.shared_free_bytes is not None:
            together = sum(size for device, size in totals.items() if self.pools.get(device) == "ram")
            missing = together - (self.shared_free_bytes - self.reserve_bytes)
            if missing > 0:
                short.append(Shortfall("shared", missing))
        return tuple(short)


def survey(snapshot: Snapshot, wishes: Wishes) -> Site:
    """
    What the machine offers for these wishes.
    """
    reserve = DEFAULT_RESERVE_BYTES if wishes.reserve_bytes is None else wishes.reserve_bytes
    notes = [message("note.reserve", bytes=reserve)]
    pools = {pool.id: pool for pool in snapshot.pools}
    ram = pools.get("ram")
    if wishes.assume_idle:
        notes.append(message("note.assume-idle"))
    budgets: dict[str, int | None] = {"host": _of_host(ram, wishes)}
    pool_of = {"host": "ram"}
    devices: list[tuple[Accelerator, Device]] = []
    for accelerator in snapshot.accelerators:
        if not accelerator.usable or accelerator.backend is None or not accelerator.pools:
            continue
        pool = pools.get(accelerator.pools[0])
        budgets[accelerator.id] = _of_device(pool, snapshot, wishes)
        pool_of[accelerator.id] = accelerator.pools[0]
        driver = driver_of(snapshot, accelerator)
        device = device_of(
            accelerator, budgets[accelerator.id], driver, windows=snapshot.host.system == "win32"
        )
        devices.append((accelerator, device))
        if budgets[accelerator.id] is None:
            notes.append(message("note.free-memory-unknown", device=accelerator.id))
    notes += _chosen_for_memory(snapshot)
    shared = any(pool == "ram" for device, pool in pool_of.items() if device != "host")
    known = [pair for pair in devices if budgets[pair[1].id] is not None]
    usable = _most(known)
    if len(usable) < len(known):
        notes.append(message("note.most-devices", most=MOST_DEVICES, found=len(known)))
    unsure = not usable and any(finding.id in GPU_UNKNOWN for finding in snapshot.findings)
    if unsure:
        notes.append(message("note.gpu-unknown"))
    ram_rate, own_processor = of_host(snapshot.host, ram.total_bytes if ram is not None else None)
    measured = snapshot.host.measurement
    return Site(
        device_sets=_device_sets(usable),
        budgets=budgets,
        capacities={
            device: None if budget is None else budget - reserve for device, budget in budgets.items()
        },
        pools=pool_of,
        shared_free_bytes=_free(ram, wishes) if shared and ram is not None else None,
        reserve_bytes=reserve,
        ram_bandwidth_bytes_per_s=ram_rate,
        processor=own_processor,
        cpu=cpu_kind(snapshot.host.machine),
        notes=tuple(notes),
        instances={
            device.id: accelerator.uuid
            for accelerator, device in devices
            if _is_mig(accelerator) and accelerator.uuid
        },
        listed={backend: listed(snapshot, backend) for backend in {one.backend for _, one in devices}},
        windows=snapshot.host.system == "win32",
        unsure=unsure,
        corrections=() if measured is None else measured.counting_corrections,
    )


def _chosen_for_memory(snapshot: Snapshot) -> list[Message]:
    """
    Why a device is used by another backend than is usual for it.
    """
    by_address = {each.pci: each.id for each in snapshot.accelerators if each.usable}
    return [
        message(
            "note.vulkan-for-memory",
            device=by_address[each.pci],
            vulkan_bytes=each.vulkan_free_bytes,
            rocm_bytes=each.rocm_free_bytes,
        )
        for each in (snapshot.amd.heaps if snapshot.amd is not None else ())
        if each.displaces and each.pci in by_address
    ]


def _most(devices: list[tuple[Accelerator, Device]]) -> list[tuple[Accelerator, Device]]:
    """
    As many devices of each backend as an engine can use, the least worth left out.
    """
    kept: set[str] = set()
    for backend in {device.backend for _, device in devices}:
        alike = [device for _, device in devices if device.backend == backend]
        kept.update(device.id for device in sorted(alike, key=_worth, reverse=True)[:MOST_DEVICES])
    return [pair for pair in devices if pair[1].id in kept]


def _device_sets(devices: list[tuple[Accelerator, Device]]) -> tuple[tuple[Device, ...], ...]:
    """
    The sets that one process can use: all devices of a backend, fewer and fewer of the fastest and of those
    with the most room, each alone, none.

    Of the MIG instances of a machine CUDA gives a process only one, so they are never put together.
    """
    sets: list[tuple[Device, ...]] = []
    for backend in sorted({device.backend for _, device in devices}):
        together = tuple(
            device
            for accelerator, device in devices
            if device.backend == backend and not _is_mig(accelerator)
        )
        for worth in (_worth, _room):
            # Of equals the last is left out first.
            ranked = sorted(together, key=worth, reverse=True)
            for count in range(len(together), 1, -1):
                kept = tuple(device for device in together if device in ranked[:count])
                if kept not in sets:
                    sets.append(kept)
    alone: dict[Device, Device] = {}
    for _, device in sorted(devices, key=lambda pair: -(pair[1].free_bytes or 0)):
        # What one of equals can do, so can the others.
        alone.setdefault(msgspec.structs.replace(device, id="", pool=None), device)
    sets.extend((device,) for device in alone.values())
    if all(BACKENDS[device.backend].partial for _, device in devices):
        # What macOS does not let the GPU have it needs itself, so on a Mac the processor is no way around the limit.
        sets.append(())
    return tuple(sets)


def _worth(device: Device) -> tuple[int, int]:
    """
    What devices are left out by, the least first: a slow card first, of equally fast ones the smallest.
    """
    return device.bandwidth_bytes_per_s or 0, device.free_bytes or 0


def _room(device: Device) -> tuple[int, int]:
    """
    What devices are left out by where a fast one may be full.
    """
    return device.free_bytes or 0, device.bandwidth_bytes_per_s or 0


def _is_mig(accelerator: Accelerator) -> bool:
    return accelerator.partition is not None and accelerator.partition.kind == "mig"


def _budget(pool: MemoryPool | None, wishes: Wishes) -> int | None:
    if pool is None or pool.budget_bytes is None:
        return None
    return pool.budget_bytes + (given_back(pool) if wishes.assume_idle else 0)


def _of_device(pool: MemoryPool | None, snapshot: Snapshot, wishes: Wishes) -> int | None:
    """
    What a device may take: of memory that it shares no more than the system lets it, whoever else ends.

    How far that limit is, is known of a Mac; where another one takes a part now, what is freed does not count.
    """
    budget, idle = None if pool is None else pool.budget_bytes, _budget(pool, wishes)
    if pool is None or budget is None or idle is None or pool.kind != "unified":
        return idle
    if snapshot.apple is not None and snapshot.apple.working_set is not None:
        return max(budget, min(idle, snapshot.apple.working_set.bytes))
    return budget if any(limit.by == "working-set" and limit.bytes for limit in pool.limits) else idle


def _of_host(ram: MemoryPool | None, wishes: Wishes) -> int | None:
    """
    What the host alone may take: of shared memory what is not set aside for the accelerator.
    """
    if ram is None or ram.kind != "unified":
        return _budget(ram, wishes)
    if ram.host_budget_bytes is None:
        return _free(ram, wishes)
    return ram.host_budget_bytes + (given_back(ram) if wishes.assume_idle else 0)


def _free(pool: MemoryPool, wishes: Wishes) -> int | None:
    if pool.free_bytes is None:
        return None
    return pool.free_bytes + (given_back(pool) if wishes.assume_idle else 0)
