"""
``llmprobe recommend``: the best way to run a model on this machine, and what else is possible.
"""

from typing import Any

import click

from llmprobe.cli import say, writing
from llmprobe.cli.command import Choice, Command, argument, option
from llmprobe.cli.folders import folders
from llmprobe.cli.language import spoken
from llmprobe.cli.measuring import measured
from llmprobe.cli.options import (
    CACHE_TYPES,
    LONGEST,
    at_least,
    context_or_max,
    json_option,
    memory,
    one_model,
    rate,
)
from llmprobe.cli.target import Target
from llmprobe.words.message import message

README = "README.txt"
USES = Choice(("chat", "reasoning", "agent", "long", "batch"))
PRIORITIES = Choice(("balanced", "quality", "speed", "context"))


@click.command(
    "recommend",
    cls=Command,
    help="help.recommend",
    short_help="help.short.recommend",
    examples=(
        "llmprobe recommend --model llama3-70b",
        "llmprobe recommend --model qwen3-30b-a3b -c 32k --priority speed",
        "llmprobe recommend --model ./model-Q5_K_M.gguf -c max",
        "llmprobe recommend --model qwen3:8b --engine ollama --write qwen3",
        'llmprobe --gpu "RTX 4090" --ram 64GB recommend --model llama3-70b --json',
    ),
)
@argument("named", required=False, metavar="MODEL")
@option("-m", "--model", metavar="MODEL", help="help.recommend.model")
@option("-c", "--ctx-size", callback=context_or_max, metavar="N|max", help="help.recommend.ctx-size")
@option("-np", "--parallel", callback=at_least(1), default="1", metavar="N", help="help.recommend.parallel")
@option("--quant", "quants", multiple=True, metavar="Q", help="help.recommend.quant")
@option("-ctk", "--cache-type-k", type=CACHE_TYPES, help="help.recommend.cache-type-k")
@option("-ctv", "--cache-type-v", type=CACHE_TYPES, help="help.recommend.cache-type-v")
@option("--priority", type=PRIORITIES, default="balanced", help="help.recommend.priority")
@option("--for", "use", type=USES, help="help.recommend.for")
@option("--engine", default="llama.cpp", metavar="ENGINE", help="help.recommend.engine")
@option("--reserve", callback=memory, metavar="SIZE", help="help.recommend.reserve")
@option("--assume-idle", is_flag=True, help="help.recommend.assume-idle")
@option("--min-speed", callback=rate, metavar="N", help="help.recommend.min-speed")
@option("--min-quality", metavar="Q", help="help.recommend.min-quality")
@option("--top", callback=at_least(1), default="4", metavar="N", help="help.recommend.top")
@option("-mm", "--mmproj", metavar="FILE|auto|none", default="auto", help="help.estimate.mmproj")
@option("--mmproj-offload/--no-mmproj-offload", default=None, help="help.recommend.mmproj-offload")
@option("--image-min-tokens", callback=at_least(1), metavar="N", help="help.estimate.image-min-tokens")
@option("--image-max-tokens", callback=at_least(1), metavar="N", help="help.estimate.image-max-tokens")
@option("--spec-type", metavar="TYPE,...", help="help.recommend.spec-type")
@option("--spec-draft-n-max", callback=at_least(1), metavar="N", help="help.estimate.spec-draft-n-max")
@option("--explain", is_flag=True, help="help.recommend.explain")
@option("--table", is_flag=True, help="help.recommend.table")
@option("--measure/--no-measure", default=True, help="help.recommend.measure")
@option("--models-dir", "model_folders", multiple=True, metavar="DIR", help="help.recommend.models-dir")
@option("--write", metavar="DIR", help="help.recommend.write")
@json_option
@click.pass_obj
def command(
    target: Target,
    /,
    named: str | None,
    model: str | None,
    explain: bool,
    table: bool,
    measure: bool,
    model_folders: tuple[str, ...],
    write: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """
    Recommend how to run a model; nothing fits is the answer "no".
    """
    from llmprobe import api

    wanted = one_model(model, named, command="llmprobe recommend", example="--model llama3-70b")
    if write is not None:
        writing.check(write)
    snapshot = target.snapshot(model_folders=folders(target, model_folders))
    if measure and target.is_live:
        snapshot = measured(snapshot, quietly=as_json)
    spec = api.load_model(wanted, snapshot=snapshot)
    recommendation = api.recommend(spec, snapshot, explain=explain, table=table, **_wishes(**options))
    say.warn(recommendation.warnings)
    if write is not None and recommendation.choices:
        from llmprobe.output.readme import readme

        files = api.files(recommendation, spec)
        names = sorted(name for name in files if name != README)
        files[README] = readme(recommendation, spec, names, spoken())
        written = writing.write(write, files)
        say.warn((message("note.wrote", path=path) for path in written), "note")
    if as_json:
        say.document(recommendation)
    else:
        from llmprobe.output.text import pages

        pages.show_recommendation(recommendation, spoken(), explain=explain, target=target.words)
    return 0 if recommendation.choices else 3


def _wishes(
    *,
    ctx_size: int | None,
    reserve: int | None,
    image_min_tokens: int | None,
    image_max_tokens: int | None,
    spec_type: str | None,
    spec_draft_n_max: int | None,
    **others: Any,
) -> dict[str, Any]:
    drafting = {"spec_type": spec_type, "spec_draft_n_max": spec_draft_n_max}
    return {
        **{name: value for name, value in drafting.items() if value is not None},
        "ctx_size": "max" if ctx_size == LONGEST else ctx_size,
        "reserve_bytes": reserve,
        "image_min_tokens": image_min_tokens or 0,
        "image_max_tokens": image_max_tokens or 0,
        **others,
    }
