"""
Text of others commands no terminal, and a command that has such text stays the same command.
"""

import json
import subprocess

import pytest

from llmprobe.harmless import harmless, harmless_command, harmless_json, harmless_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("量子化 é ×", "量子化 é ×"),
        ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("\x9b2J\x7f", "\\x9b2J\\x7f"),
        ("\u200b\u2028\ufeff", "\\u200b\\u2028\\ufeff"),
        ("x\udcff\udc80", "x\\xff\\x80"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_commands_a_terminal_becomes_visible(text: str, expected: str) -> None:
    """Control characters, line ends, marks of direction, invisible signs and stray bytes are escapes."""
    assert harmless(text) == expected
    assert harmless(text).isprintable()


def test_a_name_that_would_fill_a_page_loses_its_middle() -> None:
    """A path of 500 signs is shown whole; of a longer name both ends are, and the name commands no terminal either."""
    path = "/models/" + "a" * 492
    assert harmless_name(path) == path

    shown = harmless_name("begin\x1b" + "a" * 100_000 + "\x07end")
    assert shown.startswith("begin\\x1baaa")
    assert shown.endswith("aaa\\x07end")
    assert " … " in shown
    assert len(shown) < 520


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("run 'a b' -c 1", "run 'a b' -c 1"),
        ("one\ntwo", "one\ntwo"),
        ("run '/m/a\x1bb.gguf' -c 1", "run '/m/a'$'\\x1b''b.gguf' -c 1"),
        ("run '/m/a\nb'", "run '/m/a'$'\\n''b'"),
        ("run /m/\u202e.gguf", "run /m/$'\\xe2\\x80\\xae'.gguf"),
        ('run "a\x07b"', 'run "a"$\'\\x07\'"b"'),
        ("run 'it'\\''s\x1b'", "run 'it'\\''s'$'\\x1b'''"),
        ("run 'a\udcff'", "run 'a'$'\\xff'''"),
        ("# it's \x1b so\nrun 'a'", "# it's \\x1b so\nrun 'a'"),
        ("run a#b'\n'", "run a#b''$'\\n'''"),
        (
            "cat <<'END'\nFROM it's\x1b\nmore\nEND\nrun 'x\x1b'",
            "cat <<'END'\nFROM it's\\x1b\nmore\nEND\nrun 'x'$'\\x1b'''",
        ),
    ],
)
def test_a_command_keeps_its_lines_and_shows_the_rest(command: str, expected: str) -> None:
    """Only line ends between commands are line ends on the page; comments and here-documents are plain text."""
    assert harmless_command(command) == expected
    assert [sign for sign in harmless_command(command) if not sign.isprintable() and sign != "\n"] == []


@pytest.mark.live
@pytest.mark.parametrize(
    "word", ["a\x1bb", "a\nb", "\u202e", "it's \x07", '"\x1b"', "\x1b'\x1b", "\\\x1b", "\udcff", "$(x)\x1b`"]
)
def test_bash_reads_the_word_that_was_meant(word: str) -> None:
    """A shell that is given the printed command gets every byte of the word."""
    import shlex

    printed = harmless_command(f"printf %s {shlex.quote(word)}")
    result = subprocess.run(["bash", "-c", printed], capture_output=True, check=True)

    assert result.stdout == word.encode("utf-8", "surrogateescape")


def test_a_document_stays_the_same_document() -> None:
    """Signs that turn a line or begin a sequence are escapes of JSON, which read back as they were."""
    evil = {"a\x9b": "b\u202e\u2028\x7f\ufeff", "量": "é"}
    document = json.dumps(evil, ensure_ascii=False)

    assert json.loads(harmless_json(document)) == evil
    assert harmless_json(document).isprintable()
    assert "量" in harmless_json(document)
