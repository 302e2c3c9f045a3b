"""
``llmprobe report``: a file of the owner alone, which replaces an earlier report and nothing else.
"""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from llmprobe import api
from llmprobe.cli import main
from llmprobe.facts.report import Report
from llmprobe.output import html
from llmprobe.words.message import message
from tests.machine_fixtures import FOLDER, replayed

MACHINE = ["--replay", str(FOLDER / "linux-4090-64g" / "recording.json")]


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """
    Make documents at once, in an empty folder; return what was asked for.
    """
    found: list[Any] = []

    def report(snapshot: Any, model: Any, **options: Any) -> Report:
        found.append((snapshot, model, options))
        note = message("report.first-model", model="a model")
        return Report(this_machine=False, language=options["language"], notes=(note,))

    monkeypatch.setattr(api, "report", report)
    monkeypatch.chdir(tmp_path)
    return found


def test_a_file_without_a_name_has_one(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Its path is the answer, its address and what is on it are notes, and only its owner can read it.
    """
    assert main([*MACHINE, "report"]) == 0
    said = capsys.readouterr()
    path = Path("llmprobe-report.html")

    assert said.out == "llmprobe-report.html\n"
    assert said.err.splitlines() == [
        f"note: a browser shows it: {path.absolute().as_uri()}",
        "note: no model was named: a model is the first for this machine",
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert html.is_report(path.read_bytes())


def test_an_earlier_report_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    """
    As a whole, and nothing is left beside it.
    """
    assert [main([*MACHINE, "report", "-o", "a.html"]) for _ in range(2)] == [0, 0]
    capsys.readouterr()

    assert [one.name for one in Path.cwd().iterdir()] == ["a.html"]


def test_another_file_is_kept(capsys: pytest.CaptureFixture[str], asked: list[Any]) -> None:
    """
    Nothing is worked out for it; with --overwrite it is replaced.
    """
    path = Path("a.html")
    path.write_text("<!doctype html><title>mine</title>", encoding="utf-8")
    assert main([*MACHINE, "report", "-o", "a.html"]) == 1
    assert "a.html exists and is not overwritten" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == "<!doctype html><title>mine</title>"
    assert asked == []
    assert main([*MACHINE, "report", "-o", "a.html", "--overwrite"]) == 0
    assert html.is_report(path.read_bytes())


@pytest.mark.parametrize(
    ("output", "code", "said"),
    [("none/a.html", 1, "does not exist"), ("folder", 1, "is a folder"), ("", 2, "--output")],
)
def test_where_no_file_can_be_is_said_before_anything_is_asked(
    output: str, code: int, said: str, capsys: pytest.CaptureFixture[str], asked: list[Any]
) -> None:
    """
    No folder, a folder, no name.
    """
    Path("folder").mkdir()

    assert main([*MACHINE, "report", "-o", output]) == code
    assert said in capsys.readouterr().err
    assert asked == []


def test_a_dash_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """
    The page and nothing else.
    """
    assert main([*MACHINE, "report", "-o", "-"]) == 0
    out, err = capsys.readouterr()

    assert html.is_report(out.encode())
    assert err == ""
    assert list(Path.cwd().iterdir()) == []


def test_json_is_the_document_and_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A file beside it is a contradiction.
    """
    assert main([*MACHINE, "report", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "llmprobe.report/1"
    assert main([*MACHINE, "report", "--json", "-o", "a.html"]) == 2
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    ("words", "uses"),
    [
        ([], ("chat", "coding")),
        (["--use", "agent", "--use", "vision"], ("agent", "vision")),
        (["--use", "none"], ()),
        (
            ["--use", "all"],
            ("chat", "coding", "reasoning", "agent", "vision", "japanese", "embedding"),
        ),
    ],
)
def test_uses_are_those_that_were_named(
    words: list[str], uses: tuple[str, ...], asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Two without any, all, or none.
    """
    assert main([*MACHINE, "report", *words]) == 0
    capsys.readouterr()

    assert asked[0][2]["uses"] == uses


def test_wishes_and_language_are_handed_on(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    """
    The model by name or option, its context, what answers are for, and the language of the page.
    """
    words = ["--lang", "ja", *MACHINE, "report", "qwen3-4b", "-c", "16k", "--for", "agent"]
    assert main(words) == 0
    capsys.readouterr()
    ((snapshot, model, options),) = asked

    assert snapshot == replayed("linux-4090-64g")
    assert model.id == "qwen3-4b"
    assert options == {"uses": ("chat", "coding"), "ctx_size": 16384, "use": "agent", "language": "ja"}
    assert b'<html lang="ja"' in Path("llmprobe-report.html").read_bytes()
