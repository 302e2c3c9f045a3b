"""
The table of what machines run best, read back by the library of its makers.
"""

import builtins
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

import llmprobe
from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.facts.estimate import Range
from llmprobe.facts.fit import FitWishes
from llmprobe.facts.fleet import FitOnHost, FittingOnHost, FleetFit
from llmprobe.output.parquet import to_parquet
from llmprobe.tasks.fit import wishes_of
from llmprobe.tasks.fleet.files import files_of, write_table
from llmprobe.words.message import message
from tests.tasks.fleet.programs import recording

WISHES: FitWishes = wishes_of(use="coding", top=2)


def _row(model: str, rate: Range | None) -> FittingOnHost:
    return FittingOnHost(
        model=model,
        model_name=model.upper(),
        quant="Q4_K_M",
        ctx_size=8192,
        gpu_layers=33,
        total_layers=37,
        points=-1.25,
        generation_tokens_per_s=rate,
        seconds_per_answer=None,
    )


ANSWER = FleetFit(
    wishes=WISHES,
    models=500,
    computed=1,
    hosts=(
        FitOnHost(
            host="a", key="k", rows=(_row("one", Range(low=1.5, likely=2.0, high=3.0)), _row("two", None))
        ),
        FitOnHost(host="b", key="k", like="a", rows=(_row("one", None),)),
        FitOnHost(host="c", key="", problem=message("fleet.denied")),
    ),
)


def test_a_row_for_each_model_of_each_machine() -> None:
    """Unknown is null, a machine without a model has a row with its problem, and ranks begin anew with each machine."""
    table = pyarrow.parquet.read_table(io.BytesIO(to_parquet(ANSWER)))
    rows = table.to_pylist()

    assert [(row["host"], row["like"], row["rank"], row["model"], row["problem"]) for row in rows] == [
        ("a", None, 1, "one", None),
        ("a", None, 2, "two", None),
        ("b", "a", 1, "one", None),
        ("c", None, None, None, "fleet.denied"),
    ]
    ends = [rows[0][f"tokens_per_s_{end}"] for end in ("low", "likely", "high")]
    assert ends == [1.5, 2.0, 3.0]
    assert rows[1]["tokens_per_s_likely"] is None
    assert rows[0]["answer_s_likely"] is None
    assert (rows[0]["gpu_layers"], rows[0]["total_layers"], rows[0]["ctx_size"]) == (33, 37, 8192)
    assert (rows[0]["quant"], rows[0]["model_name"], rows[0]["points"]) == ("Q4_K_M", "ONE", -1.25)


def test_the_file_says_what_was_asked() -> None:
    """Its metadata have the schema, the version and the wishes."""
    about = pyarrow.parquet.read_schema(io.BytesIO(to_parquet(ANSWER))).metadata

    assert about[b"schema"] == b"llmprobe.fleet-fit-table/1"
    assert about[b"llmprobe_version"].decode() == llmprobe.__version__
    assert json.loads(about[b"wishes"])["use"] == "coding"


def test_both_files_are_written_at_once(tmp_path: Path) -> None:
    """Lines to go on from and a table, which a second run replaces; nothing else is left in the folder."""
    lines, table = tmp_path / "fits.jsonl", tmp_path / "fits.parquet"
    for _ in range(2):
        answer = llmprobe.fleet_fit(
            use="embedding", top=1, workers=1, output=[lines, table], recordings=recording("linux-4090-64g")
        )
    (row,) = pyarrow.parquet.read_table(table).to_pylist()

    assert answer.computed == 0
    assert row["model"] == answer.hosts[0].rows[0].model
    assert sorted(tmp_path.iterdir()) == [lines, table]


@pytest.mark.parametrize("names", [["a.parquet", "b.PARQUET"], ["a.jsonl", "b"], [""]])
def test_one_file_of_each_kind(names: list[str], tmp_path: Path) -> None:
    """Two of a kind, or one without a name, are refused."""
    with pytest.raises(UsageError) as refused:
        files_of([str(tmp_path / name) if name else "" for name in names])

    assert refused.value.message.id == "error.fleet-outputs"


@pytest.mark.parametrize(("place", "said"), [("nowhere/a.parquet", "folder-missing"), ("", "is-a-folder")])
def test_a_table_has_a_place_before_the_search(place: str, said: str, tmp_path: Path) -> None:
    """A folder that is not there, or that is in its place, is said at once."""
    folder = tmp_path / "taken.parquet"
    folder.mkdir()
    with pytest.raises(LlmprobeError) as refused:
        files_of([str(tmp_path / place) if place else str(folder)])

    assert refused.value.message.id == f"error.{said}"


def test_a_table_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """Its folder went away while the machines were searched; nothing is left beside it."""
    with pytest.raises(LlmprobeError) as refused:
        write_table(ANSWER, tmp_path / "gone" / "fits.parquet")

    assert refused.value.message.id == "error.unwritable"
    assert refused.value.message.values["why"] == "no such file or directory"


def test_without_the_extra_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the line that installs it, before any machine is asked; files of lines need nothing."""
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(LlmprobeError) as refused:
        llmprobe.fleet_fit(output=str(tmp_path / "fits.parquet"), recordings=str(tmp_path / "nowhere"))

    assert refused.value.message == message("error.extra-missing", package="pyarrow")
    assert refused.value.hint == message("hint.install-extra", extra="parquet")
    assert files_of([str(tmp_path / "fits.jsonl")]) == (tmp_path / "fits.jsonl", None)
