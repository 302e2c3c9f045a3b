"""
An rpc-server as it is asked: servers of loopback that say what a script says, and the real one where it is built.
"""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from benchmarks import verify_engine, verify_hosts
from llmprobe.facts.remote import RpcDevice, RpcServer, of_answer
from llmprobe.source import rpc_server
from llmprobe.source.live import LiveSource
from llmprobe.source.recording.recorder import Recorder

pytestmark = pytest.mark.live

Script = Callable[[socket.socket], None]
GREETING = bytes([14]) + struct.pack("<Q", 24) + bytes(24)
OLD_GREETING = bytes([14]) + struct.pack("<Q", 0)


@contextmanager
def listening(script: Script) -> Iterator[int]:
    """A server that does this with each connection, one after the other; the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                with suppress(OSError):
                    client, _ = server.accept()
                    with client, suppress(OSError):
                        client.settimeout(5)
                        script(client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            ended.set()
            thread.join()


def asked(script: Script, *, seconds: float = 5.0) -> RpcServer:
    with listening(script) as port:
        return rpc_server.ask("127.0.0.1", port, seconds)


def read(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (part := client.recv(size - len(found))):
        found += part
    return found


def framed(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content


def of_version(*numbers: int) -> bytes:
    return framed(bytes(numbers) + bytes(25))


def current(client: socket.socket) -> None:
    """
    Version 8.0 with two devices: 24 GiB of which 20 are free, at multiples of 128, and one of 32 with a largest buffer.
    """
    assert read(client, len(GREETING)) == GREETING
    client.sendall(of_version(8, 0, 7))
    assert read(client, 9) == bytes([15]) + struct.pack("<Q", 0)
    client.sendall(framed(struct.pack("<I", 2)))
    for number, (free, total, align, largest) in enumerate(
        ((20 << 30, 24 << 30, 128, (1 << 64) - 1), (5, 6, 32, 1 << 32))
    ):
        for command, content in ((11, (free, total)), (1, (align,)), (2, (largest,))):
            assert read(client, 13) == bytes([command]) + framed(struct.pack("<I", number))
            answer = framed(struct.pack(f"<{len(content)}Q", *content))
            # In pieces, as a network has it.
            client.sendall(answer[:5])
            client.sendall(answer[5:])


def test_version_and_devices_are_asked_for() -> None:
    """
    By the commands of b11549 and their sizes; a limit of 2^64 - 1 is none.
    """
    assert asked(current) == RpcServer(
        outcome="ok",
        version=(8, 0, 7),
        devices=(
            RpcDevice(free_bytes=20 << 30, total_bytes=24 << 30, align=128, largest_bytes=None),
            RpcDevice(free_bytes=5, total_bytes=6, align=32, largest_bytes=1 << 32),
        ),
    )


def of_one_device(client: socket.socket) -> None:
    """Version 2.0, which has one device and numbers none: its commands have no content."""
    assert read(client, 9) == OLD_GREETING
    client.sendall(framed(bytes([2, 0, 0])))
    for command, content in ((11, (20 << 30, 24 << 30)), (1, (128,)), (2, ((1 << 64) - 1,))):
        assert read(client, 9) == bytes([command]) + framed(b"")
        client.sendall(framed(struct.pack(f"<{len(content)}Q", *content)))


def of_numbered_devices(client: socket.socket) -> None:
    """Version 3.6.1: greeted without a content, and its one device is number 0."""
    assert read(client, 9) == OLD_GREETING
    client.sendall(framed(bytes([3, 6, 1])))
    assert read(client, 9) == bytes([15]) + framed(b"")
    client.sendall(framed(struct.pack("<I", 1)))
    for command, content in ((11, (20 << 30, 24 << 30)), (1, (128,)), (2, ((1 << 64) - 1,))):
        assert read(client, 13) == bytes([command]) + framed(struct.pack("<I", 0))
        client.sendall(framed(struct.pack(f"<{len(content)}Q", *content)))


def ending_at_a_content(script: Script) -> Script:
    """A server of before version 4: a greeting with a content ends the connection."""

    def serve(client: socket.socket) -> None:
        if client.recv(9, socket.MSG_PEEK) == OLD_GREETING:
            script(client)

    return serve


@pytest.mark.parametrize(
    ("script", "version"), [(of_one_device, (2, 0, 0)), (of_numbered_devices, (3, 6, 1))], ids=["2.0", "3.6"]
)
def test_an_old_server_is_asked_its_way(script: Script, version: tuple[int, int, int]) -> None:
    """
    It ends the connection at a greeting with a content, answers an empty one with three bytes, and tells its memory.
    """
    assert asked(ending_at_a_content(script)) == RpcServer(
        outcome="ok",
        version=version,
        devices=(RpcDevice(free_bytes=20 << 30, total_bytes=24 << 30, align=128, largest_bytes=None),),
    )


def test_an_old_server_that_falls_silent_or_hangs_up_keeps_its_version() -> None:
    """
    It is not greeted a third time, and what it said is not lost.
    """
    greeted = []

    def ending(client: socket.socket) -> None:
        greeted.append(read(client, 9))
        client.sendall(framed(bytes([3, 6, 1])))

    assert asked(ending_at_a_content(ending)) == RpcServer(outcome="closed", version=(3, 6, 1))
    assert greeted == [OLD_GREETING]


def test_a_server_that_hangs_up_after_its_version_is_not_greeted_again() -> None:
    """
    It took the greeting with a content; what it said of itself is kept.
    """
    greeted = []

    def ending(client: socket.socket) -> None:
        greeted.append(read(client, len(GREETING)))
        client.sendall(of_version(8, 0, 0))

    assert asked(ending) == RpcServer(outcome="closed", version=(8, 0, 0))
    assert greeted == [GREETING]


@pytest.mark.parametrize(
    ("free", "total", "found"),
    [(25 << 30, 24 << 30, 24 << 30), ((1 << 64) - 1, (1 << 64) - 1, None), (0, (1 << 50) + 1, None)],
)
def test_memory_that_no_device_has_is_not_believed(free: int, total: int, found: int | None) -> None:
    """
    No more is free than there is; a device of more than a pebibyte is none of an rpc-server.
    """

    def boasting(client: socket.socket) -> None:
        read(client, len(GREETING))
        client.sendall(of_version(8, 0, 0))
        read(client, 9)
        client.sendall(framed(struct.pack("<I", 1)))
        for content in (struct.pack("<QQ", free, total), struct.pack("<Q", 128), struct.pack("<Q", 1)):
            read(client, 13)
            client.sendall(framed(content))

    answer = asked(boasting)

    assert answer.outcome == ("ok" if found else "foreign")
    assert [one.free_bytes for one in answer.devices] == ([found] if found else [])


@pytest.mark.parametrize("version", [(9, 0, 0), (8, 1, 0), (0, 9, 0)])
def test_of_a_server_of_another_version_no_more_is_asked(version: tuple[int, int, int]) -> None:
    """
    What its commands mean is not known.
    """
    rest = []

    def other(client: socket.socket) -> None:
        read(client, len(GREETING))
        client.sendall(of_version(*version))
        rest.append(client.recv(1))

    assert asked(other) == RpcServer(outcome="ok", version=version)
    assert rest == [b""]


def test_a_server_that_hangs_is_given_up() -> None:
    """
    Whether it says nothing at all, or a byte now and then, or falls silent after its version.
    """
    ended = threading.Event()

    def mute(_client: socket.socket) -> None:
        ended.wait(5)

    def dripping(client: socket.socket) -> None:
        while not ended.is_set():
            client.sendall(b"\0")
            time.sleep(0.05)

    def sleepy(client: socket.socket) -> None:
        read(client, len(GREETING))
        client.sendall(of_version(8, 0, 0))
        ended.wait(5)

    for script in (mute, sleepy):
        ended.clear()
        with listening(script) as port:
            assert rpc_server.ask("127.0.0.1", port, 0.3).outcome == "silent"
            ended.set()
    ended.clear()
    with listening(dripping) as port:
        assert rpc_server.ask("127.0.0.1", port, 0.3).outcome in {"silent", "foreign"}
        ended.set()


def test_what_is_no_rpc_server_is_told_from_one() -> None:
    """
    It speaks another language, ends each connection, or has more devices than there are.
    """

    def web(client: socket.socket) -> None:
        read(client, 9)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(64))

    def closing(_client: socket.socket) -> None:
        return

    def boasting(client: socket.socket) -> None:
        read(client, len(GREETING))
        client.sendall(of_version(8, 0, 0))
        read(client, 9)
        client.sendall(framed(struct.pack("<I", 1_000_000_000)))

    assert asked(web).outcome == "foreign"
    assert asked(closing).outcome == "closed"
    assert asked(boasting).outcome == "foreign"


def test_nothing_that_listens_and_no_such_name_are_told_apart() -> None:
    """
    A port that is free, and a name that is reserved for having no address.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])

    assert rpc_server.ask("127.0.0.1", port).outcome == "refused"
    assert rpc_server.ask("nobody.invalid", port).outcome == "unresolved"
    assert rpc_server.ask("a" * 64, port).outcome == "unresolved"


def test_the_machine_answers_for_a_server_and_what_is_given_for_it_is_not_sent() -> None:
    """
    A source is asked by the text that names a server; the recorder keeps the answer by that text.
    """
    with listening(current) as port, LiveSource() as source:
        recorder = Recorder(source)
        found = recorder.rpc(f"127.0.0.1:{port}=2x RTX 3090:cuda")

    assert found.ok
    assert len(of_answer(found).devices) == 2
    assert recorder.recording().answers == {("rpc", f"127.0.0.1:{port}=2x RTX 3090:cuda"): found}


@pytest.mark.engine
def test_the_real_server_answers_and_is_silent_while_it_serves_another(tmp_path: Path) -> None:
    """
    Two devices of one server, with all memory of the machine; it serves one program at a time.
    """
    if not verify_engine.is_ready():
        pytest.skip("make verify has not built ggml-rpc-server here")
    program = verify_engine.program("ggml-rpc-server")
    with verify_hosts.serving(program, ["CPU,CPU"], tmp_path, is_apart=False) as (server,):
        host, port = server.address.split(":")
        found = rpc_server.ask(host, int(port))
        with socket.create_connection((host, int(port))) as first:
            first.sendall(GREETING)
            read(first, 36)
            second = rpc_server.ask(host, int(port), 0.5)

    assert found.version is not None
    assert found.version[:2] == (8, 0)
    assert [(one.align, one.largest_bytes) for one in found.devices] == [(32, None)] * 2
    assert all(one.free_bytes == one.total_bytes > 1 << 30 for one in found.devices)
    assert second.outcome == "silent"
