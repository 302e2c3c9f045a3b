"""
MLX (mlx-lm): the line that serves a choice on a Mac. It is not looked for on a machine.

Source: the package mlx-lm 0.32.2 (mlx_lm/server.py, whose options are in data/mlx_options.json).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmprobe.engines._record import Engine
from llmprobe.engines._shared.shell import line
from llmprobe.facts.engine import Abilities
from llmprobe.harmless import shell_word
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import Choice

NAME = "mlx"
ABILITIES = Abilities(backends=("metal",))


def remarks(choice: Choice, model: ModelSpec, backend: str | None) -> tuple[Message, ...]:  # noqa: ARG001 - the shape of Remarks
    """
    That it serves conversions of its own only, and has no limit of the context.
    """
    if choice.serving is None:
        return (message("engine.serves-published", engine=NAME),)
    return (message("engine.mlx-no-limit", ctx_size=choice.serving.settings.max_model_len),)


def command(choice: Choice, model: ModelSpec, backend: str | None) -> str | None:  # noqa: ARG001 - the shape of Command
    """
    The ``mlx_lm.server`` line of a choice, None where no place of the weights is known.
    """
    serving = choice.serving
    place = None if serving is None else serving.checkpoint.folder or serving.checkpoint.repository
    if serving is None or place is None or backend not in ABILITIES.backends:
        return None
    run = serving.settings
    words = ["mlx_lm.server", "--model", shell_word(place)]
    words += ["--prefill-step-size", str(run.max_num_batched_tokens)]
    words += ["--decode-concurrency", str(run.max_num_seqs)]
    return line(choice, {}, words)


ENGINE = Engine(
    name=NAME, command=command, remarks=remarks, memory=NAME, checkpoints="mlx", abilities=ABILITIES
)
