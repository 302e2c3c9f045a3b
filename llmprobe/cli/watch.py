"""
``llmprobe watch``: what is free, who holds it and which models are loaded, as it changes.
"""

from collections.abc import Iterator

import click

from llmprobe.cli import say
from llmprobe.cli.command import Command, option
from llmprobe.cli.language import spoken
from llmprobe.cli.options import at_least, json_option, seconds
from llmprobe.cli.target import Target
from llmprobe.facts.machine import Snapshot

SHORTEST_S = 0.2
LONGEST_S = 86400.0


def interval_option(_context: click.Context, param: click.Parameter, value: str) -> float:
    """
    Read the time between two looks.
    """
    return seconds(param, value, least=SHORTEST_S, most=LONGEST_S, example="--interval 2")


@click.command(
    "watch",
    cls=Command,
    help="help.watch",
    short_help="help.short.watch",
    examples=(
        "llmprobe watch",
        "llmprobe watch --interval 10 --json >> memory.jsonl",
        "llmprobe --replay box.json watch",
    ),
)
@option("--interval", callback=interval_option, default="2", metavar="SECONDS", help="help.watch.interval")
@option("--count", callback=at_least(1), metavar="N", help="help.watch.count")
@json_option
@click.pass_obj
def command(target: Target, /, interval: float, count: int | None, as_json: bool) -> int:
    """
    Show the machine again and again until Ctrl-C; what does not change is shown once.
    """
    try:
        looks = _looks(target, interval, count)
        if as_json:
            for snapshot in looks:
                say.document(snapshot, in_one_line=True)
        else:
            from llmprobe.output.text import pages

            pages.show_watch(looks, spoken(), interval=interval if target.is_live else None)
    except KeyboardInterrupt:
        # It is how one leaves a program that does not end by itself.
        return 0
    return 0


def _looks(target: Target, interval: float, count: int | None) -> Iterator[Snapshot]:
    if not target.is_live:
        yield target.snapshot()
        return
    import time
    from itertools import islice

    from llmprobe import api

    for number, snapshot in enumerate(islice(api.watch(timeout_s=target.timeout_s), count), start=1):
        started = time.monotonic()
        yield snapshot
        if number != count:
            time.sleep(max(0.0, interval - (time.monotonic() - started)))
