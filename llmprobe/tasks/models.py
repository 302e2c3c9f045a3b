"""
Models by name, file or URL, and what the catalog has.
"""

import msgspec

from llmprobe.errors import ModelError, UsageError
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelList, ModelSpec
from llmprobe.model import catalog, names
from llmprobe.model.loading import entries, load
from llmprobe.model.quants import file_type
from llmprobe.words.message import message


def load_model(name: str, quant: str | None = None, *, snapshot: Snapshot | None = None) -> ModelSpec:
    """
    A model, described by ``api.load_model``.

    Raises:
        ModelError: nothing has that name, or the file is not what it should be.
        UsageError: the quantization does not exist.
    """
    wanted = None if quant is None else quant_name(quant)
    if snapshot is not None:
        from llmprobe.model.installed import load_installed

        kept = load_installed(name, snapshot, quant=wanted)
        if kept is not None:
            return kept
    return load(name, quant=wanted)


def models(text: str | None = None) -> ModelList:
    """
    The models of the catalog, or those that a text may mean, first the one that ``load_model`` takes it for.

    Raises:
        ModelError: nothing is meant by the text; the nearest names are in the hint.
    """
    listed = ModelList(query=text, models=entries(text or ""))
    if text is None:
        return listed
    try:
        meant = names.resolve(text, names.Index(catalog.by_id().values())).id
    except ModelError:
        if listed.models:
            return listed
        raise
    first = next(entry for entry in (*listed.models, *entries(meant)) if entry.id == meant)
    others = tuple(entry for entry in listed.models if entry.id != meant)
    return msgspec.structs.replace(listed, meant=meant, models=(first, *others))


def check_model(model: object) -> None:
    """
    Check that a model was loaded: a name or a path is not a model yet.

    Raises:
        UsageError: it is something else.
    """
    if not isinstance(model, ModelSpec):
        raise UsageError(
            message("error.not-a-model", given=type(model).__name__), hint=message("hint.load-the-model")
        )


def quant_name(name: str) -> str:
    """
    A quantization as llama.cpp writes it.

    Raises:
        UsageError: it does not exist.
    """
    return file_type(str(name)).name
