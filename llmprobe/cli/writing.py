"""
Files into a folder, all of them or none, and never over one that is there.
"""

from collections.abc import Mapping
from pathlib import Path

from llmprobe.errors import LlmprobeError, UsageError

EXECUTABLE = 0o755


def check(folder: str) -> None:
    """
    Refuse a place where no folder can be, before anything takes time.

    Raises:
        LlmprobeError: it is a file, or the folder around it is not there.
        UsageError: it has no name.
    """
    if not folder:
        raise UsageError("--write: '' is no name of a folder", hint="such as --write run, or . for this one")
    path = Path(folder)
    try:
        there, is_folder, around = path.exists(), path.is_dir(), path.absolute().parent.is_dir()
    except OSError as error:
        raise _unwritable(folder, error) from None
    if there and not is_folder:
        raise LlmprobeError(f"{folder} is a file, not a folder", hint="give --write another name")
    if not there and not around:
        raise LlmprobeError(
            f"the folder {path.parent} does not exist", hint="make it first, or choose another"
        )


def write(folder: str, files: Mapping[str, str]) -> tuple[str, ...]:
    """
    Write files into a folder, which is made where it is not there, and return their paths.

    Raises:
        LlmprobeError: one of them exists, or cannot be written; then none is left behind.
    """
    place = Path(folder)
    try:
        there = [name for name in files if (place / name).exists() or (place / name).is_symlink()]
    except OSError as error:
        raise _unwritable(folder, error) from None
    if there:
        raise LlmprobeError(
            f"{place / there[0]} exists and is not overwritten",
            hint="choose another folder, or remove it first",
        )
    made: list[Path] = []
    new = not place.exists()
    try:
        place.mkdir(exist_ok=True)
        for name, content in files.items():
            path = place / name
            with path.open("x", encoding="utf-8", newline="\n") as file:
                made.append(path)
                file.write(content)
            if name.endswith(".sh"):
                path.chmod(EXECUTABLE)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        if new and place.is_dir():
            place.rmdir()
        raise _unwritable(folder, error) from None
    return tuple(str(path) for path in made)


def _unwritable(folder: str, error: OSError) -> LlmprobeError:
    reason = (error.strerror or type(error).__name__).lower()
    return LlmprobeError(f"cannot write into {folder}: {reason}", hint="choose another place with --write")
