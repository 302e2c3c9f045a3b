"""
A file for an answer: a new one for its owner alone, or one that an earlier run wrote and that is replaced as a whole.
"""

import contextlib
import os
import shlex
from collections.abc import Callable
from pathlib import Path

from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.source.opening import readable
from llmprobe.words.message import message

_LONG = {"-o": "--output"}
_OWNER_ALONE = 0o600
_BEGINNING = 4096


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
    _expect_writable(path, named_by)
    return path


def _expect_writable(path: Path, named_by: str) -> None:
    """
    Refuse a folder where nothing can be written, which what made the answer would have been in vain for: a small file
    is written there and removed, as not even permission tells of a full disk, or of a folder of the kernel.
    """
    tried = path.parent / f".llmprobe-{os.getpid()}"
    try:
        descriptor = os.open(tried, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE)
        try:
            os.write(descriptor, bytes(_BEGINNING))
        finally:
            os.close(descriptor)
            tried.unlink()
    except FileExistsError:
        return
    except OSError as error:
        raise _unwritable(path, error, named_by) from None


def write_new(path: Path, text: str, named_by: str) -> None:
    """
    Write a file that only its owner can read, or none at all.

    Raises:
        LlmprobeError: it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE)
        try:
            with open(descriptor, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - a descriptor
                file.write(text)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(path, error, named_by) from None


def own_file(
    output: str, named_by: str, is_own: Callable[[bytes], bool], *, overwrite: bool | None = None
) -> Path:
    """
    A path that can be written: nothing is at it, or a file whose beginning says that an earlier run wrote it. To
    ``overwrite`` takes any file; None is a command that never does.

    Raises:
        UsageError: it has no name.
        LlmprobeError: another file is there, or no folder for it.
    """
    path = Path(output)
    try:
        with readable(path) as file:
            beginning = file.read(_BEGINNING)
    except (OSError, ValueError):
        # It is not there, or cannot be read: then what it is, is said as of a new one.
        return new_file(output, named_by)
    if not overwrite and not is_own(beginning):
        hint = message("hint.choose-another-name" if overwrite is None else "hint.overwrite")
        raise LlmprobeError(message("error.not-overwritten", path=output), hint=hint)
    _expect_writable(path, named_by)
    return path


def replace(path: Path, text: str, named_by: str, *, mode: int = _OWNER_ALONE) -> None:
    """
    Write a file beside the place and rename it: nobody reads half of one.

    Raises:
        LlmprobeError: it cannot be written; then what was there is as it was.
    """
    # Imported only here: a new file needs none.
    import tempfile

    try:
        descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(descriptor, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - a descriptor
                file.write(text)
            Path(beside).chmod(mode)
            Path(beside).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(beside).unlink()
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
