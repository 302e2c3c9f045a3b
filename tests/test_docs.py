"""
The documentation says what the program does, and what it points at exists.
"""

import doctest
import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

import llmprobe
from llmprobe.cli.group import cli
from tests import readme
from tests.test_machines import found

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PYTHON = ROOT / "docs" / "reference" / "python.md"
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
DOCS = tuple(page for page in PAGES if page not in readme.READMES)
EXAMPLES = dict.fromkeys(
    block for page in readme.PAGES for block in readme.blocks(page.read_text(encoding="utf-8"))
)
"""Every command that a page shows with its output, once where several pages show it."""

_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
_FILE = re.compile(r"[\w*.-]+\.(?:py|md|svg|toml|json)")
_FIGURES = re.compile(r"^    llmprobe (?P<command>.* --json)\n\n(?P<table>(?:\|.*\n)+)", re.MULTILINE)
_ROW = re.compile(r"^\|[^|]*\| `(?P<field>[^`]+)` \| (?P<value>-?[\d,.]+) \|$", re.MULTILINE)
_ROOTS = frozenset({"llmprobe", "tests", "benchmarks", "fixtures", "docs", ".ci"})
MOST_LINES_OF_README = 210
OF_USERS = frozenset({"config.json", "hf_quant_config.json", "box.json"})
"""Files that users have, of which the documentation speaks."""


def name(page: Path) -> str:
    """
    A page's path in this repository.
    """
    return str(page.relative_to(ROOT))


@cache
def text_of(page: Path) -> str:
    """
    The text of a page.
    """
    return page.read_text(encoding="utf-8")


@cache
def files() -> frozenset[str]:
    """
    Every file of the package, its tests and its documentation, by path.
    """
    below = (
        path for folder in _ROOTS for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts
    )
    return frozenset(str(path.relative_to(ROOT)) for path in (*below, *ROOT.iterdir()) if path.is_file())


def anchors(page: Path) -> frozenset[str]:
    """
    The fragments that lead to the headings of a page, as GitHub makes them.
    """
    headings = _HEADING.findall(_FENCE.sub("", text_of(page)))
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def missing_links(page: Path, text: str) -> Iterator[str]:
    """
    The links of a text on a page that lead to no file or heading of this repository.
    """
    for link in _LINK.findall(_FENCE.sub("", text)):
        if link.startswith(("https://", "http://")):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            yield link


def missing_files(text: str) -> Iterator[str]:
    """
    The files and folders in backticks that do not exist: paths, and names of files wherever they are.
    """
    names = {path.rpartition("/")[2] for path in files()}
    for code in _CODE.findall(_FENCE.sub("", text)):
        if code.partition("/")[0] in _ROOTS and "/" in code and " " not in code:
            pattern = re.sub(r"<[^>]+>", "*", code).rstrip("/")
            if not any(fnmatch(path, pattern) or path.startswith(f"{pattern}/") for path in files()):
                yield code
        elif _FILE.fullmatch(code) and code not in OF_USERS and code not in names:
            yield code


@pytest.mark.parametrize(("command", "output"), EXAMPLES)
def test_pages_show_what_the_program_prints(
    command: str, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Every example on a page is the real output of its command; `make readme` rewrites them.
    """
    monkeypatch.chdir(ROOT)

    assert readme.run(command) == output


def test_pages_have_examples_of_the_main_commands() -> None:
    """
    Commands that answer about a recorded machine are each shown with their output, four of them in each README.
    """
    shown = {word for command, _ in EXAMPLES for word in command.split()}
    first = [
        {word for command, _ in readme.blocks(text_of(page)) for word in command.split()}
        for page in readme.READMES
    ]

    assert {"check", "fit", "plan", "upgrade", "cost", "recommend", "estimate", "models"} <= shown
    assert all({"check", "fit", "recommend"} <= words for words in first)


@pytest.mark.parametrize("page", readme.READMES, ids=name)
def test_a_readme_is_short(page: Path) -> None:
    """
    What takes more than a few lines has a page in docs/: a README is read whole.
    """
    assert text_of(page).count("\n") <= MOST_LINES_OF_README


def test_no_example_escapes_the_comparison() -> None:
    """
    Each block of a page that begins with a command of llmprobe is compared, and none hides its command in a comment.
    """
    texts = [text_of(page) for page in readme.PAGES]

    assert sum(text.count("```console") for text in texts) == sum(len(readme.blocks(text)) for text in texts)
    assert [name(page) for page in PAGES if "<!-- $ llmprobe" in text_of(page)] == []


def test_what_follows_a_bar_shows_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An example shows what a shell would show: the first lines, or those between two; other programs are refused.
    """
    monkeypatch.chdir(ROOT)
    whole = readme.run("models llama-3.1").splitlines()

    assert readme.run("models llama-3.1 | head -3").splitlines() == whole[:3]
    assert readme.run("models llama-3.1 | awk '/^model/,/llama3.1:8b/'").splitlines() == whole[2:5]
    assert readme.run("models llama-3.1 | awk '/^model/,/llama3.1:8b/' | head -1").splitlines() == whole[2:3]
    with pytest.raises(ValueError, match="cannot use"):
        readme.run("models | sort model")


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "questions").glob("*.md")), ids=name)
def test_a_question_is_answered_by_a_command(page: Path) -> None:
    """
    Each question has an example with its output, unless only an engine here could answer; the start leads to it.
    """
    assert readme.blocks(text_of(page)) or page.name == "is-it-right.md"
    assert f"](questions/{page.name})" in text_of(ROOT / "docs" / "index.md")


@pytest.mark.parametrize("name", sorted(cli.list_commands(None)))  # type: ignore[arg-type]  # the lazy group needs no context
def test_every_command_is_documented(name: str) -> None:
    """
    Both READMEs name every command.
    """
    assert [page.name for page in readme.READMES if f"llmprobe {name}" not in text_of(page)] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """
    Each relative link of a page leads to a file of this repository, and its fragment to a heading there.
    """
    assert list(missing_links(page, text_of(page))) == []


def test_a_dead_link_is_found() -> None:
    """
    A missing file and a missing heading are reported; an existing heading and an address are not.
    """
    text = "[a](nowhere.md) [b](#no-such-heading) [c](#licence) [d](https://example.org/x) [e](docs/how-it-works.svg)"

    assert list(missing_links(README, text)) == ["nowhere.md", "#no-such-heading"]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    """
    A page names files and folders of this repository as they are called now.
    """
    assert list(missing_files(text_of(page))) == []


def test_a_missing_file_is_found() -> None:
    """
    A path and a bare name that do not exist are reported; those that exist, patterns and commands are not.
    """
    text = (
        "`llmprobe/nowhere.py` `llmprobe/facts` `fixtures/machines/<name>/truth.toml` `llmprobe/words/*.py` "
        "`nothing.py` `allocator.py` `config.json` `llmprobe check --json` `llama3-70b`"
    )

    assert list(missing_files(text)) == ["llmprobe/nowhere.py", "nothing.py"]


def figures() -> list[tuple[str, str, list[tuple[str, float]]]]:
    """
    Every table of figures: its page, the command that prints them, and the figures by field.
    """
    return [
        (
            name(page),
            match["command"],
            [(row["field"], float(row["value"].replace(",", ""))) for row in _ROW.finditer(match["table"])],
        )
        for page in DOCS
        for match in _FIGURES.finditer(text_of(page))
    ]


@pytest.mark.parametrize(("page", "command", "expected"), figures())
def test_figures_are_what_the_command_answers(
    page: str, command: str, expected: list[tuple[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Each figure of a table stands in that field of the document that the command above it prints.
    """
    monkeypatch.chdir(ROOT)
    document = json.loads(readme.run(command))

    assert [(field, found(document, field)) for field, _ in expected] == expected


def test_tables_of_figures_are_read_whole() -> None:
    """
    No row of a table of figures escapes the comparison: there are five tables, and each row has a figure.
    """
    tables = [match["table"] for page in DOCS for match in _FIGURES.finditer(text_of(page))]

    assert len(tables) == 5
    assert [len(_ROW.findall(table)) for table in tables] == [table.count("\n") - 2 for table in tables]


@pytest.mark.parametrize("page", [page for page in DOCS if ">>>" in text_of(page)], ids=name)
def test_examples_in_python_give_what_is_shown(page: Path) -> None:
    """
    What a page shows at Python's prompt is what Python answers there.
    """
    failed, tried = doctest.testfile(str(page), module_relative=False)

    assert (failed, tried > 0) == (0, True)


def test_the_rooms_are_described() -> None:
    """
    CONTRIBUTING describes each package of the program.
    """
    described = set(re.findall(r"^\| `(\w+)` \|", text_of(ROOT / "CONTRIBUTING.md"), re.MULTILINE))
    packages = {path.parent.name for path in (ROOT / "llmprobe").glob("*/__init__.py")}

    assert packages - described == set()


def test_the_example_in_python_calls_what_is_public() -> None:
    """
    The Python example uses public names only, and setting names that exist.
    """
    (example,) = re.findall(r"```python\n(.*?)```", text_of(PYTHON), re.DOTALL)
    used = set(re.findall(r"llmprobe\.(\w+)\(", example))

    assert {"probe", "load_model", "estimate", "recommend"} <= used
    assert used - set(llmprobe.__all__) == set()
