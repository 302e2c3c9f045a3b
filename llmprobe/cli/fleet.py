"""
``llmprobe fleet``: several machines side by side, and which of them run a model, alone or together.
"""

import sys
from collections.abc import Callable
from typing import Any

import click

from llmprobe.cli import say
from llmprobe.cli.command import Choice, Command, Helped, argument, option
from llmprobe.cli.fit import USES
from llmprobe.cli.group import refuse_unknown
from llmprobe.cli.language import spoken
from llmprobe.cli.options import (
    at_least,
    context,
    json_option,
    listed,
    memory,
    network,
    one_model,
    rate,
    wait,
)
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.words.message import message

ANSWERS = Choice(("chat", "reasoning", "agent", "long", "batch"))
LAUNCHERS = Choice(("mp", "ray"))


class Group(Helped, click.Group):
    """
    The commands for several machines.
    """

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        refuse_unknown(args, tuple(self.commands))
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        words = spoken(ctx)
        formatter.write_paragraph()
        formatter.write(f"{words.sentence('help.commands')}\n")
        with formatter.indentation():
            formatter.write_dl([(name, words.say(f"help.short.fleet-{name}")) for name in self.commands])


@click.group(
    "fleet",
    cls=Group,
    help="help.fleet",
    short_help="help.short.fleet",
    examples=(
        "llmprobe fleet check --host gpu1 --host user@gpu2",
        "llmprobe fleet recommend --model llama3-70b --recordings recordings/",
        "llmprobe fleet check --kubernetes",
        "llmprobe fleet recommend --model llama3-70b --rpc '10.0.0.2:50052=RTX 3090'",
    ),
)
@click.pass_obj
def command(target: Target, /) -> None:
    """
    Refuse what describes one machine: several are meant.
    """
    if not target.is_live:
        raise UsageError(message("error.fleet-of-one"), hint=message("hint.fleet-of-one"))


def _machines(function: Callable[..., Any]) -> Callable[..., Any]:
    """
    The options that name machines, the same for each command.
    """
    for add in (
        option("--wait", "wait_s", callback=wait, metavar="SECONDS", help="help.fleet.wait"),
        option(
            "--rpc", multiple=True, callback=listed, metavar="HOST:PORT[=CARD],...", help="help.fleet.rpc"
        ),
        option("--ray", is_flag=False, flag_value="auto", metavar="[ADDRESS]", help="help.fleet.ray"),
        option("--program", metavar="FILE", help="help.fleet.program"),
        option("--nodes", multiple=True, metavar="FILE", help="help.fleet.nodes"),
        option("--kubernetes", is_flag=True, help="help.fleet.kubernetes"),
        option("--slurm", multiple=True, metavar="NODES", help="help.fleet.slurm"),
        option("--recordings", multiple=True, metavar="DIR", help="help.fleet.recordings"),
        option("--host", "ssh", multiple=True, metavar="HOST", help="help.fleet.host"),
    ):
        function = add(function)
    return function


@command.command(
    "check",
    cls=Command,
    help="help.fleet-check",
    short_help="help.short.fleet-check",
    examples=(
        "llmprobe fleet check --host gpu1 --host gpu2",
        "llmprobe fleet check --nodes nodes.json --json",
    ),
)
@_machines
@json_option
def check(as_json: bool, **machines: Any) -> int:
    """
    Show the machines; one that did not answer, or an error on one, is the answer "no".
    """
    from llmprobe import api

    answer = api.fleet_check(**machines)
    if as_json:
        say.document(answer)
    else:
        from llmprobe.output.text import pages

        pages.show_fleet(answer, spoken())
    healthy = all(
        host.answered and all(one.severity != "error" for one in host.findings) for host in answer.hosts
    )
    return 0 if healthy else 3


@command.command(
    "recommend",
    cls=Command,
    help="help.fleet-recommend",
    short_help="help.short.fleet-recommend",
    examples=(
        "llmprobe fleet recommend --model llama3-70b --host gpu1 --host gpu2 --link 2.5GbE",
        "llmprobe fleet recommend --model qwen3-235b-a22b --recordings recordings/ -c 16k --json",
        "llmprobe fleet recommend --model deepseek-v3 --engine vllm --host node1 --host node2 --link 200GbE",
    ),
)
@argument("named", required=False, metavar="MODEL")
@option("-m", "--model", metavar="MODEL", help="help.recommend.model")
@option("-c", "--ctx-size", callback=context, metavar="N", help="help.recommend.ctx-size")
@option("-np", "--parallel", callback=at_least(1), default="1", metavar="N", help="help.recommend.parallel")
@option("--quant", "quants", multiple=True, metavar="Q", help="help.recommend.quant")
@option("--for", "use", type=ANSWERS, help="help.recommend.for")
@option("--engine", metavar="ENGINE", help="help.fleet.engine")
@option("--distributed-executor-backend", "launcher", type=LAUNCHERS, help="help.fleet.launcher")
@option("--min-speed", callback=rate, metavar="N", help="help.recommend.min-speed")
@option("--reserve", "reserve_bytes", callback=memory, metavar="SIZE", help="help.recommend.reserve")
@option("--link", callback=network, metavar="SPEED", help="help.fleet.link")
@_machines
@json_option
def recommend(named: str | None, model: str | None, as_json: bool, **wishes_and_machines: Any) -> int:
    """
    Say which machine to take, or which together; nothing that runs is the answer "no".
    """
    from llmprobe import api

    wanted = one_model(model, named, command="llmprobe fleet recommend", example="--model llama3-70b")
    answer = api.fleet_recommend(api.load_model(wanted), **wishes_and_machines)
    if as_json:
        say.document(answer)
    else:
        from llmprobe.output.text import pages

        pages.show_fleet_recommendation(answer, spoken())
    return 0 if answer.best is not None or answer.together is not None else 3


@command.command(
    "fit",
    cls=Command,
    help="help.fleet-fit",
    short_help="help.short.fleet-fit",
    examples=(
        "llmprobe fleet fit --recordings recordings/ --use coding",
        "llmprobe fleet fit --nodes nodes.json --output fits.jsonl --output fits.parquet --workers 16",
    ),
)
@option("--use", type=USES, default="chat", help="help.fit.use")
@option("-c", "--ctx-size", callback=context, metavar="N", help="help.fit.ctx-size")
@option("--top", callback=at_least(1), default="3", metavar="N", help="help.fit.top")
@option("--min-speed", callback=rate, metavar="N", help="help.recommend.min-speed")
@option("--reserve", "reserve_bytes", callback=memory, metavar="SIZE", help="help.recommend.reserve")
@option("-o", "--output", multiple=True, metavar="FILE", help="help.fleet.output")
@option("--workers", callback=at_least(1), metavar="N", help="help.fleet.workers")
@_machines
@json_option
def fit(as_json: bool, **wishes_and_machines: Any) -> int:
    """
    List what each machine runs best; that none runs anything is the answer "no".
    """
    from llmprobe import api

    answer = api.fleet_fit(told=_tell, **wishes_and_machines)
    if as_json:
        say.document(answer)
    else:
        from llmprobe.output.text import pages

        pages.show_fleet_fit(answer, spoken())
    return 0 if any(one.rows for one in answer.hosts) else 3


def _tell(done: int, everything: int) -> None:
    """
    Say how far it is, where a person looks and there is something to wait for.
    """
    if everything > 1 and sys.stderr is not None and sys.stderr.isatty():
        words = spoken().say("page.fleet-progress", done=done, all=everything)
        click.echo(f"\r{words}\x1b[K", err=True, nl=done == everything)
