"""
The models that results are about: those of the catalog, and others that link one benchmark to another.
"""

import re
from functools import cache

import msgspec

from benchmarks.capability.rows import Mode, lines, results
from llmprobe.model import catalog

VECTORS = "embedding"
_THINKS = r"think|reason"
_CODES = r"cod(e|er|ing|estral|egeex)|devstral|starcoder|mellum"
_COUNTS = r"math"


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is known of a model before anybody measured it. ``family`` is the catalog's, or the name of the series where
    the catalog does not have it; ``month`` is its release in years after the start of 2024.

    ``kind`` is ``special`` of a model that is made for one purpose, ``base`` of one that is no assistant. ``modes``
    are those that it can be run in, ``catalogued`` says that the catalog has it.
    """

    id: str
    maker: str
    family: str
    parameters: int
    active_parameters: int
    month: float
    modality: str
    kind: str
    modes: tuple[Mode, ...]
    catalogued: bool

    @property
    def sees(self) -> bool:
        return "vision" in self.modality

    @property
    def codes(self) -> bool:
        return re.search(_CODES, self.id.lower()) is not None

    @property
    def counts(self) -> bool:
        return re.search(_COUNTS, self.id.lower()) is not None


def _month(released: str) -> float:
    year, month = (*released.split("-"), "07")[:2]
    return int(year) - 2024 + (int(month) - 1) / 12


@cache
def _measured_modes() -> dict[str, tuple[Mode, ...]]:
    found: dict[str, set[Mode]] = {}
    for row in results():
        found.setdefault(row.model, set()).add(row.mode)
    return {model: tuple(sorted(modes)) for model, modes in found.items()}


def _modes(entry: catalog.Entry) -> tuple[Mode, ...]:
    """
    The modes of a catalog entry. Where it says nothing of thinking, those that were measured, else what its name says.
    """
    if entry.thinking is None:
        named: tuple[Mode, ...] = ("thinking",) if re.search(_THINKS, entry.id) else ("no thinking",)
        return _measured_modes().get(entry.id, named)
    if entry.thinking and entry.thinking_switch:
        return ("no thinking", "thinking")
    return ("thinking",) if entry.thinking else ("no thinking",)


@cache
def models() -> dict[str, Model]:
    """
    Return every model by id, the catalog's first and in its order.
    """
    families = {entry.id: family.family for family in catalog.families() for entry in family.models}
    kinds = {model: kind for model, kind, _ in lines("kinds.tsv", ("model", "kind", "why"))}
    found = {
        entry.id: Model(
            id=entry.id,
            maker=(entry.repo or entry.id).split("/")[0],
            family=families[entry.id],
            parameters=entry.parameters,
            active_parameters=entry.active_parameters or entry.parameters,
            month=_month(entry.released or catalog.DATE),
            modality=entry.modality,
            kind=kinds.get(entry.id, ""),
            modes=_modes(entry),
            catalogued=True,
        )
        for entry in catalog.by_id().values()
    }
    columns = ("model", "parameters", "active_parameters", "released", "modality")
    for model, parameters, active, released, modality in lines("others.tsv", columns):
        found[model] = Model(
            id=model,
            maker=model.split("/")[0],
            family=re.sub(r"-\d+(\.\d+)?[BM].*", "", model),
            parameters=int(parameters),
            active_parameters=int(active or parameters),
            month=_month(released),
            modality=modality,
            kind="",
            modes=_measured_modes()[model],
            catalogued=False,
        )
    return found
