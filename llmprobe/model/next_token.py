"""
A model with the layers that predict a token more (MTP): as its file has them, or as the family publishes them.
"""

from threading import Lock

import msgspec

from llmprobe.errors import RefusedError
from llmprobe.facts.model import Hparams, ModelSpec
from llmprobe.model import archs
from llmprobe.model.archs._shared.family import Family
from llmprobe.words.message import message

_MOST_KEPT = 4
_kept: list[tuple[ModelSpec, ModelSpec]] = []
_lock = Lock()
"""Models that were asked about last, and what was made of them."""


def has_next_token(model: ModelSpec) -> bool:
    """
    Whether the model has layers that predict a token more.
    """
    return bool(model.hparams.get("nextn_predict_layers"))


def publishes_next_token(model: ModelSpec) -> bool:
    """
    Whether a model of the catalog can be had with such layers, though its usual file is without.
    """
    family = archs.get(model.architecture)
    return family is not None and family.published_next_token > 0 and model.source == "catalog"


def can_draft(model: ModelSpec) -> bool:
    """
    Whether a model can draft for itself: ``with_next_token`` refuses no such model.
    """
    family = archs.get(model.architecture)
    if has_next_token(model):
        return family is None or family.draft_graph is not None
    return publishes_next_token(model)


def with_next_token(model: ModelSpec) -> ModelSpec:
    """
    The model with these layers; one of the catalog as its family publishes it, with a note about the file, which only
    some of its repositories have. The same record is given for the same one, so that its estimator can be kept.

    Raises:
        RefusedError: it has none, or llama.cpp leaves them unread.
    """
    family = archs.get(model.architecture)
    if has_next_token(model):
        if family is not None and family.draft_graph is None:
            raise RefusedError(
                message("error.next-token-unread", architecture=model.architecture),
                hint=message("hint.next-token-unread"),
            )
        return model
    if family is None or not publishes_next_token(model):
        raise RefusedError(
            message("error.no-next-token", model=model.name), hint=message("hint.no-next-token")
        )
    with _lock:
        found = next((made for asked, made in _kept if asked is model), None)
        if found is None:
            found = _published(model, family)
        _kept[:] = [*(pair for pair in _kept if pair[0] is not model), (model, found)][-_MOST_KEPT:]
    return found


def _published(model: ModelSpec, family: Family) -> ModelSpec:
    hparams = _with_layers(model.hparams, family.published_next_token)
    tensors = family.tensors(hparams)
    published = model.published
    if published is not None:
        published = msgspec.structs.replace(published, repositories=published.next_token)
    known = published is not None and published.repositories
    return msgspec.structs.replace(
        model,
        hparams=hparams,
        tensors=tensors,
        file_parameters=sum(tensor.elements for tensor in tensors),
        published=published,
        notes=(
            *model.notes,
            message("note.next-token-file", model=model.name, repository=known[0] if known else None),
        ),
    )


def _with_layers(hparams: Hparams, further: int) -> Hparams:
    """
    The sizes with so many layers more: each like the last, where they are listed by layer.
    """
    count = int(hparams["block_count"])
    found = {
        key: [*value, *[value[-1]] * further]
        if isinstance(value, list | tuple) and len(value) == count
        else value
        for key, value in hparams.items()
    }
    return found | {"block_count": count + further, "nextn_predict_layers": further}
