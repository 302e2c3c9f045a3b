"""
Figures that several pages show, as messages; unknown is not zero.
"""

from llmprobe.facts.estimate import Range, Speed
from llmprobe.words.message import Message, message


def size(count: int | None) -> Message:
    return message("figure.size", bytes=count)


def in_gib(count: int | None) -> Message:
    """
    A size as a bare number of GiB for a table whose heading names the unit.
    """
    return message("figure.gib", bytes=count)


def rate(figure: Range | None) -> Message:
    """
    Tokens per second with their bounds: ``4.2 (3.1 to 5.0)``.
    """
    if figure is None:
        return message("figure.rate-unknown")
    return message("figure.rate", likely=figure.likely, low=figure.low, high=figure.high)


def short_rate(speed: Speed) -> Message:
    figure = speed.generation_tokens_per_s
    return message("figure.rate-short", likely=None if figure is None else figure.likely)


def percent(part: int, whole: int | None) -> Message:
    return message("figure.percent", percent=100 * part / whole if whole else None)


def listed(items: list[Message]) -> Message:
    return message("figure.list", items=tuple(items))
