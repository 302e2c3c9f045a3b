"""
One model over several machines with llama.cpp's rpc-server: devices of others come first, and the search places layers
as it does on one machine.

A machine without a usable graphics card is left out: how fast an rpc-server computes on a processor was not measured.
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


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """
    A machine by its name, and what it offers.
    """

    name: str
    snapshot: Snapshot
    site: Site

    @property
    def devices(self) -> tuple[Device, ...]:
        """
        The devices that one process can use there, the largest set.
        """
        return self.site.device_sets[0] if self.site.device_sets else ()

    @property
    def room(self) -> int:
        """
        What a model may take on these devices together.
        """
        shared = self.site.shared_free_bytes
        held = sum(max(0, self.site.capacities[one.id] or 0) for one in self.devices)
        return held if shared is None else min(held, max(0, shared - self.site.reserve_bytes))

    @property
    def rate(self) -> int:
        """
        How fast its slowest device reads.
        """
        return min((one.bandwidth_bytes_per_s or 0 for one in self.devices), default=0)


def machine(name: str, snapshot: Snapshot, wishes: Wishes) -> Machine:
    """
    What a machine offers for these wishes.
    """
    return Machine(name=name, snapshot=snapshot, site=survey(snapshot, wishes))


def served(machine: Machine) -> bool:
    """
    Whether an rpc-server there has devices that were compared.
    """
    return bool(machine.devices) and all(one.backend in SERVED for one in machine.devices)


def over_all(problem: Problem, main: Machine, others: Sequence[Machine], network: Network) -> Problem | None:
    """
    The problem of the main machine with the devices of the others before its own; None where they are too many.
    """
    remote: list[Device] = []
    capacities: dict[str, int | None] = {}
    budgets: dict[str, int | None] = {}
    for other in others:
        left = other.room
        for device in other.devices:
            name = f"{REMOTE.name}{len(remote)}"
            capacity = min(other.site.capacities[device.id] or 0, left)
            if other.site.unified:
                left -= capacity
            capacities[name] = capacity
            budgets[name] = capacity + other.site.reserve_bytes
            remote.append(
                msgspec.structs.replace(
                    device,
                    id=name,
                    backend=REMOTE.name,
                    driver=SERVED[device.backend],
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
