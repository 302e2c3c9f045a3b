"""
What providers ask for open models by API: the table ``data/api_prices.json`` on a day, by the id of the catalog.
"""

from datetime import date
from functools import cache

import msgspec

from llmprobe.data import table
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.prices import that_count, widening_in
from llmprobe.model.known import known


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """
    A provider's prices of a model for a million tokens: read, read again from its cache, written. ``month`` is that of
    the source which had them.
    """

    model: str
    provider: str
    input: float
    output: float
    month: str
    source: str
    cached: float | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """
    The whole table, with the address of each source.
    """

    about: str
    currency: str
    sources: dict[str, str]
    rows: tuple[Offer, ...]


@cache
def whole_table() -> Table:
    """
    The table that is shipped.
    """
    return msgspec.convert(table("api_prices"), Table)


def offers(model: str, on: date) -> tuple[Offer, ...]:
    """
    The offers of a model that count on a day, the cheapest first by what is written.
    """
    rows = [row for row in whole_table().rows if row.model == model]
    months = that_count((row.month for row in rows), on)
    return tuple(
        sorted((row for row in rows if row.month in months), key=lambda row: (row.output, row.input))
    )


def widest(found: tuple[Offer, ...], on: date) -> float:
    """
    The most by which the prices of offers are lowered and raised for their age.
    """
    return max(widening_in(row.month, on) for row in found)


def alike(model: ModelSpec, on: date) -> str | None:
    """
    A model of the same family, architecture and size that providers offer, the newest; None where there is none.

    They offer Llama 3.3 70B, and no longer Llama 3 70B: what either costs to run is the same.
    """
    everything = known()
    priced = {row.model for row in whole_table().rows}
    found = [
        entry
        for entry in everything.entries.values()
        if entry.id in priced
        and entry.id != model.id
        and everything.families[entry.id] == model.family
        and entry.architecture == model.architecture
        and abs(entry.parameters - model.parameters) <= model.parameters * SAME_SIZE
        and offers(entry.id, on)
    ]
    found.sort(key=lambda entry: entry.released or "", reverse=True)
    return found[0].id if found else None


SAME_SIZE = 0.02
