"""
``llmprobe bench``: this machine's memory, processor and disks, measured.
"""

import click

from llmprobe.cli import say
from llmprobe.cli.command import Command, option
from llmprobe.cli.folders import folders
from llmprobe.cli.language import spoken
from llmprobe.cli.options import bench_seconds, json_option
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.words.message import message


@click.command(
    "bench",
    cls=Command,
    help="help.bench",
    short_help="help.short.bench",
    examples=("llmprobe bench", "llmprobe bench --seconds 30", "llmprobe bench --json"),
)
@option("--seconds", callback=bench_seconds, default="10", metavar="S", help="help.bench.seconds")
@option("--models-dir", "model_folders", multiple=True, metavar="DIR", help="help.recommend.models-dir")
@json_option
@click.pass_obj
def command(target: Target, /, seconds: float, model_folders: tuple[str, ...], as_json: bool) -> int:
    """
    Measure this machine; where its RAM could not be measured there is no answer.
    """
    if not target.is_live:
        raise UsageError(message("error.bench-needs-this-machine"), hint=message("hint.no-other-machine"))
    from llmprobe import api

    answer = api.bench(seconds=seconds, model_folders=folders(target, model_folders))
    if as_json:
        say.document(answer)
    else:
        from llmprobe.output.text import pages

        pages.show_bench(answer, spoken())
    return 0 if answer.measurement.ram is not None else 1
