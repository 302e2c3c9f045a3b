"""
Devices of other machines behind llama.cpp's rpc-server: an address, what is free there, who serves.

What is given is taken as it is; a server of which only the address is given is asked. Source: llama.cpp b11549,
src/llama.cpp (``llama_prepare_model_devices``: remote devices come before the machine's own), common/arg.cpp
(``--rpc``), ggml/src/ggml-rpc/ggml-rpc.cpp (``parse_endpoint``: no IPv6).
"""

import re
from collections.abc import Callable, Sequence

import msgspec

from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.facts.backends import PROCESSOR, REMOTE, SERVED, served_by
from llmprobe.facts.devices import Device
from llmprobe.facts.given import shown
from llmprobe.facts.remote import PROTOCOL, RpcDevice, RpcServer, understood
from llmprobe.units import parse_memory, port_number
from llmprobe.words.message import Message, message

_GIVEN = (
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252}):(?P<port>[0-9]{1,5})(?:=(?P<size>[^:]*))?(?::(?P<by>.*))?"
)
_BEYOND = r"\[[0-9A-Fa-f:.]*\].*"

Ask = Callable[[str, int], RpcServer]
"""Asks a server at an address."""


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """
    Remote devices in order, and what each may take; None is not known.
    """

    devices: tuple[Device, ...]
    budgets: dict[str, int | None]
    asked: tuple[str, ...] = ()


def remote_devices(given: Sequence[str], *, most: int, ask: Ask) -> Remote:
    """
    The devices that ``HOST:PORT=SIZE`` or ``HOST:PORT=SIZE:BACKEND`` name, in this order: ``rpc0``, ``rpc1``, … Without
    ``=SIZE`` the server is asked for all of its devices.

    A server with several devices whose sizes are given is named once for each.

    Raises:
        UsageError: one is no such text, or there are more than ``most``.
        LlmprobeError: a server that is asked does not answer, or speaks another protocol.
    """
    if isinstance(given, str) or not all(isinstance(one, str) for one in given):
        raise UsageError(message("error.rpc-not-a-device", given=shown(given)), hint=message("hint.rpc"))
    if len(given) > most:
        raise UsageError(message("error.rpc-too-many", given=len(given), most=most))
    read = [_read(one) for one in given]
    devices: list[Device] = []
    budgets: dict[str, int | None] = {}
    asked = []
    for host, port, size, by in read:
        address = f"{host}:{port}"
        found: list[tuple[str, int, int | None]]
        if size is not None:
            found = [(by or next(iter(SERVED)), size, size)]
        else:
            asked.append(address)
            found = [_told(one, by) for one in _devices(ask(host, port), host, port)]
        for served, free, budget in found:
            name = f"{REMOTE.name}{len(devices)}"
            budgets[name] = budget
            devices.append(
                Device(
                    id=name,
                    backend=REMOTE.name,
                    driver=SERVED[served],
                    name=address,
                    pool=name,
                    free_bytes=free,
                )
            )
    if len(devices) > most:
        raise UsageError(message("error.rpc-too-many", given=len(devices), most=most))
    return Remote(devices=tuple(devices), budgets=budgets, asked=tuple(asked))


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


def _read(given: str) -> tuple[str, int, int | None, str]:
    """
    Host, port, what is free (None is not given) and what serves (empty is not given).
    """
    text = given.strip()
    if re.fullmatch(_BEYOND, text):
        raise UsageError(message("error.rpc-no-ipv6", given=shown(given)), hint=message("hint.rpc-no-ipv6"))
    found = re.fullmatch(_GIVEN, text)
    port = None if found is None else port_number(found["port"])
    if found is None or port is None:
        raise UsageError(message("error.rpc-not-a-device", given=shown(given)), hint=message("hint.rpc"))
    by = found["by"]
    if by is not None and by not in SERVED:
        raise UsageError(
            message("error.backend-unknown", given=shown(by)),
            hint=message("hint.one-of", names=tuple(SERVED)),
        )
    return found["host"], port, None if found["size"] is None else parse_memory(found["size"]), by or ""


def _devices(server: RpcServer, host: str, port: int) -> tuple[RpcDevice, ...]:
    """
    The devices of a server that was asked.

    Raises:
        LlmprobeError: it did not answer as the server of this protocol does, or has no device.
    """
    address = f"{host}:{port}"
    ours = ".".join(map(str, PROTOCOL))
    if server.version is not None and not understood(server.version):
        raise LlmprobeError(
            message(
                "error.rpc-version", address=address, version=".".join(map(str, server.version)), ours=ours
            ),
            hint=message("hint.rpc-version", address=address),
        )
    match server.outcome:
        case "ok":
            if server.devices:
                return server.devices
            problem = message("error.rpc-no-devices", address=address)
        case "unresolved":
            problem = message("error.rpc-unresolved", host=host)
        case "refused":
            problem = message("error.rpc-refused", address=address)
        case "unreachable":
            problem = message("error.rpc-unreachable", address=address)
        case "silent":
            problem = message("error.rpc-silent", address=address)
        case "closed" | "foreign":
            problem = message("error.rpc-foreign", address=address)
    hint = message("hint.rpc-address", address=address)
    if server.outcome in ("refused", "ok"):
        hint = message("hint.rpc-start", host=host, port=port, address=address)
    elif server.outcome == "silent":
        hint = message("hint.rpc-size", address=address)
    raise LlmprobeError(problem, hint=hint)


def _told(device: RpcDevice, by: str) -> tuple[str, int, int | None]:
    """
    What serves a device, what llama.cpp takes to be free there, and what is.

    But on Windows, all memory of a processor is said to be free.
    """
    served = by or served_by(device.align, limited=device.largest_bytes is not None)
    unknown = served == PROCESSOR and device.free_bytes == device.total_bytes
    return served, device.free_bytes, None if unknown else device.free_bytes
