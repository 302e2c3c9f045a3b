"""
The catalog for a person to read: one line for each model, its other names below.
"""

from llmprobe.facts.model import CatalogEntry, ModelList
from llmprobe.output.text.page import ANSWER, QUIET, WARNING, Content, Page
from llmprobe.words.message import message

CELL = 10


def show(page: Page, found: ModelList) -> None:
    """
    Print the models that were found, in the catalog's order; the one that a name is taken for comes first.
    """
    if found.meant is not None:
        page.line(message("page.model-meant", query=found.query, model=found.meant), hang=2)
        page.blank()
    names = (
        message("page.parameters"),
        message("page.active"),
        message("page.max-context"),
        message("page.released"),
    )
    cell = page.cell_for(names, CELL)
    page.row(message("page.model"), names, cell=cell, style=ANSWER)
    for entry in found.models:
        page.row(entry.id, _figures(entry), cell=cell)
        if found.query is not None and entry.aliases:
            page.line((", ".join(entry.aliases), QUIET), indent=2, hang=2)
        if entry.note is not None:
            page.item("  ", (entry.note, WARNING), indent=0)


def _figures(entry: CatalogEntry) -> tuple[Content, ...]:
    active = entry.active_parameters
    return (
        message("figure.count", count=entry.parameters),
        "" if active in (None, entry.parameters) else message("figure.count", count=active),
        message("figure.plain", value=entry.max_context),
        message("figure.plain", value=entry.released),
    )
