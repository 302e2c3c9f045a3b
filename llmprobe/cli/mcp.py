"""
``llmprobe mcp``: the answers as tools for agents, over stdin and stdout.
"""

import sys

import click

from llmprobe.cli.command import Command
from llmprobe.cli.language import spoken
from llmprobe.cli.target import Target
from llmprobe.errors import LlmprobeError
from llmprobe.words.message import message


@click.command(
    "mcp",
    cls=Command,
    help="help.mcp",
    short_help="help.short.mcp",
    examples=("llmprobe mcp", 'llmprobe --gpu "RTX 4090" --ram 64GB mcp'),
)
@click.pass_obj
def command(target: Target, /) -> int:
    """
    Serve until stdin is closed. Nothing but the protocol is written on stdout.
    """
    if sys.stdin is None or sys.stdout is None:
        raise LlmprobeError(message("error.mcp-without-streams"))
    try:
        import anyio

        from llmprobe.server.machine import Watched
        from llmprobe.server.mcp import serve, server
    except ImportError as error:
        raise LlmprobeError(
            message("error.extra-missing", package=error.name or "mcp"),
            hint=message("hint.install-extra", extra="serve"),
        ) from None
    anyio.run(serve, server(Watched(target.snapshot), spoken()))
    return 0
