"""
One model over several machines with llama.cpp's rpc-server: devices of others come first, and the search places layers
as it does on one machine.

A machine without a usable graphics card offers its processor. What an rpc-server on one takes was compared to the byte,
and one computes as the processor does for itself (``fixtures/truth/rpc_loads.json``, ``rpc_waits.json``).
"""

from collections.abc import Sequence

import msgspec

from llmprobe.advise.choose.problem import Problem
from llmprobe.facts.backends import REMOTE, SERVED
from llmprobe.facts.devices import Device, Network
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Wishes
from llmprobe.site.devices import MOST_DEVICES
from llmprobe.site.site import Site, survey

PROCESSOR = "cpu"
"""What serves the device that a processor is."""


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device that an rpc-server offers, what serves it there, and what may be put on it.
    """

    device: Device
    by: str
    capacity: int


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device of an rpc-server that runs already, what serves it, and what a model may take of it in bytes (None: not
    known). Of a processor only that is known, and ``device`` is None.
    """

    by: str
    budget_bytes: int | None
    device: Device | None = None


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """
    A machine by its name, and what it offers. Of one that is only known by its rpc-server that is what it is
    ``serving``; it can be no main machine.
    """

    name: str
    snapshot: Snapshot
    site: Site
    serving: tuple[Serving, ...] = ()

    @property
    def devices(self) -> tuple[Device, ...]:
        """
        The devices that one process can use there, the largest set.
        """
        return self.site.device_sets[0] if self.site.device_sets else ()

    @property
    def by_processor(self) -> bool:
        """
        Whether it computes with its processor, as it has no device that can be used. One of which it is not known what
        is free is such a device.
        """
        if self.serving:
            return all(one.by == PROCESSOR for one in self.serving)
        cards = self.snapshot.accelerators
        return not self.devices and not any(one.usable and one.backend and one.pools for one in cards)

    @property
    def offered(self) -> tuple[Offered, ...]:
        """
        What an rpc-server there offers: all devices, or the processor.
        """
        if self.serving:
            return tuple(
                Offered(
                    device=one.device or self._processor,
                    by=one.by,
                    capacity=max(0, (one.budget_bytes or 0) - self.site.reserve_bytes),
                )
                for one in self.serving
            )
        if self.by_processor:
            capacity = max(0, self.site.capacities["host"] or 0)
            return (Offered(device=self._processor, by=PROCESSOR, capacity=capacity),)
        left = self.room
        found = []
        for device in self.devices:
            capacity = max(0, min(self.site.capacities[device.id] or 0, left))
            if self.site.unified:
                left -= capacity
            found.append(Offered(device=device, by=device.backend, capacity=capacity))
        return tuple(found)

    @property
    def _processor(self) -> Device:
        return Device(
            id=PROCESSOR,
            backend=REMOTE.name,
            bandwidth_bytes_per_s=self.site.ram_bandwidth_bytes_per_s,
            processor=self.site.processor,
        )

    @property
    def room(self) -> int:
        """
        What a model may take on what it offers.
        """
        if self.serving or self.by_processor:
            return sum(one.capacity for one in self.offered)
        shared = self.site.shared_free_bytes
        held = sum(max(0, self.site.capacities[one.id] or 0) for one in self.devices)
        return held if shared is None else min(held, max(0, shared - self.site.reserve_bytes))

    @property
    def rate(self) -> int:
        """
        How fast the slowest of it reads.
        """
        return min((one.device.bandwidth_bytes_per_s or 0 for one in self.offered), default=0)


def machine(name: str, snapshot: Snapshot, wishes: Wishes, serving: tuple[Serving, ...] = ()) -> Machine:
    """
    What a machine offers for these wishes.
    """
    return Machine(name=name, snapshot=snapshot, site=survey(snapshot, wishes), serving=serving)


def served(machine: Machine) -> bool:
    """
    Whether an rpc-server there has devices that were compared, with room.
    """
    return machine.room > 0 and all(one.by in SERVED for one in machine.offered)


def over_all(problem: Problem, main: Machine, others: Sequence[Machine], network: Network) -> Problem | None:
    """
    The problem of the main machine with the devices of the others before its own; None where they are too many.
    """
    remote: list[Device] = []
    capacities: dict[str, int | None] = {}
    budgets: dict[str, int | None] = {}
    for other in others:
        for offered in other.offered:
            name = f"{REMOTE.name}{len(remote)}"
            capacities[name] = offered.capacity
            budgets[name] = offered.capacity + other.site.reserve_bytes
            remote.append(
                msgspec.structs.replace(
                    offered.device,
                    id=name,
                    backend=REMOTE.name,
                    driver=SERVED[offered.by],
                    pool=name,
                    free_bytes=budgets[name],
                    link_bytes_per_s=None,
                    network=network,
                )
            )
    site = problem.site
    devices = (*remote, *main.devices)
    if len(devices) > MOST_DEVICES:
        return None
    return problem.changed(
        site=msgspec.structs.replace(
            site,
            device_sets=(devices,),
            budgets=site.budgets | budgets,
            capacities=site.capacities | capacities,
            pools=site.pools | {one.id: one.id for one in remote},
        )
    )
