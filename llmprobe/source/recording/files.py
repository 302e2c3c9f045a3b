"""
Recordings in files: read whole, with a limit on their size.
"""

import os
import select
from pathlib import Path

from llmprobe.errors import RecordingError
from llmprobe.source.recording import Recording, decode

LARGEST_BYTES = 16 * 1024 * 1024
USUAL_NAME = "recording.json"
"""What the recording in a machine's folder is called."""

_PIPE_PATIENCE_S = 5.0


def read_recording(path: str) -> Recording:
    """
    Return the recording in a file, or in the ``recording.json`` of a folder.

    Raises:
        RecordingError: it can't be read, is larger than ``LARGEST_BYTES``, or is no recording.
    """
    try:
        if path and Path(path, USUAL_NAME).is_file():
            path = str(Path(path, USUAL_NAME))
        content = _content(path)
    except FileNotFoundError:
        raise RecordingError(f"{path} does not exist", hint="give the path of a recording") from None
    except IsADirectoryError:
        said = f"{path} is a folder without a {USUAL_NAME}" if path else "'' is no name of a file"
        raise RecordingError(said, hint="give the path of a recording") from None
    except TimeoutError:
        raise RecordingError(
            f"{path} is a pipe, and nothing came through it", hint="give the path of a recording"
        ) from None
    except (OSError, ValueError) as error:
        raise RecordingError(
            f"{path} can't be read: {_reason(error)}", hint="check its permissions"
        ) from None
    if len(content) > LARGEST_BYTES:
        size = LARGEST_BYTES // 1024**2
        raise RecordingError(
            f"{path} is larger than {size} MiB, so it is no recording", hint="is it the right file?"
        )
    return decode(content, path)


def _content(path: str) -> bytes:
    """
    Return what a file holds, or what comes through a pipe (as a shell's ``<(...)`` is one), up to a byte too much.
    """
    if not Path(path).is_fifo():
        with Path(path).open("rb") as file:
            return file.read(LARGEST_BYTES + 1)
    # To open a pipe that nothing writes to would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        if not select.select([file], [], [], _PIPE_PATIENCE_S)[0]:
            raise TimeoutError
        os.set_blocking(descriptor, True)
        return file.read(LARGEST_BYTES + 1)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
