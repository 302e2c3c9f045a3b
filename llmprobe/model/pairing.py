"""
Whether a projector and a language model belong together: one must write what the other reads.

Source: llama.cpp b11549, tools/mtmd/mtmd.cpp (the widths of both must be equal).
"""

from llmprobe.errors import RefusedError
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.projector import Projector
from llmprobe.model.projectors import ImageTokens, MissingTensorError, encoders, family_of, graph
from llmprobe.words.message import message


def width_of(projector: Projector) -> int | None:
    """
    How wide the vectors are that a projector writes, None where its graph is not known.
    """
    try:
        for sizes in encoders(projector, ImageTokens()):
            if family_of(sizes.kind) is None:
                return None
            return graph(projector, sizes, sizes.warmup, flash=True).nodes[-1].ne[0]
    except (MissingTensorError, RefusedError, ArithmeticError, IndexError, ValueError):
        return None
    return None


def widths_read(model: ModelSpec) -> frozenset[int]:
    """
    The widths of the vectors that a model reads instead of tokens; empty where that is not known.
    """
    width = model.hparams.get("embedding_length")
    if not isinstance(width, int):
        return frozenset()
    deep = model.hparams.get("n_deepstack_layers")
    more = deep if isinstance(deep, int) else 3 if model.architecture.startswith("qwen3vl") else 0
    return frozenset({width, width * (1 + more)})


def belong(model: ModelSpec, projector: Projector) -> bool | None:
    """
    Whether they belong together, None where a width is not known.
    """
    written, read = width_of(projector), widths_read(model)
    return None if written is None or not read else written in read


def check(model: ModelSpec, projector: Projector) -> None:
    """
    Refuse a projector of another model, as llama.cpp does.

    Raises:
        RefusedError: its vectors have another width than the model reads.
    """
    if belong(model, projector) is False:
        raise RefusedError(
            message(
                "error.projector-of-another-model",
                name=projector.name,
                model=model.name,
                written=width_of(projector),
                read=model.hparams.get("embedding_length"),
            ),
            hint=message("hint.mmproj"),
        )
