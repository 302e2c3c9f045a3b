"""
Models by name, file or URL, and what the catalog has.
"""

from collections.abc import Iterable

import msgspec

from llmprobe.errors import ModelError, UsageError
from llmprobe.facts import given
from llmprobe.facts.adapter import Adapter
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelList, ModelSpec
from llmprobe.model.catalog import DATE
from llmprobe.model.from_catalog import entries, meant
from llmprobe.model.known import known
from llmprobe.model.loading import load
from llmprobe.model.quants import FILE_TYPE_NAMES, file_type, taken_for
from llmprobe.tasks.arguments import check_machine
from llmprobe.words.message import Message, message


def load_model(
    name: str, quant: str | None = None, *, snapshot: Snapshot | None = None, draft: bool = False
) -> ModelSpec:
    """
    A model, described by ``api.load_model``.

    Raises:
        ModelError: nothing has that name, or the file is not what it should be.
        UsageError: the quantization does not exist.
    """
    check_machine(snapshot)
    wanted = None if quant is None else _quant_of(name, quant)
    if snapshot is not None:
        from llmprobe.model.installed import load_installed

        kept = load_installed(name, snapshot, quant=wanted)
        if kept is not None:
            return kept
    return load(name, quant=wanted, draft=draft)


def load_named(name: str, quant: str | None = None, *, snapshot: Snapshot | None = None) -> ModelSpec:
    """
    A model by its name alone, of the catalog or of those that engines keep on the machine of ``snapshot``.

    No path is opened and no address asked, whatever the name looks like: it may come from a stranger.

    Raises:
        ModelError: nothing has that name.
        UsageError: the quantization does not exist.
    """
    from llmprobe.model.from_catalog import named

    wanted = None if quant is None else quant_name(quant)
    if snapshot is not None and snapshot.this_machine:
        from llmprobe.model.installed import load_installed

        kept = load_installed(name, snapshot, quant=wanted)
        if kept is not None:
            return kept
    return named(name, wanted)


def _quant_of(name: str, quant: str) -> str:
    """
    A quantization for the model of a name, which is loaded only where the quantization is no type of llama.cpp.
    """
    try:
        return quant_name(quant)
    except UsageError as error:
        try:
            model = load(name)
        except ModelError:
            raise error from None
        return quant_name(quant, model)


def load_adapter(name: str) -> Adapter:
    """
    An adapter, described by ``api.load_adapter``.

    Raises:
        ModelError: there is no such file, or it is no adapter.
    """
    from llmprobe.model.loading import load_adapter

    return load_adapter(name)


def models(text: str | None = None) -> ModelList:
    """
    The models of the catalog, or those that a text may mean, first the one that ``load_model`` takes it for.

    Raises:
        ModelError: nothing is meant by the text; the nearest names are in the hint.
    """
    if text is not None:
        given.text("text", text)
    everything = known()
    listed = ModelList(
        query=text,
        catalog_date=DATE,
        own_folder=everything.folder,
        problems=everything.problems,
        models=entries(text or ""),
    )
    if text is None:
        return listed
    try:
        wanted = meant(text)
    except ModelError:
        if listed.models:
            return listed
        raise
    first = next(entry for entry in (*listed.models, *entries(wanted)) if entry.id == wanted)
    others = tuple(entry for entry in listed.models if entry.id != wanted)
    return msgspec.structs.replace(listed, meant=wanted, models=(first, *others))


def named_so(beginning: str) -> tuple[tuple[str, str], ...]:
    """
    The models of the catalog whose id begins so, or else one of their aliases: what to type, and the name for people.
    """
    beginning = beginning.lower()
    found = []
    for entry in known().entries.values():
        names = [entry.id] if entry.id.startswith(beginning) else entry.aliases
        found += [(name, entry.name) for name in names if name.lower().startswith(beginning)]
    return tuple(found)


def quantizations() -> tuple[str, ...]:
    """
    The types of files that llama.cpp makes and names.
    """
    return tuple(FILE_TYPE_NAMES.values())


def quant_name(name: str, model: ModelSpec | None = None) -> str:
    """
    A quantization as llama.cpp writes it.

    Raises:
        UsageError: it does not exist, or another program loads it; of a known model its file's size is said.
    """
    try:
        found = file_type(str(name)).name
    except UsageError as error:
        if model is None:
            raise
        from llmprobe.model.elsewhere import hint

        found_elsewhere = hint(model, str(name))
        if found_elsewhere is None:
            raise
        raise UsageError(error.message, hint=found_elsewhere) from None
    own = None if model is None else model.published_quant
    # The same type under the name that the model is published with.
    return own if own is not None and file_type(own).name == found else found


def quant_notes(names: Iterable[str]) -> tuple[Message, ...]:
    """
    What names were taken for that say only how many bits (``int4``).
    """
    taken = [(name, taken_for(name)) for name in names]
    return tuple(
        message("note.quant-taken-for", typed=name, quant=quant) for name, quant in taken if quant is not None
    )
