"""
The documentation says what the program does.
"""

from pathlib import Path

import pytest

from llmprobe.cli.group import cli
from llmprobe.machine import rules
from tests import readme

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("command", "output"), readme.blocks(TEXT))
def test_readme_shows_what_the_program_prints(
    command: str, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Every example in the README is the real output of its command; `make readme` rewrites them.
    """
    monkeypatch.chdir(ROOT)

    assert readme.run(command) == output


def test_readme_has_examples_of_the_main_commands() -> None:
    """
    check, recommend, estimate and models are each shown with their output.
    """
    shown = {word for command, _ in readme.blocks(TEXT) for word in command.split()}

    assert {"check", "recommend", "estimate", "models"} <= shown


@pytest.mark.parametrize("name", sorted(cli.list_commands(None)))  # type: ignore[arg-type]  # the lazy group needs no context
def test_every_command_is_documented(name: str) -> None:
    """
    The README names every command.
    """
    assert f"llmprobe {name}" in TEXT


@pytest.mark.parametrize("finding", sorted(rule.id for rule in rules.all_rules()))
def test_every_finding_is_documented(finding: str) -> None:
    """
    The README's list of diagnoses names every finding that check can make.
    """
    assert f"`{finding}`" in TEXT
