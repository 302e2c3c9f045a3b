"""
``llmprobe fit``: which models this machine runs best.
"""

from typing import Any

import click

from llmprobe.cli import say
from llmprobe.cli.command import Choice, Command, option
from llmprobe.cli.folders import folders
from llmprobe.cli.language import spoken
from llmprobe.cli.options import at_least, context, json_option, memory, rate
from llmprobe.cli.target import Target

USES = Choice(("chat", "coding", "reasoning", "agent", "vision", "japanese", "embedding"))
ORDERS = Choice(("points", "capability", "speed", "size", "released"))


@click.command(
    "fit",
    cls=Command,
    help="help.fit",
    short_help="help.short.fit",
    examples=(
        "llmprobe fit",
        "llmprobe fit --use coding -c 32k",
        "llmprobe fit --use chat --license apache --max-download 10GB",
        'llmprobe --gpu "RTX 4060" --ram 32GB fit --use agent --json',
    ),
)
@option("--use", type=USES, default="chat", help="help.fit.use")
@option("-c", "--ctx-size", callback=context, metavar="N", help="help.fit.ctx-size")
@option("--top", callback=at_least(1), default="8", metavar="N", help="help.fit.top")
@option("--sort", type=ORDERS, default="points", help="help.fit.sort")
@option("--family", "families", multiple=True, metavar="NAME", help="help.fit.family")
@option("--license", "licenses", multiple=True, metavar="NAME", help="help.fit.license")
@option("--max-download", callback=memory, metavar="SIZE", help="help.fit.max-download")
@option("--only-gpu", is_flag=True, help="help.fit.only-gpu")
@option("--min-speed", callback=rate, metavar="N", help="help.recommend.min-speed")
@option("--min-quality", metavar="Q", help="help.recommend.min-quality")
@option("--engine", default="llama.cpp", metavar="ENGINE", help="help.recommend.engine")
@option("--reserve", callback=memory, metavar="SIZE", help="help.recommend.reserve")
@option("--assume-idle", is_flag=True, help="help.recommend.assume-idle")
@option("--explain", is_flag=True, help="help.fit.explain")
@option("--models-dir", "model_folders", multiple=True, metavar="DIR", help="help.recommend.models-dir")
@json_option
@click.pass_obj
def command(
    target: Target,
    /,
    explain: bool,
    model_folders: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> int:
    """
    List what runs here, best first; nothing is the answer "no".
    """
    from llmprobe import api

    snapshot = target.snapshot(model_folders=folders(target, model_folders))
    answer = api.fit(snapshot, **_wishes(**options))
    if as_json:
        say.document(answer)
    else:
        from llmprobe.output.text import pages

        pages.show_fit(answer, spoken(), explain=explain, target=target.words)
    return 0 if answer.rows else 3


def _wishes(*, max_download: int | None, reserve: int | None, **others: Any) -> dict[str, Any]:
    return {"max_download_bytes": max_download, "reserve_bytes": reserve, **others}
