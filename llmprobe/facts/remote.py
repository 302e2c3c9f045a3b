"""
What an rpc-server of another machine answers, or why it does not.
"""

from __future__ import annotations

from typing import Literal

import msgspec

PROTOCOL = (8, 0)
"""
Major and minor version of the protocol of llama.cpp b11549 (ggml/include/ggml-rpc.h). A program refuses a server of
another major version, and one whose minor version is larger than its own (ggml-rpc.cpp, ``negotiate_hello``).
"""

Outcome = Literal["ok", "unresolved", "refused", "unreachable", "silent", "closed", "foreign"]
"""
How asking a server ended. ``silent`` took the connection and said nothing in time: it hangs, or another program uses
it, as it serves one at a time. ``closed`` ended the connection, ``foreign`` said what no rpc-server says.
"""


class RpcDevice(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device of a server: what is free and there in all, what tensors begin at multiples of, and the largest buffer
    (None: any).
    """

    free_bytes: int
    total_bytes: int
    align: int
    largest_bytes: int | None


class RpcServer(msgspec.Struct, frozen=True, kw_only=True):
    """
    A server as it was seen. ``version`` is that of its protocol, known as soon as it said it; devices are asked for
    only where the commands of that version are known.
    """

    outcome: Outcome
    version: tuple[int, int, int] | None = None
    devices: tuple[RpcDevice, ...] = ()


def understood(version: tuple[int, int, int]) -> bool:
    """
    Whether llama.cpp b11549 talks to a server of that version.
    """
    return version[0] == PROTOCOL[0] and version[1] <= PROTOCOL[1]


def readable(version: tuple[int, int, int]) -> bool:
    """
    Whether it is known how a server of that version is asked for its devices and their memory: all until ours.
    """
    return 1 <= version[0] < PROTOCOL[0] or understood(version)
