"""
The recorded machines in fixtures/machines, as tests use them.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from llmprobe import engines
from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.snapshot import collect
from llmprobe.source.recording import Recording
from llmprobe.source.recording.files import read_recording
from llmprobe.source.recording.replay import Replay

FOLDER = Path(__file__).parent.parent / "fixtures" / "machines"
MACHINES = tuple(sorted(path.parent.name for path in FOLDER.glob("*/recording.json")))


@cache
def recording_of(machine: str) -> Recording:
    """
    Return a machine's recording, read once.
    """
    return read_recording(str(FOLDER / machine / "recording.json"))


@cache
def truth_of(machine: str) -> dict[str, Any]:
    """
    The truth about a machine, as a person wrote it down.
    """
    return tomllib.loads((FOLDER / machine / "truth.toml").read_text(encoding="utf-8"))


def replayed(machine: str) -> Snapshot:
    """
    Return the snapshot of a machine with its engines, as ``check`` shows it.

    A question that its recording says nothing about raises ``NotRecorded``.
    """
    return looked_at(Replay(recording_of(machine), strict=True))


def looked_at(source: Source) -> Snapshot:
    """
    Return the snapshot of any source, engines included.
    """
    return collect(source, observers=engines.observers())
