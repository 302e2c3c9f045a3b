"""
The program in Japanese: who asks for it, where it cannot be shown, and how its pages stand in columns.
"""

import io
import json
import sys
from typing import Any

import pytest

from llmprobe import api
from llmprobe.breaking import columns
from llmprobe.cli import main
from llmprobe.output.text import check, estimate, recommend
from llmprobe.words.render import words
from tests.machine_fixtures import FOLDER
from tests.output import samples
from tests.output.pages import printed

JAPANESE = words("ja")
TITLE = "使い方:"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "probe", lambda *_args, **_options: samples.container())
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)


class Stream(io.TextIOWrapper):
    """
    One of the two streams, in an encoding.
    """

    def __init__(self, encoding: str, errors: str = "strict") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors=errors, newline="\n")

    def text(self, encoding: str | None = None) -> str:
        self.flush()
        found: bytes = self.buffer.getvalue()  # type: ignore[attr-defined]
        return found.decode(encoding or self.encoding)


def streams(monkeypatch: pytest.MonkeyPatch, out: str, err: str) -> tuple[Stream, Stream]:
    """
    Both streams, in their encodings; what the error stream lacks it escapes, as Python's does.
    """
    pair = Stream(out), Stream(err, "backslashreplace")
    monkeypatch.setattr(sys, "stdout", pair[0])
    monkeypatch.setattr(sys, "stderr", pair[1])
    return pair


@pytest.mark.parametrize(
    ("environment", "options", "speaks"),
    [
        ({}, (), False),
        ({}, ("--lang", "ja"), True),
        ({"LANG": "ja_JP.UTF-8"}, (), True),
        ({"LANG": "ja_JP.eucJP"}, (), True),
        ({"LANG": "ja"}, (), True),
        ({"LC_MESSAGES": "ja_JP.UTF-8", "LANG": "en_US.UTF-8"}, (), True),
        ({"LC_ALL": "ja_JP.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, (), True),
        ({"LC_ALL": "C", "LC_MESSAGES": "ja_JP", "LANG": "ja_JP.UTF-8"}, (), False),
        ({"LC_ALL": "C.UTF-8", "LANG": "ja_JP.UTF-8"}, (), False),
        ({"LC_ALL": "POSIX", "LANG": "ja_JP.UTF-8"}, (), False),
        ({"LC_MESSAGES": "C", "LANG": "ja_JP.UTF-8"}, (), False),
        ({"LC_CTYPE": "ja_JP.UTF-8"}, (), False),
        ({"LANGUAGE": "ja"}, (), False),
        ({"LANG": "java"}, (), False),
        ({"LANG": "de_AT.UTF-8"}, (), False),
        ({"LC_ALL": "ja_JP.UTF-8"}, ("--lang", "en"), False),
        ({"LC_ALL": "C"}, ("--lang=ja",), True),
    ],
)
def test_the_option_then_the_first_variable_decides(
    environment: dict[str, str],
    options: tuple[str, ...],
    speaks: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """--lang, LC_ALL, LC_MESSAGES and LANG, in this order; C, POSIX and what has no catalogue is English."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    main([*options, "recommend", "--help"])
    shown = capsys.readouterr().out
    main([*options, "nope", "--json"])
    refused = json.loads(capsys.readouterr().out)["message"]

    assert shown.startswith(TITLE) is speaks
    assert (refused["text"] == "コマンド「nope」はありません") is speaks
    assert (refused["id"], refused["values"]) == ("error.command-unknown", {"given": "nope"})


@pytest.mark.parametrize("given", ["jp", "JA", "ja_JP", "nihongo", "render", ""])
def test_a_language_that_is_none_is_one_clear_error(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence and the languages there are, in the language of the environment; exit code 2."""
    code = main(["--lang", given, "check"])
    out, err = capsys.readouterr()

    assert code == 2
    assert out == ""
    assert err == f"error: there is no language '{given}'\nhint: the known languages: en, ja\n"


@pytest.mark.parametrize(
    ("out", "err"), [("ascii", "utf-8"), ("utf-8", "ascii"), ("latin-1", "latin-1"), ("cp1252", "ascii")]
)
@pytest.mark.parametrize("command", [("--help",), ("check",), ("nope",)])
def test_a_terminal_without_its_letters_is_spoken_to_in_english(
    out: str, err: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the two streams lacks them: all of it in English, and that is said once."""
    first, second = streams(monkeypatch, out, err)
    main(["--lang", "ja", *command])
    said = second.text().splitlines()

    assert [sign for sign in first.text() if columns(sign) == 2] == []
    assert said[0] == "note: the encoding of this terminal cannot show the language ja, so this is English"
    assert not [line for line in said[1:] if line.startswith("note:")]
    assert all(line.isascii() for line in said)
    assert ("error: there is no command 'nope'" in said) is (command == ("nope",))


@pytest.mark.parametrize("encoding", ["utf-8", "euc_jp", "cp932", "iso2022_jp", "gb18030"])
@pytest.mark.parametrize("command", [("--help",), ("check",), ("nope",), ("models", "llama3-70b")])
def test_an_encoding_of_japan_shows_it(
    encoding: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said about it, and nothing becomes a question mark."""
    first, second = streams(monkeypatch, encoding, encoding)
    main(["--lang", "ja", *command])

    assert "?" not in first.text() + second.text()
    assert any(columns(sign) == 2 for sign in first.text() + second.text())
    assert "注:" not in second.text()


def test_a_stream_without_an_encoding_takes_every_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text that a program catches in memory is never encoded, so it is in Japanese."""
    caught = io.StringIO()
    monkeypatch.setattr(sys, "stdout", caught)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    main(["--lang", "ja", "--help"])

    assert caught.getvalue().startswith(TITLE)


def test_a_document_is_in_the_language_whatever_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document is UTF-8 everywhere, so it is not what a terminal cannot show, and nothing is said."""
    monkeypatch.undo()
    first, second = streams(monkeypatch, "ascii", "ascii")
    recording = FOLDER / "linux-container-8g" / "recording.json"
    main(["--lang", "ja", "--replay", str(recording), "check", "--json"])
    (finding,) = (one for one in json.loads(first.text("utf-8"))["findings"] if one["id"] == "container-ram")

    assert finding["title"]["text"] == "このコンテナが使えるホストのメモリは8.00 GiBまでです"
    assert finding["title"]["values"] == {"limit_bytes": 8 << 30}
    assert second.text() == ""


def test_an_error_has_a_document_in_the_language_and_a_line_in_english(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of one error: the document for programs as asked, the line for a terminal that lacks the letters in English."""
    first, second = streams(monkeypatch, "ascii", "ascii")
    main(["--lang", "ja", "nope", "--json"])

    assert json.loads(first.text("utf-8"))["message"]["text"] == "コマンド「nope」はありません"
    assert second.text().startswith("error: there is no command 'nope'\n")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_line_is_wider_than_the_page(width: int, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In columns, with full-width signs taking two; commands and addresses, which are copied, stay whole."""

    def show(page: Any) -> None:
        for snapshot in (samples.rtx4090(), samples.m3max(), samples.container(), samples.eight_gpus()):
            check.show(page, snapshot)
        recommend.show(page, samples.recommendation(), explain=True)
        estimate.show(page, samples.estimate(), origin="live", explain=True)

    text = printed(monkeypatch, show, width=width, terminal=terminal, env={"NO_COLOR": "1"}, words=JAPANESE)
    wide = [line for line in text.splitlines() if columns(line) > width]

    assert [line for line in wide if columns(line) != len(line)] == []
    assert all(line[0] not in "、。）」" for line in text.split() if line)


def table(text: str, heading: str, rows: int) -> list[str]:
    lines = text.splitlines()
    at = next(number for number, line in enumerate(lines) if line.lstrip().startswith(heading))
    return lines[at : at + rows + 1]


def right_edges(line: str) -> list[int]:
    """
    The columns at which the cells of a line end; cells are two spaces apart at the least.
    """
    edges, at = [], 0
    for number, sign in enumerate(line):
        at += columns(sign)
        following = line[number + 1 : number + 3]
        if sign != " " and following in ("  ", ""):
            edges.append(at)
    return edges


def test_figures_stand_below_their_headings(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns each figure of a table of memory ends where its full-width heading does."""
    text = printed(monkeypatch, lambda page: check.show(page, samples.rtx4090()), words=JAPANESE)
    heading, *rows = table(text, "メモリ（GiB）", 1)
    by_device = [line for line in text.splitlines() if line.startswith("gpu0")]

    assert right_edges(heading)[-4:] == [50, 60, 70, 80]
    assert [right_edges(row)[-4:] for row in (*rows, *by_device)] == [[50, 60, 70, 80]] * 2


def test_a_table_of_terms_is_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headings of two to five full-width signs, and figures of different lengths, end at one column each."""
    text = printed(
        monkeypatch,
        lambda page: estimate.show(page, samples.estimate(), origin="live", explain=False),
        words=JAPANESE,
    )
    heading, *rows = table(text, "GiB  ", 2)
    edges = right_edges(heading)[1:]

    assert len(edges) >= 6
    assert edges == sorted(set(edges))
    for row in rows:
        assert set(right_edges(row)[1:]) <= set(edges)
        assert len(right_edges(row)) > len(edges) - 2


def test_values_begin_at_one_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of settings, up to eight full-width signs, have their values at the column 18, as in English."""
    text = printed(
        monkeypatch,
        lambda page: recommend.show(page, samples.recommendation(), explain=False),
        words=JAPANESE,
    )
    lines = text.splitlines()
    names = ("量子化", "品質", "GPUレイヤー", "コンテキスト", "KVキャッシュ", "トークン/秒")
    found = [next(line for line in lines if line.startswith(f"  {name} ")) for name in names]

    assert [columns(line[: len(line) - len(line[2:].split(None, 1)[1])]) for line in found] == [18] * len(
        names
    )
