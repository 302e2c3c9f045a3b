"""
A socket with a time for everything: a server that sends a byte now and then outlives any limit on one read.
"""

import socket
import time
from typing import Any


class TimedSocket(socket.socket):
    """
    A connection on which nothing is waited for after ``timeout_s`` seconds from now, however much came before.
    """

    def __init__(self, family: int, timeout_s: float) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._until = time.monotonic() + timeout_s
        self.settimeout(timeout_s)

    def recv_into(self, *args: Any, **options: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left)
        return super().recv_into(*args, **options)
