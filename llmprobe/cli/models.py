"""
``llmprobe models``: what the catalog knows, and what a name means.
"""

import click
import msgspec

from llmprobe.cli import say
from llmprobe.cli.command import Command
from llmprobe.cli.language import spoken
from llmprobe.cli.options import json_option
from llmprobe.errors import ModelError
from llmprobe.facts.model import ModelList


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
    from llmprobe import api

    query = " ".join(text) or None
    found = ModelList(query=query, models=api.models(query))
    if query is not None:
        found = _with_the_one_meant(query, found)
    if as_json:
        say.document(found)
    else:
        from llmprobe.output.text import pages

        pages.show_models(found, spoken())
    return 0


def _with_the_one_meant(query: str, found: ModelList) -> ModelList:
    """
    The models that a text may mean, with the one first that every other command takes it for.

    Raises:
        ModelError: nothing is meant by it; the nearest names are in the hint.
    """
    from llmprobe import api
    from llmprobe.model import catalog, names

    try:
        meant = names.resolve(query, names.Index(catalog.by_id().values())).id
    except ModelError:
        if found.models:
            return found
        raise
    first = next(entry for entry in (*found.models, *api.models(meant)) if entry.id == meant)
    others = tuple(entry for entry in found.models if entry.id != meant)
    return msgspec.structs.replace(found, meant=meant, models=(first, *others))
