"""
``llmprobe report``: one page to look at, as a file that needs nothing else.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from llmprobe.cli import say
from llmprobe.cli.command import Choice, Command, argument, option
from llmprobe.cli.folders import folders
from llmprobe.cli.language import written
from llmprobe.cli.measuring import measured
from llmprobe.cli.new_file import own_file, replace
from llmprobe.cli.options import context, json_option, one_model
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.words.message import message

if TYPE_CHECKING:
    from llmprobe.facts.fit import Use

DEFAULT_FILE = "llmprobe-report.html"
STANDARD_OUTPUT = "-"
USES = Choice(("chat", "coding", "reasoning", "agent", "vision", "japanese", "embedding", "all", "none"))
ANSWERS = Choice(("chat", "reasoning", "agent", "long", "batch"))


@click.command(
    "report",
    cls=Command,
    help="help.report",
    short_help="help.short.report",
    examples=(
        "llmprobe report",
        "llmprobe report --model llama3-70b -o llama.html",
        "llmprobe report --use agent --use vision",
        'llmprobe --gpu "RTX 4090" --ram 64GB report --model qwen3-30b-a3b',
    ),
)
@argument("named", required=False, metavar="MODEL")
@option("-m", "--model", metavar="MODEL", help="help.report.model")
@option("-o", "--output", metavar="FILE", help="help.report.output")
@option("--overwrite", is_flag=True, help="help.report.overwrite")
@option("--use", "uses", type=USES, multiple=True, help="help.report.use")
@option("-c", "--ctx-size", callback=context, metavar="N", help="help.report.ctx-size")
@option("--for", "use", type=ANSWERS, help="help.recommend.for")
@option("--measure/--no-measure", default=True, help="help.recommend.measure")
@option("--models-dir", "model_folders", multiple=True, metavar="DIR", help="help.recommend.models-dir")
@json_option
@click.pass_obj
def command(
    target: Target,
    /,
    named: str | None,
    model: str | None,
    output: str | None,
    overwrite: bool,
    uses: "tuple[Use | Literal['all', 'none'], ...]",
    measure: bool,
    model_folders: tuple[str, ...],
    as_json: bool,
    **wishes: Any,
) -> int:
    """
    Write the page of a machine and a model; what runs badly or not at all is on it, too.
    """
    if as_json and output is not None:
        raise UsageError(message("error.json-writes-nothing"), hint=message("hint.one-of-them"))
    from llmprobe import api
    from llmprobe.output import html

    wanted = None
    if model is not None or named is not None:
        wanted = one_model(model, named, command="llmprobe report", example="--model llama3-70b")
    place = None
    if not as_json and output != STANDARD_OUTPUT:
        place = own_file(
            DEFAULT_FILE if output is None else output, "-o", html.is_report, overwrite=overwrite
        )
    snapshot = target.snapshot(model_folders=folders(target, model_folders))
    if measure and target.is_live:
        snapshot = measured(snapshot, quietly=as_json)
    answer = api.report(
        snapshot,
        None if wanted is None else api.load_model(wanted, snapshot=snapshot),
        uses=_meant(uses),
        language=written().language,
        **wishes,
    )
    if as_json:
        say.document(answer)
    elif place is None:
        say.text(html.page(answer, written()).html)
    else:
        replace(place, html.page(answer, written()).html, "-o")
        say.path(str(place))
        say.warn((message("note.report", address=Path(place).absolute().as_uri()), *answer.notes), "note")
    return 0


def _meant(uses: "tuple[Use | Literal['all', 'none'], ...]") -> "tuple[Use, ...]":
    """
    The uses that are named, every one for ``all``, the usual ones where none is.
    """
    from llmprobe.tasks.report.document import USES as EVERY
    from llmprobe.tasks.report.document import USUAL_USES

    if not uses:
        return USUAL_USES
    return EVERY if "all" in uses else tuple(one for one in EVERY if one in uses)
