"""
``llmprobe record``: this machine as one file, for a bug report, a fixture or a what-if.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from llmprobe.cli import say
from llmprobe.cli.target import Target
from llmprobe.errors import LlmprobeError, UsageError

STANDARD_OUTPUT = "-"


@click.command("record", short_help="This machine as one file.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Where to write (llmprobe-<date>.json when not said); - is standard output.",
)
@click.option("--show", is_flag=True, help="Print what would be written, and write nothing.")
@click.pass_obj
def command(target: Target, /, output: str | None, show: bool) -> int:
    """
    Record what this machine answers, with names, serials and addresses replaced.

    An existing file is never overwritten.

    \b
    Examples:
      llmprobe record --show
      llmprobe record -o box.json
      llmprobe --replay box.json check
    """
    if not target.is_live:
        raise UsageError(
            "record records the machine that it runs on", hint="leave --replay, --gpu and --ram out"
        )
    if show and output is not None:
        raise UsageError("--show writes nothing, so -o has no use", hint="give one of them")
    path = None if show or output == STANDARD_OUTPUT else _new_file(output)
    from llmprobe import api

    text = api.record(timeout_s=target.timeout_s)
    if path is None:
        say.text(text)
        return 0
    _write_new(path, text)
    click.echo(str(path))
    say.warn(
        [f"read {path} before you give it to anyone; llmprobe --replay {path} check shows what it says"],
        "hint",
    )
    return 0


def _new_file(output: str | None) -> Path:
    """
    Return a path that can be written and that nothing is at yet; asked before the machine is, which takes longer.
    """
    if output is None:
        stem = f"llmprobe-{datetime.now(UTC).astimezone():%Y-%m-%d}"
        names = (f"{stem}.json" if n == 1 else f"{stem}-{n}.json" for n in range(1, 1000))
        return next(path for path in map(Path, names) if not path.exists())
    if not output:
        raise UsageError("--output: '' is no name of a file", hint="such as -o box.json")
    path = Path(output)
    try:
        there, around = path.exists(), path.parent.is_dir()
    except OSError as error:
        raise _unwritable(path, error) from None
    if path.is_dir():
        raise LlmprobeError(f"{output} is a folder", hint=f"name a file in it, such as {path / 'box.json'}")
    if there:
        raise LlmprobeError(
            f"{output} exists and is not overwritten", hint="choose another name, or remove it first"
        )
    if not around:
        raise LlmprobeError(
            f"the folder {path.parent} does not exist", hint="make it first, or choose another"
        )
    return path


def _write_new(path: Path, text: str) -> None:
    """
    Write a file that only its owner can read, or none at all.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - a descriptor
                file.write(text)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> LlmprobeError:
    if isinstance(error, FileExistsError):
        return LlmprobeError(
            f"{path} exists and is not overwritten", hint="choose another name, or remove it first"
        )
    reason = (error.strerror or type(error).__name__).lower()
    return LlmprobeError(f"cannot write {path}: {reason}", hint="choose another place with -o")
