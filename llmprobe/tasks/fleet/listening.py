"""
Machines of which an rpc-server is known: what it tells of its devices, which is their memory and nothing else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from llmprobe.advise.together import Serving
from llmprobe.errors import UsageError
from llmprobe.facts.answer import Answer
from llmprobe.facts.backends import PROCESSOR, SERVED
from llmprobe.facts.machine import Accelerator, Host, Limit, MemoryPool, Snapshot
from llmprobe.facts.remote import PROTOCOL, RpcServer, of_answer, readable
from llmprobe.machine.hypothetical import card_of_row
from llmprobe.site.devices import device_of
from llmprobe.site.remote import Ask, RemoteDevice, dotted, problem_of, told_devices
from llmprobe.site.remote_spelling import RpcGiven, read_rpc
from llmprobe.tasks.fleet.seen import Seen
from llmprobe.words.message import Message, message

_UNKNOWN = Host(system="", machine="")
"""What is known of the machine of an rpc-server."""


def by_address(given: Sequence[str]) -> tuple[tuple[RpcGiven, ...], ...]:
    """
    The servers that ``--rpc`` names in their order, each with what was given for its devices.

    Raises:
        UsageError: a text is none of an rpc-server, or one that is asked is named twice.
    """
    found: dict[str, list[RpcGiven]] = {}
    for one in map(read_rpc, given):
        found.setdefault(one.address, []).append(one)
    for address, devices in found.items():
        if len(devices) > 1 and any(one.size_bytes is None for one in devices):
            raise UsageError(
                message("error.rpc-twice", address=address), hint=message("hint.rpc-twice", address=address)
            )
    return tuple(map(tuple, found.values()))


def look(given: Sequence[RpcGiven], ask: Ask) -> Seen:
    """
    One server, asked unless it is given what is free there.
    """
    first = given[0]
    if first.size_bytes is not None:
        usual = next(iter(SERVED))
        return seen_as(
            first.address,
            [
                RemoteDevice(by=one.by or usual, free=one.size_bytes or 0, budget=one.size_bytes)
                for one in given
            ],
        )
    return told(first, ask(first.host, first.port))


def recorded(answers: Mapping[tuple[str, ...], Answer]) -> tuple[Seen, ...]:
    """
    The servers whose answers are among those of a recording.
    """
    found = []
    for (method, *args), answer in sorted(answers.items(), key=lambda one: one[0]):
        if method != "rpc":
            continue
        try:
            found.append(told(read_rpc(args[0]), of_answer(answer)))
        except UsageError as error:
            found.append(Seen(name=args[0], origin="rpc-server", problem=error.message, remedy=error.hint))
    return tuple(found)


def told(given: RpcGiven, server: RpcServer) -> Seen:
    """
    What a server answered, or what is wrong with it.
    """
    version = None if server.version is None else dotted(server.version)
    problem: tuple[Message, Message | None] | None = problem_of(server, given.host, given.port)
    if server.version is not None and not readable(server.version):
        problem = (
            message("error.rpc-version", address=given.address, version=version, ours=dotted(PROTOCOL)),
            message("hint.rpc-version", address=given.address),
        )
    if problem is None:
        try:
            return seen_as(given.address, told_devices(given, server.devices), version)
        except UsageError as error:
            problem = error.message, error.hint
    return Seen(
        name=given.address, origin="rpc-server", problem=problem[0], remedy=problem[1], protocol=version
    )


def seen_as(address: str, devices: Sequence[RemoteDevice], version: str | None = None) -> Seen:
    """
    The machine that such devices make. Everything else of it is not known.
    """
    pools: list[MemoryPool] = []
    accelerators: list[Accelerator] = []
    serving: list[Serving] = []
    for one in devices:
        pool = "ram" if one.by == PROCESSOR else f"vram{len(accelerators)}"
        pools.append(_pool(pool, one, address))
        if one.by == PROCESSOR:
            serving.append(Serving(by=one.by, budget_bytes=one.budget))
            continue
        accelerator = _accelerator(len(accelerators), one, address)
        accelerators.append(accelerator)
        device = device_of(accelerator, one.budget)
        serving.append(Serving(by=one.by, budget_bytes=one.budget, device=device))
    return Seen(
        name=address,
        origin="rpc-server",
        machine=Snapshot(
            this_machine=False, host=_UNKNOWN, pools=tuple(pools), accelerators=tuple(accelerators)
        ),
        protocol=version,
        serving=tuple(serving),
    )


def _pool(name: str, device: RemoteDevice, address: str) -> MemoryPool:
    """
    The memory of a device. Where only what is free was given, nothing else of it is known.
    """
    used = None if device.total is None or device.budget is None else device.total - device.budget
    return MemoryPool(
        id=name,
        kind="system" if name == "ram" else "vram",
        total_bytes=device.total,
        free_bytes=device.budget,
        budget_bytes=device.budget,
        limits=() if not used else (Limit(by="in-use", bytes=used),),
        basis="declared" if device.total is None else "measured",
        evidence=(f"rpc:{address}",),
    )


def _accelerator(number: int, device: RemoteDevice, address: str) -> Accelerator:
    """
    A card, as its name tells it where somebody gave one.
    """
    name, pools, evidence = f"gpu{number}", (f"vram{number}",), (f"rpc:{address}",)
    backend: Any = device.by
    if device.card is None:
        return Accelerator(
            id=name, vendor="other", name="", backend=backend, pools=pools, index=number, evidence=evidence
        )
    return msgspec.structs.replace(
        card_of_row(device.card, _UNKNOWN)[0],
        id=name,
        index=number,
        backend=backend,
        usable=True,
        why_not=None,
        pools=pools,
        integrated=False,
        link=None,
        power=None,
        evidence=evidence,
    )
