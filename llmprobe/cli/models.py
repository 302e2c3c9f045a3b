"""
``llmprobe models``: what the catalog knows, and what a name means.
"""

import click

from llmprobe.cli import say
from llmprobe.cli.command import Command
from llmprobe.cli.language import spoken
from llmprobe.cli.options import json_option


@click.command(
    "models",
    cls=Command,
    help="help.models",
    short_help="help.short.models",
    examples=("llmprobe models", "llmprobe models llama", "llmprobe models qwen3 --json"),
)
@click.argument("text", nargs=-1)
@json_option
def command(text: tuple[str, ...], as_json: bool) -> int:
    """
    List the models of the catalog, or those that a text may mean, the one that recommend would take first.
    """
    from llmprobe.tasks.models import models

    found = models(" ".join(text) or None)
    if as_json:
        say.document(found)
    else:
        from llmprobe.output.text import pages

        pages.show_models(found, spoken())
    return 0
