"""
Opening files that a user names: none of them makes the program wait.
"""

import os
from os import PathLike
from typing import BinaryIO


def readable(path: str | PathLike[str]) -> BinaryIO:
    """
    A file to read. A pipe that nobody writes to is empty, where ``open`` would wait for ever; what comes through one
    with a writer, as a shell's ``<(...)`` is one, is waited for.

    Raises:
        OSError: it cannot be opened.
        ValueError: no file has such a name.
    """
    return open(path, "rb", opener=_at_once)


def _at_once(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(descriptor, True)
    return descriptor
