"""
Programs that stand in for those that reach other machines, written into a folder that is looked into first.
"""

from pathlib import Path

import pytest

from llmprobe.source.live import commands

MACHINES = Path(__file__).parents[3] / "fixtures" / "machines"


def put(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A shell script of that name, found before any other program.
    """
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    path = place / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    real = commands.search_path()
    monkeypatch.setattr(
        commands, "search_path", lambda *_: [str(place), *(one for one in real if one != str(place))]
    )


def recording(name: str) -> str:
    """
    The path of the recording of a machine of ours.
    """
    return str(MACHINES / name / "recording.json")
