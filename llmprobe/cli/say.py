"""
The two streams: the answer on stdout, hints and warnings on stderr, in the language of the run.
"""

import sys
from collections.abc import Iterable
from typing import Literal

import click
import msgspec

from llmprobe.cli.language import spoken, written
from llmprobe.harmless import harmless
from llmprobe.words.message import Message
from llmprobe.words.render import Words

Kind = Literal["error", "hint", "warning", "note"]


def document(record: msgspec.Struct, *, in_one_line: bool = False) -> None:
    """
    Write one JSON document, UTF-8 whatever the locale says, because that is what JSON is.
    """
    from llmprobe.output.documents import to_json

    text(to_json(record, written(), in_one_line=in_one_line))


def text(content: str) -> None:
    """
    Write text on stdout as UTF-8; half a sign, which UTF-8 lacks, is written as JSON's escape of it.
    """
    _write(content, "backslashreplace")


def path(name: str) -> None:
    """
    Write the path of a file on stdout: byte for byte for a program, harmless for a terminal.
    """
    _write((harmless(name) if sys.stdout.isatty() else name) + "\n", "surrogateescape")


def _write(content: str, errors: str) -> None:
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(content)
    else:
        sys.stdout.flush()
        buffer.write(content.encode("utf-8", errors))
        buffer.flush()


def warn(messages: Iterable[Message], kind: Kind = "warning") -> None:
    """
    Write one line for each message on stderr.
    """
    for one in messages:
        line(kind, one, spoken())


def line(kind: Kind, sentence: Message, words: Words) -> None:
    """
    Write a message on stderr behind what it is: ``error: ...``.
    """
    aside(words.say(f"line.{kind}", text=sentence))


def aside(content: str) -> None:
    """
    Write a line on stderr. Where stderr is closed or full it is lost, which changes no answer.
    """
    try:
        click.echo(content, err=True)
    except OSError:
        sys.stderr = None
