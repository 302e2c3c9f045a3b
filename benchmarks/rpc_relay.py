"""
A relay in front of an rpc-server: it holds back what goes through for a while, each way, and counts what is asked.

It stands in for a network of that latency where the system has no queue for it (``tc netem``). Framing is that of
llama.cpp b11549, ggml/src/ggml-rpc/ggml-rpc.cpp: a byte that names the command, eight of the size, the content.
"""

import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_AT_ONCE = 1 << 16
_COMMANDS = (
    "alloc_buffer",
    "get_alignment",
    "get_max_size",
    "buffer_get_base",
    "free_buffer",
    "buffer_clear",
    "set_tensor",
    "set_tensor_hash",
    "get_tensor",
    "copy_tensor",
    "graph_compute",
    "get_device_memory",
    "init_tensor",
    "get_alloc_size",
    "hello",
    "device_count",
    "graph_recompute",
    "memset_tensor",
    "set_tensor_2d",
    "get_tensor_2d",
    "comm_init",
    "comm_allreduce",
    "comm_free",
)
ANSWERED = frozenset({"get_tensor", "get_tensor_2d", "copy_tensor", "set_tensor_hash", "get_alloc_size"})
"""Commands of a running model that are answered: who asks waits for each of them."""


class Counting:
    """
    What goes to a server, counted: commands by name and their bytes. ``start`` begins anew.
    """

    def __init__(self) -> None:
        self.commands: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self._head = b""
        self._left = 0

    def start(self) -> None:
        self.commands.clear()
        self.bytes.clear()

    def read(self, data: bytes) -> None:
        """Take what the client sent, in whatever pieces."""
        while data:
            if self._left:
                taken = min(self._left, len(data))
                self._left -= taken
                data = data[taken:]
                continue
            needed = 9 - len(self._head)
            self._head += data[:needed]
            data = data[needed:]
            if len(self._head) == 9:
                name = _COMMANDS[self._head[0]]
                self._left = int.from_bytes(self._head[1:], "little")
                self.commands[name] += 1
                self.bytes[name] += self._left + 9
                self._head = b""


@contextmanager
def relayed(host: str, port: int, *, seconds: float) -> Iterator[tuple[int, Counting]]:
    """
    Relay one connection after the other to a server, ``seconds`` later each way; yield the port and the counts.
    """
    counting = Counting()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        ended = threading.Event()
        thread = threading.Thread(target=_accept, args=(listening, (host, port), seconds, counting, ended))
        thread.start()
        try:
            yield listening.getsockname()[1], counting
        finally:
            ended.set()
            thread.join()


def _accept(
    listening: socket.socket,
    server: tuple[str, int],
    seconds: float,
    counting: Counting,
    ended: threading.Event,
) -> None:
    while not ended.is_set():
        with suppress(TimeoutError):
            client, _ = listening.accept()
            with client, socket.create_connection(server) as there:
                for one in (client, there):
                    one.settimeout(None)
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ways = [
                    threading.Thread(target=_carry, args=(client, there, seconds, counting)),
                    threading.Thread(target=_carry, args=(there, client, seconds, None)),
                ]
                for way in ways:
                    way.start()
                for way in ways:
                    way.join()


def _carry(source: socket.socket, target: socket.socket, seconds: float, counting: Counting | None) -> None:
    """
    Send on what comes, each piece ``seconds`` after it came, until one side ends.
    """
    waiting: deque[tuple[float, bytes]] = deque()
    changed = threading.Condition()
    sender = threading.Thread(target=_send, args=(waiting, changed, target))
    sender.start()
    data = b"-"
    while data:
        with suppress(OSError):
            data = source.recv(_AT_ONCE)
        if counting is not None:
            counting.read(data)
        with changed:
            waiting.append((time.monotonic() + seconds, data))
            changed.notify()
    sender.join()


def _send(waiting: deque[tuple[float, bytes]], changed: threading.Condition, target: socket.socket) -> None:
    while True:
        with changed:
            while not waiting:
                changed.wait()
            due, data = waiting.popleft()
        time.sleep(max(0.0, due - time.monotonic()))
        with suppress(OSError):
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)
