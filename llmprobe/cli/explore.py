"""
``llmprobe explore``: the answers to walk through in a terminal.
"""

import os
import sys
from collections.abc import Callable
from typing import TextIO

import click

from llmprobe.cli.command import Command, argument
from llmprobe.cli.language import spoken
from llmprobe.cli.target import Target
from llmprobe.errors import LlmprobeError
from llmprobe.facts.machine import Snapshot
from llmprobe.words.message import message

PLAIN_TERMINALS = ("dumb", "unknown")
UTF_8 = ("utf-8", "utf8")


@click.command(
    "explore",
    cls=Command,
    help="help.explore",
    short_help="help.short.explore",
    examples=(
        "llmprobe explore",
        "llmprobe explore llama3-70b",
        'llmprobe --gpu "RTX 4090" --ram 64GB explore',
        "llmprobe --replay machine.json explore",
    ),
)
@argument("model", required=False, metavar="MODEL")
@click.pass_obj
def command(target: Target, /, model: str | None) -> int:
    """
    Show the explorer until it is left.
    """
    _check_terminal()
    try:
        from llmprobe.explore.app import Explorer
    except ImportError as error:
        raise LlmprobeError(
            message("error.extra-missing", package=(error.name or "textual").partition(".")[0]),
            hint=message("hint.install-extra", extra="tui"),
        ) from None

    explorer = Explorer(_look(target), spoken(), model=model)
    explorer.run(mouse=False)
    if explorer.failed is not None:
        raise explorer.failed
    return explorer.return_code or 0


def _look(target: Target) -> Callable[[], Snapshot]:
    """
    How to look at the machine. A recorded one that cannot be read is refused before the screen is taken.
    """
    if not target.is_live:
        known = target.snapshot()
        return lambda: known

    def look() -> Snapshot:
        from llmprobe.tasks.machines import measured_first

        return measured_first(target.snapshot())

    return look


def streams() -> tuple[TextIO | None, ...]:
    """
    What keys come from and what is drawn on; None is closed.
    """
    return sys.stdin, sys.stdout, sys.stderr


def _check_terminal() -> None:
    """
    Refuse what keys cannot come from, or what a screen cannot be drawn on.

    Raises:
        LlmprobeError: a stream is no terminal, or it is one that only writes lines.
    """
    encodings = []
    for stream in streams():
        if stream is None or not stream.isatty():
            raise LlmprobeError(message("error.no-terminal"), hint=message("hint.no-terminal"))
        encodings.append((stream.encoding or "ascii").lower().replace("_", "-"))
    kind, encoding = os.environ.get("TERM", ""), encodings[-1]
    plain = os.name == "posix" and kind in PLAIN_TERMINALS
    if plain or encoding not in UTF_8:
        raise LlmprobeError(
            message("error.plain-terminal", terminal=kind if plain else encoding),
            hint=message("hint.no-terminal"),
        )
