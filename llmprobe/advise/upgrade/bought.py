"""
What can be bought for a machine: RAM, a card beside those that are there, a card instead of one of them.

Only a few sensible ones are tried: the next size of RAM, another card like the largest, one of another kind, and larger
ones in its place. Where a model is known to need so much memory on cards, the smallest that gives it is among them.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from llmprobe.advise.upgrade.change import Change
from llmprobe.data import table
from llmprobe.facts.machine import Accelerator, MemoryPool, Snapshot
from llmprobe.machine import changed
from llmprobe.machine.form import is_server, no_card, no_ram
from llmprobe.machine.gpu_table import lookup, with_size
from llmprobe.site.devices import MOST_DEVICES
from llmprobe.units import GIB
from llmprobe.words.message import message

WORTH_MORE_RAM = 1.4
"""The least growth of RAM that anybody buys modules for."""

WORTH_MORE_VRAM = 1.3
"""The least growth of its memory for which a card is replaced."""

FIRST_CARDS = 2
"""Cards that are tried by their size alone."""

_GUESTS = ("vm", "wsl")
"""Systems whose memory is what another one gives them."""

_USUAL_VENDOR = "nvidia"
_DRIVER_SHARE = 0.03
"""What a driver keeps of a card's memory, and what is kept free of it, are about so much."""


def other_cards(snapshot: Snapshot, gpu_bytes: int | None = None) -> Iterator[Change]:
    """
    Cards that can be bought, each alone; ``gpu_bytes`` is what a model needs on cards to be whole there.
    """
    if no_card(snapshot) is None:
        yield from _Cards(snapshot, gpu_bytes).changes()


def more_ram(snapshot: Snapshot, most_steps: int = 1) -> Iterator[Change]:
    """
    The next larger sizes of RAM that the machine takes, and no more of them than asked for.
    """
    ram = snapshot.pool("ram")
    if no_ram(snapshot) is not None or ram is None or ram.total_bytes is None:
        return
    installed = _installed_gib(snapshot, ram.total_bytes)
    most = _most_ram_gib(snapshot)
    channel = has_free_channel(snapshot)
    guest = snapshot.host.environment if snapshot.host.environment in _GUESTS else None
    least = 2 * installed if channel else WORTH_MORE_RAM * installed
    sizes = [size for size in table("plan")["ram"] if least <= size <= most]
    for size in sizes[:most_steps]:
        added = (size - installed) * GIB
        yield Change(
            kind="ram",
            name=message("upgrade.ram-second-channel", gib=size, instead_gib=installed)
            if channel
            else message("upgrade.ram", gib=size, instead_gib=installed, environment=guest),
            machine=changed.with_ram(snapshot, added, second_channel=channel),
            ram_bytes=size * GIB,
            product=_as_sold(snapshot, size - installed if channel else size),
        )


def _as_sold(snapshot: Snapshot, gib: int) -> str | None:
    """
    RAM of the kind that the machine has, None where that is unknown.
    """
    modules = snapshot.host.memory.modules
    kind = "" if modules is None else (modules.kind or "")[:4]
    return f"{gib}GiB {kind}" if kind in table("upgrade")["modules_gib"]["desktop"] else None


def has_free_channel(snapshot: Snapshot) -> bool:
    """
    Whether another module would double the rate of the RAM, as the finding says.
    """
    return any(
        one.id == "single-channel-ram"
        and one.remedy is not None
        and one.remedy.text.id == "finding.single-channel-ram.remedy"
        for one in snapshot.findings
    )


def _installed_gib(snapshot: Snapshot, total_bytes: int) -> int:
    """
    The RAM as it was bought: what the modules hold, or the next size that is sold above what the system has.
    """
    modules = snapshot.host.memory.modules
    if modules is not None and modules.installed_bytes and snapshot.host.environment != "vm":
        return round(modules.installed_bytes / GIB)
    return next((size for size in (4, 8, *table("plan")["ram"]) if size * GIB >= total_bytes), 1024)


def _most_ram_gib(snapshot: Snapshot) -> int:
    """
    The most RAM that a machine of this kind takes, by its slots and the largest usual modules.
    """
    modules, server = snapshot.host.memory.modules, is_server(snapshot)
    sizes: dict[str, int] = table("upgrade")["modules_gib"]["server" if server else "desktop"]
    size = None if modules is None else sizes.get((modules.kind or "")[:4])
    if modules is None or size is None or not modules.slots:
        return int(table("plan")["ram"][-1] if server else table("plan")["desktop_to"])
    return modules.slots * size


class _Cards:
    """
    The cards that are tried in a machine.
    """

    def __init__(self, snapshot: Snapshot, gpu_bytes: int | None) -> None:
        self._snapshot = snapshot
        self._needed = gpu_bytes
        self._there = [(one, self._pool(one)) for one in changed.usable_cards(snapshot)]
        known: dict[str, list[Any]] = table("upgrade")["cards"]
        vendor = self._there[0][0].vendor if self._there else _USUAL_VENDOR
        self._sold = known.get(vendor, known[_USUAL_VENDOR])
        self._slot = None if is_server(snapshot) or not self._there else changed.SECOND_SLOT

    def changes(self) -> Iterator[Change]:
        if not self._there:
            yield from self._first()
        elif len(self._there) < MOST_DEVICES:
            yield from self._beside()
            yield from self._instead()

    def _first(self) -> Iterator[Change]:
        for row in self._by_size(0, 0):
            yield self._added("first-card", row["gpu"])

    def _beside(self) -> Iterator[Change]:
        largest, pool = max(self._there, key=_size_and_speed)
        new = changed.copy_of(self._snapshot, largest)
        if self._slot is not None and new.accelerator.link is not None:
            new = msgspec.structs.replace(
                new,
                accelerator=msgspec.structs.replace(
                    new.accelerator, link=changed.in_slot(new.accelerator.link, self._slot)
                ),
            )
        yield Change(
            kind="equal-card",
            name=message(
                "upgrade.equal-card",
                name=with_size(largest.name, pool.total_bytes),
                count=len(self._there) + 1,
            ),
            machine=changed.with_card(self._snapshot, new),
            gpu=largest.name,
            product=largest.name,
            watts=_watts(largest, pool.total_bytes),
        )
        there = sum(one.total_bytes or 0 for _, one in self._there)
        own = _gib(pool)
        others = [row for row in self._sold if row["gib"] >= own and not self._is(row, largest)]
        tried = others[:1]
        if self._needed is not None and self._needed > there:
            tried += [row for row in others if self._holds(row, there)][:1]
        for gpu in dict.fromkeys(row["gpu"] for row in tried):
            yield self._added("other-card", gpu)

    def _instead(self) -> Iterator[Change]:
        smallest, pool = min(self._there, key=_size_and_speed)
        others = sum(one.total_bytes or 0 for card, one in self._there if card.id != smallest.id)
        rest = changed.without_card(self._snapshot, smallest)
        for row in self._by_size(_gib(pool) * WORTH_MORE_VRAM, others):
            new = changed.sold(row["gpu"], rest)
            yield Change(
                kind="card-instead",
                name=message(
                    "upgrade.card-instead",
                    name=with_size(new.accelerator.name, new.pool.total_bytes),
                    instead=with_size(smallest.name, pool.total_bytes),
                ),
                machine=changed.with_card(rest, new),
                gpu=row["gpu"],
                product=row["gpu"],
                watts=_watts(new.accelerator, new.pool.total_bytes),
            )

    def _by_size(self, least_gib: float, others_bytes: int) -> list[Any]:
        """
        The first cards of at least a size, and the smallest that holds a model together with the others.
        """
        large = [row for row in self._sold if row["gib"] >= least_gib]
        tried = large[:FIRST_CARDS]
        if self._needed is not None:
            tried += [row for row in large if self._holds(row, others_bytes)][:1]
        return list({row["gpu"]: row for row in tried}.values())

    def _holds(self, row: Any, others_bytes: int) -> bool:
        assert self._needed is not None
        return bool((row["gib"] * GIB + others_bytes) * (1 - _DRIVER_SHARE) >= self._needed)

    def _added(self, kind: Any, gpu: str) -> Change:
        new = changed.sold(gpu, self._snapshot, self._slot)
        return Change(
            kind=kind,
            name=message(
                "upgrade.card",
                name=with_size(new.accelerator.name, new.pool.total_bytes),
                beside=len(self._there) or None,
            ),
            machine=changed.with_card(self._snapshot, new),
            gpu=gpu,
            product=gpu,
            watts=_watts(new.accelerator, new.pool.total_bytes),
        )

    def _is(self, row: Any, card: Accelerator) -> bool:
        new = changed.sold(row["gpu"], self._snapshot)
        return new.accelerator.name == card.name and row["gib"] == _gib(self._pool(card))

    def _pool(self, card: Accelerator) -> MemoryPool:
        pool = self._snapshot.pool(card.pools[0])
        assert pool is not None
        return pool


def _size_and_speed(there: tuple[Accelerator, MemoryPool]) -> tuple[int, int]:
    """
    The GiB of a card, and its bytes per second: drivers show cards of one size with a few MiB more or less.
    """
    card, pool = there
    return _gib(pool), card.bandwidth_bytes_per_s or 0


def _gib(pool: MemoryPool) -> int:
    return round((pool.total_bytes or 0) / GIB)


def _watts(card: Accelerator, memory_bytes: int | None) -> int | None:
    """
    What a card may draw by its maker: as it reports, or as the table has it.
    """
    watts = None if card.power is None else card.power.default_watts
    if watts is not None:
        return round(watts)
    row = lookup(card.name, memory_bytes)
    return None if row is None else row.watts
