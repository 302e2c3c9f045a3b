"""
The examples in README.md and README.ja.md: each is a command and what the program prints for it.

A block is a comment that holds the command, then a fenced text block:

    <!-- $ llmprobe --replay fixtures/machines/… check -->
    ```text
    …
    ```

``python -m tests.readme`` rewrites the blocks; the test compares them.
"""

import re
import shlex
from datetime import date
from pathlib import Path
from unittest.mock import patch

from click.testing import CliRunner

ROOT = Path(__file__).parent.parent
READMES = (ROOT / "README.md", ROOT / "README.ja.md")
COLUMNS = "100"
PRICED_ON = date(2026, 11, 30)
"""The day for which prices are told: they widen with time."""

_BLOCK = re.compile(r"<!-- \$ llmprobe (?P<command>.*?) -->\n```text\n(?P<output>.*?)```\n", re.DOTALL)


def blocks(text: str) -> list[tuple[str, str]]:
    """
    Return every (command, output) that the text shows.
    """
    return [(match["command"], match["output"]) for match in _BLOCK.finditer(text)]


def run(command: str) -> str:
    """
    Return what the program prints on stdout for the arguments of one command.
    """
    from llmprobe.cli.group import cli

    runner = CliRunner(env={"COLUMNS": COLUMNS, "NO_COLOR": "1", "LC_ALL": "C"})
    with patch("llmprobe.facts.prices.today", return_value=PRICED_ON):
        result = runner.invoke(cli, shlex.split(command))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return "".join(f"{line.rstrip()}\n" for line in result.stdout.splitlines())


def rewritten(text: str) -> str:
    """
    Return the text with every block as the program prints it now.
    """

    def again(match: re.Match[str]) -> str:
        return f"<!-- $ llmprobe {match['command']} -->\n```text\n{run(match['command'])}```\n"

    return _BLOCK.sub(again, text)


if __name__ == "__main__":
    for page in READMES:
        page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")
