"""
Files that a user names: none makes the program wait for ever.
"""

import errno
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from llmprobe import api
from llmprobe.cli import main
from llmprobe.source.opening import readable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes with names")


def test_a_pipe_that_nobody_writes_to_is_empty(tmp_path: Path) -> None:
    """
    An opened pipe without a writer is at its end.
    """
    os.mkfifo(tmp_path / "pipe")

    with readable(tmp_path / "pipe") as file:
        assert file.read() == b""


def test_what_comes_through_a_pipe_is_waited_for() -> None:
    """
    A shell's ``<(...)``: the descriptor of a pipe with a writer that takes its time.
    """
    read, write = os.pipe()

    def later() -> None:
        os.write(write, b"all of it")
        os.close(write)

    timer = threading.Timer(0.05, later)
    timer.start()
    try:
        with readable(f"/dev/fd/{read}") as file:
            assert file.read() == b"all of it"
    finally:
        timer.join()
        os.close(read)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["cost", "qwen3-8b", "--prices", "pipe"], 2),
        (["report", "-o", "pipe"], 1),
        (["serve", "--token-file", "pipe"], 2),
        (["fleet", "check", "--host", "box", "--program", "pipe"], 2),
        (["--replay", "pipe", "check"], 1),
        (["estimate", "./pipe"], 1),
    ],
    ids=lambda value: value[-2] if isinstance(value, list) else "",
)
def test_a_pipe_is_refused_wherever_a_file_is_named(
    words: list[str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    One sentence at once, and the exit code of a bad request.
    """
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    machine = [] if words[0].startswith("--") else ["--gpu", "RTX 3060", "--ram", "16GB"]

    assert main([*machine, *words]) == code
    assert capsys.readouterr().err.startswith("error: ")


def test_a_folder_where_nothing_can_be_written_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    No page is made first; tests may run as root, whom every folder lets in.
    """
    open_at = os.open

    def refuse(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_CREAT and Path(path).parent == tmp_path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return open_at(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(api, "report", None)

    assert main(["--gpu", "RTX 3060", "--ram", "16GB", "report", "-o", str(tmp_path / "page.html")]) == 1
    assert "permission denied" in capsys.readouterr().err


def test_tools_for_agents_need_their_streams(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    ``llmprobe mcp <&-``: Python has no stdin then.
    """
    monkeypatch.setattr(sys, "stdin", None)

    assert main(["mcp"]) == 1
    assert "standard input or output is closed" in capsys.readouterr().err
