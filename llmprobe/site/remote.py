"""
Devices of other machines behind llama.cpp's rpc-server, as they are given: an address, what is free there, who serves.

Nothing is asked over the network. Source: llama.cpp b11549, src/llama.cpp (``llama_prepare_model_devices``: remote
devices come before the machine's own), common/arg.cpp (``--rpc``).
"""

import re
from collections.abc import Sequence

from llmprobe.errors import UsageError
from llmprobe.facts.backends import REMOTE, SERVED
from llmprobe.facts.devices import Device
from llmprobe.facts.given import shown
from llmprobe.units import parse_memory, port_number
from llmprobe.words.message import Message, message

_ADDRESS = r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})):([0-9]{1,5})"


def remote_devices(given: Sequence[str], *, most: int) -> tuple[Device, ...]:
    """
    The devices that ``HOST:PORT=SIZE`` or ``HOST:PORT=SIZE:BACKEND`` name, in this order: ``rpc0``, ``rpc1``, …

    A server with several devices is named once for each.

    Raises:
        UsageError: one is no such text, or there are more than ``most``.
    """
    if isinstance(given, str) or not all(isinstance(one, str) for one in given):
        raise UsageError(message("error.rpc-not-a-device", given=shown(given)), hint=message("hint.rpc"))
    if len(given) > most:
        raise UsageError(message("error.rpc-too-many", given=len(given), most=most))
    return tuple(_device(number, one) for number, one in enumerate(given))


def about_remote(devices: Sequence[Device]) -> tuple[Message, ...]:
    """
    Where remote devices are, and that their speed is not known.
    """
    return tuple(
        message("note.rpc-device", device=one.id, address=one.name, bytes=one.free_bytes)
        for one in devices
        if one.backend == REMOTE.name
    )


def _device(number: int, given: str) -> Device:
    address, _, rest = given.strip().rpartition("=")
    size, _, served = rest.partition(":")
    found = re.fullmatch(_ADDRESS, address)
    if found is None or port_number(found[1]) is None:
        raise UsageError(message("error.rpc-not-a-device", given=shown(given)), hint=message("hint.rpc"))
    if served and served not in SERVED:
        raise UsageError(
            message("error.backend-unknown", given=shown(served)),
            hint=message("hint.one-of", names=tuple(SERVED)),
        )
    name = f"{REMOTE.name}{number}"
    return Device(
        id=name,
        backend=REMOTE.name,
        driver=SERVED[served] if served else "",
        name=address,
        pool=name,
        free_bytes=parse_memory(size),
    )
