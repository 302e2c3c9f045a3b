"""
The commands, each with its help as the program prints it.
"""

from collections.abc import Iterator

from click.testing import CliRunner

from llmprobe.cli.group import COMMANDS, cli

COLUMNS = 100


def page() -> str:
    """
    Return the help of the program and of each command.
    """
    return "\n".join(_sections())


def help_of(*words: str) -> str:
    """
    The output of ``llmprobe … --help``, in English and 100 columns wide.
    """
    runner = CliRunner(env={"LC_ALL": "C"})
    result = runner.invoke(
        cli, [*words, "--help"], prog_name="llmprobe", terminal_width=COLUMNS, catch_exceptions=False
    )
    return "".join(f"{line.rstrip()}\n" for line in result.stdout.splitlines())


def _sections() -> Iterator[str]:
    for words in ((), *((name,) for name in COMMANDS)):
        command = " ".join(("llmprobe", *words))
        yield f"## {command}\n\n```console\n$ {command} --help\n{help_of(*words)}```\n"
