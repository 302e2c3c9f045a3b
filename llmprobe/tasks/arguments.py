"""
What programs hand to the public functions: records of the right kind, and paths.
"""

from os import PathLike, fspath
from typing import TYPE_CHECKING

from llmprobe.errors import UsageError
from llmprobe.facts.given import text
from llmprobe.facts.machine import Snapshot
from llmprobe.words.message import message

if TYPE_CHECKING:
    from llmprobe.facts.adapter import Adapter
    from llmprobe.facts.model import ModelSpec

_STRETCHED = 4
"""How far a context is stretched (YaRN) by those who make the models: https://huggingface.co/Qwen/Qwen3-8B names 4."""


def check_model(model: object) -> None:
    """
    Check that a model was loaded: a name or a path is not a model yet.

    Raises:
        UsageError: it is something else.
    """
    # Imported only here: a look at the machine has no model.
    from llmprobe.facts.model import ModelSpec

    if not isinstance(model, ModelSpec):
        raise UsageError(
            message("error.not-a-model", given=type(model).__name__), hint=message("hint.load-the-model")
        )


def context_of(model: "ModelSpec", ctx_size: object, parallel: int = 1) -> int:
    """
    A context of all slots that a model may have: up to four times what it was trained for, which is as far as it goes.

    Raises:
        UsageError: it is no number of tokens, or longer.
    """
    # Imported only here: a look at the machine has no context.
    from llmprobe.facts.estimate import trained_context
    from llmprobe.facts.given import count

    size = count("ctx_size", ctx_size, least=1, most=2**31 - 1)
    trained = trained_context(model)
    if trained is not None and size > trained * _STRETCHED * parallel:
        raise UsageError(
            message("error.context-of-no-model", ctx_size=size, model=model.name, trained=trained),
            hint=message("hint.such-as", example=f"-c {trained}"),
        )
    return size


def checked_adapters(adapters: object) -> "tuple[Adapter, ...]":
    """
    Adapters that were loaded, as a tuple.

    Raises:
        UsageError: one is something else, such as a path.
    """
    # Imported only here: most models run without.
    from llmprobe.facts.adapter import Adapter

    if not adapters:
        return ()
    listed = tuple(adapters) if isinstance(adapters, list | tuple) else (adapters,)
    for one in listed:
        if not isinstance(one, Adapter):
            raise UsageError(
                message("error.not-an-adapter", given=type(one).__name__),
                hint=message("hint.load-the-adapter"),
            )
    return listed


def check_machine(snapshot: object) -> None:
    """
    Check that a machine was probed; None is this one.

    Raises:
        UsageError: it is something else.
    """
    if snapshot is not None and not isinstance(snapshot, Snapshot):
        raise UsageError(
            message("error.not-a-machine", given=type(snapshot).__name__),
            hint=message("hint.probe-the-machine"),
        )


def check_recommendation(recommendation: object) -> None:
    """
    Check that a recommendation was made.

    Raises:
        UsageError: it is something else.
    """
    # Imported only here: who checks a machine makes none.
    from llmprobe.facts.recommendation import Recommendation

    if not isinstance(recommendation, Recommendation):
        raise UsageError(message("error.not-a-recommendation", given=type(recommendation).__name__))


def path(name: str, value: str | PathLike[str]) -> str:
    """
    A path as text.

    Raises:
        UsageError: it is something else, bytes included.
    """
    return text(name, fspath(value) if isinstance(value, PathLike) else value)
