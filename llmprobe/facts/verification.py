"""
An estimate beside what the engine of this machine really did: the document of ``llmprobe verify``.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.estimate import ModelInEstimate, Range
from llmprobe.facts.measured import Correction
from llmprobe.facts.settings import Settings
from llmprobe.words.message import Message

BufferKind = Literal["weights", "cache", "compute", "output"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """
    One program that was run: ``missing`` where it is not here, ``timeout`` where it was ended, ``failed`` where it
    ended with an error, whose last line is ``detail``. ``words`` are its own command, without the model's folder.
    """

    program: str
    status: Literal["ok", "missing", "failed", "timeout"]
    seconds: float = 0.0
    words: tuple[str, ...] = ()
    detail: str | None = None


class BufferCheck(msgspec.Struct, frozen=True, kw_only=True):
    """
    A buffer as predicted and as the engine logged it. Logs round: to ``exact_to_bytes`` both are equal.

    ``measured_bytes`` None was not logged, and ``agrees`` is then None.
    """

    device: str
    kind: BufferKind
    predicted_bytes: int
    measured_bytes: int | None
    exact_to_bytes: int | None = None
    by: str | None = None
    agrees: bool | None = None


class SpeedCheck(msgspec.Struct, frozen=True, kw_only=True):
    """
    Tokens per second as predicted, without any correction, and as measured; ``within`` is whether the range holds it.
    """

    of: Literal["generation", "prompt"]
    predicted: Range | None
    measured: float | None
    by: str | None = None
    within: bool | None = None


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe verify``. ``agrees`` is whether every buffer that was logged is as predicted; None where
    none was logged. ``correction`` is what later speeds on these devices are corrected by, ``kept`` its file.

    ``log`` are the lines that the sizes were read from. ``recording`` is the machine, in a report only.
    """

    schema: Literal["llmprobe.verify/1"] = "llmprobe.verify/1"
    llmprobe_version: str = __version__
    this_machine: bool = True
    model: ModelInEstimate
    engine: str
    build: str | None = None
    settings: Settings
    steps: tuple[Step, ...]
    buffers: tuple[BufferCheck, ...] = ()
    speeds: tuple[SpeedCheck, ...] = ()
    agrees: bool | None = None
    correction: Correction | None = None
    kept: str | None = None
    log: tuple[str, ...] = ()
    notes: tuple[Message, ...] = ()
    recording: dict[str, Any] | None = None
