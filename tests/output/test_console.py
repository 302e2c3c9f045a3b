"""
Where a person reads: how wide, in which letters, and once or again and again.
"""

import sys
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from llmprobe.facts.model import CatalogEntry, ModelList
from llmprobe.output.text import models, pages
from llmprobe.output.text.console import PlainStream, console_for, knows_our_letters
from llmprobe.words.message import message
from llmprobe.words.render import words
from tests.output import samples
from tests.output.pages import Screen, page_of

replace = msgspec.structs.replace


@pytest.mark.parametrize(
    ("terminal", "columns", "width"),
    [
        (False, None, 80),
        (False, "100", 100),
        (True, "100", 100),
        (True, "120", 120),
        (True, "121", 120),
        (False, "500", 120),
        (True, "40", 40),
        (True, "39", 40),
        (False, "10", 40),
    ],
)
def test_a_page_is_as_wide_as_can_be_read(
    terminal: bool, columns: str | None, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A file has 80 columns unless told otherwise; nothing is narrower than 40 or wider than 120.
    """
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)

    assert console_for(Screen(terminal=terminal)).width == width


@pytest.mark.parametrize(
    ("encoding", "knows"),
    [
        ("utf-8", True),
        ("utf-16", True),
        ("gb18030", True),
        ("ascii", False),
        ("latin-1", False),
        ("none such", False),
        (None, False),
    ],
)
def test_a_stream_knows_our_letters_or_not(encoding: str | None, knows: bool) -> None:
    """
    By its encoding; one that is unknown knows none.
    """

    stream: Any = SimpleNamespace(encoding=encoding)

    assert knows_our_letters(stream) is knows


def test_what_an_encoding_lacks_is_written_in_other_letters() -> None:
    """
    Ours have plain ones, others a question mark; everything else is the stream's own.
    """
    screen = Screen(encoding="ascii", terminal=True)
    plain: Any = PlainStream(screen)
    plain.write("1–2 · ≥3 … é")

    assert screen.text() == "1-2 | >=3 ... ?"
    assert plain.isatty()


def test_models_stand_below_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With what is known of each: parameters, those in use where they are fewer, context and when it appeared.
    """
    found = samples.models()
    first, second = found.models
    dense = replace(first, active_parameters=first.parameters, note=message("figure.plain", value="gated"))
    lines = page_of(monkeypatch, lambda page: models.show(page, replace(found, models=(dense, second))), 90)
    rows = [line.split() for line in lines]

    assert rows[1] == ["llama-3-70b-instruct", "70.6B", "8192", "2024-04"]
    assert rows[2:4] == [["llama3:70b,", "meta-llama/Meta-Llama-3-70B-Instruct"], ["gated"]]
    assert rows[4] == ["llama-4-scout-17b-16e-instruct", "108B", "17.2B", "10485760", "?"]
    assert len(lines) == 5


def test_other_names_are_for_those_who_look_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A whole list has none of them.
    """
    found = replace(samples.models(), query=None)
    text = "\n".join(page_of(monkeypatch, lambda page: models.show(page, found)))

    assert "llama-3-70b-instruct" in text
    assert "llama3:70b" not in text


def test_the_model_that_is_meant_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    In a line of its own, where there is one.
    """
    found = replace(samples.models(), meant="llama-3-70b-instruct")
    lines = page_of(monkeypatch, lambda page: models.show(page, found))

    assert "llama-3-70b-instruct" in lines[0]
    assert lines[1] == ""
    assert page_of(monkeypatch, lambda page: models.show(page, samples.models()))[0].startswith("model ")


def test_a_list_without_models_is_its_heading(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    And an entry of which little is known has its name and its size.
    """
    little = CatalogEntry(id="x", name="X", family="x", architecture="llama", parameters=1_000_000_000)

    assert len(page_of(monkeypatch, lambda page: models.show(page, ModelList()))) == 1
    assert page_of(monkeypatch, lambda page: models.show(page, ModelList(models=(little,))))[1].split() == [
        "x",
        "1.0B",
        "?",
        "?",
    ]


@pytest.mark.parametrize(("interval", "between"), [(2.0, True), (None, True)])
def test_looks_stand_below_each_other_in_a_file(
    interval: float | None, between: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    With a blank line between two of them.
    """
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    looks = [samples.rtx4090()] * 2
    pages.show_watch(looks, words(), interval=interval)
    lines = screen.text().splitlines()
    starts = [number for number, line in enumerate(lines) if line == "this machine"]

    assert len(starts) == 2
    assert starts[0] == 0
    assert (lines[starts[1] - 1] == "") is between


def test_a_look_takes_the_place_of_the_one_before_it_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With the time and the interval beside it; a single look has neither.
    """
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    screen = Screen(terminal=True)
    monkeypatch.setattr(sys, "stdout", screen)
    pages.show_watch([samples.rtx4090()] * 2, words(), interval=2.0)
    drawn = screen.text()
    once = Screen(terminal=True)
    monkeypatch.setattr(sys, "stdout", once)
    pages.show_watch([samples.rtx4090()], words(), interval=None)

    # To draw over a line, a terminal is told to go up and to empty it.
    assert "\x1b[2K" in drawn
    assert "2" in drawn.splitlines()[0].partition("this machine")[2]
    assert "\x1b[2K" not in once.text()
    assert once.text().splitlines()[0] == "this machine"


def test_what_is_known_of_the_model_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What it reads, whether it thinks, and where it can be had; of the others their names alone, and last the date.
    """
    first, second = samples.models().models
    known = replace(
        first,
        modality="text+vision",
        thinking=True,
        thinking_switch=True,
        thinking_tokens=(1000, 4000),
        projector=True,
        next_token_layers=1,
        license="mit",
        ollama="llama3:70b",
        gguf=("a/B-GGUF", "c/B-GGUF"),
    )
    bad = message("own.file-malformed", file="mine.json", reason="cut short")
    found = replace(
        samples.models(), meant=first.id, models=(known, second), catalog_date="2026-11", problems=(bad,)
    )
    lines = page_of(monkeypatch, lambda page: models.show(page, found), 120)

    assert lines[5].split(" · ") == [
        "  reads images",
        "thinks before it answers, which can be switched off",
        "1000 to 4000 tokens of thinking",
    ]
    assert lines[6].split(" · ") == ["  projector published", "1 MTP layer", "licence mit"]
    assert lines[7:9] == ["  Ollama: llama3:70b", "  GGUF files: a/B-GGUF, c/B-GGUF"]
    assert lines[-2:] == [
        "2 models; the catalog is of 2026-11",
        "- mine.json is no file of catalog entries: cut short",
    ]
    assert len(lines) == 13


@pytest.mark.parametrize(
    ("thinking", "switch", "words"),
    [(True, None, "thinks before it answers"), (False, None, "answers without thinking"), (None, None, "")],
)
def test_thinking_is_said_as_far_as_it_is_known(
    monkeypatch: pytest.MonkeyPatch, thinking: bool | None, switch: bool | None, words: str
) -> None:
    """
    Nothing where no source states it.
    """
    first = samples.models().models[0]
    entry = replace(first, aliases=(), modality=None, thinking=thinking, thinking_switch=switch)
    found = replace(samples.models(), meant=first.id, models=(entry,))
    lines = page_of(monkeypatch, lambda page: models.show(page, found), 120)

    assert [line.strip() for line in lines[4:]] == ([words] if words else [])
