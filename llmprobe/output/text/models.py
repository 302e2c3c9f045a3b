"""
The catalog for a person to read: one line for each model, its other names below.
"""

from llmprobe.facts.model import CatalogEntry, ModelList
from llmprobe.output.text.console import Page
from llmprobe.units import format_count


def show(page: Page, found: ModelList) -> None:
    """
    Print the models that were found, in the catalog's order.
    """
    if not found.models:
        return
    cells = 10
    page.row("model", ("params", "active", "context", "since"), cell=cells, style="bold")
    for entry in found.models:
        page.row(entry.id, _figures(entry), cell=cells)
        if found.query is not None and entry.aliases:
            page.line((", ".join(entry.aliases), "dim"), indent=2, hang=2)
        if entry.note is not None:
            page.item("  ", (entry.note, "yellow"), indent=0)


def _figures(entry: CatalogEntry) -> tuple[str, ...]:
    active = entry.active_parameters
    return (
        format_count(entry.parameters),
        format_count(active) if active is not None and active != entry.parameters else "",
        "?" if entry.max_context is None else str(entry.max_context),
        entry.released or "?",
    )
