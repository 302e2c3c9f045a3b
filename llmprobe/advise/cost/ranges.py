"""
Arithmetic on figures with bounds: what comes of the lowest, the likely and the highest.
"""

from llmprobe.facts.estimate import Range
from llmprobe.facts.prices import PriceRange


def exactly(figure: float) -> Range:
    return Range(low=figure, likely=figure, high=figure)


def plus(one: Range, other: Range) -> Range:
    return Range(low=one.low + other.low, likely=one.likely + other.likely, high=one.high + other.high)


def minus(one: Range, other: Range) -> Range:
    """
    The difference, whose lower bound is that of the lowest less the highest.
    """
    return Range(low=one.low - other.high, likely=one.likely - other.likely, high=one.high - other.low)


def product(one: Range, other: Range) -> Range:
    """
    The product of figures that are not negative.
    """
    return Range(low=one.low * other.low, likely=one.likely * other.likely, high=one.high * other.high)


def scaled(one: Range, factor: float) -> Range:
    """
    Times a number that is not negative.
    """
    return product(one, exactly(factor))


def quotient(one: Range, other: Range) -> Range:
    """
    What is not negative by what is above zero.
    """
    return Range(low=one.low / other.high, likely=one.likely / other.likely, high=one.high / other.low)


def rounded(figure: Range, digits: int) -> Range:
    return Range(
        low=round(figure.low, digits), likely=round(figure.likely, digits), high=round(figure.high, digits)
    )


def of_price(price: PriceRange) -> Range:
    """
    A price between the bounds; the middle of them is taken for likely.
    """
    return Range(low=price.low, likely=(price.low + price.high) / 2, high=price.high)
