"""
A model of the catalog: by any of its names, in any quantization.
"""

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from llmprobe.errors import ModelError
from llmprobe.facts.model import CatalogEntry, ModelSpec, Published
from llmprobe.model import archs, catalog
from llmprobe.model.known import known, listing
from llmprobe.model.literal_names import as_written, literal
from llmprobe.model.quants import assign, file_type, followed, typed
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.model import names

_ASSUMED = frozenset(("name.same-shape", "name.fine-tune"))
"""Notes of a name that is another model's, of which only the shape is known."""


def named(name: str, quant: str | None) -> ModelSpec:
    """
    The model of the catalog that a name means, in a quantization where one is given or the name ends in one.

    Raises:
        ModelError: nothing has that name, or its architecture is not known.
        UsageError: the quantization does not exist.
    """
    written = _literal().get(as_written(name))
    if written is not None:
        spec = of_catalog(known().entries[written])
        return spec if quant is None else requantized(spec, quant)
    try:
        found = _resolved(name)
    except ModelError as error:
        own = known().problem_of(name)
        if own is not None:
            raise ModelError(own, hint=error.hint) from None
        if not name.lower().endswith(".gguf"):
            raise
        raise ModelError(
            message("error.no-file-no-name", file=name, reason=error.message), hint=error.hint
        ) from None
    notes = list(found.notes)
    if name.lower().startswith(("http:", "https:", "hf:", "hf.co/")):
        notes.append(message("model.from-catalog-not-address"))
    spec = _as_asked(_from_catalog(known().entries[found.id], notes), name)
    other = next((note.values["quant"] for note in notes if note.id == "name.quant-ignored"), None)
    if other is not None:
        from llmprobe.model.elsewhere import with_size
        from llmprobe.model.names import grammar

        told = with_size(spec, str(other), grammar.parse(name).repo)
        spec = msgspec.structs.replace(spec, notes=told)
    wanted = quant or found.quant
    return spec if wanted is None else requantized(spec, wanted)


def _as_asked(spec: ModelSpec, name: str) -> ModelSpec:
    """
    A model with the places that a name gives it: the repository that was typed, and none of the base's for a fine-tune.
    """
    from llmprobe.model.names import grammar

    typed_name = grammar.parse(name)
    repo = typed_name.repo
    files = repo if repo is not None and repo.lower().endswith("gguf") else None
    if any(note.id in _ASSUMED for note in spec.notes):
        published = Published(asked=files, stem=typed_name.rest)
        return msgspec.structs.replace(spec, published=published, repo=repo if files is None else None)
    if files is None or spec.published is None:
        return spec
    return msgspec.structs.replace(spec, published=msgspec.structs.replace(spec.published, asked=files))


def of_catalog(entry: catalog.Entry) -> ModelSpec:
    """
    The model of an entry of the catalog.

    Raises:
        ModelError: its architecture is not known.
    """
    return _from_catalog(entry, [])


def entries(text: str | None = None) -> tuple[CatalogEntry, ...]:
    """
    The models of the catalog, or those that a text may mean.
    """
    return tuple(listing(known().entries[name]) for name in (_matching(text) if text else known().entries))


def meant(text: str) -> str:
    """
    The id of the model of the catalog that a name means.

    Raises:
        ModelError: nothing has that name.
    """
    return _literal().get(as_written(text)) or _resolved(text).id


def _resolved(text: str) -> "names.Resolution":
    from llmprobe.model import names

    return names.resolve(text, _index())


def _matching(text: str) -> list[str]:
    from llmprobe.model import names

    return names.matching(text, _index())


@cache
def _literal() -> dict[str, str]:
    return literal(known().entries.values())


@cache
def _index() -> "names.Index":
    from llmprobe.model import names

    return names.Index(known().entries.values())


def requantized(spec: ModelSpec, quant: str) -> ModelSpec:
    """
    The same model in another file type.

    Raises:
        UsageError: the quantization does not exist.
    """
    name = file_type(quant).name
    types = assign(spec.tensors, spec.architecture, spec.hparams, name, published=spec.published_quant)
    # What a rule says of such files is not what this one holds.
    path = spec.path if followed(name) == name else None
    return msgspec.structs.replace(
        spec, quant=name, imatrix=None, tensors=typed(spec.tensors, types), path=path
    )


def _from_catalog(entry: catalog.Entry, notes: list[Message]) -> ModelSpec:
    family = archs.get(entry.architecture)
    if family is None:
        raise ModelError(
            message("error.architecture-not-listed", model=entry.name, architecture=entry.architecture),
            hint=message("hint.gguf-lists-itself"),
        )
    hparams = entry.metadata()
    tensors = family.tensors(hparams)
    file_parameters = sum(tensor.elements for tensor in tensors)
    projector = None
    if entry.mmproj is not None:
        from llmprobe.model.projectors import described

        projector = described(entry.mmproj, int(hparams["embedding_length"]), f"mmproj of {entry.name}")
    return ModelSpec(
        id=entry.id,
        name=entry.name,
        family=known().families[entry.id],
        architecture=entry.architecture,
        hparams=hparams,
        tensors=tensors,
        parameters=entry.parameters,
        active_parameters=entry.active_parameters,
        file_parameters=file_parameters,
        max_context=entry.max_context,
        source="catalog",
        repo=entry.repo,
        thinking=entry.thinking,
        thinking_tokens=entry.thinking_tokens,
        published_quant=entry.published_quant,
        published=Published(
            repositories=entry.gguf,
            ollama=entry.ollama,
            embeds=entry.modality == "embedding",
            projector=entry.projector is not False and (entry.projector is True or "+" in entry.modality),
            next_token=entry.gguf_mtp,
        ),
        projector=projector,
        notes=(*notes, *known().notes(entry)),
    )
