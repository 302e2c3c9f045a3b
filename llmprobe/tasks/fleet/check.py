"""
Machines side by side: what each is, what is free there, what is wrong, and which are alike.
"""

from collections.abc import Iterator, Sequence

import msgspec

from llmprobe.advise.recommend import machine_in_short
from llmprobe.facts.fleet import EngineBuild, Fleet, FleetHost
from llmprobe.facts.machine import Snapshot
from llmprobe.tasks.fleet.builds import major, unlike
from llmprobe.tasks.fleet.seen import Seen
from llmprobe.words.message import Message, message


def fleet(seen: Sequence[Seen]) -> Fleet:
    """
    The document of machines that were asked.
    """
    hosts = hosts_of(seen)
    return Fleet(hosts=hosts, notes=tuple(notes_on(hosts)))


def hosts_of(seen: Sequence[Seen]) -> tuple[FleetHost, ...]:
    """
    Each machine in short, and of equal ones which is the first.
    """
    first: dict[bytes, str] = {}
    hosts = []
    for one in seen:
        like = None
        if one.machine is not None:
            key = what_counts(one.machine)
            like = first.get(key)
            first.setdefault(key, one.name)
        hosts.append(_host(one, like))
    return tuple(hosts)


def notes_on(hosts: Sequence[FleetHost]) -> list[Message]:
    """
    What must be known to read the table: who is missing, unlike builds, what labels do not tell.
    """
    found = []
    missing = [host.name for host in hosts if not host.answered]
    if missing:
        found.append(message("fleet.not-answered", hosts=tuple(missing), all=len(hosts)))
    builds = unlike(hosts)
    if builds is not None:
        found.append(builds)
    unknown = tuple(f"{host.name}:{device}" for host in hosts for device in _of_unknown_memory(host))
    if unknown:
        found.append(message("fleet.unknown-memory", devices=unknown))
    found += _on_servers(hosts)
    spoken = {major(host.protocol): host.protocol for host in hosts if host.answered and host.protocol}
    if len(spoken) > 1:
        found.append(message("fleet.rpc-unlike", versions=tuple(sorted(map(str, spoken.values())))))
    if any(host.origin == "kubernetes" and host.answered for host in hosts):
        found.append(message("fleet.by-labels"))
    if any(host.origin == "ray" and host.answered for host in hosts):
        found.append(message("fleet.ray-memory"))
    return found


def _on_servers(hosts: Sequence[FleetHost]) -> Iterator[Message]:
    """
    What rpc-servers do not tell: which cards they have, and what is free of a processor's memory.
    """
    for host in hosts:
        if host.origin != "rpc-server" or host.machine is None:
            continue
        if any(not one.name for one in host.machine.accelerators):
            yield message("fleet.rpc-unnamed", address=host.name)
        if any(pool.id == "ram" and pool.budget_bytes is None for pool in host.machine.pools):
            yield message("fleet.rpc-all-memory", address=host.name)


def _of_unknown_memory(host: FleetHost) -> tuple[str, ...]:
    """
    The usable devices of a machine of which nobody tells how much a model may take.
    """
    if host.machine is None:
        return ()
    budgets = {pool.id: pool.budget_bytes for pool in host.machine.pools}
    return tuple(
        each.id
        for each in host.machine.accelerators
        if each.usable and (not each.pools or budgets.get(each.pools[0]) is None)
    )


def _host(one: Seen, like: str | None) -> FleetHost:
    machine = one.machine
    if machine is None:
        return FleetHost(
            name=one.name,
            origin=one.origin,
            answered=False,
            problem=one.problem,
            remedy=one.remedy,
            protocol=one.protocol,
        )
    return FleetHost(
        name=one.name,
        origin=one.origin,
        answered=True,
        machine=machine_in_short(machine),
        like=like,
        engines=tuple(
            EngineBuild(name=engine.name, version=engine.version)
            for engine in machine.engines
            if engine.installed
        ),
        findings=tuple(one for one in machine.findings if one.severity != "note"),
        protocol=one.protocol,
    )


def what_counts(machine: Snapshot) -> bytes:
    """
    All of a machine that an answer is based on; nothing that only names it.
    """
    accelerators = tuple(msgspec.structs.replace(one, uuid=None, evidence=()) for one in machine.accelerators)
    host = machine.host
    return msgspec.json.encode(
        (
            machine.pools,
            accelerators,
            host.cpu,
            host.ram_bandwidth_bytes_per_s,
            host.measurement,
            host.system,
        ),
        enc_hook=repr,
    )
