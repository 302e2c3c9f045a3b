"""
What a machine costs while it runs, and when one way becomes cheaper than another.

    hours a day          = (written / tokens per second + read / prompt tokens per second) / 3600
    electricity          = watts / 1000 x hours x price of a kWh
    a million tokens     = watts x price of a kWh / (3.6 x tokens per second)
    months to repay      = first cost / (the other way a month - this way a month)

A month has 30 days.
"""

from math import inf

from llmprobe.advise.cost.ranges import exactly, minus, plus, product, quotient, scaled
from llmprobe.facts.cost import BreakEven, Verdict, Work
from llmprobe.facts.estimate import Range

DAYS = 30
HOURS = 24
SECONDS = 3600
MILLION = 1_000_000


def busy_hours(work: Work, written_per_s: Range, read_per_s: Range | None) -> Range | None:
    """
    The hours a day in which the work is done; None where something is read and it is not known how fast.
    """
    hours = scaled(quotient(exactly(work.written_per_day), written_per_s), 1 / SECONDS)
    if not work.read_per_day:
        return hours
    if read_per_s is None:
        return None
    return plus(hours, scaled(quotient(exactly(work.read_per_day), read_per_s), 1 / SECONDS))


def most_written(work: Work, hours: Range) -> Range:
    """
    The tokens that are written in a day of 24 hours, with as much to read for each as the work has.
    """
    return scaled(quotient(exactly(work.written_per_day), hours), HOURS)


def energy_a_month(watts: Range, hours_a_day: Range, kwh: Range) -> Range:
    """
    What electricity costs in a month.
    """
    return scaled(product(product(watts, hours_a_day), kwh), DAYS / 1000)


def rent_a_month(per_hour: Range, hours_a_day: Range) -> Range:
    """
    What rent costs in a month.
    """
    return scaled(product(per_hour, hours_a_day), DAYS)


def energy_of_a_million(watts: Range, tokens_per_s: Range, kwh: Range) -> Range:
    """
    What electricity costs for a million tokens at a speed: 2x RTX 3090 at 760 W, 18 tokens/s and 0.17 a kWh
    760 x 0.17 / (3.6 x 18) = 1.99.
    """
    return scaled(quotient(product(watts, kwh), tokens_per_s), 1 / 3.6)


def rent_of_a_million(per_hour: Range, tokens_per_s: Range) -> Range:
    """
    What rent costs for a million tokens at a speed.
    """
    return scaled(quotient(per_hour, tokens_per_s), MILLION / SECONDS)


def asked_a_month(work: Work, written: Range, read: Range) -> Range:
    """
    What an API costs in a month at prices of a million tokens written and read.
    """
    return plus(
        scaled(written, work.written_per_day * DAYS / MILLION),
        scaled(read, work.read_per_day * DAYS / MILLION),
    )


def shared(tokens_per_s: Range, prompt_per_s: Range | None, users: int, *, experts: bool) -> Range:
    """
    The tokens per second that so many users are written together.

    One pass reads the weights once for all of them and computes a token for each:

        seconds of a pass = 1 / tokens per second of one + users / prompt tokens per second

    Nothing is gained for sure in a mixture of experts, where each user's token reads experts of its own, or where the
    prompt speed is unknown; half of it in a dense model.
    """
    if users == 1:
        return tokens_per_s
    if prompt_per_s is None:
        return Range(low=tokens_per_s.low, likely=tokens_per_s.likely, high=tokens_per_s.high * users)

    def together(one: float, prompt: float) -> float:
        return users / (1 / one + users / prompt)

    surely = tokens_per_s.low if experts else together(tokens_per_s.low, prompt_per_s.low) / 2
    best = together(tokens_per_s.high, prompt_per_s.high)
    likely = together(tokens_per_s.likely, prompt_per_s.likely)
    low = min(max(surely, tokens_per_s.low), best)
    return Range(low=low, likely=min(max(likely / 2 if experts else likely, low), best), high=best)


def break_even(
    first: Range, own: Range, other: Range, *, horizon: int, against: str, enough: bool
) -> BreakEven:
    """
    When a first cost is repaid by what this way (``own``, a month) saves against another one.

    ``worth_below`` is the first cost that is repaid in ``horizon`` months. ``enough`` says that this way can do the
    work at all.
    """
    saved = minus(other, own)
    months = Range(
        low=_months(first.low, saved.high),
        likely=_months(first.likely, saved.likely),
        high=_months(first.high, saved.low),
    )
    verdict: Verdict
    if not enough:
        verdict = "cannot"
    elif saved.high <= 0:
        verdict = "never"
    elif first.high == 0:
        verdict = "cheaper" if saved.low > 0 else "perhaps"
    else:
        verdict = "repaid" if saved.low > 0 else "perhaps"
    worth = scaled_saving(saved, horizon)
    return BreakEven(
        against=against,
        verdict=verdict,
        saved_per_month=saved,
        months_low=None if months.low == inf else months.low,
        months_likely=None if months.likely == inf else months.likely,
        months_high=None if months.high == inf else months.high,
        worth_below=worth,
    )


def scaled_saving(saved: Range, horizon: int) -> Range:
    """
    What is saved in so many months; nothing where the other way is cheaper.
    """
    return Range(
        low=max(saved.low, 0.0) * horizon,
        likely=max(saved.likely, 0.0) * horizon,
        high=max(saved.high, 0.0) * horizon,
    )


def _months(first: float, saved: float) -> float:
    if first == 0:
        return 0.0 if saved > 0 else inf
    return first / saved if saved > 0 else inf


def written_above(first: float, horizon: int, saved_of_a_million: float) -> float | None:
    """
    The tokens written a day above which a first cost is repaid in ``horizon`` months; None where no number does it:
    what a million saves is nothing.
    """
    if saved_of_a_million <= 0:
        return None
    return first / (horizon * DAYS) / saved_of_a_million * MILLION


def rent_above(first: float, own_a_month: float, hours_a_day: float, horizon: int) -> float | None:
    """
    The rent of an hour above which a first cost is repaid in ``horizon`` months, at hours a day that are rented else.
    """
    hours = hours_a_day * DAYS
    return (first / horizon + own_a_month) / hours if hours > 0 else None
