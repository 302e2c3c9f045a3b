"""
``llmprobe upgrade``: what would help this machine most.
"""

from typing import TYPE_CHECKING, Any

import click

from llmprobe.cli import say
from llmprobe.cli.command import Command, option
from llmprobe.cli.fit import USES
from llmprobe.cli.folders import folders
from llmprobe.cli.language import spoken
from llmprobe.cli.options import context, json_option, memory, rate
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.words.message import message

if TYPE_CHECKING:
    from llmprobe.facts.fit import Use


@click.command(
    "upgrade",
    cls=Command,
    help="help.upgrade",
    short_help="help.short.upgrade",
    examples=(
        "llmprobe upgrade --model llama3-70b",
        "llmprobe upgrade --use coding",
        'llmprobe --gpu "RTX 4090" --ram 64GB upgrade --model qwen3-32b -c 32k --json',
    ),
)
@option("-m", "--model", metavar="MODEL", help="help.upgrade.model")
@option("--use", type=USES, help="help.upgrade.use")
@option("-c", "--ctx-size", callback=context, metavar="N", help="help.upgrade.ctx-size")
@option("--quant", "quants", multiple=True, metavar="Q", help="help.recommend.quant")
@option("--min-speed", callback=rate, metavar="N", help="help.recommend.min-speed")
@option("--reserve", callback=memory, metavar="SIZE", help="help.recommend.reserve")
@option("--models-dir", "model_folders", multiple=True, metavar="DIR", help="help.recommend.models-dir")
@json_option
@click.pass_obj
def command(
    target: Target,
    /,
    model: str | None,
    use: "Use | None",
    quants: tuple[str, ...],
    model_folders: tuple[str, ...],
    reserve: int | None,
    as_json: bool,
    **options: Any,
) -> int:
    """
    Say what would help; that nothing does is an answer, that nothing runs in any case is the answer "no".
    """
    from llmprobe import api

    if model is not None and use is not None:
        raise UsageError(message("error.upgrade-use"), hint=message("hint.upgrade-use"))
    if model is None and quants:
        raise UsageError(message("error.upgrade-quant"), hint=message("hint.upgrade-quant"))
    spec = None if model is None else api.load_model(model)
    snapshot = target.snapshot(model_folders=folders(target, model_folders))
    answer = api.upgrade(snapshot, spec, use=use or "chat", quants=quants, reserve_bytes=reserve, **options)
    if as_json:
        say.document(answer)
    else:
        from llmprobe.output.text import pages

        pages.show_upgrade(answer, spoken(), target=target.words)
    reached = answer.now is not None or any(step.after is not None for step in answer.steps)
    return 0 if reached else 3
