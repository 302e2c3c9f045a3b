"""
The names of all models, prepared for looking up.
"""

import math
from collections.abc import Iterable
from functools import cached_property
from typing import Protocol

from llmprobe.model.literal_names import Listed, literal
from llmprobe.model.names.grammar import NUMBER, TOTAL, letters, words

_USUAL = 8e9
"""Of several sizes of one release the one next to this many parameters is what most people run."""
_NEAR = 0.03
"""A count that somebody adds to a name is rounded, and may have the next-token layers or the encoders in it."""
_ROUNDED = 0.006
"""Where the model's own name has a size, another one is only its count in other digits."""
_UNITS = {"m": 1e6, "b": 1e9, "t": 1e12}


class Named(Listed, Protocol):
    """
    What an index needs of an entry.
    """

    @property
    def finetunes(self) -> tuple[str, ...]: ...
    @property
    def architecture(self) -> str: ...
    @property
    def parameters(self) -> int: ...
    @property
    def released(self) -> str | None: ...


class Index:
    """
    The names of all models. What a literal name does not need is prepared on demand.
    """

    def __init__(self, entries: Iterable[Named]) -> None:
        self.entries = {entry.id: entry for entry in entries}

    @cached_property
    def literal(self) -> dict[str, str]:
        """Every name as it is written, in lower case, with its model's id; ids come before names and aliases."""
        return literal(self.entries.values())

    @cached_property
    def repositories(self) -> dict[str, str]:
        """The names of the repositories without their owners, which others repeat for their copies."""
        return {
            entry.repo.rpartition("/")[2].casefold(): entry.id
            for entry in self.entries.values()
            if entry.repo is not None
        }

    @cached_property
    def owners(self) -> frozenset[str]:
        """Who published a model, in lower case: others put the owner before the name of a file."""
        return frozenset(
            entry.repo.partition("/")[0].casefold()
            for entry in self.entries.values()
            if entry.repo is not None
        )

    def spelled(self, text: str, *, ids: bool) -> str | None:
        """
        The id of the model with a name of the same letters and digits; of an id where ``ids`` asks for these.

        None where no model has such a name, and where several have.
        """
        wanted = letters(text)
        if not wanted:
            return None
        every = {name: name for name in self.entries} if ids else self.literal | self.repositories
        found = {
            model for name, model in every.items() if _may_spell(name, wanted) and letters(name) == wanted
        }
        return found.pop() if len(found) == 1 else None

    @cached_property
    def parsed(self) -> tuple[tuple[tuple[str, ...], str], ...]:
        """The words of every name, in order, with its model's id."""
        every = self.literal.items() | self.repositories.items()
        # What a library means by :latest is no other name of its models.
        return tuple(
            sorted({(tuple(words(name)), model) for name, model in every if not name.endswith(":latest")})
        )

    @cached_property
    def keys(self) -> tuple[tuple[frozenset[str], str], ...]:
        """The words of every name, in any order, with its model's id."""
        return tuple((frozenset(parts), model) for parts, model in self.parsed)

    @cached_property
    def own_keys(self) -> tuple[tuple[frozenset[str], frozenset[str], str], ...]:
        """
        The words of every name that a maker gave, with their generation: those that must be said, and the releases.
        """
        found = {}
        for entry in self.entries.values():
            for name in (entry.id, entry.name, (entry.repo or "").rpartition("/")[2]):
                key = frozenset(words(name))
                releases = frozenset(filter(_is_release, key))
                found[key, entry.id] = (key - releases, releases, entry.id)
        return tuple(found.values())

    def called(self, parts: Iterable[str]) -> list[str]:
        """
        The ids whose makers gave a name of exactly these words.
        """
        wanted = frozenset(parts)
        return self.newest(
            {model for needed, releases, model in self.own_keys if needed | releases == wanted}
        )

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every word of a name that is neither a number nor a size."""
        return frozenset(word for key, _ in self.keys for word in key if word.isalpha())

    @cached_property
    def finetunes(self) -> tuple[tuple[frozenset[str], str], ...]:
        """The words of every fine-tune's name with the id of the model whose tensors it has."""
        return tuple(
            (frozenset(words(name)), entry.id) for entry in self.entries.values() for name in entry.finetunes
        )

    @cached_property
    def finetune_names(self) -> dict[str, str]:
        """The names of fine-tunes as they are written, in lower case."""
        return {name.casefold(): entry.id for entry in self.entries.values() for name in entry.finetunes}

    @cached_property
    def unions(self) -> dict[str, frozenset[str]]:
        """The words of all names of each model together."""
        found: dict[str, frozenset[str]] = {}
        for key, model in self.keys:
            found[model] = found.get(model, frozenset()) | key
        return found

    def union(self, model: str) -> frozenset[str]:
        """The words of all names of one model together; the other names are not taken apart for it."""
        every = self.literal.items() | self.repositories.items()
        own = (name for name, meant in every if meant == model and not name.endswith(":latest"))
        return frozenset(word for name in own for word in words(name))

    def newest(self, ids: Iterable[str]) -> list[str]:
        """
        Ids in order of release, the newest first; of the same month the most usual size first, then by name.
        """
        return sorted(self.usual(ids), key=lambda name: self.entries[name].released or "", reverse=True)

    def usual(self, ids: Iterable[str]) -> list[str]:
        """
        Ids in order of size, the most usual first, then by name: of fine-tunes the bases' releases say nothing.
        """
        return sorted(sorted(ids), key=lambda name: abs(math.log(self.entries[name].parameters / _USUAL)))

    def weighing(self, size: str) -> list[str]:
        """
        The ids of the models that have about as many parameters as a size says (``109b``), the nearest first.
        """
        count = _count(size)
        if not count:
            return []
        apart = {entry.id: abs(entry.parameters / count - 1) for entry in self.entries.values()}
        near = self.newest(
            model for model, share in apart.items() if share <= (_ROUNDED if model in self._sized else _NEAR)
        )
        return sorted(near, key=lambda model: round(apart[model], 3))

    @cached_property
    def _sized(self) -> frozenset[str]:
        """The ids whose names have the size of all parameters, not only of those that a token uses."""
        return frozenset(
            model
            for model, union in self.unions.items()
            if any(abs(_count(word) / self.entries[model].parameters - 1) <= 0.2 for word in union)
        )


def _may_spell(name: str, wanted: str) -> bool:
    """Whether a name may have these letters: to take each apart costs more than all the rest of an answer."""
    return len(name) >= len(wanted) and (name[0].lower() == wanted[0] or not name[0].isalnum())


def _count(size: str) -> float:
    """The parameters that a size says: ``109b``, ``8x7b`` with all of its experts whole; 0 where it says none."""
    if TOTAL.fullmatch(size) is None:
        return 0.0
    experts, _, each = size[:-1].rpartition("x")
    return float(experts or 1) * float(each) * _UNITS[size[-1]]


def _is_release(word: str) -> bool:
    """Tell whether a word is a date (``2507``) or the release of a first generation (``v0.1``)."""
    return NUMBER.fullmatch(word) is not None and (
        word.startswith("0.") or (len(word) == 4 and word.isdigit())
    )
