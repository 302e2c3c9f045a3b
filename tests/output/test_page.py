"""
A page itself: columns that fit, in any script, and text that stays where it was put.
"""

import pytest

from llmprobe.output.text.page import Page
from llmprobe.words.message import message
from tests.output.pages import printed


def lines(monkeypatch: pytest.MonkeyPatch, show: object, width: int = 60) -> list[str]:
    return printed(monkeypatch, show, width=width).splitlines()  # type: ignore[arg-type]


def test_a_row_ends_at_the_edge_whatever_its_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs that are two columns wide count as two."""
    from rich.cells import cell_len

    def show(page: Page) -> None:
        page.row("gpu0", ["1.00", "22.00"], cell=8)
        page.row("量子化の名前", ["1.00", "22.00"], cell=8)

    rows = lines(monkeypatch, show)

    assert rows[0] == "gpu0" + " " * 44 + "1.00" + " " * 3 + "22.00"
    assert [cell_len(row) for row in rows] == [60, 60]


def test_a_row_is_never_wider_than_the_eye_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a wide page figures stay near their names."""
    assert [len(row) for row in lines(monkeypatch, lambda page: page.row("a", ["1"], cell=8), 120)] == [90]


def test_a_label_without_room_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures of a name that is too long stand below it, at their columns; one column less is enough room."""
    long, fits = "n" * 44, "m" * 43

    def show(page: Page) -> None:
        page.row(long, ["1.00", "2.00"], cell=8)
        page.row(fits, ["1.00", "2.00"], cell=8)

    assert lines(monkeypatch, show) == [long, " " * 48 + "1.00    2.00", fits + " " * 5 + "1.00    2.00"]


def test_a_table_has_its_columns_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first column begins at the left, figures end at the right, and a sentence may stand below each row."""

    def show(page: Page) -> None:
        assert page.table(
            ["name", "GiB", "tokens/s"],
            [["a", "1.00", "9"], ["long", "22.00", "10"]],
            below=["first", "second"],
        )

    assert lines(monkeypatch, show) == [
        "  name    GiB  tokens/s",
        "  a      1.00         9",
        "    first",
        "  long  22.00        10",
        "    second",
    ]


@pytest.mark.parametrize(("indent", "drawn"), [(53, True), (54, False)])
def test_a_table_that_is_too_wide_is_not_drawn(
    indent: int, drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last column it is; one more, and nothing is printed, so that the page can do something else."""
    seen = []

    def show(page: Page) -> None:
        seen.append(page.table(["a", "b"], [["xxx", "yy"]], indent=indent))

    assert bool(lines(monkeypatch, show)) is drawn
    assert seen == [drawn]


def test_an_item_keeps_its_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """Further lines of an item begin below the first word, not below its mark."""
    text = "a sentence that needs more than one line here"

    assert lines(monkeypatch, lambda page: page.item("- ", text), 40) == [
        "  - a sentence that needs more than one",
        "    line here",
    ]


def test_a_pair_has_its_value_at_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short the name is, and for further lines as well."""

    def show(page: Page) -> None:
        page.pair("Name", "value", at=12, indent=2)
        page.pair("", "a value that needs two lines, as it is long", at=12, indent=2)

    assert lines(monkeypatch, show, 44) == [
        "  Name      value",
        "            a value that needs two lines, as",
        "            it is long",
    ]


def test_a_line_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too long goes on below, deeper."""
    assert lines(
        monkeypatch, lambda page: page.line("one two three four five six seven eight", hang=2), 40
    ) == [
        "one two three four five six seven",
        "  eight",
    ]


def test_facts_are_joined_and_never_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row ends after a fact; the last that fits to the edge stays in it."""
    facts = ["a" * 10, "b" * 12, "c" * 6, "d"]

    assert lines(monkeypatch, lambda page: page.joined(facts, indent=6, label="Name"), 40) == [
        "Name  " + "a" * 10 + " · " + "b" * 12 + " · " + "c" * 6,
        "      d",
    ]
    assert lines(monkeypatch, lambda page: page.joined(facts, indent=6), 41)[1] == "      d"
    assert lines(monkeypatch, lambda page: page.joined(facts[:3], indent=0), 40) == [
        "a" * 10 + " · " + "b" * 12 + " · " + "c" * 6
    ]


def test_bullets_keep_commands_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence is wrapped, the command after it is not, and its unprintable signs are a shell's escapes."""
    note = message("test.command", text="Set it back.", command="run 'a\x1b' " + "-x " * 20)

    assert lines(monkeypatch, lambda page: page.bullets([note]), 40) == [
        "  - Set it back.",
        "    run 'a'$'\\x1b''' " + ("-x " * 20).rstrip(),
    ]


def test_a_name_fills_no_page_and_a_sentence_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server or a file calls itself is cut in the middle; a list of many short names is not."""
    long, many = "n" * 100_000, tuple(f"name-{number}" for number in range(200))

    def show(page: Page) -> None:
        page.line(long)
        page.joined([long, message("test.list", list=(long,))], indent=6, label="Name")
        page.bullets([message("test.list", list=(long,)), message("test.list", list=many)])

    printed_text = "".join(line.strip() for line in lines(monkeypatch, show))
    assert printed_text.count("…") == 4
    assert len(printed_text) < 4 * 520 + 200 * len("name-199, ") + 100
    assert all(name in printed_text.replace("\n", "") for name in many[:10] + many[-10:])


@pytest.mark.parametrize(("names", "cell"), [(["total"], 10), (["parameters"], 12), (["総量の合計の値"], 16)])
def test_cells_have_room_for_their_headings(
    names: list[str], cell: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns are as wide as their least width, or as a heading and the gap before it."""
    seen: list[int] = []
    lines(monkeypatch, lambda page: seen.append(page.cell_for(names, 10)))

    assert seen == [cell]


def test_nothing_on_a_page_commands_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a page is given to print, in whichever way: text of others is harmless, and one line."""
    evil = "x\x1b[2J\n\u202ey"

    def show(page: Page) -> None:
        page.line(evil, (evil, "bold"), message("figure.plain", value=evil))
        page.item(evil, evil)
        page.pair(evil, evil, at=30)
        page.joined([evil], indent=4, label=evil)
        page.row(evil, [evil], cell=40)
        page.table([evil, evil], [[evil, evil]])
        page.verbatim(f"run '{evil}'")
        page.heading(message("figure.plain", value=evil))

    text = printed(monkeypatch, show, width=120)

    assert [sign for sign in text if not sign.isprintable() and sign != "\n"] == []
    assert [line for line in text.splitlines() if line.strip().startswith("y")] == []
