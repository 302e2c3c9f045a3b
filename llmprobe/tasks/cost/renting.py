"""
Rented GPUs that run a model whole, the cheapest first: each is searched as ``recommend`` searches a machine.
"""

from collections.abc import Iterator

from llmprobe.facts.plan import Planned
from llmprobe.facts.prices import PriceRange
from llmprobe.machine.prices import product_of
from llmprobe.tasks.cost.price_book import PriceBook, Product
from llmprobe.tasks.plan import Planner
from llmprobe.units import GIB

COUNTS = (1, 2, 4, 8)
SHOWN = 3
TRIED = 12
"""More are not searched: the next ones cost more for an hour, and the list is of those that cost least."""

RAM = "256GiB DDR4-3200 x8"
"""Machines with GPUs to rent have more RAM than a whole model leaves in it."""


def rented(planner: Planner, book: PriceBook, least_bytes: int) -> Iterator[tuple[Planned, PriceRange]]:
    """
    Yield the sets of rented GPUs that hold a model whole, with the rent of one of them for an hour, the cheapest set
    first. ``least_bytes`` is what it takes at least, so that smaller sets are not searched.
    """
    sets = sorted(
        (
            (price.low + price.high) * number,
            number,
            product,
            price,
        )
        for product, price in book.rents().items()
        if product[1] is not None
        and (number := next((n for n in COUNTS if n * product[1] * GIB >= least_bytes), None)) is not None
    )
    found = 0
    for _, number, product, price in sets[:TRIED]:
        name = spelled(product)
        gpus = (name if number == 1 else f"{number}x {name}",)
        planned = planner.tried_on("one-card" if number == 1 else "several-cards", gpus, RAM, number)
        if planned is not None and planned.whole:
            yield planned, price
            found += 1
            if found == SHOWN:
                return


def spelled(product: Product) -> str:
    """
    A product as ``--gpu`` takes it: with its memory where its name alone means another.
    """
    name, gib = product
    short = name.removeprefix("NVIDIA ").removeprefix("GeForce ")
    spellings = (short, name, f"{short} {gib}GB", f"{name} {gib}GB")
    return next(one for one in spellings if product_of(one) == (product,))
