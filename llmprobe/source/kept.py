"""
What is kept of this machine between runs: one small file for each kind of machine that shares a home folder.

It is in the folder that ``LLMPROBE_KEPT`` names, else in the user's folder of caches (``XDG_CACHE_HOME``,
``~/Library/Caches``, ``LOCALAPPDATA``), only its owner can read it, and it is replaced whole. A file that another user
wrote or may write, or that is none, is not read.
"""

import os
import stat
import sys
from binascii import crc32

from llmprobe.facts.answer import Answer
from llmprobe.source.errors_as_answers import of_os_error, plain_text

FOLDER_VARIABLE = "LLMPROBE_KEPT"
"""Names the folder of what is kept; empty is none, so that nothing is kept."""

File = str | os.PathLike[str]

LARGEST_BYTES = 64 * 1024
_SYSTEM: str = sys.platform
_IDENTIFYING = (
    "vendor_id",
    "cpu family",
    "model",
    "model name",
    "stepping",
    "CPU implementer",
    "CPU part",
    "cpu",
    "Hardware",
)
"""Lines of /proc/cpuinfo that are the same on every look at one processor."""


def folder() -> str | None:
    """
    The folder of what is kept, None where the user has none.
    """
    # pathlib and hashlib are imported by nothing else in a look at the machine, and take longer than the look.
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen is not None:
        return chosen or None
    named = os.environ.get("LOCALAPPDATA" if _SYSTEM == "win32" else "XDG_CACHE_HOME")
    if not named or not os.path.isabs(named):  # noqa: PTH117 - see above
        if _SYSTEM == "win32":
            return None
        home = os.path.expanduser("~")  # noqa: PTH111 - see above
        if home == "~":
            return None
        named = f"{home}/{'Library/Caches' if _SYSTEM == 'darwin' else '.cache'}"
    return os.path.join(named, "llmprobe")  # noqa: PTH118 - see above


def path_of(cpuinfo: str | None) -> str | None:
    """
    The file of the machine whose /proc/cpuinfo begins like this (None: a system without one).

    Machines that happen to have one name are told apart by the fingerprint in the file.
    """
    place = folder()
    if place is None:
        return None
    first = (cpuinfo or "").partition("\n\n")[0].splitlines()
    lines = [line for line in first if line.partition(":")[0].strip() in _IDENTIFYING]
    machine = os.environ.get("PROCESSOR_IDENTIFIER", "") if _SYSTEM == "win32" else os.uname().machine
    words = "\n".join((machine, str(os.cpu_count()), *lines))
    return os.path.join(place, f"measured-{crc32(words.encode()):08x}.json")  # noqa: PTH118 - as above


def read(path: File | None) -> Answer:
    """
    The document that is kept, as plain JSON data; ``denied`` for a file that is not ours alone.
    """
    from msgspec import DecodeError, json

    if path is None:
        return Answer(status="missing")
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST_BYTES:
                return Answer(status="failed", detail="it is no file that llmprobe wrote")
            if _SYSTEM != "win32" and (about.st_uid != os.geteuid() or about.st_mode & 0o022):
                return Answer(status="denied", detail="others own it or may write to it")
            content = os.read(descriptor, LARGEST_BYTES)
        finally:
            os.close(descriptor)
    except OSError as error:
        return of_os_error(error)
    try:
        document = json.decode(content)
    except (DecodeError, RecursionError, UnicodeDecodeError):
        return Answer(status="failed", detail="it is no JSON")
    if not isinstance(document, dict):
        return Answer(status="failed", detail="it is no document")
    return Answer(value=document)


def write(file: File, text: str) -> None:
    """
    Keep a document: the file is whole at every moment, and only its owner can read it.

    Raises:
        OSError: it cannot be written.
    """
    import threading
    from pathlib import Path

    path = Path(file)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    # Whoever had these numbers before has ended without it.
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as opened:  # noqa: PTH123 - a descriptor
            opened.write(text)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def writable(file: File | None) -> bool:
    """
    Whether a document could be kept there.
    """
    if file is None:
        return False
    from pathlib import Path

    place = Path(file).parent
    while not place.exists() and place != place.parent:
        place = place.parent
    return os.access(place, os.W_OK | os.X_OK)


def shown(path: File) -> str:
    return plain_text(os.fspath(path))
