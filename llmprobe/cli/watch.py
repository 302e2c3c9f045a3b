"""
``llmprobe watch``: what is free, who holds it and which models are loaded, as it changes.
"""

from collections.abc import Iterator

import click

from llmprobe.cli import say
from llmprobe.cli.options import at_least, decimal, json_option
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.facts.machine import Snapshot

SHORTEST_S = 0.2
LONGEST_S = 86400.0


def seconds(_context: click.Context, _option: click.Parameter, value: str) -> float:
    """
    Read the time between two looks.
    """
    number = decimal(value.removesuffix("s"))
    if number is None or not SHORTEST_S <= number <= LONGEST_S:
        raise UsageError(
            f"--interval: {value!r} is not a number of seconds", hint=f"{SHORTEST_S:g} to a day, such as 2"
        )
    return number


@click.command("watch", short_help="What is free and who holds it, as it changes.")
@click.option(
    "--interval", callback=seconds, default="2", metavar="SECONDS", help="The time between two looks (2)."
)
@click.option(
    "--count", callback=at_least(1), metavar="N", help="End after N looks; Ctrl-C ends it any time."
)
@json_option
@click.pass_obj
def command(target: Target, /, interval: float, count: int | None, as_json: bool) -> int:
    """
    Show memory, who holds it and the models that engines have loaded, again and again, until Ctrl-C.

    With --json each look is one snapshot document on one line. A recording or a hypothetical machine does not
    change, so it is shown once.

    \b
    Examples:
      llmprobe watch
      llmprobe watch --interval 10 --json >> memory.jsonl
      llmprobe --replay box.json watch
    """
    from llmprobe.cli.ending import forget_stdout

    try:
        looks = _looks(target, interval, count)
        if as_json:
            _write(looks)
        else:
            from llmprobe.output.text import pages as human

            human.show_watch(looks, interval=interval if target.is_live else None)
    except KeyboardInterrupt:
        # It is how one leaves a program that does not end by itself.
        return 0
    except BrokenPipeError:
        # Whoever read it has seen enough, which is no failure.
        forget_stdout()
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


def _write(looks: Iterator[Snapshot]) -> None:
    import msgspec

    for snapshot in looks:
        say.text(msgspec.json.encode(snapshot).decode() + "\n")
