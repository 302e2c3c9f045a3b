"""
Machines: this one, a recorded one, a hypothetical one; and this one as a recording.
"""

from collections.abc import Iterator, Sequence
from os import PathLike

from llmprobe import engines
from llmprobe.errors import UsageError
from llmprobe.facts import given
from llmprobe.facts.machine import Snapshot
from llmprobe.machine import snapshot
from llmprobe.tasks.arguments import path
from llmprobe.words.message import message

_LONGEST_S = 1e9
"""Thirty years; threads and sockets cannot wait much longer."""

_MOST_BYTES = 2**63 - 1


def probe(
    replay: str | PathLike[str] | None = None,
    *,
    gpus: str | Sequence[str] = (),
    ram_bytes: int | None = None,
    wake: bool = False,
    timeout_s: float | None = None,
    model_folders: Sequence[str] = (),
) -> Snapshot:
    """
    A machine, described by ``api.probe``.

    Raises:
        RecordingError: the recording cannot be read.
        UsageError: a GPU is unknown, GPUs with memory of their own are given without RAM, a recording is given as
                well, or a number is out of range.
    """
    check_timeout(timeout_s)
    given.switch("wake", wake)
    gpus, folders = given.texts("gpus", gpus), given.texts("model_folders", model_folders)
    if ram_bytes is not None or gpus:
        if replay is not None:
            raise UsageError(message("error.two-machines"), hint=message("hint.one-machine"))
        from llmprobe.machine.hypothetical import hypothetical

        if ram_bytes is not None:
            given.count("ram_bytes", ram_bytes, most=_MOST_BYTES)
        return hypothetical(gpus, ram_bytes)
    return snapshot.probe(
        None if replay is None else path("replay", replay),
        wake=wake,
        timeout_s=timeout_s,
        observers=engines.observers(folders),
    )


def watch(*, timeout_s: float | None = None) -> Iterator[Snapshot]:
    """
    This machine again and again, without end. What hardly changes about engines is asked once.

    Raises:
        UsageError: the time is out of range.
    """
    check_timeout(timeout_s)
    observers = engines.steady_observers()
    while True:
        yield snapshot.probe(None, timeout_s=timeout_s, observers=observers)


def record(*, timeout_s: float | None = None) -> str:
    """
    This machine's answers as a recording, redacted.

    Raises:
        UsageError: the time is out of range.
    """
    from llmprobe.source.recording import encode

    check_timeout(timeout_s)
    return encode(snapshot.record(timeout_s=timeout_s, observers=engines.observers()))


def check_timeout(timeout_s: object) -> None:
    """
    Check a time limit.

    Raises:
        UsageError: it is no number above 0.
    """
    number = isinstance(timeout_s, int | float) and not isinstance(timeout_s, bool)
    if timeout_s is not None and not (number and 0 < float(str(timeout_s)) <= _LONGEST_S):
        raise UsageError(
            message("error.timeout-not-positive", given=str(timeout_s)), hint=message("hint.seconds")
        )
