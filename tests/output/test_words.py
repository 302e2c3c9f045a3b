"""
Figures on pages, bars, and commands on several lines.
"""

import pytest

from llmprobe.facts.estimate import Range
from llmprobe.output.text import figures, shell
from llmprobe.output.text.page import bar
from llmprobe.units import GIB
from llmprobe.words.render import words

ENGLISH = words()


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "?"),
        (0, "0"),
        (1, "<0.01"),
        (GIB, "1.00"),
        (24 * GIB, "24.00"),
        (999 * GIB, "999.00"),
        (2048 * GIB, "2048"),
    ],
)
def test_gib_keeps_unknown_zero_and_tiny_apart(count: int | None, text: str) -> None:
    """
    Unknown, zero and nearly nothing are three different figures.
    """
    assert ENGLISH.text(figures.in_gib(count)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.314, "0.31"),
        (0.994, "0.99"),
        (0.996, "1.0"),
        (2.64, "2.6"),
        (9.96, "10"),
        (38.4, "38"),
        (999, "999"),
        (1250, "1200"),
    ],
)
def test_rates_have_the_digits_that_mean_something(value: float, text: str) -> None:
    """
    Two significant digits for what is slow, whole numbers for what is fast.
    """
    assert ENGLISH.say("figure.rate-short", likely=value) == text


def test_an_unknown_figure_is_not_zero() -> None:
    """
    No figure is neither zero tokens per second, nor zero bytes, nor an empty share.
    """
    assert ENGLISH.text(figures.rate(None)) == "unknown"
    assert ENGLISH.text(figures.rate(Range(low=2, likely=2.64, high=3.1))) == "2.6 (2.0 to 3.1)"
    assert ENGLISH.text(figures.size(None)) == "?"
    assert [ENGLISH.text(figures.percent(1, whole)) for whole in (None, 0, 4)] == ["?", "?", "25%"]


def test_a_bar_is_as_wide_as_asked() -> None:
    """
    Shares that round badly still add up to the width.
    """
    drawn = bar(20, ((1 / 3, "a", ""), (1 / 3, "b", ""), (1 / 3, "c", "")))

    assert "".join(text for text, _ in drawn) == "a" * 6 + "b" * 7 + "c" * 7


def test_a_small_share_shows() -> None:
    """
    What is not zero has at least one cell.
    """
    assert bar(10, ((0.001, "a", ""), (0.999, "b", ""))) == [("a", ""), ("b" * 9, "")]


def test_commands_are_broken_before_options() -> None:
    """
    An option keeps its value beside it, and every line but the last ends in a backslash.
    """
    assert shell.lines("run -m model.gguf -ngl 43 --fit off", 22) == [
        "run -m model.gguf \\",
        "  -ngl 43 --fit off",
    ]


@pytest.mark.parametrize("command", ["run 'a b' -c 1", 'run "a" -c 1', "a\\ b -c 12345"])
def test_quoted_commands_are_not_broken(command: str) -> None:
    """
    Inside quotes a backslash would mean something else, so such a command stays on one line.
    """
    assert shell.lines(command, 10) == [command]


@pytest.mark.parametrize(
    ("width", "rows"),
    [
        (None, ["run -s -1 -c 8 --on x y"]),
        (23, ["run -s -1 -c 8 --on x y"]),
        (22, ["run -s -1 -c 8 \\", "  --on x y"]),
        (16, ["run -s -1 -c 8 \\", "  --on x y"]),
        (15, ["run -s -1 \\", "  -c 8 --on x \\", "  y"]),
        (5, ["run \\", "  -s -1 \\", "  -c 8 \\", "  --on x \\", "  y"]),
    ],
)
def test_a_command_is_broken_only_where_it_must_be(width: int | None, rows: list[str]) -> None:
    """
    A negative number is a value; a line has room for the backslash; a word of its own stands alone.
    """
    assert shell.lines("run -s -1 -c 8 --on x y", width) == rows


def test_a_line_end_within_a_word_is_no_line() -> None:
    """
    Lines of a command are lines; a path with a line end is one word of one line.
    """
    assert shell.lines("one\nrun 'a\nb'", 80) == ["one", "run 'a'$'\\n''b'"]


def test_options_without_values_stand_apart() -> None:
    """
    What begins with a dash is no value of the option before it, and a third word is none either.
    """
    assert shell.lines("run -a -b x y", 8) == ["run -a \\", "  -b x \\", "  y"]
    assert shell.lines("run -a -b", 5) == ["run \\", "  -a \\", "  -b"]


def test_a_word_without_an_option_has_its_own_place() -> None:
    """Only an option keeps the word after it."""
    assert shell.lines("program verb -c 8", 10) == ["program \\", "  verb \\", "  -c 8"]
    assert shell.lines("program verb -c 8", 14) == ["program verb \\", "  -c 8"]
