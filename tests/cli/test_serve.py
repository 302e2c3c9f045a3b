"""
``llmprobe serve``: where it listens, for whom, and how it ends.
"""

import gc
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from llmprobe.cli import YOUNG_OBJECTS
from llmprobe.cli.ending import run
from llmprobe.cli.serve import search_little

BOX = str(Path(__file__).parents[2] / "fixtures" / "machines" / "linux-4090-64g" / "recording.json")
TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(("threshold", "ours"), [(YOUNG_OBJECTS, True), (700, False)])
def test_no_answer_waits_long_for_a_search_for_garbage(
    threshold: int, *, ours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    In a process of ours what is there stays, and less than a tenth of other commands' objects set off a search; another
    program's process is left alone.
    """
    done: list[object] = []
    monkeypatch.setattr(gc, "get_threshold", lambda: (threshold, 10, 10))
    monkeypatch.setattr(gc, "collect", lambda: done.append("collect"))
    monkeypatch.setattr(gc, "freeze", lambda: done.append("freeze"))
    monkeypatch.setattr(gc, "set_threshold", done.append)

    search_little()

    assert done[:2] == (["collect", "freeze"] if ours else [])
    assert [0 < int(str(one)) < YOUNG_OBJECTS / 10 for one in done[2:]] == ([True] if ours else [])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--host", "0.0.0.0"), 2, "no token is set"),
        (("--host", "::"), 2, "no token is set"),
        (("--host", "box.lan"), 2, "box.lan is no address"),
        (("--port", "65536"), 2, "65536 is no port"),
        (("--token-file", "gone"), 1, "the token cannot be read from gone"),
    ],
)
def test_what_it_cannot_listen_to_is_said(
    words: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Before anything listens.
    """
    assert run(["--replay", BOX, "serve", *words]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("token", ["short", "0123456789 abcdef", "0123456789abcde\x07", ""])
def test_a_weak_token_is_none(
    token: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One that can be guessed, or that no header can carry.
    """
    monkeypatch.setenv("LLMPROBE_TOKEN", token)
    assert run(["--replay", BOX, "serve"]) == 2
    assert "a token has at least 16" in capsys.readouterr().err


@pytest.mark.live
def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """
    With another to try.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert run(["--replay", BOX, "serve", "--port", str(port)]) == 1
        assert f"port {port} of 127.0.0.1 cannot be had" in capsys.readouterr().err


@pytest.mark.live
def test_it_answers_until_it_is_interrupted(tmp_path: Path) -> None:
    """
    At the address that it says, to who has the token of its file; it ends as every interrupted command.
    """
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="ascii")
    words = [
        "-m",
        "llmprobe",
        "--replay",
        BOX,
        "serve",
        "--port",
        "0",
        "--token-file",
        str(tmp_path / "token"),
    ]
    with subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", server.stderr.readline())
            assert found is not None
            asked = urllib.request.Request(
                f"{found[0]}/v1/snapshot", headers={"Authorization": f"Bearer {TOKEN}"}
            )
            with urllib.request.urlopen(asked, timeout=30) as answered:
                assert b"llmprobe.snapshot/1" in answered.read()
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    assert server.returncode == 130
