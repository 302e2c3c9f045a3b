"""
A new file for an answer: at a path where nothing is yet, for its owner alone.
"""

import os
import shlex
from pathlib import Path

from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.words.message import message

_LONG = {"-o": "--output"}


def new_file(output: str, named_by: str) -> Path:
    """
    A path that can be written and that nothing is at yet; asked before the machine is, which takes longer.

    ``named_by`` is the option that names it.

    Raises:
        UsageError: it has no name.
        LlmprobeError: something is there, or no folder for it.
    """
    if not output:
        raise UsageError(
            message("error.file-without-name", option=_LONG.get(named_by, named_by)),
            hint=message("hint.such-as", example=f"{named_by} box.json"),
        )
    path = Path(output)
    try:
        exists, around = path.exists(), path.parent.is_dir()
    except (OSError, ValueError) as error:
        raise _unwritable(path, error, named_by) from None
    if path.is_dir():
        raise LlmprobeError(
            message("error.is-a-folder", path=output),
            hint=message("hint.such-as", example=f"{named_by} {shlex.quote(str(path / 'box.json'))}"),
        )
    if exists:
        raise _exists(path)
    if not around:
        raise LlmprobeError(
            message("error.folder-missing", path=str(path.parent)), hint=message("hint.make-folder")
        )
    return path


def write_new(path: Path, text: str, named_by: str) -> None:
    """
    Write a file that only its owner can read, or none at all.

    Raises:
        LlmprobeError: it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - a descriptor
                file.write(text)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(path, error, named_by) from None


def _unwritable(path: Path, error: OSError | ValueError, named_by: str) -> LlmprobeError:
    if isinstance(error, FileExistsError):
        return _exists(path)
    why = (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
    return LlmprobeError(
        message("error.unwritable", path=str(path), why=why), hint=message("hint.elsewhere", option=named_by)
    )


def _exists(path: Path) -> LlmprobeError:
    return LlmprobeError(
        message("error.not-overwritten", path=str(path)), hint=message("hint.choose-another-name")
    )
