"""
A model by its name or by its file: the one place of this package that opens files.
"""

from functools import cache
from pathlib import Path

import msgspec

from llmprobe.errors import ModelError
from llmprobe.facts.model import CatalogEntry, ModelSpec
from llmprobe.model import archs, catalog, names
from llmprobe.model.formats import gguf, gguf_model
from llmprobe.model.quants import assign, file_type, typed

_NOT_LISTED = "its tensors can't be listed yet; with the path of its GGUF file it can be estimated"


def load(name: str, *, quant: str | None = None) -> ModelSpec:
    """
    Return the model that a name, or the path of a GGUF file, means.

    With ``quant``, or where the name ends in a quantization, the model has that file type and its tensors their types.

    Raises:
        ModelError: nothing has that name, the file is not what it should be, or its architecture is not known.
        UsageError: the quantization does not exist.
    """
    path = Path(name).expanduser()
    if _is_file(name, path):
        spec = _from_file(path)
        return spec if quant is None or file_type(quant).name == spec.quant else _requantized(spec, quant)
    if _looks_like_path(name) and path.is_dir():
        raise ModelError(f"{name} is a folder, which can't be read yet", hint=_folder_hint(path))
    found = names.resolve(name, _index())
    notes = [] if found.note is None else [found.note]
    if name.lower().startswith(("http:", "https:", "hf:", "hf.co/")):
        notes.append("nothing was downloaded: this is the catalog's model of that name")
    spec = _from_catalog(catalog.by_id()[found.id], notes)
    wanted = quant or found.quant
    return spec if wanted is None else _requantized(spec, wanted)


def entries(text: str | None = None) -> tuple[CatalogEntry, ...]:
    """
    Return the models of the catalog, or those that a text may mean.
    """
    found = names.matching(text, _index()) if text else catalog.by_id()
    return tuple(_listed(catalog.by_id()[name]) for name in found)


def _listed(entry: catalog.Entry) -> CatalogEntry:
    note = entry.note if archs.get(entry.architecture) is not None else _NOT_LISTED
    return catalog.listing(entry, note)


@cache
def _index() -> names.Index:
    return names.Index(catalog.by_id().values())


def _is_file(name: str, path: Path) -> bool:
    """
    Return whether a name is a path: of a file that is there, or of one that should be.
    """
    if path.is_file():
        return True
    # owner/Model-Q4_K_M.gguf is also how a file of a repository is written, which the catalog may know.
    return (
        name.lower().endswith(".gguf")
        and _looks_like_path(name)
        and (path.is_absolute() or path.parent.is_dir())
    )


def _looks_like_path(name: str) -> bool:
    return "/" in name or "\\" in name or name in (".", "..")


def _from_catalog(entry: catalog.Entry, notes: list[str]) -> ModelSpec:
    family = archs.get(entry.architecture)
    if family is None:
        raise ModelError(
            f"{entry.name} is of the architecture {entry.architecture}, whose tensors can't be listed yet",
            hint="the path of its GGUF file works: a file lists its tensors itself",
        )
    hparams = entry.metadata()
    tensors = family.tensors(hparams)
    file_parameters = sum(tensor.elements for tensor in tensors)
    return ModelSpec(
        id=entry.id,
        name=entry.name,
        family=catalog.family_of()[entry.id],
        architecture=entry.architecture,
        hparams=hparams,
        tensors=tensors,
        parameters=file_parameters - gguf_model.next_n_elements(tensors, hparams),
        active_parameters=entry.active_parameters,
        file_parameters=file_parameters,
        max_context=entry.max_context,
        source="catalog",
        repo=entry.repo,
        published_quant=entry.published_quant,
        notes=(*notes, *((entry.note,) if entry.note is not None else ())),
    )


def _requantized(spec: ModelSpec, quant: str) -> ModelSpec:
    name = file_type(quant).name
    types = assign(spec.tensors, spec.architecture, spec.hparams, name, published=spec.published_quant)
    return msgspec.structs.replace(spec, quant=name, tensors=typed(spec.tensors, types))


def _from_file(path: Path) -> ModelSpec:
    header = _header(path)
    headers = [header]
    total = header.metadata.get("split.count", 1)
    if isinstance(total, int) and total > 1:
        parts = [path.with_name(part) for part in gguf_model.shard_names(path.name, total)]
        missing = [part.name for part in parts if not part.is_file()]
        if missing:
            raise ModelError(
                f"{path.name} is one of {total} parts, and {missing[0]} is not beside it",
                hint="put all parts of the set into one folder",
            )
        headers = [header if part == path else _header(part) for part in parts]
    return gguf_model.spec(headers, path.name, str(path))


def _header(path: Path) -> gguf.Header:
    try:
        size = path.stat().st_size
        with path.open("rb", buffering=0) as file:

            def read_at(offset: int, length: int) -> bytes:
                file.seek(offset)
                return file.read(length)

            return gguf.read_header(read_at, size, path.name)
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror}") from error


def _folder_hint(path: Path) -> str:
    files = sorted(path.glob("*.gguf"))
    if files:
        return f"give one of its GGUF files, such as {files[0]}"
    return "give the path of a GGUF file, or the name of a model"
