"""
``llmprobe models``: what the catalog knows.
"""

import click

from llmprobe.cli import say
from llmprobe.cli.options import json_option
from llmprobe.facts.model import ModelList


@click.command("models", short_help="What the catalog knows.")
@click.argument("text", nargs=-1)
@json_option
def command(text: tuple[str, ...], as_json: bool) -> int:
    """
    List the models of the catalog, all of them or those whose name contains TEXT.

    \b
    Examples:
      llmprobe models
      llmprobe models llama
      llmprobe models qwen3 --json
    """
    from llmprobe import api

    query = " ".join(text) or None
    found = ModelList(query=query, models=api.models(query))
    if as_json:
        say.document(found)
    else:
        from llmprobe.output.text import pages as human

        human.show_models(found)
    if query is not None and not found.models:
        say.warn([f"the catalog has no model whose name contains {query!r}"], "note")
    return 0
