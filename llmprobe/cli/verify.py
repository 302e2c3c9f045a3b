"""
``llmprobe verify``: an estimate beside what the engine of this machine really does.
"""

from pathlib import Path
from typing import Any

import click

from llmprobe.cli import say
from llmprobe.cli.command import Choice, Command, argument, option
from llmprobe.cli.language import spoken
from llmprobe.cli.new_file import new_file, write_new
from llmprobe.cli.options import (
    ALL,
    CACHE_TYPES,
    at_least,
    context,
    json_option,
    layers,
    one_model,
    split,
    verify_seconds,
)
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.words.message import Message, message


@click.command(
    "verify",
    cls=Command,
    help="help.verify",
    short_help="help.short.verify",
    examples=(
        "llmprobe verify ./model-Q4_K_M.gguf",
        "llmprobe verify ./model-Q4_K_M.gguf -c 8k -ngl 20 --seconds 120",
        "llmprobe verify ./model-Q4_K_M.gguf --report report.json",
    ),
)
@argument("named", required=False, metavar="MODEL")
@option("-m", "--model", metavar="MODEL", help="help.recommend.model")
@option("-c", "--ctx-size", callback=context, metavar="N", help="help.estimate.ctx-size")
@option("-ngl", "--gpu-layers", callback=layers, metavar="N|all", help="help.estimate.gpu-layers")
@option("--n-cpu-moe", callback=at_least(0), metavar="N", help="help.estimate.n-cpu-moe")
@option("-ctk", "--cache-type-k", type=CACHE_TYPES, help="help.estimate.cache-type-k")
@option("-ctv", "--cache-type-v", type=CACHE_TYPES, help="help.estimate.cache-type-v")
@option("-fa", "--flash-attn", type=Choice(("on", "off", "auto")), help="help.estimate.flash-attn")
@option("-b", "--batch-size", callback=at_least(1), metavar="N", help="help.estimate.batch-size")
@option("-ub", "--ubatch-size", callback=at_least(1), metavar="N", help="help.estimate.ubatch-size")
@option("-np", "--parallel", callback=at_least(1), metavar="N", help="help.estimate.parallel")
@option("-ts", "--tensor-split", callback=split, metavar="A,B,...", help="help.estimate.tensor-split")
@option("-nkvo", "--no-kv-offload", is_flag=True, help="help.estimate.no-kv-offload")
@option("--seconds", callback=verify_seconds, default="600", metavar="S", help="help.verify.seconds")
@option("--report", metavar="FILE", help="help.verify.report")
@json_option
@click.pass_obj
def command(
    target: Target,
    /,
    named: str | None,
    model: str | None,
    seconds: float,
    report: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """
    Compare; a buffer that differs is the answer "no".
    """
    if not target.is_live:
        raise UsageError(message("error.verify-needs-this-machine"), hint=message("hint.no-other-machine"))
    wanted = one_model(model, named, command="llmprobe verify", example="./model-Q4_K_M.gguf")
    path = None if report is None else new_file(report, "--report")
    from llmprobe.tasks import verify

    def progress(text: Message) -> None:
        if not as_json:
            say.warn([text], "note")

    answer = verify.verify(wanted, seconds=seconds, progress=progress, **_settings(**options))
    if path is not None:
        _report(path, verify.report(answer))
    if as_json:
        say.document(answer)
    else:
        from llmprobe.output.text import pages

        pages.show_verification(answer, spoken(), file=wanted)
    return {True: 0, False: 3, None: 1}[answer.agrees]


def _report(path: Path, text: str) -> None:
    write_new(path, text, "--report")
    say.warn([message("note.wrote", path=str(path))], "note")


def _settings(
    *, gpu_layers: int | None, no_kv_offload: bool, tensor_split: tuple[float, ...], **others: Any
) -> dict[str, Any]:
    """
    The settings that were given, and none other.
    """
    given = {name: value for name, value in others.items() if value is not None}
    if gpu_layers is not None:
        given["gpu_layers"] = "all" if gpu_layers == ALL else gpu_layers
    if no_kv_offload:
        given["kv_offload"] = False
    if tensor_split:
        given["tensor_split"] = tensor_split
    return given
