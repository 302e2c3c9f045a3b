"""
The modules of a package: one file or folder each, found by listing the folder once.

``pkgutil`` does the same and takes longer to import than a command has.
"""

import os
from collections.abc import Iterable
from functools import cache


def modules_in(folders: Iterable[str]) -> tuple[str, ...]:
    """
    The names of a package's public modules, sorted; ``folders`` is its ``__path__``. A name with ``_`` in front is
    private.
    """
    return tuple(sorted({name for folder in folders for name in _listed(folder)}))


@cache
def _listed(folder: str) -> tuple[str, ...]:
    with os.scandir(folder) as entries:
        return tuple(
            entry.name.removesuffix(".py")
            for entry in entries
            if not entry.name.startswith(("_", "."))
            and (entry.name.endswith(".py") or _is_package(entry.path))
        )


def _is_package(path: str) -> bool:
    return os.path.isfile(os.path.join(path, "__init__.py"))  # noqa: PTH113, PTH118 - pathlib is imported by nothing else here
