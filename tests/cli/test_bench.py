"""
``llmprobe bench``, and the quick part of it in ``recommend``.
"""

import json
from typing import Any

import pytest

from llmprobe import api
from llmprobe.cli import main
from llmprobe.facts.bench import Bench, Fingerprint
from llmprobe.facts.measured import CoreRate, DiskRate, Measurement, NodeRate, RamRate
from llmprobe.units import GIB
from llmprobe.words.message import message

RAM = RamRate(
    bytes_per_s=20_400_000_000,
    low=0.5,
    threads=4,
    span_bytes=GIB,
    passes=9,
    by="memcmp",
    nodes=(NodeRate(number=1, bytes_per_s=10_200_000_000, threads=2),),
)
ANSWER = Bench(
    measurement=Measurement(
        ram=RAM,
        cores=CoreRate(threads=4, one_bytes_per_s=500_000_000, all_bytes_per_s=1_000_000_000),
        disks=(DiskRate(directory="/models", bytes_per_s=3_000_000_000, read_bytes=GIB),),
        date="2026-11-30",
    ),
    fingerprint=Fingerprint(system="linux", machine="x86_64"),
    seconds=6.25,
    kept="/home/me/.cache/llmprobe/measured-1.json",
    notes=(message("note.bench-busy", load=3.0, threads=4),),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """
    The calls that reach the API, which answers as a real machine would.
    """
    seen: list[dict[str, Any]] = []

    def bench(**options: Any) -> Bench:
        seen.append(options)
        return ANSWER

    monkeypatch.setattr(api, "bench", bench)
    return seen


def test_a_person_reads_every_figure(asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    """
    The rate first; then what it is based on, the nodes, the threads, the disks, and where it is kept.
    """
    assert main(["bench"]) == 0

    text = " ".join(capsys.readouterr().out.split())
    for part in (
        "This machine reads its RAM at 20 GB/s",
        "measured in 6.2 s",
        "20 GB/s (10 GB/s at least), best of 9 passes over 1.00 GiB by 4 threads",
        "node 1 by itself 10 GB/s, 2 threads",
        "4 threads do the work of 2.0",
        "3.0 GB/s from /models",
        "kept in /home/me/.cache/llmprobe/measured-1.json",
        "other programs kept this machine busy",
    ):
        assert part in text
    assert asked == [{"seconds": 10.0, "model_folders": ()}]


def test_a_program_reads_one_document(
    asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Of this machine, with the rates in bytes per second.
    """
    assert main(["bench", "--json", "--seconds", "30s"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["this_machine"]) == ("llmprobe.bench/1", True)
    assert document["measurement"]["ram"]["bytes_per_s"] == 20_400_000_000
    assert asked == [{"seconds": 30.0, "model_folders": ()}]


def test_without_a_rate_there_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The exit code says so, and the page.
    """
    empty = Bench(
        measurement=Measurement(),
        fingerprint=ANSWER.fingerprint,
        seconds=2.0,
        notes=(message("note.bench-no-ram"),),
    )
    monkeypatch.setattr(api, "bench", lambda **_options: empty)

    assert main(["bench"]) == 1
    assert "The RAM could not be measured" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        (["--replay", "box.json", "bench"], "error.bench-needs-this-machine"),
        (["--gpu", "RTX 4090", "--ram", "64GB", "bench"], "error.bench-needs-this-machine"),
        (["bench", "--seconds", "1"], "error.option"),
        (["bench", "--seconds", "ten"], "error.option"),
        (["bench", "--models-dir", "/nowhere/at/all"], "error.option"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    arguments: list[str], refused: str, asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Another machine, a time that is too short or none, a folder that is not there: usage, and nothing is measured.
    """
    assert main([*arguments, "--json"]) == 2

    assert json.loads(capsys.readouterr().out)["message"]["id"] == refused
    assert asked == []
