"""
``llmprobe record``: this machine as one file, for a bug report, a fixture or a what-if.
"""

import os
import shlex
from datetime import UTC, datetime
from pathlib import Path

import click

from llmprobe.cli import say
from llmprobe.cli.command import Command, option
from llmprobe.cli.target import Target
from llmprobe.errors import LlmprobeError, UsageError
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
@option("--show", is_flag=True, help="help.record.show")
@click.pass_obj
def command(target: Target, /, output: str | None, show: bool) -> int:
    """
    Write what this machine answers, redacted, into a new file.
    """
    if not target.is_live:
        raise UsageError(message("error.record-needs-this-machine"), hint=message("hint.no-other-machine"))
    if show and output is not None:
        raise UsageError(message("error.show-writes-nothing"), hint=message("hint.one-of-them"))
    path = None if show or output == STANDARD_OUTPUT else _new_file(output)
    from llmprobe import api

    text = api.record(timeout_s=target.timeout_s)
    if path is None:
        say.text(text)
        return 0
    _write_new(path, text)
    say.path(str(path))
    command = f"llmprobe --replay {shlex.quote(str(path))} check"
    say.warn([message("hint.read-the-recording", path=str(path), command=command)], "hint")
    return 0


def _new_file(output: str | None) -> Path:
    """
    A path that can be written and that nothing is at yet; asked before the machine is, which takes longer.
    """
    if output is None:
        stem = f"llmprobe-{datetime.now(UTC).astimezone():%Y-%m-%d}"
        names = (f"{stem}.json" if n == 1 else f"{stem}-{n}.json" for n in range(1, 1000))
        return next(path for path in map(Path, names) if not path.exists())
    if not output:
        raise UsageError(
            message("error.file-without-name", option="--output"),
            hint=message("hint.such-as", example="-o box.json"),
        )
    path = Path(output)
    try:
        exists, around = path.exists(), path.parent.is_dir()
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None
    if path.is_dir():
        raise LlmprobeError(
            message("error.is-a-folder", path=output),
            hint=message("hint.such-as", example=f"-o {shlex.quote(str(path / 'box.json'))}"),
        )
    if exists:
        raise _exists(path)
    if not around:
        raise LlmprobeError(
            message("error.folder-missing", path=str(path.parent)), hint=message("hint.make-folder")
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


def _unwritable(path: Path, error: OSError | ValueError) -> LlmprobeError:
    if isinstance(error, FileExistsError):
        return _exists(path)
    why = (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
    return LlmprobeError(
        message("error.unwritable", path=str(path), why=why), hint=message("hint.elsewhere", option="-o")
    )


def _exists(path: Path) -> LlmprobeError:
    return LlmprobeError(
        message("error.not-overwritten", path=str(path)), hint=message("hint.choose-another-name")
    )
