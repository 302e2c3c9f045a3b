"""
Commands of the machine itself: in the C locale, from known places, ended with their children.

What a command prints is bounded as its time is: one that prints without end is killed, and has failed.
"""

import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from llmprobe.facts.answer import Answer
from llmprobe.source.errors_as_answers import of_os_error, plain_text

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from typing import IO

LARGEST_BYTES = 4 * 1024 * 1024
"""What a command may print to each of stdout and stderr."""

_SYSTEM: str = sys.platform
_PIECE = 64 * 1024


class _TooMuch(Exception):  # noqa: N818 - it becomes an answer
    """
    A command printed more than ``LARGEST_BYTES``.
    """


class Children:
    """
    The commands that run, so that they can be ended with whoever waits for them. Safe to be used by several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._over = False

    def add(self, process: "subprocess.Popen[bytes]") -> bool:
        """
        Keep a command, or return False where all have been ended already.
        """
        with self._lock:
            if not self._over:
                self._running.add(process)
            return not self._over

    def remove(self, process: "subprocess.Popen[bytes]") -> None:
        with self._lock:
            self._running.discard(process)

    def end(self) -> None:
        """
        Kill every command that still runs, with its children, and whatever would be started later.
        """
        with self._lock:
            self._over = True
            for process in self._running:
                kill(process)


def search_path(platform: str = sys.platform, user_path: str | None = None) -> list[str]:
    """
    Where commands are looked for: the system's own places first, so that nothing shadows them.

    The user's own absolute places come last, because engines are often installed in one.
    """
    user = os.environ.get("PATH", "") if user_path is None else user_path
    places: list[str] = []
    if platform == "win32":
        root = os.environ.get("SYSTEMROOT", r"C:\Windows")
        places += [rf"{root}\System32", root]
    else:
        places += ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"]
        places += ["/opt/homebrew/bin"] if platform == "darwin" else ["/usr/lib/wsl/lib"]
    places += [place for place in user.split(os.pathsep) if os.path.isabs(place)]  # noqa: PTH117 - pathlib is imported by nothing else here
    return list(dict.fromkeys(places))


def found(name: str) -> str | None:
    """
    The path of a command, None where none of the places has it.
    """
    return _find(name, search_path())


def started(
    program: str,
    arguments: "Sequence[str]",
    *,
    stdout: "IO[bytes] | int",
    stderr: int,
    environment: "Mapping[str, str] | None" = None,
    stdin: "IO[bytes] | None" = None,
) -> "subprocess.Popen[bytes]":
    """
    A command, by its path, that runs by itself in the root folder; ``kill`` ends it with its children.

    Its ``environment`` is that of this process where none is given, in the C locale. It reads ``stdin``, or nothing.

    Raises:
        OSError: it cannot be started.
    """
    import subprocess

    places = search_path()
    variables = os.environ if environment is None else environment
    return subprocess.Popen(
        [program, *arguments],
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=stdout,
        stderr=stderr,
        env={**variables, "LC_ALL": "C", "LANG": "C", "PATH": os.pathsep.join(places)},
        cwd=os.path.abspath(os.sep),  # noqa: PTH100 - pathlib is imported by nothing else here
        start_new_session=True,
    )


def run(
    argv: tuple[str, ...],
    timeout_s: float,
    children: Children | None = None,
    *,
    environment: "Mapping[str, str] | None" = None,
    stdin: "IO[bytes] | None" = None,
    most_bytes: int | None = None,
) -> Answer:
    """
    A command's exit status, stdout and stderr; one that is not found is ``missing``. It reads ``stdin``, or nothing.

    It is among ``children`` while it runs, and is ended with its own where this is interrupted.
    """
    children, most_bytes = children or Children(), most_bytes or LARGEST_BYTES
    program = found(argv[0])
    if program is None:
        return Answer(status="missing", detail=f"no command {argv[0]}")
    import subprocess

    pipe = subprocess.PIPE
    try:
        process = started(program, argv[1:], stdout=pipe, stderr=pipe, environment=environment, stdin=stdin)
    except OSError as error:
        return of_os_error(error)
    with process:
        try:
            if not children.add(process):
                raise TimeoutError("the time for all questions is over")
            stdout, stderr = _printed(process, time.monotonic() + timeout_s, most_bytes)
        except TimeoutError as error:
            kill(process)
            return Answer(status="timeout", detail=str(error) or f"no answer within {timeout_s:g} s")
        except _TooMuch:
            kill(process)
            return Answer(status="failed", detail=f"printed more than {most_bytes} bytes")
        except BaseException:
            kill(process)
            raise
        finally:
            children.remove(process)
    output = {"exit": process.returncode, "stdout": plain_text(stdout), "stderr": plain_text(stderr)}
    return Answer(value=output)


def _find(name: str, places: list[str]) -> str | None:
    suffixes = (".exe", "") if sys.platform == "win32" else ("",)
    for place in places:
        for suffix in suffixes:
            path = os.path.join(place, name + suffix)  # noqa: PTH118 - pathlib is imported by nothing else here
            if os.access(path, os.X_OK) and not os.path.isdir(path):  # noqa: PTH112 - pathlib is imported by nothing else here
                return path
    return None


def kill(process: "subprocess.Popen[bytes]") -> None:
    """
    End a command and its children.
    """
    import signal

    if sys.platform == "win32":
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()


def _printed(process: "subprocess.Popen[bytes]", until: float, most: int) -> tuple[bytes, bytes]:
    """
    Stdout and stderr of a command that has ended.

    Raises:
        TimeoutError: it runs, or holds its pipes open, longer than ``until``.
        _TooMuch: it prints more than is read.
    """
    import subprocess

    read = _read_by_threads if _SYSTEM == "win32" else _read_by_turns
    printed = read(process, until, most)
    try:
        process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return printed


def _read_by_turns(process: "subprocess.Popen[bytes]", until: float, most: int) -> tuple[bytes, bytes]:
    import selectors

    pieces: dict[int, bytearray] = {}
    with selectors.DefaultSelector() as waiting:
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            pieces[pipe.fileno()] = bytearray()
            waiting.register(pipe.fileno(), selectors.EVENT_READ)
        while waiting.get_map():
            ready = waiting.select(max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if not _added(key.fd, pieces[key.fd], most):
                    waiting.unregister(key.fd)
    stdout, stderr = pieces.values()
    return bytes(stdout), bytes(stderr)


def _read_by_threads(process: "subprocess.Popen[bytes]", until: float, most: int) -> tuple[bytes, bytes]:
    """
    The same where a pipe can't be waited for: Windows. Killing the command ends its readers.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    pieces = [bytearray(), bytearray()]
    over = threading.Event()

    def read(descriptor: int, content: bytearray) -> None:
        try:
            while _added(descriptor, content, most):
                pass
        except _TooMuch:
            over.set()
            kill(process)
        except OSError:
            return

    pipes = (process.stdout.fileno(), process.stderr.fileno())
    readers = [
        threading.Thread(target=read, args=each, daemon=True) for each in zip(pipes, pieces, strict=True)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(max(0.0, until - time.monotonic()))
    if over.is_set():
        raise _TooMuch
    if any(reader.is_alive() for reader in readers):
        raise TimeoutError
    return bytes(pieces[0]), bytes(pieces[1])


def _added(descriptor: int, content: bytearray, most: int) -> bool:
    """
    Whether one more piece came; none comes at the end.
    """
    piece = os.read(descriptor, _PIECE)
    content += piece
    if len(content) > most:
        raise _TooMuch
    return bool(piece)
