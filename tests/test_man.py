"""
The man pages: as the help says now, complete, and without anything that a formatter would complain about.
"""

import shutil
import subprocess
from pathlib import Path

import click
import pytest

from docs.manual import man
from llmprobe.cli.group import COMMANDS, cli
from llmprobe.words.render import languages

ROOT = Path(__file__).parent.parent
PAGES = man.files()
NO_DATE = "missing date"
"""With one, the same help would give another file every day."""

LINTERS = {
    "groff": ("groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-z"),
    "mandoc": ("mandoc", "-Tlint", "-Wwarning"),
}


def test_there_is_one_for_every_language() -> None:
    """
    Where `man` looks for it below ``share/man``.
    """
    assert {str(path.relative_to(ROOT)) for path in PAGES} == {
        "docs/man/man1/llmprobe.1",
        "docs/man/ja/man1/llmprobe.1",
    }
    assert len(PAGES) == len(languages())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_says_what_the_help_says(path: Path) -> None:
    """
    ``make man`` writes it anew.
    """
    assert path.read_text(encoding="utf-8") == PAGES[path]


def test_every_command_and_option_is_in_it() -> None:
    """
    With each of its names.
    """
    text = PAGES[man.place("en")]
    found = {context.command_path: command for command, context in man.commands(click.Context(cli))}
    assert {f"llmprobe {name}" for name in COMMANDS} <= {f"llmprobe {path.strip()}" for path in found}
    for path, command in found.items():
        _, heading, section = text.partition(f".SS {path.strip()}\n")
        assert heading, path
        section = section.partition(".SS ")[0]
        for param in command.params:
            for option in param.opts if isinstance(param, click.Option) else ():
                written = option.replace("-", "\\-")
                assert f"\\fB{written}\\fR" in section, (path, option)


def test_no_line_is_taken_for_a_request() -> None:
    """
    Text that begins with a dot or a quote is text, and what is copied keeps its signs.
    """
    assert man._line(".x") == "\\&.x"
    assert man._prose("'a' -b \\") == "\\&\\(aqa\\(aq \\-b \\e"
    assert man._prose("モデルの-c") == "モ\\:デ\\:ル\\:の\\:\\-c"


@pytest.mark.live
@pytest.mark.parametrize("linter", LINTERS)
@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_formatters_have_nothing_to_warn_of(linter: str, path: Path) -> None:
    """
    Where one of them is here.
    """
    if shutil.which(linter) is None:
        pytest.skip(f"{linter} is not here")
    done = subprocess.run([*LINTERS[linter], str(path)], capture_output=True, text=True, check=False)

    lines = (done.stdout + done.stderr).splitlines()
    assert [line for line in lines if NO_DATE not in line] == []
