"""
Devices of other machines behind llama.cpp's rpc-server: an address, what is free there, who serves.

What is given is taken as it is; a server of which only the address is given is asked. Source: llama.cpp b11549,
src/llama.cpp (``llama_prepare_model_devices``: remote devices come before the machine's own), common/arg.cpp
(``--rpc``).
"""

from collections.abc import Callable, Sequence

import msgspec

from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.facts.backends import PROCESSOR, REMOTE, SERVED
from llmprobe.facts.devices import USUAL_NETWORK, Device
from llmprobe.facts.given import shown
from llmprobe.facts.remote import PROTOCOL, RpcDevice, RpcServer, understood
from llmprobe.machine.gpu_table import Gpu
from llmprobe.site.remote_spelling import RpcGiven, cards_of, read_rpc, serves
from llmprobe.words.message import Message, message


class RemoteDevice(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device of a server in bytes: what llama.cpp takes to be free, what a model may take and what there is in all,
    where these are known; what serves it, and the card that somebody said it is.
    """

    by: str
    free: int
    budget: int | None
    total: int | None = None
    card: Gpu | None = None


Ask = Callable[[str, int], RpcServer]
"""Asks a server at an address."""


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """
    Remote devices in order, and what each may take; None is not known. ``cards`` are the names that somebody gave.
    """

    devices: tuple[Device, ...]
    budgets: dict[str, int | None]
    asked: tuple[str, ...] = ()
    cards: dict[str, str] = {}


def remote_devices(given: Sequence[str], *, most: int, ask: Ask) -> Remote:
    """
    The devices that ``--rpc`` names, as ``read_rpc`` reads it, in this order: ``rpc0``, ``rpc1``, … Without ``=SIZE``
    the server is asked for all of its devices.

    A server with several devices whose sizes are given is named once for each.

    Raises:
        UsageError: one is no such text or contradicts the server, or there are more than ``most``.
        LlmprobeError: a server that is asked does not answer, or speaks another protocol.
    """
    if isinstance(given, str) or not all(isinstance(one, str) for one in given):
        raise UsageError(message("error.rpc-not-a-device", given=shown(given)), hint=message("hint.rpc"))
    if len(given) > most:
        raise UsageError(message("error.rpc-too-many", given=len(given), most=most))
    read = [read_rpc(one) for one in given]
    devices: list[Device] = []
    budgets: dict[str, int | None] = {}
    asked, cards = [], {}
    for one in read:
        if one.size_bytes is not None:
            found = [
                RemoteDevice(by=one.by or next(iter(SERVED)), free=one.size_bytes, budget=one.size_bytes)
            ]
        else:
            asked.append(one.address)
            found = told_devices(one, _devices(ask(one.host, one.port), one.host, one.port))
        for each in found:
            name = f"{REMOTE.name}{len(devices)}"
            budgets[name] = each.budget
            card = each.card
            devices.append(
                Device(
                    id=name,
                    backend=REMOTE.name,
                    driver=SERVED[each.by],
                    name=one.address,
                    pool=name,
                    free_bytes=each.free,
                    bandwidth_bytes_per_s=None if card is None else card.bandwidth_bytes_per_s,
                    compute_capability=None if card is None else card.compute_capability,
                    cores=None if card is None else card.cores,
                    network=None if card is None else USUAL_NETWORK,
                )
            )
            if card is not None:
                cards[name] = card.name
    if len(devices) > most:
        raise UsageError(message("error.rpc-too-many", given=len(devices), most=most))
    return Remote(devices=tuple(devices), budgets=budgets, asked=tuple(asked), cards=cards)


def told_devices(given: RpcGiven, devices: Sequence[RpcDevice]) -> list[RemoteDevice]:
    """
    The devices of a server as it tells them: what serves, what is free as llama.cpp takes it, what a model may take.

    But on Windows, all memory of a processor is said to be free, so that it is not known what is.

    Raises:
        UsageError: the cards that are given for it contradict it.
    """
    found = []
    for card, one in zip(cards_of(given, devices), devices, strict=True):
        by = serves(given, one, card)
        unknown = by == PROCESSOR and one.free_bytes == one.total_bytes
        budget = None if unknown else one.free_bytes
        found.append(
            RemoteDevice(by=by, free=one.free_bytes, budget=budget, total=one.total_bytes, card=card)
        )
    return found


def about_remote(remote: Remote, *, split: bool, by_tensors: bool = False) -> tuple[Message, ...]:
    """
    Where remote devices are, what of it is not known, by what layers are shared out where nobody ``split`` them, and
    which servers talk to each other where these devices alone have a part of each layer (``by_tensors``).

    Of two servers the second connects to the first at the address that the program was given, at a port 1000 above
    (ggml-rpc.cpp, ``ggml_backend_rpc_comm_init``); the first waits for it without end.
    """
    found = []
    for one in remote.devices:
        where, free = one.name, one.free_bytes
        if one.name not in remote.asked:
            found.append(message("note.rpc-device", device=one.id, address=where, bytes=free))
        elif one.id in remote.cards:
            found.append(
                message(
                    "note.rpc-card",
                    device=one.id,
                    card=remote.cards[one.id],
                    address=where,
                    bytes=free,
                    rate=one.bandwidth_bytes_per_s,
                    network=USUAL_NETWORK.bytes_per_s,
                )
            )
        elif remote.budgets[one.id] is None:
            found.append(message("note.rpc-all-memory", device=one.id, address=where, bytes=free))
        else:
            found.append(message("note.rpc-device-asked", device=one.id, address=where, bytes=free))
    processors = tuple(one.id for one in remote.devices if one.computed_by == PROCESSOR)
    given = [one for one in remote.devices if one.id in processors and one.name not in remote.asked]
    if given and not split and len(remote.devices) > 1:
        found.append(message("note.rpc-split-by-all-memory", devices=processors))
    addresses = [str(one.name) for one in remote.devices]
    if by_tensors and len(addresses) == len(set(addresses)) == 2:
        host, _, port = addresses[0].partition(":")
        found.append(message("note.rpc-servers-talk", host=host, port=int(port) + 1000, address=addresses[1]))
    return tuple(found)


def _devices(server: RpcServer, host: str, port: int) -> tuple[RpcDevice, ...]:
    """
    The devices of a server that was asked.

    Raises:
        LlmprobeError: it did not answer as the server of this protocol does, or has no device.
    """
    if server.version is not None and not understood(server.version):
        address = f"{host}:{port}"
        raise LlmprobeError(
            message(
                "error.rpc-version", address=address, version=dotted(server.version), ours=dotted(PROTOCOL)
            ),
            hint=message("hint.rpc-version", address=address),
        )
    problem = problem_of(server, host, port)
    if problem is not None:
        raise LlmprobeError(problem[0], hint=problem[1])
    return server.devices


def problem_of(server: RpcServer, host: str, port: int) -> tuple[Message, Message] | None:
    """
    Why nothing is known of the devices of a server, and what to do; None where it told them.
    """
    address = f"{host}:{port}"
    hint = message("hint.rpc-address", address=address)
    start = message("hint.rpc-start", host=host, port=port, address=address)
    match server.outcome:
        case "ok" if server.devices:
            return None
        case "ok":
            return message("error.rpc-no-devices", address=address), start
        case "unresolved":
            return message("error.rpc-unresolved", host=host), hint
        case "refused":
            return message("error.rpc-refused", address=address), start
        case "unreachable":
            return message("error.rpc-unreachable", address=address), hint
        case "silent":
            return message("error.rpc-silent", address=address), message("hint.rpc-size", address=address)
        case "closed":
            return message("error.rpc-closed", address=address), hint
        case "foreign":
            return message("error.rpc-foreign", address=address), hint


def dotted(version: Sequence[int]) -> str:
    """
    A version of the protocol as llama.cpp prints it.
    """
    return ".".join(map(str, version))
