"""
The catalog for a person to read: one line for each model, its other names below, and what is known of the one meant.
"""

from llmprobe.facts.model import CatalogEntry, ModelList
from llmprobe.output.text.page import ANSWER, QUIET, WARNING, Content, Page
from llmprobe.words.message import message

CELL = 10


def show(page: Page, found: ModelList) -> None:
    """
    Print the models that were found, in the catalog's order; the one that a name is taken for comes first.
    """
    if found.meant is not None and found.query != found.meant:
        others = len(found.models) - 1
        page.line(
            message("page.model-meant", query=found.query, model=found.meant, others=others or None), hang=2
        )
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
        if entry.id == found.meant:
            _details(page, entry)
        if entry.note is not None:
            page.item("  ", (entry.note, WARNING), indent=0)
    if found.catalog_date is not None:
        page.blank()
        page.line(
            (message("page.catalog-of", date=found.catalog_date, count=len(found.models)), QUIET), hang=2
        )
    for problem in found.problems:
        page.item("- ", (problem, WARNING), indent=0)


def _details(page: Page, entry: CatalogEntry) -> None:
    """
    Print what the catalog states of a model beside its size, and where it can be had.
    """
    tokens = entry.thinking_tokens
    facts: list[Content] = []
    if entry.modality is not None:
        facts.append(message("page.modality", modality=entry.modality))
    if entry.thinking is not None:
        kind = "off" if not entry.thinking else "switch" if entry.thinking_switch else "on"
        facts.append(message(f"page.thinking.{kind}"))
    if tokens is not None:
        facts.append(message("page.thinking-tokens", least=tokens[0], most=tokens[1]))
    if entry.projector:
        facts.append(message("page.has-projector"))
    if entry.next_token_layers:
        facts.append(message("page.has-next-token-layers", layers=entry.next_token_layers))
    if entry.license is not None:
        facts.append(message("page.license", license=entry.license))
    page.joined(facts, indent=2)
    if entry.ollama is not None:
        page.line((message("page.on-ollama", name=entry.ollama), QUIET), indent=2, hang=2)
    if entry.gguf:
        page.line((message("page.gguf-repositories", repositories=entry.gguf), QUIET), indent=2, hang=2)


def _figures(entry: CatalogEntry) -> tuple[Content, ...]:
    active = entry.active_parameters
    return (
        message("figure.count", count=entry.parameters),
        "" if active in (None, entry.parameters) else message("figure.count", count=active),
        message("figure.plain", value=entry.max_context),
        message("figure.plain", value=entry.released),
    )
