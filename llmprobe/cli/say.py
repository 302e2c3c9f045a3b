"""
The two streams: one document on stdout, hints and warnings on stderr.
"""

import sys
from collections.abc import Iterable

import click
import msgspec


def document(record: msgspec.Struct) -> None:
    """
    Write one JSON document, UTF-8 whatever the locale says, because that is what JSON is.
    """
    from llmprobe.output.documents import to_json

    text(to_json(record))


def text(content: str) -> None:
    """
    Write text on stdout as UTF-8.
    """
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(content)
    else:
        sys.stdout.flush()
        buffer.write(content.encode())
        buffer.flush()


def warn(messages: Iterable[str], kind: str = "warning") -> None:
    """
    Write one line for each message on stderr.
    """
    for message in messages:
        click.echo(f"{kind}: {message}", err=True)
