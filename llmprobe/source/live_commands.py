"""
Commands of the machine itself: in the C locale, without input, from known places, ended with their children.
"""

import os
import sys

from llmprobe.facts.answer import Answer
from llmprobe.source.errors_as_answers import of_os_error, plain_text

_GRACE_S = 0.5


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


def run(argv: tuple[str, ...], timeout_s: float) -> Answer:
    """
    Return a command's exit status, stdout and stderr; one that is not found is ``missing``.
    """
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
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _end(process)
            return Answer(status="timeout", detail=f"no answer within {timeout_s:g} s")
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


def _end(process: "subprocess.Popen[bytes]") -> None:  # type: ignore[name-defined]  # noqa: F821
    """
    Kill a command and all that it started, and let go of its pipes even if one of those survives.
    """
    import signal
    import subprocess

    if sys.platform == "win32":
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()
    try:
        process.communicate(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
