"""
What keeps a choice from starting although its memory is there: limits of the shell and of the kernel.
"""

import msgspec

from llmprobe.estimation.placement import HOST
from llmprobe.facts.estimate import DeviceEstimate
from llmprobe.facts.machine import Snapshot
from llmprobe.words.message import Message, message


class Hurdle(msgspec.Struct, frozen=True):
    """
    A finding of the machine that a choice runs into, in words, and the command that lifts it where there is one.
    """

    finding: str
    words: Message
    command: str | None


def hurdle(snapshot: Snapshot, devices: tuple[DeviceEstimate, ...], *, mmap: bool) -> Hurdle | None:
    """
    The first limit that loading would run into, None where there is none.

    Everything that is loaded is mapped, so RLIMIT_AS (setrlimit(2)) bounds the sum. A kernel that commits no more
    than it has (Documentation/mm/overcommit-accounting.rst) counts what the host holds, but for a mapped file.
    """
    found = {one.id: one for one in snapshot.findings}
    memory = snapshot.host.memory
    limits, strict = memory.process_limits, memory.strict_overcommit
    host = next(one for one in devices if one.id == HOST)
    in_the_way: list[tuple[str, Message]] = []
    mappable = None if limits is None else limits.address_space_bytes
    if mappable is not None and sum(one.total_bytes for one in devices) > mappable:
        in_the_way.append(("address-space-limit", message("hurdle.address-space")))
    if strict is not None and strict.limit_bytes is not None and strict.committed_bytes is not None:
        own = host.total_bytes - (host.weights_bytes if mmap else 0)
        if own > max(0, strict.limit_bytes - strict.committed_bytes):
            in_the_way.append(("no-swap-overcommit2", message("hurdle.overcommit")))
    for name, words in in_the_way:
        remedy = found[name].remedy if name in found else None
        return Hurdle(name, words, remedy.commands[0] if remedy is not None and remedy.commands else None)
    return None


def behind(barrier: Hurdle | None, verdict: Message) -> Message:
    """
    A verdict that begins with what must be lifted first.
    """
    if barrier is None:
        return verdict
    return message(
        "verdict.after-remedy",
        hurdle=barrier.words,
        command=barrier.command,
        then=verdict,
    )
