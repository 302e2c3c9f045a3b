"""
``llmprobe recommend``: the best way to run a model on this machine, and what else is possible.
"""

from pathlib import Path
from typing import Any

import click

from llmprobe.cli import say, writing
from llmprobe.cli.options import CACHE_TYPES, LONGEST, at_least, context_or_max, json_option, rate, size
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError


@click.command("recommend", short_help="The best way to run a model here.")
@click.option(
    "-m", "--model", required=True, metavar="M", help="A name, a GGUF file, or a folder with config.json."
)
@click.option(
    "-c",
    "--ctx-size",
    callback=context_or_max,
    metavar="N|max",
    help="The context in tokens over all slots; max is the longest that fits.",
)
@click.option(
    "-np", "--parallel", callback=at_least(1), default="1", metavar="N", help="Slots that answer at once."
)
@click.option(
    "--quant", "quants", multiple=True, metavar="Q", help="Only this quantization; may be repeated."
)
@click.option("-ctk", "--cache-type-k", type=CACHE_TYPES, help="Only this type for the K cache.")
@click.option("-ctv", "--cache-type-v", type=CACHE_TYPES, help="Only this type for the V cache.")
@click.option(
    "--priority",
    type=click.Choice(("balanced", "quality", "speed", "context")),
    default="balanced",
    help="What counts most where one costs the other.",
)
@click.option(
    "--engine",
    default="llama.cpp",
    metavar="ENGINE",
    help="What will run it: llama.cpp, ollama, lmstudio or vllm.",
)
@click.option(
    "--reserve",
    callback=size,
    metavar="SIZE",
    help="Leave this much of each GPU free (512MiB when not said).",
)
@click.option("--assume-idle", is_flag=True, help="Count what other processes hold as free.")
@click.option("--min-speed", callback=rate, metavar="N", help="Only what generates N tokens a second.")
@click.option(
    "--min-quality", metavar="Q", help="Nothing that loses more than this quantization, such as Q4_K_M."
)
@click.option("--top", callback=at_least(1), default="4", metavar="N", help="How many choices to show.")
@click.option(
    "--explain",
    is_flag=True,
    help="Also say what would change the answer, how choices were weighed, every term, and all rejected.",
)
@click.option(
    "--models-dir",
    "model_folders",
    multiple=True,
    metavar="DIR",
    help="Also look for models in this folder of this machine; may be repeated.",
)
@click.option("--write", metavar="DIR", help="Write the first choice as files for the engine.")
@json_option
@click.pass_obj
def command(
    target: Target,
    /,
    model: str,
    explain: bool,
    model_folders: tuple[str, ...],
    write: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """
    Find the best quantization, context, cache type and placement for a model on this machine.

    A context that was asked for is kept or refused, never changed. The exit code is 3 when nothing fits.

    \b
    Examples:
      llmprobe recommend --model llama3-70b
      llmprobe recommend --model qwen3-30b-a3b -c 32768 --priority speed
      llmprobe recommend --model ./model-Q5_K_M.gguf -c max
      llmprobe recommend --model qwen3:8b --engine ollama --write qwen3
      llmprobe --gpu "RTX 4090" --ram 64GiB recommend --model llama3-70b --json
    """
    from llmprobe import api

    if write is not None:
        writing.check(write)
    snapshot = target.snapshot(model_folders=_folders(target, model_folders))
    spec = api.load_model(model, snapshot=snapshot)
    recommendation = api.recommend(spec, snapshot, explain=explain, **_wishes(**options))
    say.warn(recommendation.warnings)
    if write is not None and recommendation.choices:
        written = writing.write(write, api.files(recommendation, spec))
        say.warn((f"wrote {path}" for path in written), "note")
    if as_json:
        say.document(recommendation)
    else:
        from llmprobe.output.text import pages as human

        human.show_recommendation(recommendation, explain=explain)
    return 0 if recommendation.choices else 3


def _wishes(*, ctx_size: int | None, reserve: int | None, **others: Any) -> dict[str, Any]:
    return {"ctx_size": "max" if ctx_size == LONGEST else ctx_size, "reserve_bytes": reserve, **others}


def _folders(target: Target, given: tuple[str, ...]) -> tuple[str, ...]:
    """
    Refuse folders of a machine that is not this one, and folders that are not there.
    """
    if given and not target.is_live:
        raise UsageError(
            "--models-dir is a folder of this machine, and another one was named",
            hint="leave --replay, --gpu and --ram out",
        )
    for folder in given:
        try:
            there = Path(folder).is_dir()
        except OSError as error:
            raise UsageError(f"--models-dir: {folder!r}: {(error.strerror or 'not there').lower()}") from None
        if not there:
            raise UsageError(f"--models-dir: there is no folder {folder!r}")
    return tuple(str(Path(folder).absolute()) for folder in given)
