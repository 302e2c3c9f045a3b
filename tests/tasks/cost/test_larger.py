"""
The next larger model, rented: by a search on the GPUs, not by their memory alone.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

import llmprobe
from llmprobe.estimation.kept import estimator_of
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.plan import PlanWishes
from llmprobe.facts.prices import PriceRange
from llmprobe.tasks.cost import larger
from llmprobe.tasks.cost.price_book import PriceBook, Product
from llmprobe.tasks.cost.wishes import wishes_of
from llmprobe.tasks.plan import needs
from llmprobe.units import GIB

CHEAP, DEAR = 0.2, 0.5
RENTS = {("NVIDIA GeForce RTX 3090", 24): CHEAP, ("NVIDIA RTX A6000", 48): DEAR}


@pytest.mark.parametrize(
    ("ctx_size", "gib", "gpus", "dollars"),
    [(53248, (20, 22), "RTX 3090", CHEAP), (74496, (23.4, 24), "RTX A6000", DEAR)],
)
def test_a_card_that_only_just_has_the_memory_does_not_do_it(
    ctx_size: int, gib: tuple[float, float], gpus: str, dollars: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An 8B in F16 whose context makes it take 23.7 of 24 GiB: the driver has some of these, so that the next card is
    rented. With a context that takes 21 the cheaper one does.
    """
    model = llmprobe.load_model("llama3-8b")
    asked = PlanWishes(ctx_size=ctx_size, quant="F16")
    book = PriceBook(wishes_of(model, None), None, date(2026, 11, 30))

    def candidates(_model: ModelSpec) -> Iterator[ModelSpec]:
        yield model

    def rents(_book: PriceBook) -> dict[Product, Any]:
        return {name: PriceRange(low=rent, high=rent, currency="USD") for name, rent in RENTS.items()}

    monkeypatch.setattr(larger, "_candidates", candidates)
    monkeypatch.setattr(larger, "FROM_Q4", "F16")
    monkeypatch.setattr(PriceBook, "rents", rents)
    found = larger.next_larger(model, asked, book)

    assert gib[0] * GIB < needs(estimator_of(model), asked).gpu_bytes < gib[1] * GIB
    assert found is not None
    assert found.rent is not None
    assert (found.rent.gpus, found.rent.price.low) == (gpus, dollars)
