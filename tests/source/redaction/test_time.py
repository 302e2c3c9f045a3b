"""
Redaction takes time in proportion to the text, whatever somebody put into it.
"""

import time

import pytest

from llmprobe.facts.answer import Answer, Platform
from llmprobe.source.recording import Question, Recording
from llmprobe.source.redaction import redact

LONG = 20_000
MOST_S = 2.0
"""Many times what it takes; a quadratic search of so long a text takes more than ten times as much."""

PIECES = (
    *("a", "A1", "0", "-", ".", ":", "/", "_", '"', "\\", "@", "é", " "),
    *("a-", "a.", "a:", "a/", "a@", "a_", "+a", "0.", "1.", "::", "ab:", "ab-", "1234-", "12345678-"),
    *("eyJ", "eyJ-", "eyJa-", "eyJaaaaaaaa.", "hf_", "sk-", "ghp_", "Bearer ", "://", "://a"),
    *(
        "GPU-",
        "GPU-a",
        "GPU-1a2b ",
        "sn",
        "sn:",
        "serial ",
        "serial: ABCD1234 ",
        "/home/",
        "/home/a",
        "C:\\Users\\",
    ),
    *("a b@c.d ", "1.2.3.4 ", "ab:cd:ef:01:02:03 ", "00000000-0000-0000-0000-000000000001"),
)


def took_s(answers: dict[Question, Answer]) -> float:
    started = time.process_time()
    redact(Recording(platform=Platform(system="linux", machine="x86_64"), answers=answers))
    return time.process_time() - started


@pytest.mark.parametrize("piece", PIECES)
def test_a_long_text_of_any_kind_is_redacted_in_time(piece: str) -> None:
    """A model may have a name of many kilobytes, and a path, a command's output or a process too."""
    text = (piece * LONG)[:LONG]
    answers: dict[Question, Answer] = {
        ("get", "http://127.0.0.1:11434/api/ps"): Answer(value={"models": [{"name": text}]}),
        ("run", "nvidia-smi", "-q", "-x"): Answer(value={"exit": 0, "stdout": text, "stderr": ""}),
        ("read", text): Answer(value=text),
        ("env", "HOME"): Answer(value=text),
    }

    assert took_s(answers) < MOST_S


@pytest.mark.parametrize(
    ("question", "line"),
    [
        (
            ("read", "/proc/self/mountinfo"),
            "{0} 1 0:9 / /var/lib/docker/overlay2/d{0}/merged rw - overlay o{0} rw\n",
        ),
        (("read", "/proc/self/cgroup"), "{0}:name{0}:/team{0}/job{0}\n"),
        (("read", "/etc/homes"), "/home/person{0}/x\n"),
        (
            ("read", "/etc/cards"),
            "Serial: XK{0}77 GPU-{0:08x}-1234-1234-1234-{0:012x} GPU-{0:08x} ab{0}@c.org\n",
        ),
    ],
)
def test_thousands_of_secrets_are_replaced_in_time(question: Question, line: str) -> None:
    """A host of containers has thousands of mounts and control groups; each has a placeholder of its own."""
    text = "".join(line.format(number) for number in range(1000, 3000))

    assert took_s({question: Answer(value=text), ("env", "A"): Answer(value=text)}) < MOST_S
