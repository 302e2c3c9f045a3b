"""
Steps in their order and beside each other, where one of them is unknown.
"""

import pytest

from llmprobe.advise.upgrade.judge import for_less, in_order
from llmprobe.facts.prices import PriceRange
from llmprobe.facts.upgrade import Step
from llmprobe.words.message import message


def step(kind: str, *, helps: bool | None, gain: float | None = None, price: float | None = None) -> Step:
    return Step(
        kind=kind,  # type: ignore[arg-type]  # one of the kinds
        name=message(kind),
        costs_nothing=kind == "repair",
        before=None,
        after=None,
        gain=gain,
        helps=helps,
        outcome=message("test"),
        price=None if price is None else PriceRange(low=price, high=price, currency="USD"),
    )


def test_what_surely_helps_comes_before_what_nobody_can_tell() -> None:
    """
    A repair costs nothing, but of a card that nobody has seen no gain is known; a purchase that helps goes before it,
    and one that does not after it.
    """
    steps = [
        step("other-card", helps=False, gain=0.1),
        step("repair", helps=None),
        step("ram", helps=True, gain=0.6),
    ]

    assert [one.kind for one in in_order(steps)] == ["ram", "repair", "other-card"]


@pytest.mark.parametrize(("gain", "named"), [(4.0, True), (3.0, True), (2.9, False)])
def test_most_of_a_large_gain_is_three_quarters_of_it(gain: float, *, named: bool) -> None:
    """
    Of four doublings three, whatever the unit of a gain is.
    """
    first = step("card-instead", helps=True, gain=4.0, price=2000)
    other = step("ram", helps=True, gain=gain, price=300)

    assert for_less([first, other]) == (other if named else None)


def test_a_purchase_whose_gain_is_unknown_is_not_most_of_one() -> None:
    """
    What runs only then has no gain that could be compared.
    """
    first = step("card-instead", helps=True, gain=4.0, price=2000)

    assert for_less([first, step("ram", helps=True, gain=None, price=300)]) is None
