"""
Every model that is known by name: those of the catalog, and the entries that the user wrote.

An own entry is checked when it is read: its fields, and its count of parameters against the tensors that its
hyper-parameters give. A bad one is left out and named in one sentence; the others count. ``docs/catalog.md`` shows one.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from llmprobe.errors import ModelError
from llmprobe.facts.model import CatalogEntry, Tensor
from llmprobe.model import archs, catalog
from llmprobe.source import model_files
from llmprobe.words.message import Message, message

FOLDER_VARIABLE = "LLMPROBE_CATALOG"
"""Names the folder of own entries; empty is none."""

LARGEST = 1 << 20
MOST_FILES = 200
SAME_COUNT = 0.001
"""A stated count may be rounded to three digits."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """
    All entries by id, the user's own first, and the family of each.

    ``own`` has the file of each own entry, ``replaced`` the ids of own entries that the catalog has, too, and
    ``taken`` names of the catalog that mean an own entry now. ``folder`` is where own entries are looked for.
    """

    entries: dict[str, catalog.Entry]
    families: dict[str, str]
    own: dict[str, str] = {}
    replaced: frozenset[str] = frozenset()
    taken: dict[str, tuple[str, ...]] = {}
    problems: tuple[Message, ...] = ()
    folder: str | None = None

    def problem_of(self, name: str) -> Message | None:
        """
        What is wrong with the own entry of this id, None where none of that id was left out.
        """
        return next((one for one in self.problems if one.values.get("entry") == name), None)

    def notes(self, entry: catalog.Entry) -> tuple[Message, ...]:
        """
        What must be known of an entry: that it is the user's own, what it stands in for, and what is odd about it.
        """
        notes = []
        if entry.id in self.own:
            notes.append(
                message(
                    "model.own-entry",
                    file=self.own[entry.id],
                    replaced=entry.id if entry.id in self.replaced else None,
                    taken=self.taken.get(entry.id, ()),
                )
            )
        if entry.note is not None:
            notes.append(message(f"catalog.{entry.note}"))
        if entry.mmproj is None and ("vision" in entry.modality or "audio" in entry.modality):
            unread = entry.projector is False
            notes.append(message("model.projector-none" if unread else "model.projector-not-described"))
        return tuple(notes)


@cache
def known() -> Known:
    """
    Every model that is known by name, read once.
    """
    entries = catalog.by_id()
    families = {entry.id: family.family for family in catalog.families() for entry in family.models}
    folder = own_folder()
    if folder is None or not folder.is_dir():
        return Known(entries=entries, families=families, folder=None if folder is None else str(folder))
    own, files, own_families, problems = _read(folder)
    names = {name.casefold(): entry.id for entry in entries.values() for name in (entry.name, *entry.aliases)}
    taken = {
        entry.id: tuple(
            name for name in (entry.name, *entry.aliases) if names.get(name.casefold(), entry.id) != entry.id
        )
        for entry in own.values()
    }
    return Known(
        entries={**own, **{name: entry for name, entry in entries.items() if name not in own}},
        families={**families, **own_families},
        own=files,
        replaced=frozenset(own.keys() & entries.keys()),
        taken=taken,
        problems=tuple(problems),
        folder=str(folder),
    )


def own_folder() -> Path | None:
    """
    The folder of own entries: that of the environment, or ``catalog`` in the user's configuration of this program.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    base = os.environ.get("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME")
    try:
        return (Path(base) if base else Path.home() / ".config") / "llmprobe" / "catalog"
    except RuntimeError:
        return None


def listing(entry: catalog.Entry) -> CatalogEntry:
    """
    An entry as ``llmprobe models`` lists it.
    """
    everything = known()
    note = message("model.tensors-not-known") if archs.get(entry.architecture) is None else None
    return CatalogEntry(
        id=entry.id,
        name=entry.name,
        family=everything.families[entry.id],
        architecture=entry.architecture,
        parameters=entry.parameters,
        active_parameters=entry.active_parameters,
        aliases=entry.aliases,
        max_context=entry.max_context,
        repo=entry.repo,
        released=entry.released,
        license=entry.license,
        modality=entry.modality,
        thinking=entry.thinking,
        thinking_switch=entry.thinking_switch,
        thinking_tokens=entry.thinking_tokens,
        next_token_layers=entry.next_token_layers,
        projector=entry.projector,
        ollama=entry.ollama,
        gguf=entry.gguf,
        own_file=everything.own.get(entry.id),
        source=entry.source,
        note=note or next(iter(everything.notes(entry)), None),
    )


def counted(entry: catalog.Entry) -> int:
    """
    The parameters of an entry by its tensors, those for multi-token prediction left out.

    Raises:
        ModelError: its architecture is not known here, or its hyper-parameters give no tensors.
    """
    from llmprobe.model.archs._shared.limits import check_parameters
    from llmprobe.model.formats.gguf_model import next_n_elements
    from llmprobe.model.formats.plausible import check

    family = archs.get(entry.architecture)
    if family is None:
        raise ModelError(message("own.architecture-unknown", architecture=entry.architecture))
    try:
        hparams = entry.metadata()
        check(hparams)
        tensors: tuple[Tensor, ...] = family.tensors(hparams)
        family.caches(hparams)
        check_parameters(tensors)
    except KeyError as error:
        raise ModelError(
            message("own.hparams-lack", key=str(error.args[0]) if error.args else "?")
        ) from error
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise ModelError(message("own.hparams-odd")) from error
    return sum(tensor.elements for tensor in tensors) - next_n_elements(tensors, hparams)


def _read(
    folder: Path,
) -> tuple[dict[str, catalog.Entry], dict[str, str], dict[str, str], list[Message]]:
    """
    The entries of a folder by id, the file and the family of each, and what is wrong with the others.
    """
    found: dict[str, catalog.Entry] = {}
    files: dict[str, str] = {}
    families: dict[str, str] = {}
    problems: list[Message] = []
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return found, files, families, [message("error.file-unreadable", path=str(folder), reason=reason)]
    for path in paths[:MOST_FILES]:
        try:
            content = msgspec.json.decode(model_files.small(path, LARGEST) or b"", type=_File)
        except ModelError as error:
            problems.append(error.message)
            continue
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problems.append(message("own.file-malformed", file=str(path), reason=str(error)))
            continue
        for number, values in enumerate(content.models, start=1):
            try:
                entry = _entry(values, path)
                if entry.id in found:
                    raise ModelError(message("own.twice", file=files[entry.id]))
                _check_count(entry)
            except ModelError as error:
                name = values.get("id")
                problems.append(
                    message(
                        "own.entry-bad",
                        file=str(path),
                        entry=name if isinstance(name, str) and name else str(number),
                        reason=error.message,
                    )
                )
                continue
            found[entry.id], files[entry.id], families[entry.id] = entry, str(path), content.family
    if len(paths) > MOST_FILES:
        problems.append(message("error.folder-too-large", path=str(folder), most=MOST_FILES))
    return found, files, families, problems


class _File(msgspec.Struct, frozen=True):
    """
    One file of own entries, which are checked one by one.
    """

    models: tuple[dict[str, Any], ...]
    family: str = "own"


def _entry(values: dict[str, Any], path: Path) -> catalog.Entry:
    """
    One entry from its fields.

    Raises:
        ModelError: one is missing, unknown, or of another kind.
    """
    unknown = sorted(values.keys() - set(catalog.Entry.__struct_fields__))
    if unknown:
        raise ModelError(message("own.field-unknown", field=unknown[0]))
    hparams = values.get("hparams")
    if not isinstance(hparams, dict) or not hparams:
        raise ModelError(message("own.no-hparams"))
    filled = {"source": str(path), "confidence": "low", "name": values.get("id"), **values}
    filled["hparams"] = msgspec.Raw(msgspec.json.encode(hparams))
    try:
        entry = msgspec.convert(filled, catalog.Entry)
    except msgspec.ValidationError as error:
        raise ModelError(message("own.field-wrong", reason=str(error))) from error
    if not entry.id.strip() or entry.note is not None:
        # A note is the id of a sentence that this program has.
        raise ModelError(message("own.field-unknown", field="note" if entry.note else "id"))
    return entry


def _check_count(entry: catalog.Entry) -> None:
    """
    Raises:
        ModelError: the tensors have another count of parameters than the entry states.
    """
    found = counted(entry)
    if abs(found / entry.parameters - 1 if entry.parameters > 0 else 1) > SAME_COUNT:
        raise ModelError(message("own.count-differs", found=found, stated=entry.parameters))
