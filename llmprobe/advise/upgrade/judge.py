"""
What a change brings: the points after it less those before, and whether that is worth the change.
"""

from collections.abc import Iterable
from math import inf

from llmprobe.advise.choose.balance import HARDLY
from llmprobe.advise.explain.differences import in_short, of_choice, pace, same_time
from llmprobe.advise.upgrade.change import Change
from llmprobe.facts.upgrade import Reached, SecondCard, Step
from llmprobe.machine.prices import price_of
from llmprobe.words.message import Message, message

WORTH_BUYING = 0.25
"""
Points of the balance of ``recommend`` from which a purchase helps: a quarter of a doubling, an answer in 16 % less time
where it is long, or a file that loses visibly less.
"""

MOST_OF_IT = 0.75
"""The part of a gain that is most of it."""

BESIDE = frozenset({"first-card", "equal-card", "other-card"})
"""Cards that come beside what is there."""

FREE = frozenset({"repair", "free", "limit", "slot"})


def judged(change: Change, before: Reached | None, after: Reached | None, *, scale: float) -> Step:
    """
    A change with what it brings; ``scale`` are the points that a doubling is worth in these answers.
    """
    gain = None if before is None or after is None else after.points - before.points
    return Step(
        kind=change.kind,
        name=change.name,
        costs_nothing=change.kind in FREE,
        gpu=change.gpu,
        ram_bytes=change.ram_bytes,
        watts=change.watts,
        price=None if change.product is None else price_of(change.product),
        commands=change.commands,
        before=before,
        after=after,
        gain=None if gain is None else round(gain, 3),
        helps=_helps(change, before, after, scale),
        outcome=outcome(change, before, after),
    )


def _helps(change: Change, before: Reached | None, after: Reached | None, scale: float) -> bool | None:
    if change.machine is None:
        return None
    if before is None or after is None:
        return after is not None
    least = HARDLY if change.kind in FREE else WORTH_BUYING
    return after.points - before.points >= least * scale


def outcome(change: Change, before: Reached | None, after: Reached | None) -> Message:
    """
    What is then possible, in a few words.
    """
    if change.machine is None:
        return message("upgrade.gain-unknown")
    if after is None:
        return message("upgrade.still-nothing" if before is None else "upgrade.nothing-then")
    choice = of_choice(after.choice)
    speed = after.choice.speed.generation_tokens_per_s
    if before is None:
        return message(
            "upgrade.then-runs",
            model=after.model_name if after.reads_as is not None else None,
            quant=after.choice.quant,
            quality=after.choice.quality.words,
            where=message("difference.all-on-gpu") if choice.whole else None,
            pace=pace(speed, None),
        )
    if after.model != before.model:
        return message(
            "upgrade.other-model",
            model=after.model_name,
            quant=after.choice.quant,
            instead=before.model_name,
            reads_as=after.reads_as,
            instead_reads_as=before.reads_as,
            unit=after.unit,
            test=after.test,
            pace=pace(speed, before.choice.speed.generation_tokens_per_s),
        )
    now = of_choice(before.choice)
    seconds, instead = choice.answer_s, now.answer_s
    if seconds is None or instead is None or same_time(seconds, instead):
        return message("upgrade.then", choice=in_short(choice, now), seconds=None, instead_seconds=None)
    return message("upgrade.then", choice=in_short(choice, now), seconds=seconds, instead_seconds=instead)


def in_order(steps: list[Step]) -> tuple[Step, ...]:
    """
    What helps first, of it what costs nothing, then the largest gain; what nobody can tell before what does not help.
    """

    def order(step: Step) -> tuple[int, bool, float, float, float]:
        rank = 0 if step.helps else 1 if step.helps is None else 2
        gained = step.gain if step.gain is not None else inf if step.after else -inf
        points = step.after.points if step.after is not None else -inf
        # Of gains that are about equal the cheaper one comes first.
        about = gained if abs(gained) == inf else round(gained / HARDLY)
        price = inf if step.price is None else step.price.low
        return rank, not step.costs_nothing, -about, price, -points

    return tuple(sorted(steps, key=order))


def unknown_repairs(steps: Iterable[Step]) -> tuple[Step, ...]:
    """
    Repairs of what nobody can tell what it is before it works.
    """
    return tuple(step for step in steps if step.kind == "repair" and step.helps is None)


def second_card(steps: tuple[Step, ...], why_not: Message | None, *, done: bool) -> SecondCard:
    """
    Whether a card beside those that are there would help; ``why_not`` is what is against one, ``done`` whether
    something is to be done first that costs nothing.
    """
    if why_not is not None:
        return SecondCard(helps=False, answer=message("upgrade.card-no-place", why=why_not))
    tried = [step for step in steps if step.kind in BESIDE]
    if not tried:
        repair = bool(unknown_repairs(steps))
        return SecondCard(
            helps=None if repair else False,
            answer=message("upgrade.card-after-repair") if repair else message("upgrade.card-most"),
        )
    best = tried[0]
    first = message("upgrade.once-done") if done else None
    if best.helps:
        answer = message("upgrade.card-yes", name=best.name, outcome=best.outcome, first=first)
    else:
        answer = message("upgrade.card-no", name=best.name, outcome=best.outcome, first=first)
    return SecondCard(helps=best.helps is True, answer=answer)


def for_less(steps: Iterable[Step]) -> Step | None:
    """
    The cheapest purchase that brings most of what the first one does, where that costs surely more.
    """
    bought = [step for step in steps if step.helps and not step.costs_nothing]
    if not bought or bought[0].price is None or bought[0].gain is None:
        return None
    first, most = bought[0].price, bought[0].gain
    cheaper = [
        (step.price.high, step)
        for step in bought
        if step.price is not None and step.gain is not None
        if step.price.high < first.low and step.gain >= MOST_OF_IT * most
    ]
    return min(cheaper, key=lambda pair: pair[0])[1] if cheaper else None


def verdict(steps: tuple[Step, ...], now: Reached | None) -> Message:
    """
    The answer in one line.
    """
    repairs = unknown_repairs(steps)
    if repairs:
        return message("upgrade.repair-verdict", name=repairs[0].name)
    helping = [step for step in steps if step.helps]
    free = next((step for step in helping if step.costs_nothing), None)
    bought = next((step for step in helping if not step.costs_nothing), None)
    if free is not None and bought is not None:
        return message("upgrade.first-then", free=free.name, bought=bought.name)
    if free is not None:
        return message("upgrade.free-only", name=free.name, outcome=free.outcome)
    if bought is not None:
        return message("upgrade.best", name=bought.name, outcome=bought.outcome)
    if now is None:
        return message("upgrade.no-help-and-nothing")
    return message(
        "upgrade.no-help",
        model=now.model_name,
        pace=pace(now.choice.speed.generation_tokens_per_s, None),
    )
