"""
What an rpc-server of another machine answers, or why it does not.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from llmprobe.facts.answer import Answer, Status

PROTOCOL = (8, 0)
"""
Major and minor version of the protocol of llama.cpp b11549 (ggml/include/ggml-rpc.h). A program refuses a server of
another major version, and one whose minor version is larger than its own (ggml-rpc.cpp, ``negotiate_hello``).
"""

MOST_DEVICES = 64
MOST_BYTES = 1 << 50
"""No build of llama.cpp has as many devices, and no device as much memory; a server that says so is none."""

_Number = Annotated[int, msgspec.Meta(ge=0, le=255)]
_Size = Annotated[int, msgspec.Meta(ge=0, le=MOST_BYTES)]

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

    free_bytes: _Size
    total_bytes: _Size
    align: int
    largest_bytes: int | None


class RpcServer(msgspec.Struct, frozen=True, kw_only=True):
    """
    A server as it was seen. ``version`` is that of its protocol, known as soon as it said it; devices are asked for
    only where the commands of that version are known.
    """

    outcome: Outcome
    version: tuple[_Number, _Number, _Number] | None = None
    devices: Annotated[tuple[RpcDevice, ...], msgspec.Meta(max_length=MOST_DEVICES)] = ()


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


_STATUS: dict[Outcome, Status] = {
    "ok": "ok",
    "unresolved": "missing",
    "refused": "missing",
    "silent": "timeout",
}
"""How an answer says it, where that is not ``failed``."""


def as_answer(server: RpcServer) -> Answer:
    """
    What a server told, as a source answers.
    """
    return Answer(status=_STATUS.get(server.outcome, "failed"), value=msgspec.to_builtins(server))


def of_answer(answer: Answer) -> RpcServer:
    """
    What a server told, of a source's answer. One that says nothing of it, as of a server that was not asked, is as one
    that cannot be reached.
    """
    try:
        return msgspec.convert(answer.value, RpcServer)
    except msgspec.ValidationError:
        return RpcServer(outcome="unreachable")
