"""
Files, directories and links of the machine itself.

A pseudo-file is read whole in one go and without ``stat``: its size is 0 until it is read, and reading it in
parts can give two moments of it. Nothing is waited for: a FIFO without a writer reads as empty.
"""

import os
import sys
from itertools import islice

from llmprobe.facts.answer import Answer
from llmprobe.source.errors_as_answers import of_os_error, plain_text

LARGEST_BYTES = 4 * 1024 * 1024
MOST_NAMES = 50_000
_CHUNK = 64 * 1024
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_FLAGS |= getattr(os, "O_BINARY", 0)


def read(path: str) -> Answer:
    """
    The text of a file. More than ``LARGEST_BYTES`` is ``failed``: half a file would be a wrong answer.
    """
    if _is_elsewhere(path):
        return Answer(status="missing")
    try:
        descriptor = os.open(path, _FLAGS)
        try:
            chunks = []
            size = 0
            while chunk := os.read(descriptor, _CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                if size > LARGEST_BYTES:
                    return Answer(status="failed", detail=f"larger than {LARGEST_BYTES} bytes")
        finally:
            os.close(descriptor)
    except OSError as error:
        return of_os_error(error)
    return Answer(value=plain_text(b"".join(chunks)))


def names(path: str) -> Answer:
    """
    The sorted names in a directory. More than ``MOST_NAMES`` are ``failed``.
    """
    if _is_elsewhere(path):
        return Answer(status="missing")
    try:
        with os.scandir(path) as entries:
            found = [entry.name for entry in islice(entries, MOST_NAMES + 1)]
    except OSError as error:
        return of_os_error(error)
    if len(found) > MOST_NAMES:
        return Answer(status="failed", detail=f"more than {MOST_NAMES} names")
    return Answer(value=sorted(plain_text(name) for name in found))


def link(path: str) -> Answer:
    """
    Where a link leads; a path that is no link is ``failed`` with EINVAL.
    """
    if _is_elsewhere(path):
        return Answer(status="missing")
    try:
        return Answer(value=plain_text(os.readlink(path)))  # noqa: PTH115 - pathlib is imported by nothing else here
    except OSError as error:
        return of_os_error(error)


def _is_elsewhere(path: str) -> bool:
    """
    Tell whether a path means nothing here: /proc of a Windows system would be a folder of the current drive.
    """
    return "\0" in path or (sys.platform == "win32" and path.startswith("/"))
