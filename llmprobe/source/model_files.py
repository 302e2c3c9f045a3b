"""
Files of models on this machine: their bytes from anywhere, small texts whole, the names in a folder.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from llmprobe.errors import ModelError
from llmprobe.words.message import Message, message

_MOST_FILES = 20_000


@contextmanager
def opened(path: Path) -> Iterator[tuple[Callable[[int, int], bytes], int]]:
    """
    Give a function that reads ``length`` bytes from ``offset``, and the file's size.

    Raises:
        ModelError: the file can't be read.
    """
    try:
        _refuse_pipe(path)
        size = path.stat().st_size
        with path.open("rb", buffering=0) as file:

            def read_at(offset: int, length: int) -> bytes:
                file.seek(offset)
                return file.read(length)

            yield read_at, size
    except OSError as error:
        raise ModelError(_unreadable(path, error)) from error


def small(path: Path, most: int) -> bytes | None:
    """
    What a file holds, None where there is no such file.

    Raises:
        ModelError: it can't be read, or is longer than ``most`` bytes.
    """
    try:
        _refuse_pipe(path)
        with path.open("rb") as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(_unreadable(path, error)) from error
    if len(content) > most:
        raise ModelError(message("error.file-too-large", path=str(path), most_bytes=most))
    return content


def names(folder: Path) -> tuple[str, ...]:
    """
    The files of a folder and of the folders in it, as paths within it with ``/``, sorted.

    Raises:
        ModelError: the folder can't be read.
    """
    found = []
    try:
        for path in folder.rglob("*"):
            if path.is_file():
                found.append(path.relative_to(folder).as_posix())
            if len(found) > _MOST_FILES:
                raise ModelError(message("error.folder-too-large", path=str(folder), most=_MOST_FILES))
    except OSError as error:
        raise ModelError(_unreadable(folder, error)) from error
    return tuple(sorted(found))


def beside(path: Path) -> tuple[str, ...]:
    """
    The names in a file's folder, sorted; nothing where the folder is closed or too large to look through.
    """
    found = []
    try:
        for other in path.parent.iterdir():
            found.append(other.name)
            if len(found) > _MOST_FILES:
                return ()
    except OSError:
        return ()
    return tuple(sorted(found))


def _unreadable(path: Path, error: OSError) -> Message:
    return message("error.file-unreadable", path=str(path), reason=(error.strerror or str(error)).lower())


def _refuse_pipe(path: Path) -> None:
    """
    Refuse a pipe: to open it waits until something writes, and it can't be read from any place.
    """
    if path.is_fifo():
        raise ModelError(message("error.file-is-pipe", path=str(path)), hint=message("hint.file-path"))
