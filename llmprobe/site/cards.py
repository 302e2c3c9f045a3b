"""
The devices of a machine as their driver shows them to a program that counts its share from all of their memory.

What the driver keeps is no part of it, what other programs hold is. NVIDIA shows 0.45 to 0.75 GiB less than is on the
label (79.18 of an H100, 23.53 of an RTX 4090, 139.81 of an H200, 44.4 of an L40S); of a DGX Spark's 128 GB it shows
119.63 GiB.
"""

from collections.abc import Collection

import msgspec

from llmprobe.facts.machine import Accelerator, MemoryPool, Snapshot
from llmprobe.facts.serving import Card
from llmprobe.units import GIB

USUALLY_KEPT_BYTES, KEPT_SHARE = int(0.44 * GIB), 0.0012
SHOWN_OF_UNIFIED = 119.63 / 128
CONTEXT_BYTES = int(0.5 * GIB)
"""What the first thing that a process does on a device takes (its context), before it looks what is free."""


def cards(snapshot: Snapshot, backends: Collection[str], *, idle: bool = False) -> tuple[Card, ...]:
    """
    The usable devices of the backend of ``backends`` that has most of them; with ``idle`` nobody else uses them.
    """
    pools = {pool.id: pool for pool in snapshot.pools}
    found: dict[str, list[Card]] = {}
    for each in snapshot.accelerators:
        pool = pools.get(each.pools[0]) if each.pools else None
        if not each.usable or each.backend not in backends or pool is None or pool.total_bytes is None:
            continue
        found.setdefault(str(each.backend), []).append(_card(snapshot, each, pool, idle=idle))
    most = max(map(len, found.values()), default=0)
    return next((tuple(alike) for alike in found.values() if len(alike) == most), ())


def _card(snapshot: Snapshot, accelerator: Accelerator, pool: MemoryPool, *, idle: bool) -> Card:
    declared = snapshot.origin == "hypothetical"
    total = pool.total_bytes or 0
    if accelerator.vendor == "apple":
        # The GPU has its working set, whatever else is free; engines look at that.
        total = pool.budget_bytes or total
        pool = msgspec.structs.replace(pool, free_bytes=total, limits=(), kind="system")
    shown = total - sum(limit.bytes for limit in pool.limits if limit.by == "driver-reserve")
    if declared and pool.kind == "unified":
        shown = int(total * SHOWN_OF_UNIFIED) if accelerator.vendor == "nvidia" else total
    elif declared and accelerator.vendor != "apple":
        shown = total - USUALLY_KEPT_BYTES - int(total * KEPT_SHARE)
    free = shown if idle else pool.free_bytes
    if free is not None:
        free = max(0, min(free, shown) - CONTEXT_BYTES)
    major, dot, minor = (accelerator.compute_capability or "").partition(".")
    return Card(
        id=accelerator.id,
        name=accelerator.name,
        backend=str(accelerator.backend),
        total_bytes=shown,
        free_bytes=free,
        capability=(int(major), int(minor)) if dot and major.isdigit() and minor.isdigit() else None,
        architecture=accelerator.architecture,
        unified=pool.kind == "unified",
        assumed=declared and accelerator.vendor != "apple",
        bandwidth_bytes_per_s=accelerator.bandwidth_bytes_per_s,
    )
