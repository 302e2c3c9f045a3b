"""
Which of the models that engines keep on this disk a name means, and what is in its file.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from llmprobe.errors import ModelError
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.facts.machine import ModelOnDisk, Snapshot
    from llmprobe.facts.model import ModelSpec
    from llmprobe.model import names
    from llmprobe.model.catalog import Entry

SAME = 0.02
"""Two counts of parameters that differ by less may be one model: files leave small tensors out, or add some."""


def kept_models(snapshot: "Snapshot") -> "tuple[ModelOnDisk, ...]":
    """
    What the engines of this machine keep. The files of a recorded machine are not here, so it keeps nothing.
    """
    if not snapshot.this_machine:
        return ()
    return tuple(model for engine in snapshot.engines for model in engine.models)


def named(name: str, kept: "Iterable[ModelOnDisk]") -> "ModelOnDisk | None":
    """
    The model that is kept under exactly this name, or whose file has it; a whole one before a broken one.
    """
    wanted = _plain(name)
    found = [model for model in kept if wanted in _names_of(model)]
    return min(found, key=lambda model: model.problem is not None, default=None)


def load_installed(name: str, snapshot: "Snapshot", *, quant: str | None = None) -> "ModelSpec | None":
    """
    The model that is kept here under a name, None where none is.

    Raises:
        ModelError: it is there and can't be read, and nothing else has that name.
        UsageError: the quantization does not exist.
    """
    kept = named(name, kept_models(snapshot))
    if kept is None:
        return None
    from llmprobe.model.loading import load

    broken = kept.problem
    if kept.path is not None:
        try:
            return _placed(load(kept.path, quant=quant), kept, requantized=quant is not None)
        except ModelError as error:
            broken = error.message
    unusable = _unusable(kept, broken)
    try:
        known = load(name, quant=quant)
    except ModelError:
        raise ModelError(unusable, hint=message("hint.download-again-or-other")) from None
    return msgspec.structs.replace(known, notes=(unusable, message("model.from-catalog"), *known.notes))


def on_this_disk(model: "ModelSpec", snapshot: "Snapshot") -> "ModelSpec":
    """
    A catalogued model as the file that an engine here keeps of it, where one does, with its exact tensors.

    A file counts as that model when its name means it, and its architecture and size are the same. What is broken
    or half there is said among the notes.
    """
    if model.source != "catalog" or model.quant is not None:
        return model
    if model.published is not None and model.published.stem is not None:
        # Of a fine-tune only the shape is that of the catalog's model.
        return model
    from llmprobe.model.loading import load

    notes = []
    found: list[ModelSpec] = []
    for kept in kept_models(snapshot):
        if not _means(kept, model.id):
            continue
        if kept.path is None:
            notes.append(_unusable(kept, kept.problem))
            continue
        try:
            spec = load(kept.path)
        except ModelError as error:
            notes.append(_unusable(kept, error.message))
            continue
        if _is_alike(spec, model.architecture, model.parameters) and spec.quant is not None:
            found.append(_placed(spec, kept))
    if not found:
        return msgspec.structs.replace(model, notes=(*model.notes, *notes)) if notes else model
    # The largest file loses the least; a smaller one is named.
    found.sort(key=lambda spec: -_bytes_of(spec))
    notes += [message("model.also-on-disk", quant=spec.quant, path=spec.path) for spec in found[1:]]
    return msgspec.structs.replace(
        found[0],
        id=model.id,
        name=model.name,
        family=model.family,
        active_parameters=model.active_parameters,
        max_context=found[0].max_context or model.max_context,
        repo=model.repo,
        thinking=model.thinking,
        thinking_tokens=model.thinking_tokens,
        published_quant=model.published_quant,
        published=model.published,
        projector=found[0].projector or model.projector,
        notes=(*found[0].notes, *notes),
    )


def uncatalogued(snapshot: "Snapshot") -> "Iterator[tuple[ModelOnDisk, ModelSpec | Message]]":
    """
    The models that engines keep here and that are none of the catalog, each file once, as they were read; a message
    says why one cannot be used.
    """
    from llmprobe.model.loading import load

    seen: set[str] = set()
    for kept in kept_models(snapshot):
        if kept.path is None:
            if _catalogued(kept) is None:
                yield kept, _unusable(kept, kept.problem)
            continue
        if kept.path in seen:
            continue
        seen.add(kept.path)
        try:
            spec = load(kept.path)
        except ModelError as error:
            yield kept, _unusable(kept, error.message)
            continue
        entry = _catalogued(kept)
        if entry is None or not _is_alike(spec, entry.architecture, entry.parameters):
            yield kept, _placed(spec, kept)


def _catalogued(kept: "ModelOnDisk") -> "Entry | None":
    """
    The model of the catalog that the name of a kept one means without any doubt.
    """
    from llmprobe.model import names
    from llmprobe.model.known import known

    for name in _said(kept):
        try:
            found = names.resolve(name, _index())
        except ModelError:
            continue
        if not found.notes:
            return known().entries[found.id]
    return None


def _said(kept: "ModelOnDisk") -> tuple[str, ...]:
    """
    What a kept model is called, by its repository first.
    """
    return tuple(filter(None, (kept.repo, kept.name, kept.name.rpartition("/")[2])))


def _is_alike(spec: "ModelSpec", architecture: str, parameters: int) -> bool:
    return spec.architecture == architecture and abs(spec.parameters - parameters) <= SAME * parameters


def _placed(spec: "ModelSpec", kept: "ModelOnDisk", *, requantized: bool = False) -> "ModelSpec":
    note = message("model.read-from-disk", name=kept.name, kept_by=kept.kept_by, quant=spec.quant)
    name = kept.name.removesuffix(":latest").rpartition("/")[2].removesuffix(".gguf")
    if kept.projector is not None and spec.projector is None:
        from llmprobe.model.projector_of import with_projector_of

        spec = with_projector_of(spec, kept.projector)
    return msgspec.structs.replace(
        spec,
        id=name.lower(),
        repo=spec.repo or kept.repo,
        kept_as=kept.name,
        source=spec.source if requantized else "installed",
        notes=(*spec.notes, note),
    )


def _unusable(kept: "ModelOnDisk", why: Message | None) -> Message:
    return message("model.kept-unusable", name=kept.name, kept_by=kept.kept_by, reason=why)


def _bytes_of(spec: "ModelSpec") -> int:
    from llmprobe.model.quants import tensor_bytes

    return sum(tensor_bytes(tensor.shape, str(tensor.type)) for tensor in spec.tensors)


def _means(kept: "ModelOnDisk", model_id: str) -> bool:
    """
    Tell whether the name of a kept model, or its repository's, means a model of the catalog without any doubt.
    """
    from llmprobe.model import names

    # Naming what is nearest to an unknown name takes long, so most are told apart by their family's word.
    family = re.match("[a-z]*", model_id)
    if family is None or family.group() not in kept.name.casefold():
        return False
    for name in _said(kept):
        try:
            found = names.resolve(name, _index())
        except ModelError:
            continue
        if found.id == model_id and not found.notes:
            return True
    return False


@cache
def _index() -> "names.Index":
    from llmprobe.model import names
    from llmprobe.model.known import known

    return names.Index(known().entries.values())


def _plain(name: str) -> str:
    return name.casefold().replace("\\", "/").removesuffix(":latest").removesuffix(".gguf")


def _names_of(kept: "ModelOnDisk") -> set[str]:
    """
    The names that a person has for a kept model: whole, without the host, its repository, its file.
    """
    whole = _plain(kept.name)
    names = {whole, whole.removeprefix("hf.co/"), whole.removeprefix("huggingface.co/")}
    if "/" in whole and ":" not in whole:
        names |= {whole.rpartition("/")[2], whole.rpartition("/")[0]}
    return names
