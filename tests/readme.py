"""
The examples on the pages of the documentation: each is a command and what the program prints for it.

    ```console
    $ llmprobe --replay fixtures/machines/… check | head -20
    …
    ```

Behind a bar, ``head -N`` shows the first lines alone, and ``awk '/FROM/,/TO/'`` what lies between two lines.
``python -m tests.readme`` rewrites the blocks; the test compares them.
"""

import re
import shlex
from datetime import date
from functools import cache
from pathlib import Path
from unittest.mock import patch

from click.testing import CliRunner

ROOT = Path(__file__).parent.parent
READMES = (ROOT / "README.md", ROOT / "README.ja.md")
PAGES = (*READMES, *sorted((ROOT / "docs").rglob("*.md")))
COLUMNS = "100"
PRICED_ON = date(2026, 11, 30)
"""The day for which prices are told: they widen with time."""

_BLOCK = re.compile(r"^```console\n\$ llmprobe (?P<command>.*)\n(?P<output>[^`]*?)```\n", re.MULTILINE)
_BETWEEN = re.compile(r"/(?P<first>[^/]+)/,/(?P<last>[^/]+)/")


def blocks(text: str) -> list[tuple[str, str]]:
    """
    Return every (command, output) that the text shows.
    """
    return [(match["command"], match["output"]) for match in _BLOCK.finditer(text)]


def run(command: str) -> str:
    """
    The standard output of a shell for the arguments of one command, and for what may follow a bar.
    """
    before, _, last = shlex.join(shlex.split(command)).rpartition(" '|' ")
    return _shown(run(before), shlex.split(last)) if before else _printed(last)


@cache
def _printed(command: str) -> str:
    from llmprobe.cli.group import cli

    runner = CliRunner(env={"COLUMNS": COLUMNS, "NO_COLOR": "1", "LC_ALL": "C"})
    with patch("llmprobe.facts.prices.today", return_value=PRICED_ON):
        result = runner.invoke(cli, shlex.split(command))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return "".join(f"{line.rstrip()}\n" for line in result.stdout.splitlines())


def _shown(text: str, words: list[str]) -> str:
    """
    Return of a text what ``head -N`` or ``awk '/FROM/,/TO/'`` prints of it.
    """
    lines = text.splitlines(keepends=True)
    program, argument = words
    if program == "head":
        return "".join(lines[: int(argument.removeprefix("-"))])
    between = _BETWEEN.fullmatch(argument)
    if program != "awk" or between is None:
        raise ValueError(f"an example cannot use {shlex.join(words)}")
    shown, inside = [], False
    for line in lines:
        begins = not inside and re.search(between["first"], line) is not None
        if inside or begins:
            shown.append(line)
            inside = re.search(between["last"], line.rstrip("\n")) is None
    return "".join(shown)


def rewritten(text: str) -> str:
    """
    Return the text with every block as the program prints it now.
    """

    def again(match: re.Match[str]) -> str:
        return f"```console\n$ llmprobe {match['command']}\n{run(match['command'])}```\n"

    return _BLOCK.sub(again, text)


if __name__ == "__main__":
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if (now := rewritten(text)) != text:
            page.write_text(now, encoding="utf-8")
