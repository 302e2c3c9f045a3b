"""
What each of many machines runs best: like fit, once for equal machines, and taken up where a run ended.
"""

from pathlib import Path

import pytest

import llmprobe
from benchmarks import fleet as bench
from llmprobe.errors import UsageError
from llmprobe.facts.fit import FitWishes
from llmprobe.facts.fleet import FleetFit
from llmprobe.tasks.fit import wishes_of
from llmprobe.tasks.fleet.check import what_counts
from llmprobe.tasks.fleet.fit import fit_each
from llmprobe.tasks.fleet.hosts import Named, seen
from tests.tasks.fleet.programs import recording

BOX, OTHER = "linux-4090-64g", "linux-4060laptop-8g-32g"
WISHES: FitWishes = wishes_of(use="embedding", top=2)


def _fits(*machines: str, path: Path | None = None, workers: int = 1, wishes: FitWishes = WISHES) -> FleetFit:
    named = Named(recordings=tuple(recording(one) for one in machines))
    return fit_each(seen(named), wishes, path=path, workers=workers)


def test_each_machine_has_the_rows_of_fit() -> None:
    """Models, quantizations, speeds and points are those of fit for that machine."""
    answer = _fits(BOX, OTHER)

    for host in answer.hosts:
        expected = llmprobe.fit(llmprobe.probe(recording(host.host)), use="embedding", top=2).rows
        assert len(host.rows) == 2
        for row, other in zip(host.rows, expected, strict=True):
            assert (row.model, row.quant, row.gpu_layers) == (
                other.model.id,
                other.choice.quant,
                other.choice.gpu_layers,
            )
            assert row.generation_tokens_per_s == other.choice.speed.generation_tokens_per_s
            assert row.points == pytest.approx(other.points, abs=0.001)


def test_equal_machines_are_searched_once() -> None:
    """Three machines of two kinds take two searches, and the equal one has the same rows under its own name."""
    answer = _fits(BOX, OTHER, BOX)

    assert answer.computed == 2
    assert [(one.host, one.like) for one in answer.hosts] == [(BOX, None), (OTHER, None), (f"{BOX}-2", BOX)]
    assert answer.hosts[2].rows == answer.hosts[0].rows


def test_processes_find_what_one_finds() -> None:
    """Several processes change no answer."""
    assert _fits(BOX, OTHER, workers=2).hosts == _fits(BOX, OTHER).hosts


def test_a_run_is_taken_up_where_it_ended(tmp_path: Path) -> None:
    """Whole lines count and are not computed again; one that was cut short is, and stays no obstacle."""
    path = tmp_path / "fits.jsonl"
    first = _fits(BOX, path=path)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])

    second = _fits(BOX, OTHER, path=path)
    third = _fits(BOX, OTHER, path=path)

    assert (first.computed, second.computed, third.computed) == (1, 1, 0)
    assert third.hosts == second.hosts
    assert second.hosts[0] == first.hosts[0]
    assert path.read_bytes().count(b"\n") == 3


def test_other_wishes_are_other_answers(tmp_path: Path) -> None:
    """A line of another question is not taken for this one."""
    path = tmp_path / "fits.jsonl"
    _fits(BOX, path=path)

    assert _fits(BOX, path=path, wishes=wishes_of(use="embedding", top=1)).computed == 1


def test_a_file_that_is_none_of_ours_is_refused_and_kept(tmp_path: Path) -> None:
    """Nothing is added to another program's file."""
    path = tmp_path / "notes.jsonl"
    path.write_text('{"note": 1}\n', encoding="utf-8")

    with pytest.raises(UsageError, match="no file that fleet fit wrote"):
        _fits(BOX, path=path)
    assert path.read_text(encoding="utf-8") == '{"note": 1}\n'


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A folder that does not exist is an error of the question, before anything is computed."""
    with pytest.raises(UsageError, match="cannot be read"):
        _fits(BOX, path=tmp_path / "none" / "fits.jsonl")


def test_the_measured_fleet_has_as_many_kinds_as_it_says() -> None:
    """What `make bench-fleet` divides by: machines of which no two are searched once."""
    machines = bench.kinds(13)

    assert len({what_counts(machine) for machine in machines}) == 13
