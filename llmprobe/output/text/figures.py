"""
Figures that several pages show, as messages; unknown is not zero.
"""

from llmprobe.facts.estimate import Loading, Range, Speed
from llmprobe.facts.prices import PriceRange
from llmprobe.facts.recommendation import AnswerTime
from llmprobe.words.message import Message, message

AT_ONCE = 1.05
"""A prompt is read faster than one micro-batch alone where its rate is above this many times that one's."""


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


def first_token(speed: Speed) -> Message:
    """
    The seconds until an answer begins, with their bounds: ``1.2 s (0.9 to 1.6) after a prompt of 2,048 tokens``; and
    at which rate the prompt is read where several devices make it higher than that of one micro-batch.
    """
    assert speed.time_to_first_token_s is not None
    wait, one = speed.time_to_first_token_s, speed.prompt_tokens_per_s
    rate = (speed.prompt_tokens or 0) / wait.likely if wait.likely else 0.0
    return message(
        "page.first-token-after",
        seconds=wait.likely,
        low=wait.low,
        high=wait.high,
        tokens=speed.prompt_tokens,
        tokens_per_s=rate if one is not None and rate > AT_ONCE * one.likely else None,
    )


def answer_time(time: AnswerTime) -> Message:
    """
    The seconds of one answer, with their bounds and what of it is thinking.
    """
    return message(
        "page.answer-time",
        seconds=time.seconds.likely,
        low=time.seconds.low,
        high=time.seconds.high,
        thinking_tokens=time.thinking_tokens or None,
    )


def loading_time(loading: Loading) -> Message:
    """
    The seconds until a model is loaded from its disk, with their bounds.
    """
    return message(
        "page.loading-from",
        seconds=loading.seconds.likely,
        low=loading.seconds.low,
        high=loading.seconds.high,
        directory=loading.directory,
        bytes_per_s=loading.bytes_per_s,
    )


def percent(part: int, whole: int | None) -> Message:
    return message("figure.percent", percent=100 * part / whole if whole else None)


def listed(items: list[Message]) -> Message:
    return message("figure.list", items=tuple(items))


def price(found: PriceRange, unit: str | None = None) -> Message:
    """
    A price with the months in which pages named it: ``$425 to 1,035 used (2026-05 to 2026-07)``. ``unit`` is ``hour``
    where it is one of an hour; the user's own figure says so.
    """
    return message(
        "figure.price",
        currency=found.currency,
        low=found.low,
        high=found.high if found.high > found.low else None,
        unit=unit,
        condition=found.condition,
        month=found.first_month,
        until=found.last_month if found.last_month != found.first_month else None,
        yours=found.yours,
    )


def duration(months: float) -> Message:
    """
    A time in months, from three years on in years, and a century as what nobody waits for.
    """
    years = months / 12
    return message(
        "figure.months",
        months=months if years < 3 else None,
        years=years if 3 <= years < CENTURY else None,
        most=CENTURY if years >= CENTURY else None,
    )


CENTURY = 100
