"""
SGLang: the line that serves a choice. It is not looked for on a machine.

Source: the package sglang 0.5.23 (srt/arg_groups/fields, whose options are in data/sglang_options.json).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llmprobe.engines._record import Engine
from llmprobe.engines._shared.shell import line, shown, uneven, visible
from llmprobe.facts.engine import Abilities
from llmprobe.harmless import shell_word
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.facts.fleet import Launcher, Node
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import Choice
    from llmprobe.facts.serving import ServingSettings

NAME = "sglang"
ABILITIES = Abilities(backends=("cuda", "rocm"))
PARTITION = "SGLANG_PP_LAYER_PARTITION"
"""The same as vLLM's. Source: SGLang 0.5.23, srt/distributed/utils.py: get_pp_indices."""
MEETING_PORT = 20000
"""A free port of the first machine, where the others find it; SGLang has no default."""
_CACHE_TYPES = {"fp8": "fp8_e4m3"}


def remarks(choice: Choice, model: ModelSpec, backend: str | None) -> tuple[Message, ...]:  # noqa: ARG001 - the shape of Remarks
    """
    That it serves published weights only.
    """
    return (message("engine.serves-published", engine=NAME),) if choice.serving is None else ()


def command(choice: Choice, model: ModelSpec, backend: str | None) -> str | None:  # noqa: ARG001 - the shape of Command
    """
    The line that serves a choice with every setting that its figures stand on, None where no place is known.
    """
    serving = choice.serving
    place = None if serving is None else serving.checkpoint.folder or serving.checkpoint.repository
    if serving is None or place is None or backend not in ABILITIES.backends:
        return None
    return line(choice, visible(choice, backend), _words(place, serving.settings))


def _words(place: str, run: ServingSettings) -> list[str]:
    """
    The words of the server's command.
    """
    kind = _CACHE_TYPES.get(run.kv_cache_dtype, run.kv_cache_dtype)
    words = ["python", "-m", "sglang.launch_server", "--model-path", shell_word(place)]
    for option, value, default in (
        ("--tp-size", run.tensor_parallel_size, 1),
        ("--pp-size", run.pipeline_parallel_size, 1),
        ("--ep-size", run.tensor_parallel_size if run.enable_expert_parallel else 1, 1),
        ("--context-length", run.max_model_len, None),
        ("--max-running-requests", run.max_num_seqs, None),
        ("--chunked-prefill-size", run.max_num_batched_tokens, None),
        ("--mem-fraction-static", f"{run.mem_fraction_static:g}", None),
        ("--kv-cache-dtype", kind, "auto"),
    ):
        if value != default:
            words += [option, str(value)]
    return words


def across(
    choice: Choice,
    backend: str | None,
    nodes: Sequence[Node],
    launcher: Launcher,  # noqa: ARG001 - the shape of Across
) -> tuple[tuple[int, str], ...]:
    """
    The server's line with its rank on each machine; the first one answers.
    """
    serving = choice.serving
    place = None if serving is None else serving.checkpoint.folder or serving.checkpoint.repository
    if serving is None or place is None or backend not in ABILITIES.backends:
        return ()
    words, main = _words(place, serving.settings), f"{shell_word(nodes[0].address)}:{MEETING_PORT}"
    return tuple(
        (
            rank,
            line(
                choice,
                shown(node, backend) | uneven(PARTITION, nodes),
                [*words, "--nnodes", str(len(nodes)), "--node-rank", str(rank), "--dist-init-addr", main],
            ),
        )
        for rank, node in enumerate(nodes)
    )


ENGINE = Engine(
    name=NAME,
    command=command,
    remarks=remarks,
    memory=NAME,
    across=across,
    launchers=("mp",),
    abilities=ABILITIES,
)
