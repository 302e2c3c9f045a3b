"""
``llmprobe metrics``: the machine for Prometheus, on stdout or as a file of node_exporter's textfile collector.
"""

import contextlib
import tempfile
from pathlib import Path

import click

from llmprobe.cli import say
from llmprobe.cli.command import Command, option
from llmprobe.cli.target import Target
from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.words.message import message

_READABLE = 0o644
_OURS = b"# HELP llmprobe_"
_SUFFIX = ".prom"


@click.command(
    "metrics",
    cls=Command,
    help="help.metrics",
    short_help="help.short.metrics",
    examples=(
        "llmprobe metrics",
        "llmprobe metrics -o /var/lib/node_exporter/llmprobe.prom",
    ),
)
@option("-o", "--output", metavar="FILE", help="help.metrics.output")
@click.pass_obj
def command(target: Target, /, output: str | None) -> int:
    """
    Print the metrics of a machine, or replace a file by them.
    """
    place = None if output is None else _checked(output)
    from llmprobe.output.metrics import to_metrics

    text = to_metrics(target.snapshot())
    if place is None:
        say.text(text)
    else:
        _replace(place, text)
    return 0


def _checked(output: str) -> Path:
    """
    The path of a file that is new, or one that an earlier run wrote.

    Raises:
        UsageError: its name is not one that the collector reads.
        LlmprobeError: another file is there, or it cannot be looked at.
    """
    path = Path(output)
    if path.suffix != _SUFFIX:
        raise UsageError(
            message("error.metrics-file-name", path=output),
            hint=message("hint.such-as", example="-o /var/lib/node_exporter/llmprobe.prom"),
        )
    try:
        with path.open("rb") as file:
            start = file.read(len(_OURS))
    except FileNotFoundError:
        return path
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None
    if start != _OURS:
        raise LlmprobeError(
            message("error.not-overwritten", path=output), hint=message("hint.choose-another-name")
        )
    return path


def _replace(path: Path, text: str) -> None:
    """
    Write a file beside the place and rename it: the collector never reads half of one.

    Raises:
        LlmprobeError: it cannot be written; then what was there is as it was.
    """
    try:
        descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(descriptor, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - a descriptor
                file.write(text)
            Path(beside).chmod(_READABLE)
            Path(beside).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(beside).unlink()
            raise
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError | ValueError) -> LlmprobeError:
    why = (getattr(error, "strerror", None) or str(error)).lower()
    return LlmprobeError(
        message("error.unwritable", path=str(path), why=why), hint=message("hint.elsewhere", option="-o")
    )
