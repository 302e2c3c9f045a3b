"""
Commands of the machine itself: in the C locale, without input, from known places, ended with their children.
"""

import os
import sys
import threading
from typing import TYPE_CHECKING

from llmprobe.facts.answer import Answer
from llmprobe.source.errors_as_answers import of_os_error, plain_text

if TYPE_CHECKING:
    import subprocess

_GRACE_S = 0.5


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
                _kill(process)


def search_path(platform: str = sys.platform, user_path: str | None = None) -> list[str]:
    """
    Return where commands are looked for: the system's own places first, so that nothing shadows them.

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
    places += [place for place in user.split(os.pathsep) if os.path.isabs(place)]  # noqa: PTH117
    return list(dict.fromkeys(places))


def run(argv: tuple[str, ...], timeout_s: float, children: Children | None = None) -> Answer:
    """
    Return a command's exit status, stdout and stderr; one that is not found is ``missing``.

    It is among ``children`` while it runs.
    """
    children = children or Children()
    places = search_path()
    program = _find(argv[0], places)
    if program is None:
        return Answer(status="missing", detail=f"no command {argv[0]}")
    import subprocess

    environment = {**os.environ, "LC_ALL": "C", "LANG": "C", "PATH": os.pathsep.join(places)}
    try:
        process = subprocess.Popen(
            [program, *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=os.path.abspath(os.sep),  # noqa: PTH100
            start_new_session=True,
        )
    except OSError as error:
        return of_os_error(error)
    with process:
        try:
            if not children.add(process):
                _end(process)
                return Answer(status="timeout", detail="the time for all questions is over")
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _end(process)
            return Answer(status="timeout", detail=f"no answer within {timeout_s:g} s")
        finally:
            children.remove(process)
    output = {"exit": process.returncode, "stdout": plain_text(stdout), "stderr": plain_text(stderr)}
    return Answer(value=output)


def _find(name: str, places: list[str]) -> str | None:
    suffixes = (".exe", "") if sys.platform == "win32" else ("",)
    for place in places:
        for suffix in suffixes:
            path = os.path.join(place, name + suffix)  # noqa: PTH118
            if os.access(path, os.X_OK) and not os.path.isdir(path):  # noqa: PTH112
                return path
    return None


def _kill(process: "subprocess.Popen[bytes]") -> None:
    import signal

    if sys.platform == "win32":
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """
    Kill a command and all that it started, and let go of its pipes even if one of those survives.
    """
    import subprocess

    _kill(process)
    try:
        process.communicate(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
