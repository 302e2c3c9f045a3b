"""
Files into a folder, all of them or none, and never over an existing one.
"""

from collections.abc import Mapping
from pathlib import Path

from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.harmless import harmless, harmless_command
from llmprobe.words.message import message

EXECUTABLE = 0o755


def check(folder: str) -> None:
    """
    Refuse a place for which no folder can be made, before anything takes time.

    Raises:
        LlmprobeError: it is a file, or the folder around it does not exist.
        UsageError: it has no name.
    """
    if not folder:
        raise UsageError(
            message("error.file-without-name", option="--write"),
            hint=message("hint.such-as", example="--write run"),
        )
    path = Path(folder)
    try:
        exists, is_folder, around = path.exists(), path.is_dir(), path.absolute().parent.is_dir()
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from None
    if exists and not is_folder:
        raise LlmprobeError(
            message("error.is-a-file", path=folder), hint=message("hint.elsewhere", option="--write")
        )
    if not exists and not around:
        raise LlmprobeError(
            message("error.folder-missing", path=str(path.parent)), hint=message("hint.make-folder")
        )


def write(folder: str, files: Mapping[str, str]) -> tuple[str, ...]:
    """
    Write files into a folder, made where it does not exist, and answer with their paths.

    Nothing in them commands a terminal that shows them: scripts keep their meaning, other files have escapes.

    Raises:
        LlmprobeError: one of them exists, or cannot be written; then none is left behind.
    """
    place = Path(folder)
    try:
        existing = [name for name in files if (place / name).exists() or (place / name).is_symlink()]
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from None
    if existing:
        raise LlmprobeError(
            message("error.not-overwritten", path=str(place / existing[0])),
            hint=message("hint.choose-another-folder"),
        )
    made: list[Path] = []
    new = not place.exists()
    try:
        place.mkdir(exist_ok=True)
        for name, content in files.items():
            path = place / name
            with path.open("x", encoding="utf-8", newline="\n") as file:
                made.append(path)
                file.write(_harmless(name, content))
            if name.endswith(".sh"):
                path.chmod(EXECUTABLE)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        if new and place.is_dir():
            place.rmdir()
        raise _unwritable(folder, error) from None
    return tuple(str(path) for path in made)


def _harmless(name: str, content: str) -> str:
    if name.endswith(".sh") or name == "command.txt":
        safe = harmless_command(content)
        # A plain sh need not know the quotes that escapes stand in.
        return safe if safe == content else safe.replace("#!/bin/sh\n", "#!/usr/bin/env bash\n")
    return "\n".join(harmless(line) for line in content.split("\n"))


def _unwritable(folder: str, error: OSError | ValueError) -> LlmprobeError:
    why = (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
    return LlmprobeError(
        message("error.unwritable", path=folder, why=why), hint=message("hint.elsewhere", option="--write")
    )
