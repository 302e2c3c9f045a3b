"""
llama.cpp's rpc-server, asked over the network which protocol it speaks and what is free on its devices.

Nothing is stored there or computed. Everything has a time: a server that hangs, or that another program uses (it serves
one at a time), is given up. Addresses are IPv4, as in llama.cpp.

Source: llama.cpp b11549, ggml/src/ggml-rpc/ggml-rpc.cpp (commands, their framing, ``rpc_serve_client``), transport.cpp;
of older versions the same file at ggml-org/llama.cpp#12955 (the greeting, which older servers do not have) and #16276.
"""

import re
import socket
import struct
import time

from llmprobe.facts.answer import Answer
from llmprobe.facts.remote import MOST_BYTES, MOST_DEVICES, Outcome, RpcDevice, RpcServer, as_answer, readable
from llmprobe.source.deadline import Workers

ASKING_S = 3.0
"""How long one server is asked."""

_NUMBERED = 3
"""Major version of the protocol from which on a server has several devices (ggml-org/llama.cpp#16276)."""

_GET_ALIGNMENT, _GET_MAX_SIZE, _GET_DEVICE_MEMORY, _HELLO, _DEVICE_COUNT = 1, 2, 11, 14, 15
_CAPABILITIES = bytes(24)
_NO_LIMIT = (1 << 64) - 1


class _EndedError(Exception):
    """
    A server that did not answer as it should, and how that ended.
    """

    def __init__(self, outcome: Outcome, version: tuple[int, int, int] | None = None) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.version = version


def ask(host: str, port: int, timeout_s: float = ASKING_S) -> RpcServer:
    """
    What the server at an address is and has. Ends in time, whatever is there.
    """
    workers = Workers()
    until = time.monotonic() + timeout_s
    try:
        addresses = workers.call(lambda: _addresses(host, port), timeout_s, key=("rpc", host))
        return _asked(addresses[0], until)
    except _EndedError as error:
        return RpcServer(outcome=error.outcome, version=error.version)
    except (OSError, UnicodeError):
        # Looking up the name did not end, found nothing, or could not begin: a part of a name has 63 letters at most.
        return RpcServer(outcome="unresolved")
    finally:
        workers.close()


def answer(server: str) -> Answer:
    """
    What the server tells whose address is at the beginning of a text, as a source answers.
    """
    host, port, *_ = re.split("[:=]", server, maxsplit=2)
    return as_answer(ask(host, int(port)))


def _addresses(host: str, port: int) -> list[tuple[str, int]]:
    found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
    return [(str(address[0]), int(address[1])) for *_, address in found]


def _asked(address: tuple[str, int], until: float) -> RpcServer:
    try:
        return _greeted(address, until, _CAPABILITIES)
    except _EndedError as error:
        if error.outcome != "closed" or error.version is not None:
            raise
    # Before version 4 a server ends the connection where the greeting has a content.
    return _greeted(address, until, b"")


def _greeted(address: tuple[str, int], until: float, greeting: bytes) -> RpcServer:
    with _connected(address, until) as server:
        version = _hello(server, until, greeting)
        try:
            return RpcServer(outcome="ok", version=version, devices=_devices(server, until, version))
        except _EndedError as error:
            raise _EndedError(error.outcome, version) from None


def _devices(server: socket.socket, until: float, version: tuple[int, int, int]) -> tuple[RpcDevice, ...]:
    """
    The devices of a server whose commands are known. Before version 3 it has one, and no command numbers it.
    """
    if not readable(version):
        return ()
    if version[0] < _NUMBERED:
        return (_device(server, until, b""),)
    count = int.from_bytes(_answer(server, until, _DEVICE_COUNT, b"", 4), "little")
    if count > MOST_DEVICES:
        raise _EndedError("foreign")
    return tuple(_device(server, until, struct.pack("<I", number)) for number in range(count))


def _connected(address: tuple[str, int], until: float) -> socket.socket:
    try:
        return socket.create_connection(address, timeout=_left(until))
    except ConnectionRefusedError:
        raise _EndedError("refused") from None
    except OSError:
        raise _EndedError("unreachable") from None


def _hello(server: socket.socket, until: float, content: bytes) -> tuple[int, int, int]:
    """
    The version that a server answers a greeting with.
    """
    _send(server, until, _HELLO, content)
    size = int.from_bytes(_read(server, until, 8), "little")
    if size not in (3, 4 + len(_CAPABILITIES)):
        raise _EndedError("foreign")
    major, minor, patch = _read(server, until, size)[:3]
    return major, minor, patch


def _device(server: socket.socket, until: float, device: bytes) -> RpcDevice:
    free, total = struct.unpack("<QQ", _answer(server, until, _GET_DEVICE_MEMORY, device, 16))
    (align,) = struct.unpack("<Q", _answer(server, until, _GET_ALIGNMENT, device, 8))
    (largest,) = struct.unpack("<Q", _answer(server, until, _GET_MAX_SIZE, device, 8))
    if total > MOST_BYTES:
        raise _EndedError("foreign")
    return RpcDevice(
        free_bytes=min(free, total),
        total_bytes=total,
        align=align,
        largest_bytes=None if largest == _NO_LIMIT else largest,
    )


def _answer(server: socket.socket, until: float, command: int, content: bytes, size: int) -> bytes:
    _send(server, until, command, content)
    if int.from_bytes(_read(server, until, 8), "little") != size:
        raise _EndedError("foreign")
    return _read(server, until, size)


def _send(server: socket.socket, until: float, command: int, content: bytes) -> None:
    try:
        server.settimeout(_left(until))
        server.sendall(bytes([command]) + struct.pack("<Q", len(content)) + content)
    except TimeoutError:
        raise _EndedError("silent") from None
    except OSError:
        raise _EndedError("closed") from None


def _read(server: socket.socket, until: float, size: int) -> bytes:
    found = b""
    while len(found) < size:
        try:
            server.settimeout(_left(until))
            part = server.recv(size - len(found))
        except TimeoutError:
            raise _EndedError("silent") from None
        except OSError:
            raise _EndedError("closed") from None
        if not part:
            raise _EndedError("closed")
        found += part
    return found


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
