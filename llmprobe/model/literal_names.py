"""
Names as they are written: what is found here needs no grammar, which most commands then do not load.
"""

from collections.abc import Iterable
from typing import Protocol


class Listed(Protocol):
    """
    What an entry is called.
    """

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...
    @property
    def repo(self) -> str | None: ...


def names_of(entry: Listed) -> tuple[str, ...]:
    """
    Every name that a model has in the catalog.
    """
    return (entry.id, entry.name, *entry.aliases, *((entry.repo,) if entry.repo else ()))


def literal(entries: Iterable[Listed]) -> dict[str, str]:
    """
    Every name as it is written, in lower case, with its model's id; ids come before names and aliases.
    """
    every = tuple(entries)
    found = {entry.id.casefold(): entry.id for entry in every}
    for entry in every:
        for name in names_of(entry):
            found.setdefault(name.casefold(), entry.id)
    return found


def as_written(text: str) -> str:
    """
    A name as the keys of ``literal`` are.
    """
    return text.strip().casefold()
