"""
The next larger model, and what it takes in each case: how far a way reaches beyond the model that is asked for.
"""

from collections.abc import Iterator

import msgspec

from llmprobe.errors import LlmprobeError
from llmprobe.estimation.kept import estimator_of
from llmprobe.facts.cost import Hosted, LargerModel
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.plan import Needs, PlanWishes
from llmprobe.facts.prices import PriceRange, times
from llmprobe.model.from_catalog import of_catalog
from llmprobe.model.hosted import whole_table
from llmprobe.model.known import known
from llmprobe.tasks.cost.price_book import PriceBook
from llmprobe.tasks.cost.renting import rented
from llmprobe.tasks.plan import Planner, needs
from llmprobe.words.message import message

STEP = 1.25
"""A model with a quarter more parameters is a larger one."""

FROM_Q4 = "Q4_K_M"


class Rent(msgspec.Struct, frozen=True, kw_only=True):
    """
    GPUs that are rented together, and what they cost an hour.
    """

    gpus: str
    price: PriceRange


class Larger(msgspec.Struct, frozen=True, kw_only=True):
    """
    The next larger model: what it needs, the cheapest GPUs to rent that hold it whole, and what it costs by API.
    """

    name: str
    needs: Needs
    rent: Rent | None
    hosted: Hosted | None
    currency: str

    def on_machine(self, machine: Snapshot) -> LargerModel:
        """
        Whether a machine has the memory for it: on its GPUs, else in its RAM.
        """
        have, need = memory_for(machine, self.needs)
        missing = need - have if need > have else None
        how = message("cost.larger-here", model=self.name, need_bytes=need, missing_bytes=missing)
        return LargerModel(model=self.name, need_bytes=need, missing_bytes=missing, how=how)

    def rented(self) -> LargerModel:
        """
        The GPUs to rent instead.
        """
        need = self.needs.gpu_bytes
        how = message("cost.larger-rent-unknown", model=self.name, need_bytes=need)
        if self.rent is not None:
            how = message(
                "cost.larger-rent",
                model=self.name,
                gpus=self.rent.gpus,
                currency=self.currency,
                low=self.rent.price.low,
                high=_apart(self.rent.price.low, self.rent.price.high),
            )
        return LargerModel(model=self.name, need_bytes=need, missing_bytes=None, how=how)

    def by_api(self) -> LargerModel:
        """
        What its provider asks.
        """
        how = message("cost.larger-api-unknown", model=self.name)
        if self.hosted is not None:
            how = message(
                "cost.larger-api",
                model=self.name,
                currency=self.currency,
                low=self.hosted.written.low,
                high=_apart(self.hosted.written.low, self.hosted.written.high),
            )
        return LargerModel(model=self.name, need_bytes=None, missing_bytes=None, how=how)


def memory_for(machine: Snapshot, need: Needs) -> tuple[int, int]:
    """
    The bytes that a machine can give to a model, of its GPUs or else of its RAM, and those that it needs there.
    """
    used = {pool for one in machine.accelerators if one.usable for pool in one.pools}
    gpus = sum(pool.budget_bytes or 0 for pool in machine.pools if pool.id in used)
    ram = sum(pool.budget_bytes or 0 for pool in machine.pools if pool.id == "ram")
    return (gpus, need.gpu_bytes) if gpus else (ram, need.ram_alone_bytes)


def next_larger(model: ModelSpec, wishes: PlanWishes, book: PriceBook) -> Larger | None:
    """
    The smallest model of the catalog that is a quarter larger and no older, of those that are offered by API if there
    are any; None where there is none.
    """
    for found in _candidates(model):
        quant = found.published_quant or FROM_Q4
        asked = msgspec.structs.replace(wishes, quant=quant)
        try:
            needed = needs(estimator_of(found), asked)
        except LlmprobeError:
            continue
        return Larger(
            name=found.name,
            needs=needed,
            rent=_cheapest(found, asked, needed, book),
            hosted=book.hosted(found),
            currency=book.currency,
        )
    return None


def _candidates(model: ModelSpec) -> Iterator[ModelSpec]:
    everything = known()
    own = everything.entries.get(model.id)
    since = (own and own.released) or ""
    listed = [
        entry
        for entry in everything.entries.values()
        if entry.parameters >= STEP * model.parameters
        and entry.modality in ("text", "vision")
        and (entry.released or "") >= since
    ]
    # One that providers offer is one that people use.
    offered = {row.model for row in whole_table().rows}
    listed.sort(key=lambda entry: (entry.id not in offered, entry.parameters, entry.released or ""))
    for entry in listed:
        try:
            yield of_catalog(entry)
        except LlmprobeError:
            continue


def _cheapest(model: ModelSpec, wishes: PlanWishes, needed: Needs, book: PriceBook) -> Rent | None:
    """
    The GPUs that cost least an hour among those on which a search places the model whole.
    """
    found = next(rented(Planner(model, wishes, book.hardware), book, needed.gpu_bytes), None)
    if found is None:
        return None
    planned, price = found
    return Rent(gpus=", ".join(planned.gpus), price=times(price, planned.count))


def _apart(low: float, high: float) -> float | None:
    """
    The upper end of a range, None where it is the lower one.
    """
    return high if high > low else None
