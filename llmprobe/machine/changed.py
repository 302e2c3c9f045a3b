"""
A machine with one thing changed: its cards, its memory, a limit, what other programs hold.

Each function gives another snapshot, whose findings are made anew, so that a search on it answers for the changed
machine. The identity of a pool holds on: its total less its limits is its budget.
"""

from collections.abc import Iterable, Sequence

import msgspec

from llmprobe.facts.machine import Accelerator, Basis, Limit, Link, MemoryPool, Snapshot
from llmprobe.machine import rules, wired_limit
from llmprobe.machine.budget import GIVEN_BACK, given_back, less_limited
from llmprobe.machine.gpu_table import lookup
from llmprobe.machine.hypothetical import card, card_of_row, idle_system
from llmprobe.machine.pcie import Slot, pcie_link
from llmprobe.words.message import message

SECOND_SLOT = Slot(generation=4, lanes=4)
"""What a second card gets in most desktops: four lanes of the chipset."""


class Card(msgspec.Struct, frozen=True):
    """
    A card and its memory, idle, before it is part of a machine.
    """

    accelerator: Accelerator
    pool: MemoryPool


def sold(text: str, snapshot: Snapshot, slot: Slot | None = None) -> Card:
    """
    A card as it is sold, for this machine: it runs on the backend that cards of its maker have there.
    """
    return Card(*card(text, snapshot.host, slot))


def copy_of(snapshot: Snapshot, accelerator: Accelerator) -> Card:
    """
    Another card like one that is there, idle.
    """
    pool = snapshot.pool(accelerator.pools[0])
    assert pool is not None
    fresh = msgspec.structs.replace(accelerator, uuid=None, pci=None, index=None, throttle=None)
    return Card(fresh, _idle(pool))


def with_card(snapshot: Snapshot, new: Card) -> Snapshot:
    """
    The machine with one more card.
    """
    alike = [one for one in usable_cards(snapshot) if one.vendor == new.accelerator.vendor]
    number = _next_number(snapshot)
    accelerator = msgspec.structs.replace(
        new.accelerator,
        id=f"gpu{number}",
        pools=(f"vram{number}",),
        backend=alike[0].backend if alike else new.accelerator.backend,
    )
    pool = msgspec.structs.replace(new.pool, id=f"vram{number}")
    return _again(
        snapshot,
        accelerators=(*snapshot.accelerators, accelerator),
        pools=(*snapshot.pools, pool),
    )


def without_card(snapshot: Snapshot, accelerator: Accelerator) -> Snapshot:
    """
    The machine without a card.
    """
    return _again(
        snapshot,
        accelerators=tuple(one for one in snapshot.accelerators if one.id != accelerator.id),
        pools=tuple(one for one in snapshot.pools if one.id not in accelerator.pools),
    )


def repaired(snapshot: Snapshot, accelerators: Sequence[Accelerator]) -> Snapshot | None:
    """
    The machine where cards work that are there and cannot be used; None where the size of one is not known.
    """
    changed = list(snapshot.accelerators)
    pools = {pool.id: pool for pool in snapshot.pools}
    for one in accelerators:
        own = _working(snapshot, one)
        if own is None:
            return None
        number = one.id.removeprefix("gpu")
        name = one.pools[0] if one.pools else f"vram{number}"
        pools[name] = msgspec.structs.replace(own.pool, id=name)
        changed[changed.index(one)] = msgspec.structs.replace(
            own.accelerator, id=one.id, pools=(name,), uuid=one.uuid, pci=one.pci
        )
    return _again(snapshot, accelerators=tuple(changed), pools=tuple(pools.values()))


def freed(snapshot: Snapshot) -> Snapshot:
    """
    The machine without the programs that hold memory of its GPUs; of memory that is shared the system's own use stays.
    """
    used = {name for one in snapshot.accelerators if one.usable for name in one.pools}
    pools = tuple(_freed(pool, snapshot) if pool.id in used else pool for pool in snapshot.pools)
    return _again(snapshot, pools=pools)


def raised(snapshot: Snapshot) -> Snapshot | None:
    """
    A Mac with the limit of its GPU's memory raised as far as macOS can spare; None where that gives nothing.
    """
    ram = snapshot.pool("ram")
    mac = snapshot.host.system == "darwin"
    then = None if ram is None or not mac else wired_limit.raised(ram)
    return None if then is None else _with_pool(snapshot, then)


def without_group_limit(snapshot: Snapshot) -> Snapshot | None:
    """
    The machine where a container may use all that its host has free; None where it may already.
    """
    ram = snapshot.pool("ram")
    taken = 0 if ram is None else sum(one.bytes for one in ram.limits if one.by == "cgroup")
    if ram is None or taken <= 0 or ram.budget_bytes is None:
        return None
    return _with_pool(snapshot, less_limited(ram, "cgroup", taken))


def with_ram(snapshot: Snapshot, added_bytes: int, *, second_channel: bool = False) -> Snapshot:
    """
    The machine with more RAM. A ``second_channel`` doubles the rate at which it is read.
    """
    ram = snapshot.pool("ram")
    assert ram is not None
    host = snapshot.host
    if second_channel and host.ram_bandwidth_bytes_per_s is not None:
        basis: Basis = "assumed" if host.ram_bandwidth_basis == "assumed" else "derived"
        host = msgspec.structs.replace(
            host,
            ram_bandwidth_bytes_per_s=2 * host.ram_bandwidth_bytes_per_s,
            ram_bandwidth_basis=basis,
            ram_bandwidth_how=message("bandwidth.second-channel", how=host.ram_bandwidth_how),
            measurement=None,
        )
    larger = msgspec.structs.replace(
        ram,
        total_bytes=_more(ram.total_bytes, added_bytes),
        free_bytes=_more(ram.free_bytes, added_bytes),
        budget_bytes=_more(ram.budget_bytes, added_bytes),
    )
    return _with_pool(msgspec.structs.replace(snapshot, host=host), larger)


def in_slot(link: Link, slot: Slot) -> Link:
    """
    A link with no more lanes, and of no later generation, than a slot has.
    """
    narrow = pcie_link(
        max_generation=_least(link.max_generation, slot.generation),
        device_max_generation=link.device_max_generation,
        width=_least(link.width or link.max_width, slot.lanes),
        max_width=link.max_width,
    )
    return narrow or link


def in_full_slot(snapshot: Snapshot, accelerator: Accelerator) -> Snapshot | None:
    """
    The machine with a card in a slot that has all lanes of the card; None where it is in one.
    """
    link = accelerator.link
    if link is None or not link.width or not link.max_width or link.width >= link.max_width:
        return None
    wide = pcie_link(
        generation=link.generation,
        max_generation=link.max_generation,
        device_max_generation=link.device_max_generation,
        width=link.max_width,
        max_width=link.max_width,
    )
    return _again(
        snapshot,
        accelerators=tuple(
            msgspec.structs.replace(one, link=wide) if one.id == accelerator.id else one
            for one in snapshot.accelerators
        ),
    )


def usable_cards(snapshot: Snapshot) -> tuple[Accelerator, ...]:
    """
    The devices with memory of their own whose size is known, that engines use.
    """
    return tuple(
        one
        for one in snapshot.accelerators
        if one.usable and one.pools and not one.integrated
        if (pool := snapshot.pool(one.pools[0])) is not None
        if pool.kind == "vram" and pool.total_bytes is not None
    )


def _freed(pool: MemoryPool, snapshot: Snapshot) -> MemoryPool:
    if pool.kind == "vram":
        return _idle(pool) if given_back(pool) else pool
    held, total = given_back(pool), pool.total_bytes
    # What a limit beside it leaves of the memory that is freed is unknown.
    if total is None or any(one.bytes for one in pool.limits if one.by not in GIVEN_BACK):
        return pool
    more = max(0, held - idle_system(total))
    limit = snapshot.apple.working_set if snapshot.apple is not None else None
    budget = _more(pool.budget_bytes, more)
    if limit is not None and budget is not None:
        budget = min(budget, limit.bytes)
    left = [one for one in pool.limits if one.by not in GIVEN_BACK]
    kept = Limit(by="in-use", bytes=held - more, detail=message("limit.idle-system"), basis="assumed")
    if budget is not None and left:
        left[0] = msgspec.structs.replace(left[0], bytes=total - kept.bytes - budget)
    return msgspec.structs.replace(
        pool,
        free_bytes=_more(pool.free_bytes, more),
        budget_bytes=budget,
        host_budget_bytes=_more(pool.host_budget_bytes, more),
        limits=(kept, *left),
        held_by=(),
    )


def _idle(pool: MemoryPool) -> MemoryPool:
    """
    A card's memory with nothing but the driver in it.
    """
    kept = tuple(one for one in pool.limits if one.by not in GIVEN_BACK and one.by != "hidden")
    left = None if pool.total_bytes is None else pool.total_bytes - sum(one.bytes for one in kept)
    return msgspec.structs.replace(pool, free_bytes=left, budget_bytes=left, limits=kept, held_by=())


def _working(snapshot: Snapshot, broken: Accelerator) -> Card | None:
    """
    A card that cannot be used as it would be: like its own kind beside it, as its pool says, or as it is sold.
    """
    alike = next((one for one in usable_cards(snapshot) if one.name == broken.name), None)
    if alike is not None:
        return copy_of(snapshot, alike)
    pool = snapshot.pool(broken.pools[0]) if broken.pools else None
    row = lookup(broken.name, None if pool is None else pool.total_bytes)
    if row is None or row.memory_bytes is None or row.unified:
        return None
    made = Card(*card_of_row(row, snapshot.host))
    if pool is not None and pool.total_bytes is not None:
        own = _idle(pool)
        return Card(made.accelerator, own if own.limits or own.budget_bytes else made.pool)
    return made


def _more(size: int | None, added: int) -> int | None:
    return None if size is None else size + added


def _least(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _next_number(snapshot: Snapshot) -> int:
    names: Iterable[str] = (one.id.removeprefix("gpu") for one in snapshot.accelerators)
    return max((int(name) for name in names), default=-1) + 1


def _with_pool(snapshot: Snapshot, changed: MemoryPool) -> Snapshot:
    pools = tuple(changed if one.id == changed.id else one for one in snapshot.pools)
    return _again(snapshot, pools=pools)


def _again(snapshot: Snapshot, **changes: object) -> Snapshot:
    """
    The snapshot with these parts, and with the findings that they give.
    """
    return rules.diagnosed(msgspec.structs.replace(snapshot, this_machine=False, findings=(), **changes))
