"""
Folders with models that the user names beside those of the engines.
"""

from pathlib import Path

from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.words.message import message


def folders(target: Target, given: tuple[str, ...]) -> tuple[str, ...]:
    """
    Absolute paths of folders; those of another machine, and those that do not exist, are refused.
    """
    if given and not target.is_live:
        raise UsageError(message("error.folder-of-another-machine"), hint=message("hint.no-other-machine"))
    for folder in given:
        try:
            exists = Path(folder).is_dir()
        except (OSError, ValueError):
            exists = False
        if not exists:
            raise UsageError(
                message(
                    "error.option",
                    option="--models-dir",
                    problem=message("error.folder-missing", path=folder),
                )
            )
    return tuple(str(Path(folder).absolute()) for folder in given)
