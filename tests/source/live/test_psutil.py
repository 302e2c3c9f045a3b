"""
psutil's answers, from a library that is made up as the real one behaves.
"""

import sys
from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.source.live import psutil

Disk = namedtuple("Disk", ["total", "free", "parts"])


class Error(Exception):
    pass


class AccessDeniedError(Error):
    pass


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """
    Return the library that is found under psutil's name.
    """
    made = SimpleNamespace(
        Error=Error,
        AccessDenied=AccessDeniedError,
        cpu_count=lambda *, logical=True: 16 if logical else 8,
        Process=lambda: SimpleNamespace(cpu_affinity=lambda: [0, 1]),
        disk_usage=lambda path: Disk(len(path), 1, (Disk(2, 3, ()), 4)),
        boot_time=lambda: 1.5,
        cpu_freq=lambda: None,
    )
    monkeypatch.setitem(sys.modules, "psutil", made)
    return made


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("cpu_count", 16),
        ("cpu_count_cores", 8),
        ("cpu_affinity", [0, 1]),
        ("boot_time", 1.5),
        (
            "disk_usage /a b",
            {"total": 4, "free": 1, "parts": [{"total": 2, "free": 3, "parts": []}, 4]},
        ),
    ],
)
def test_an_answer_is_plain_data(question: str, value: Any, library: SimpleNamespace) -> None:
    """
    Named tuples as objects, others as lists; a path may have blanks.
    """
    assert psutil.ask(question) == Answer(value=value)


@pytest.mark.parametrize(
    "question", ["disk_usage", "disk_usage ", "cpu_count 3", "other /a", "process_iter", ""]
)
def test_only_what_was_planned_is_asked(question: str, library: SimpleNamespace) -> None:
    """
    An argument has ``disk_usage`` alone, and it needs one.
    """
    with pytest.raises(ValueError, match="psutil is not asked"):
        psutil.ask(question)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AccessDeniedError("no"), Answer(status="denied", detail="no")),
        (Error("bad"), Answer(status="failed", detail="Error: bad")),
        (RuntimeError("bad"), Answer(status="failed", detail="RuntimeError: bad")),
        (NotImplementedError("none"), Answer(status="missing", detail="none")),
        (FileNotFoundError(2, "none"), Answer(status="missing", code=2, detail="none")),
        (PermissionError(13, "no"), Answer(status="denied", code=13, detail="no")),
    ],
    ids=repr,
)
def test_an_error_of_the_library_is_an_answer(
    error: Exception, expected: Answer, library: SimpleNamespace
) -> None:
    """
    Of its own kinds and of the system's.
    """

    def fail() -> None:
        raise error

    library.boot_time = fail

    assert psutil.ask("boot_time") == expected


def test_what_a_system_lacks_is_missing(library: SimpleNamespace) -> None:
    """
    A function that is not there, and one that has nothing to say.
    """
    assert psutil.ask("swap_memory").status == "missing"
    assert psutil.ask("cpu_freq") == Answer(status="missing")


def test_without_the_library_the_question_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It is not this machine that lacks something.
    """
    monkeypatch.setitem(sys.modules, "psutil", None)

    assert psutil.ask("cpu_count").status == "failed"
