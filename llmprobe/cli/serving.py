"""
The part of ``llmprobe estimate`` for engines that serve from a pool of cache: their own options, in their own names.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from llmprobe.cli import say
from llmprobe.cli.command import option
from llmprobe.cli.language import spoken
from llmprobe.cli.options import at_least, decimal, memory, refused
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.words.message import message

F = TypeVar("F", bound=Callable[..., Any])

_SHARED = frozenset(
    (
        "named",
        "model",
        "engine",
        "quant",
        "ctx_size",
        "parallel",
        "batch_size",
        "as_json",
        "explain",
        "spec_draft_n_max",
    )
)
"""Options of llama.cpp that mean something here: the length, the requests and tokens of a batch, what is drafted."""


def _share(_context: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """
    Read a share: ``0.92``.
    """
    if value is None:
        return None
    read = decimal(value)
    if read is None or not 0 < read <= 1:
        raise refused(param, message("error.serving-share", value=value), message("hint.serving-share"))
    return read


_OPTIONS = (
    option("-tp", "--tensor-parallel-size", callback=at_least(1), metavar="N", help="help.serving.tp"),
    option("-pp", "--pipeline-parallel-size", callback=at_least(1), metavar="N", help="help.serving.pp"),
    option(
        "-dcp", "--decode-context-parallel-size", callback=at_least(1), metavar="N", help="help.serving.dcp"
    ),
    option("--enable-expert-parallel", is_flag=True, help="help.serving.ep"),
    option("--gpu-memory-utilization", callback=_share, metavar="X", help="help.serving.share"),
    option("--mem-fraction-static", callback=_share, metavar="X", help="help.serving.static"),
    option("--kv-cache-dtype", metavar="TYPE", help="help.serving.cache-type"),
    option("--kv-cache-memory", callback=memory, metavar="SIZE", help="help.serving.pool"),
    option("--block-size", callback=at_least(1), metavar="N", help="help.serving.block"),
    option("--enable-prefix-caching/--no-enable-prefix-caching", default=None, help="help.serving.prefixes"),
    option("--enforce-eager", is_flag=True, help="help.serving.eager"),
)


def serving_options(function: F) -> F:
    """
    Give a command the options of serving engines, behind its own.
    """
    for each in reversed(_OPTIONS):
        function = each(function)
    return function


def names() -> tuple[str, ...]:
    """
    The parameters of these options.
    """
    return (
        "tensor_parallel_size",
        "pipeline_parallel_size",
        "decode_context_parallel_size",
        "enable_expert_parallel",
        "gpu_memory_utilization",
        "mem_fraction_static",
        "kv_cache_dtype",
        "kv_cache_memory",
        "block_size",
        "enable_prefix_caching",
        "enforce_eager",
    )


def is_asked(program: str) -> bool:
    """
    Whether a program (``vllm``, ``vllm@0.19``) is an engine that serves from a pool of cache.
    """
    from llmprobe import engines

    return engines.serves(program)


def refuse_here(context: click.Context) -> None:
    """
    Refuse options of serving engines beside another program.

    Raises:
        UsageError: one was given.
    """
    given = _given(context, frozenset(names()))
    if given:
        raise UsageError(
            message("error.option-of-serving", option=given[0]), hint=message("hint.option-of-serving")
        )


def answer(target: Target, context: click.Context, wanted: str, engine: str, options: dict[str, Any]) -> int:
    """
    Estimate one configuration of a serving engine; that it does not start is an answer too.

    Raises:
        UsageError: an option of llama.cpp was given that the engine does not have.
    """
    from llmprobe import api

    foreign = [name for name in context.params if name not in _SHARED and name not in names()]
    unknown = _given(context, frozenset(foreign))
    if unknown:
        raise UsageError(
            message("error.option-not-of-engine", option=unknown[0], engine=engine.partition("@")[0]),
            hint=message("hint.help", command="llmprobe estimate"),
        )
    snapshot = target.snapshot()
    spec = api.load_model(wanted, snapshot=snapshot)
    found = api.serving(
        spec,
        engine=engine,
        quant=options["quant"],
        snapshot=snapshot,
        max_model_len=options["ctx_size"] or 0,
        max_num_seqs=options["parallel"],
        max_num_batched_tokens=options["batch_size"],
        speculative_tokens=options["spec_draft_n_max"],
        kv_cache_memory_bytes=options["kv_cache_memory"],
        **{name: options[name] for name in names() if name != "kv_cache_memory"},
    )
    say.warn(found.warnings)
    if options["as_json"]:
        say.document(found)
    else:
        from llmprobe.output.text import pages

        pages.show_serving(found, spoken(), origin=snapshot.origin)
    return 0


def _given(context: click.Context, among: frozenset[str]) -> list[str]:
    """
    Which of these options stand on the command line, as they are written.
    """
    found = []
    for param in context.command.params:
        source = context.get_parameter_source(param.name or "")
        if param.name in among and source is click.core.ParameterSource.COMMANDLINE:
            found.append(max(param.opts, key=len))
    return found
