"""
Why models stand where they stand, in words: the verdict, the reasons of a row, what was left out, what comes next.
"""

from collections.abc import Iterator, Mapping, Sequence

from llmprobe.advise.explain.verdict import placed
from llmprobe.advise.fit.contender import POINTS_PER_DOUBLING, Contender
from llmprobe.advise.fit.search import Placing
from llmprobe.facts.fit import Capability, Fitting, FitWishes
from llmprobe.words.message import Message, message

MOST_RESULTS = 2
"""Published results that are shown of one model."""

REASONS = ("context", "license", "engine", "outdated", "too-large", "as-wished")
"""Why models are left out, in the order in which they are."""


def verdict(rows: Sequence[Fitting], wishes: FitWishes) -> Message:
    """
    The answer in one line.
    """
    if not rows:
        return message("fit.none", use=wishes.use)
    best = rows[0]
    return message(
        "fit.best", use=wishes.use, model=best.model.name, quant=best.choice.quant, how=best.choice.verdict
    )


def why(first: Placing) -> tuple[Message, ...]:
    """
    What a row rests on: what was published of the model, where it runs, and what its file loses.
    """
    return tuple(_why(first))


def _why(first: Placing) -> Iterator[Message]:
    yield ability(first.capability)
    for result in first.capability.results[:MOST_RESULTS]:
        yield message(
            "fit.result",
            benchmark=result.benchmark,
            value=result.value,
            unit=result.unit,
            measured_by=result.measured_by,
            month=result.month,
        )
    yield message(
        "fit.placed",
        quality=first.candidate.quality.words,
        where=placed(first.problem, first.candidate),
    )


def ability(capability: Capability) -> Message:
    """
    The position of a model as a score of the reference test, as the original has it.
    """
    return message(
        "fit.ability",
        reads_as=capability.reads_as,
        unit=capability.unit,
        test=capability.test,
        mode=capability.mode,
        basis=message(f"fit.basis.{capability.basis.replace(' ', '-')}"),
    )


def left_out(counts: Mapping[str, int]) -> Iterator[Message]:
    """
    How many models are not shown, by reason.
    """
    for reason in REASONS:
        if counts.get(reason):
            yield message(f"fit.left-out.{reason}", count=counts[reason])


def next_model(contender: Contender, quant: str, missing_bytes: int) -> Message:
    """
    What the next better model would take.
    """
    assert contender.best is not None
    return message(
        "fit.next",
        model=contender.model.name,
        id=contender.model.id,
        ability=ability(contender.best),
        quant=quant,
        missing_bytes=missing_bytes,
    )


def balance(rows: Sequence[Fitting]) -> tuple[Message, ...]:
    """
    How points come about, and those of each row.
    """
    parts = [
        message(
            "fit.points",
            model=row.model.name,
            points=row.points,
            low=row.capability.low,
            worth=row.points - row.capability.low,
        )
        for row in rows
    ]
    return (message("fit.balance", points_per_doubling=POINTS_PER_DOUBLING), *parts)


def notes(wishes: FitWishes, dated: str) -> tuple[Message, ...]:
    """
    What must be known to read the answer.
    """
    return (
        message("fit.context", ctx_size=wishes.ctx_size)
        if wishes.ctx_size_given
        else message("fit.context-of-use", use=wishes.use, ctx_size=wishes.ctx_size),
        message("fit.full-precision", dated=dated),
    )
