"""
What a model costs, for a person to read: the answer, each way in full or in a line, and when a purchase pays.
"""

from llmprobe.facts.cost import BreakEven, Cost, CostWay, Hosted, LargerModel
from llmprobe.facts.estimate import Range
from llmprobe.output.text.figures import duration, price
from llmprobe.output.text.page import ANSWER, QUIET, Content, Page
from llmprobe.output.text.recommend import machine_line
from llmprobe.words.message import Message, message

SHOWN, COMPARED, COMPARED_BESIDE_ONE_AT_HOME = 5, 2, 1
SLOW_TOKENS_PER_S = 5.0
NEVER_MONTHS = 1200
"""A century is as good as never."""

HOURS, SECONDS = 24, 3600
AT = 16
"""The column at which values begin."""


def show(page: Page, answer: Cost) -> None:
    """
    Print the comparison, then each way, then when a purchase repays itself.
    """
    page.line(
        message(
            "page.cost-title",
            model=answer.model.name,
            parameters=answer.model.parameters,
            quant=answer.model.quant,
            ctx_size=answer.wishes.ctx_size,
        ),
        hang=2,
    )
    machine_line(page, answer.machine)
    page.line(_work(answer), hang=2)
    page.blank()
    for sentence in answer.answer:
        page.line((sentence, ANSWER), hang=2)
    here, *others = answer.ways
    page.heading(message("page.cost-here"))
    _in_full(page, here, answer)
    hardware = _best(answer, "hardware")
    page.heading(message("page.cost-hardware"))
    for way in hardware[:SHOWN]:
        _in_lines(page, way, answer)
    if not hardware:
        page.line((message("page.cost-no-hardware", budget=answer.wishes.budget), QUIET), indent=2)
    if len(hardware) > SHOWN:
        page.line((message("page.cost-more", more=len(hardware) - SHOWN), QUIET), indent=2)
    if hardware:
        _habits(page, hardware[0])
    rented = [one for one in others if one.kind == "rent"]
    page.heading(message("page.cost-rent"))
    for way in rented:
        _in_lines(page, way, answer)
    if rented:
        _habits(page, rented[0])
    else:
        page.line((message("page.cost-no-rent"), QUIET), indent=2)
    for way in (one for one in others if one.kind == "api"):
        page.heading(message("page.cost-api"))
        _in_full(page, way, answer)
    at_home = here.choice is not None and here.enough is not False
    compared = COMPARED_BESIDE_ONE_AT_HOME if at_home else COMPARED
    told = [one for way in (here, *hardware[:compared]) for one in _when(way, answer)]
    if told:
        page.heading(message("page.cost-when", months=answer.wishes.months))
        page.bullets(told)
    page.heading(message("page.good-to-know"))
    page.bullets(answer.notes)


def _work(answer: Cost) -> Message:
    work = answer.work
    return message(
        "page.cost-work",
        answers=work.answers_per_day,
        use=work.use,
        written=work.written_per_day,
        read=work.read_per_day,
        assumed=work.given == "usual",
    )


def _best(answer: Cost, kind: str) -> list[CostWay]:
    """
    The ways of a kind by what they cost a month, a purchase spread over the wished months; those that are slower than
    people read, and those of unknown cost, last.
    """

    def cost(way: CostWay) -> tuple[bool, bool, bool, float]:
        known = way.per_month is not None and way.first_cost is not None
        # Of a processor alone only its RAM has a price, so that it looks cheaper than it is.
        slow = not way.gpus or way.written_per_s is None or way.written_per_s.likely < SLOW_TOKENS_PER_S
        total = 0.0
        if way.per_month is not None and way.first_cost is not None:
            total = way.per_month.likely + way.first_cost.likely / answer.wishes.months
        return way.enough is False, slow, not known, total

    return sorted((one for one in answer.ways if one.kind == kind), key=cost)


def _in_full(page: Page, way: CostWay, answer: Cost) -> None:
    """
    One way, a fact a line.
    """
    currency = answer.currency
    if way.kind == "here":
        page.pair(message("page.cost-to-buy"), _to_buy(way), at=AT, indent=2)
    if way.hosted is not None:
        page.pair(message("page.cost-offers"), _offers(way.hosted), at=AT, indent=2)
    if way.written_per_s is not None:
        page.pair(message("page.cost-speed"), _speed(way), at=AT, indent=2)
    if way.per_month is not None:
        page.pair(message("page.cost-month"), _each_month(way, answer), at=AT, indent=2)
    if way.per_million_written is not None:
        each = message(
            "page.cost-million",
            written=_money(way.per_million_written, currency),
            read=None if way.per_million_read is None else _money(way.per_million_read, currency),
            cached=None
            if way.hosted is None or way.hosted.cached is None
            else _money(way.hosted.cached, currency),
        )
        page.pair(message("page.cost-tokens"), each, at=AT, indent=2)
    if way.watts is not None:
        page.pair(message("page.cost-watts"), _watts(way), at=AT, indent=2)
    _habits(page, way)


def _offers(hosted: Hosted) -> Message:
    if hosted.price.yours:
        return message("page.cost-hosted-own", model=hosted.model)
    first, last = hosted.price.first_month, hosted.price.last_month
    return message(
        "page.cost-hosted",
        model=hosted.model,
        providers=hosted.providers,
        cheapest=hosted.cheapest,
        month=first,
        until=last if last != first else None,
    )


def _habits(page: Page, way: CostWay) -> None:
    """
    What is no money: where the text goes, what is to be done, what a larger model takes.
    """
    for name, text in (
        (message("page.cost-data"), way.data),
        (message("page.cost-effort"), way.effort),
        (
            message("page.cost-larger"),
            None if way.kind == "hardware" or way.larger is None else way.larger.how,
        ),
    ):
        if text is not None:
            page.pair(name, text, at=AT, indent=2)


def _in_lines(page: Page, way: CostWay, answer: Cost) -> None:
    """
    One way in a name and a line of figures.
    """
    page.line((way.name, ANSWER), indent=2, hang=2)
    facts: list[Content] = []
    if way.kind == "hardware":
        facts.append(price(way.price) if way.price is not None else message("page.cost-price-unknown"))
    if way.rent_per_hour is not None:
        facts.append(
            message(
                "page.cost-rent-hour",
                price=price(way.rent_per_hour, "hour"),
                count=way.count if way.count > 1 else None,
            )
        )
    if way.written_per_s is not None:
        facts.append(
            message("page.plan-rate", rate=message("figure.rate-short", likely=way.written_per_s.likely))
        )
    if way.enough is False:
        facts.append(message("page.cost-cannot"))
    elif way.per_month is not None:
        facts.append(message("page.cost-a-month", amount=_money(way.per_month, answer.currency)))
    if way.per_million_written is not None:
        facts.append(
            message("page.cost-a-million", currency=answer.currency, amount=way.per_million_written.likely)
        )
    if way.kind == "hardware" and way.larger is not None:
        facts.append(_next(way.larger))
    page.joined(facts, indent=4)


def _next(larger: LargerModel) -> Message:
    if larger.missing_bytes is None:
        return message("page.cost-next-fits", model=larger.model)
    return message("page.cost-next-short", model=larger.model, missing_bytes=larger.missing_bytes)


def _to_buy(way: CostWay) -> Message:
    if way.choice is None:
        return message("page.cost-does-not-run")
    if way.price is None:
        return message("page.cost-price-unknown")
    return message("page.cost-nothing-to-buy") if way.price.high == 0 else price(way.price)


def _speed(way: CostWay) -> Message:
    figure = way.written_per_s
    assert figure is not None
    return message(
        "page.cost-speed-of",
        rate=message("figure.rate", likely=figure.likely, low=figure.low, high=figure.high),
        most=None if way.most_written_per_day is None else way.most_written_per_day.likely,
    )


def _each_month(way: CostWay, answer: Cost) -> Message:
    assert way.per_month is not None
    on = None
    if way.always_on_per_month is not None and answer.wishes.on_hours is None and answer.wishes.parallel == 1:
        on = _money(way.always_on_per_month, answer.currency)
    idle = way.idle_per_month
    return message(
        "page.cost-each-month",
        amount=_money(way.per_month, answer.currency),
        seconds=None if way.hours_per_day is None else min(way.hours_per_day.likely, HOURS) * SECONDS,
        watts=None if way.watts is None else way.watts.load.likely,
        idle=_money(idle, answer.currency) if idle is not None and idle.high > 0 else None,
        always_on=on,
    )


def _watts(way: CostWay) -> Message:
    assert way.watts is not None
    return message(
        "page.cost-watts-of",
        low=way.watts.load.low,
        high=way.watts.load.high if way.watts.load.high > way.watts.load.low else None,
        idle_low=way.watts.idle.low,
        idle_high=way.watts.idle.high if way.watts.idle.high > way.watts.idle.low else None,
        idle_from=way.watts.idle_from,
        how=way.watts.how,
    )


def _when(way: CostWay, answer: Cost) -> list[Message]:
    return [_sentence(way, found, answer) for found in way.break_even]


def _sentence(way: CostWay, found: BreakEven, answer: Cost) -> Message:
    """
    When a way pays against another, and the figures that would turn the answer.
    """
    other = next(one.name for one in answer.ways if one.id == found.against)
    currency = answer.currency
    most = way.most_written_per_day
    tokens = found.written_per_day_above
    beyond = tokens is not None and most is not None and tokens > most.high
    turns: list[Message] = []
    if found.verdict == "cannot":
        assert most is not None
        return message("cost.cannot", way=way.name, most=most.high)
    if way.first_cost is not None and way.first_cost.high > 0:
        if found.worth_below is not None and found.worth_below.likely > 0:
            turns.append(message("cost.worth-below", currency=currency, amount=found.worth_below.likely))
        if tokens is not None:
            turns.append(
                message("cost.tokens-above", tokens=tokens, most=most.likely if beyond and most else None)
            )
    if found.rent_above is not None:
        turns.append(message("cost.rent-above", currency=currency, amount=found.rent_above))
    elif found.power_below is not None:
        turns.append(message("cost.power-below", currency=currency, amount=found.power_below))
    way_name, pays = way.name, tuple(turns)
    saved = found.saved_per_month
    if found.verdict == "never":
        more = _money(_flipped(saved), currency)
        return message("cost.never", way=way_name, other=other, turns=pays, more=more)
    if way.first_cost is not None and way.first_cost.high == 0:
        if found.verdict == "cheaper":
            less = _money(saved, currency)
            return message("cost.cheaper", way=way_name, other=other, turns=pays, less=less)
        return message("cost.either", way=way_name, other=other, turns=pays)
    if found.months_likely is None or found.months_likely >= NEVER_MONTHS:
        best = duration(found.months_low or 0.0)
        return message("cost.hardly", way=way_name, other=other, turns=pays, months=best)
    return message(
        "cost.repaid",
        way=way_name,
        other=other,
        turns=pays,
        months=duration(found.months_likely),
        low=duration(found.months_low or 0.0),
        high=None if found.months_high is None else duration(found.months_high),
    )


def _flipped(figure: Range) -> Range:
    return Range(low=-figure.high, likely=-figure.likely, high=-figure.low)


def _money(figure: Range, currency: str) -> Message:
    """
    An amount with its bounds, and alone where they are the same.
    """
    same = figure.low == figure.high
    return message(
        "figure.money",
        currency=currency,
        likely=figure.likely,
        low=None if same else figure.low,
        high=None if same else figure.high,
    )
