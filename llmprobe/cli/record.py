"""
``llmprobe record``: this machine as one file, for a bug report, a fixture or a what-if.
"""

import shlex
from datetime import UTC, datetime
from pathlib import Path

import click

from llmprobe.cli import say
from llmprobe.cli.command import Command, option
from llmprobe.cli.new_file import new_file, write_new
from llmprobe.cli.options import listed
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.words.message import message

STANDARD_OUTPUT = "-"


@click.command(
    "record",
    cls=Command,
    help="help.record",
    short_help="help.short.record",
    examples=("llmprobe record --show", "llmprobe record -o box.json", "llmprobe --replay box.json check"),
)
@option("-o", "--output", metavar="FILE", help="help.record.output")
@option("--rpc", multiple=True, callback=listed, metavar="HOST:PORT[=CARD],...", help="help.record.rpc")
@option("--show", is_flag=True, help="help.record.show")
@click.pass_obj
def command(target: Target, /, output: str | None, rpc: tuple[str, ...], show: bool) -> int:
    """
    Write what this machine answers, redacted, into a new file.
    """
    if not target.is_live:
        raise UsageError(message("error.record-needs-this-machine"), hint=message("hint.no-other-machine"))
    if show and output is not None:
        raise UsageError(message("error.show-writes-nothing"), hint=message("hint.one-of-them"))
    path = None if show or output == STANDARD_OUTPUT else new_file(_named(output), "-o")
    from llmprobe import api

    text = api.record(timeout_s=target.timeout_s, rpc=rpc)
    if path is None:
        say.text(text)
        return 0
    write_new(path, text, "-o")
    say.path(str(path))
    command = f"llmprobe --replay {shlex.quote(str(path))} check"
    say.warn([message("hint.read-the-recording", path=str(path), command=command)], "hint")
    return 0


def _named(output: str | None) -> str:
    """
    The name that was given, or one by the day that nothing has yet.
    """
    if output is not None:
        return output
    stem = f"llmprobe-{datetime.now(UTC).astimezone():%Y-%m-%d}"
    names = (f"{stem}.json" if n == 1 else f"{stem}-{n}.json" for n in range(1, 1000))
    return next(name for name in names if not Path(name).exists())
