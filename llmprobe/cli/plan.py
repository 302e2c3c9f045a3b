"""
``llmprobe plan``: what a model needs, and the machines that run it.
"""

from typing import Any

import click

from llmprobe.cli import say
from llmprobe.cli.command import Command, argument, option
from llmprobe.cli.language import spoken
from llmprobe.cli.options import at_least, context, json_option, one_model, rate
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.words.message import message


@click.command(
    "plan",
    cls=Command,
    help="help.plan",
    short_help="help.short.plan",
    examples=(
        "llmprobe plan llama3-70b",
        "llmprobe plan qwen3-30b-a3b -c 32k --min-speed 20",
        "llmprobe plan gpt-oss-120b --json",
    ),
)
@argument("named", required=False, metavar="MODEL")
@option("-m", "--model", metavar="MODEL", help="help.recommend.model")
@option("-c", "--ctx-size", callback=context, default="8192", metavar="N", help="help.plan.ctx-size")
@option("-np", "--parallel", callback=at_least(1), default="1", metavar="N", help="help.recommend.parallel")
@option("--quant", metavar="Q", help="help.plan.quant")
@option("--min-speed", callback=rate, metavar="N", help="help.plan.min-speed")
@json_option
@click.pass_obj
def command(target: Target, /, named: str | None, model: str | None, as_json: bool, **wishes: Any) -> int:
    """
    Plan for a model; that no machine runs it is the answer "no".
    """
    from llmprobe import api

    if not target.is_live:
        raise UsageError(message("error.plan-of-machine"), hint=message("hint.plan-of-machine"))
    wanted = one_model(model, named, command="llmprobe plan", example="llama3-70b")
    answer = api.plan(api.load_model(wanted), **wishes)
    if as_json:
        say.document(answer)
    else:
        from llmprobe.output.text import pages

        pages.show_plan(answer, spoken())
    return 0 if answer.machines else 3
