"""
Recordings in files: read whole, with a limit on their size.
"""

import os
import select
import stat
import time
from pathlib import Path

from llmprobe.errors import RecordingError
from llmprobe.source.recording import Recording, decode
from llmprobe.words.message import message

LARGEST_BYTES = 16 * 1024 * 1024
USUAL_NAME = "recording.json"
"""What the recording in a machine's folder is called."""

_PIPE_PATIENCE_S = 5.0
"""How long a pipe may be silent: the command behind ``<(…)`` may look at a machine far away."""

_PIPE_TOTAL_S = 60.0
_PIECE = 1 << 16
_PATH_HINT = message("hint.recording-path")


def read_recording(path: str) -> Recording:
    """
    The recording in a file, or in the ``recording.json`` of a folder.

    Raises:
        RecordingError: it can't be read, is larger than ``LARGEST_BYTES``, or is no recording.
    """
    try:
        if path and Path(path, USUAL_NAME).is_file():
            path = str(Path(path, USUAL_NAME))
        content = _content(path)
    except FileNotFoundError:
        raise RecordingError(message("recording.missing", path=path), hint=_PATH_HINT) from None
    except IsADirectoryError:
        what = (
            message("recording.folder", path=path, name=USUAL_NAME) if path else message("recording.no-name")
        )
        raise RecordingError(what, hint=_PATH_HINT) from None
    except (OSError, ValueError) as error:
        raise RecordingError(
            message("error.file-unreadable", path=path, reason=_reason(error)),
            hint=message("hint.permissions"),
        ) from None
    if len(content) > LARGEST_BYTES:
        raise RecordingError(
            message("recording.too-large", path=path, most_bytes=LARGEST_BYTES), hint=_PATH_HINT
        )
    return decode(content, path)


def _content(path: str) -> bytes:
    """
    What a file holds, or what comes through a pipe (as a shell's ``<(...)`` is one), up to a byte too much.
    """
    kind = Path(path).stat().st_mode
    if stat.S_ISFIFO(kind):
        return _through_pipe(path)
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise RecordingError(message("recording.device", path=path), hint=_PATH_HINT)
    with Path(path).open("rb") as file:
        return file.read(LARGEST_BYTES + 1)


def _through_pipe(path: str) -> bytes:
    """
    All that comes until the other end is closed. One that nobody writes to is empty at once.
    """
    content = bytearray()
    until = time.monotonic() + _PIPE_TOTAL_S
    # To open a pipe that nothing writes to would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while len(content) <= LARGEST_BYTES:
            try:
                piece = os.read(descriptor, _PIECE)
            except BlockingIOError:
                patience_s = min(_PIPE_PATIENCE_S, until - time.monotonic())
                if patience_s <= 0 or not select.select([descriptor], [], [], patience_s)[0]:
                    raise RecordingError(
                        message("recording.pipe-stopped" if content else "recording.pipe-silent", path=path),
                        hint=_PATH_HINT,
                    ) from None
                continue
            if not piece:
                break
            content += piece
    finally:
        os.close(descriptor)
    if not content:
        raise RecordingError(message("recording.pipe-silent", path=path), hint=_PATH_HINT)
    return bytes(content)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
