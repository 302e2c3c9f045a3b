"""
Machines: this one, a recorded one, a hypothetical one; and this one as a recording.
"""

from collections.abc import Iterator, Sequence
from math import inf

from llmprobe import engines
from llmprobe.errors import UsageError
from llmprobe.facts.machine import Snapshot
from llmprobe.machine import snapshot
from llmprobe.words.message import message


def probe(
    replay: str | None = None,
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
    if ram_bytes is not None or gpus:
        if replay is not None:
            raise UsageError(message("error.two-machines"), hint=message("hint.one-machine"))
        from llmprobe.machine.hypothetical import hypothetical

        if ram_bytes is not None:
            from llmprobe.estimation.options import count

            count("ram_bytes", ram_bytes)
        return hypothetical((gpus,) if isinstance(gpus, str) else tuple(gpus), ram_bytes)
    return snapshot.probe(replay, wake=wake, timeout_s=timeout_s, observers=engines.observers(model_folders))


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
    if timeout_s is not None and not (number and 0 < float(str(timeout_s)) < inf):
        raise UsageError(
            message("error.timeout-not-positive", given=str(timeout_s)), hint=message("hint.seconds")
        )
