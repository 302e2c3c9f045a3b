"""
``llmprobe metrics``: the machine for Prometheus, on stdout or as a file of node_exporter's textfile collector.
"""

from pathlib import Path

import click

from llmprobe.cli import say
from llmprobe.cli.command import Command, option
from llmprobe.cli.new_file import own_file, replace
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
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
        replace(place, text, "-o", mode=_READABLE)
    return 0


def _checked(output: str) -> Path:
    """
    The path of a file that is new, or one that an earlier run wrote.

    Raises:
        UsageError: its name is not one that the collector reads.
        LlmprobeError: another file is there, or no folder for it.
    """
    if Path(output).suffix != _SUFFIX:
        raise UsageError(
            message("error.metrics-file-name", path=output),
            hint=message("hint.such-as", example="-o /var/lib/node_exporter/llmprobe.prom"),
        )
    return own_file(output, "-o", lambda beginning: beginning.startswith(_OURS))
