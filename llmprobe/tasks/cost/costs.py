"""
What running a model costs: on a machine, on others that could be bought, rented, and by API.
"""

from collections.abc import Iterator
from datetime import date

import msgspec

from llmprobe import engines
from llmprobe.advise.choose.use import USES, Use, use_of
from llmprobe.advise.cost.power import watts_of
from llmprobe.advise.cost.ranges import exactly, of_price, plus, scaled
from llmprobe.advise.cost.running import (
    HOURS,
    SECONDS,
    asked_a_month,
    busy_hours,
    energy_a_month,
    energy_of_a_million,
    most_written,
    rent_a_month,
    rent_of_a_million,
    shared,
)
from llmprobe.advise.recommend import Advice, machine_in_short
from llmprobe.errors import UsageError
from llmprobe.estimation.kept import estimator_of
from llmprobe.facts.cost import Cost, CostWay, CostWishes, Given, Kind, Work
from llmprobe.facts.estimate import Range, model_in_estimate
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.own_prices import OwnPrices
from llmprobe.facts.plan import Planned, PlanWishes
from llmprobe.facts.prices import PriceRange, day_of
from llmprobe.facts.recommendation import Choice, Wishes
from llmprobe.tasks.arguments import check_machine, check_model
from llmprobe.tasks.cost.break_even import compared
from llmprobe.tasks.cost.larger import Larger, next_larger
from llmprobe.tasks.cost.price_book import PriceBook, yours
from llmprobe.tasks.cost.renting import rented
from llmprobe.tasks.cost.sentences import answer_of, data_of, effort_of, notes_of
from llmprobe.tasks.machines import probe
from llmprobe.tasks.plan import ENGINE, Planner, is_whole, needs
from llmprobe.tasks.recommend import commands_for, completed
from llmprobe.words.message import Message, message

USUAL_REQUESTS = 50
"""Answers a day of one user, where nobody says."""


def cost(
    model: ModelSpec,
    snapshot: Snapshot | None,
    wishes: CostWishes,
    own: OwnPrices | None = None,
    *,
    is_bought: bool = False,
    on: date | None = None,
) -> Cost:
    """
    What a model costs, described by ``api.cost``.

    ``is_bought`` says that the machine is one to be bought, so that its price is a cost; any other is there already.

    Raises:
        UsageError: llama.cpp does not load the model, or it writes nothing.
    """
    check_model(model)
    check_machine(snapshot)
    machine = probe() if snapshot is None else snapshot
    return _Costs(model, machine, wishes, PriceBook(wishes, own, day_of(on)), is_bought=is_bought).answer()


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """
    A machine, and how it runs the model.
    """

    kind: Kind
    id: str
    name: Message
    machine: Snapshot
    choice: Choice
    whole: bool
    gpus: tuple[str, ...] = ()
    ram: str | None = None
    count: int = 1


class _Costs:
    """
    One model whose ways to run it are compared.
    """

    def __init__(
        self, model: ModelSpec, machine: Snapshot, wishes: CostWishes, book: PriceBook, *, is_bought: bool
    ) -> None:
        self._model = model
        self._machine = machine
        self._wishes = wishes
        self._book = book
        self._is_bought = is_bought
        self._estimator = estimator_of(model)
        if not self._estimator.generates:
            raise UsageError(message("error.cost-writes-nothing", model=model.name))
        self._plan = PlanWishes(ctx_size=wishes.ctx_size, quant=wishes.quant, parallel=wishes.parallel)
        self._power, self._country = book.power()
        self._experts = model.active_parameters is not None and model.active_parameters < model.parameters

    def answer(self) -> Cost:
        here = self._here()
        planner = Planner(self._model, self._plan, self._book.hardware)
        hardware = [self._place("hardware", one) for one in planner.machines()]
        work = self._work(here or (hardware[0] if hardware else None))
        need = needs(self._estimator, self._plan)
        larger = next_larger(self._model, self._plan, self._book)
        ways = [
            self._of_machine(here, work, self._own_price(), larger) if here else self._not_here(larger),
            *(
                self._of_machine(place, work, price, larger)
                for place in hardware
                if self._affordable(price := self._book.hardware(place.gpus, place.ram))
            ),
            *(
                self._of_rent(self._place("rent", planned), work, price, larger)
                for planned, price in rented(planner, self._book, need.gpu_bytes)
            ),
            *self._of_api(work, larger),
        ]
        ways = [compared(way, ways, work, self._wishes) for way in ways]
        return Cost(
            this_machine=self._machine.this_machine,
            model=model_in_estimate(
                self._model, self._wishes.quant, self._estimator.tensor_bytes(self._wishes.quant)
            ),
            machine=machine_in_short(self._machine),
            wishes=self._wishes,
            work=work,
            currency=self._book.currency,
            priced_on=self._book.on.isoformat(),
            power_price=self._power,
            power_place=self._country,
            ways=tuple(ways),
            answer=tuple(answer_of(ways, self._wishes)),
            notes=tuple(notes_of(ways, self._wishes, self._book, self._power, self._country, self._model)),
        )

    def _here(self) -> _Place | None:
        asked = Wishes(
            ctx_size=self._wishes.ctx_size,
            quants=(self._wishes.quant,),
            parallel=self._wishes.parallel,
            top=1,
        )
        advice = Advice(self._model, commands_for(self._machine, ENGINE), abilities=engines.abilities(ENGINE))
        found = advice.first(advice.problem(self._machine, asked), self._machine)
        if found is None:
            return None
        choice = completed(found[1], self._model, self._machine, ENGINE)
        return _Place(
            kind="here",
            id="here",
            name=message("cost.here"),
            machine=self._machine,
            choice=choice,
            whole=is_whole(choice),
        )

    def _place(self, kind: Kind, planned: Planned) -> _Place:
        is_rented = kind == "rent"
        ram = None if is_rented else planned.ram
        return _Place(
            kind=kind,
            id=f"{kind}:{', '.join((*planned.gpus, *([ram] if ram else ())))}",
            name=message("cost.rented", gpus=", ".join(planned.gpus)) if is_rented else planned.name,
            machine=probe(gpus=planned.gpus, ram=planned.ram),
            choice=planned.choice,
            whole=planned.whole,
            gpus=planned.gpus,
            ram=ram,
            count=planned.count,
        )

    def _affordable(self, price: PriceRange | None) -> bool:
        """
        Whether a machine may be within the budget; one without a price is, where there is no budget.
        """
        budget = self._wishes.budget
        return budget is None or (price is not None and price.low <= budget)

    def _own_price(self) -> PriceRange | None:
        """
        What the machine that is asked about costs; nothing where it is there already.
        """
        if self._wishes.price is not None:
            return yours(self._wishes.price, self._book.currency)
        if not self._is_bought:
            return PriceRange(low=0.0, high=0.0, currency=self._book.currency)
        return self._book.of_machine(self._machine)

    def _use(self) -> Use:
        wished = self._wishes.use
        return use_of(self._model, Wishes(use=wished)) if wished is None else USES[wished]

    def _work(self, place: _Place | None) -> Work:
        """
        The tokens of a day: those of so many answers, of which the wish is a number of them, of tokens, or of hours in
        which ``place`` is at work.
        """
        use, wishes = self._use(), self._wishes
        reads = use.prompt / use.written
        given: Given
        if wishes.tokens_per_day is not None:
            written, given = float(wishes.tokens_per_day), "tokens"
        elif wishes.hours_per_day is not None:
            written_per_s, read_per_s = (None, None) if place is None else self._speeds(place)
            if written_per_s is None:
                raise UsageError(message("error.hours-of-no-machine"), hint=message("hint.tokens-per-day"))
            seconds = 1 / written_per_s.likely + (0.0 if read_per_s is None else reads / read_per_s.likely)
            written, given = wishes.hours_per_day * SECONDS / seconds, "hours"
        else:
            requests = wishes.requests or USUAL_REQUESTS * wishes.parallel
            written, given = float(requests * use.written), "requests" if wishes.requests else "usual"
        return Work(
            written_per_day=round(written, 1),
            read_per_day=round(written * reads, 1),
            given=given,
            use=use.name,
            answers_per_day=round(written / use.written, 1),
        )

    def _speeds(self, place: _Place) -> tuple[Range | None, Range | None]:
        """
        Tokens per second written and read, of all users together.
        """
        speed = place.choice.speed
        written, read = speed.generation_tokens_per_s, speed.prompt_tokens_per_s
        if written is None:
            return None, read
        return shared(written, read, self._wishes.parallel, experts=self._experts), read

    def _at(self, place: _Place, work: Work) -> CostWay:
        """
        A machine at work: its speeds and its hours, and nothing of what it costs.
        """
        written, read = self._speeds(place)
        hours = None if written is None else busy_hours(work, written, read)
        return CostWay(
            kind=place.kind,
            id=place.id,
            name=place.name,
            gpus=place.gpus,
            ram=place.ram,
            count=place.count,
            choice=place.choice,
            whole=place.whole,
            written_per_s=written,
            read_per_s=read,
            hours_per_day=hours,
            enough=_enough(hours),
            most_written_per_day=None if hours is None else most_written(work, hours),
        )

    def _of_machine(
        self, place: _Place, work: Work, price: PriceRange | None, larger: Larger | None
    ) -> CostWay:
        """
        A machine that stands at home: it costs electricity, and its price where it is bought.
        """
        is_here = place.kind == "here"
        watts = watts_of(
            place.machine,
            place.choice,
            load=self._wishes.watts if is_here else None,
            idle=self._wishes.idle_watts if is_here else None,
        )
        way = msgspec.structs.replace(
            self._at(place, work),
            watts=watts,
            price=price,
            first_cost=None if price is None else of_price(price),
            larger=None if larger is None else larger.on_machine(place.machine),
        )
        return self._with_power(msgspec.structs.replace(way, data=data_of(way), effort=effort_of(way)))

    def _with_power(self, way: CostWay) -> CostWay:
        """
        The way with what its electricity costs, where its watts and the price of a kWh are known.
        """
        watts, hours = way.watts, way.hours_per_day
        if watts is None or hours is None or self._power is None or way.written_per_s is None:
            return way
        kwh = of_price(self._power)
        at_work = Range(
            low=min(hours.low, HOURS), likely=min(hours.likely, HOURS), high=min(hours.high, HOURS)
        )
        on_hours = self._wishes.on_hours
        if on_hours is None:
            on_hours = HOURS if self._wishes.parallel > 1 else 0.0
        idle = energy_a_month(watts.idle, _left(on_hours, at_work), kwh)
        return msgspec.structs.replace(
            way,
            per_month=plus(energy_a_month(watts.load, at_work, kwh), idle),
            idle_per_month=idle,
            always_on_per_month=energy_a_month(watts.idle, _left(HOURS, at_work), kwh),
            per_million_written=energy_of_a_million(watts.load, way.written_per_s, kwh),
            per_million_read=None
            if way.read_per_s is None
            else energy_of_a_million(watts.load, way.read_per_s, kwh),
        )

    def _not_here(self, larger: Larger | None) -> CostWay:
        way = CostWay(kind="here", id="here", name=message("cost.here"))
        return msgspec.structs.replace(
            way, larger=None if larger is None else larger.on_machine(self._machine), data=data_of(way)
        )

    def _of_rent(self, place: _Place, work: Work, price: PriceRange, larger: Larger | None) -> CostWay:
        """
        A rented machine: it costs its rent while it works.
        """
        way = self._at(place, work)
        written, read, hours = way.written_per_s, way.read_per_s, way.hours_per_day
        per_hour = scaled(of_price(price), place.count)
        if hours is not None and self._wishes.on_hours is not None:
            hours = plus(hours, _left(self._wishes.on_hours, hours))
        way = msgspec.structs.replace(
            way,
            first_cost=exactly(0.0),
            rent_per_hour=price,
            per_month=None if hours is None else rent_a_month(per_hour, hours),
            per_million_written=None if written is None else rent_of_a_million(per_hour, written),
            per_million_read=None if read is None else rent_of_a_million(per_hour, read),
            larger=None if larger is None else larger.rented(),
        )
        return msgspec.structs.replace(way, data=data_of(way), effort=effort_of(way))

    def _of_api(self, work: Work, larger: Larger | None) -> Iterator[CostWay]:
        found = self._book.hosted(self._model)
        if found is None:
            return
        way = CostWay(
            kind="api",
            id="api",
            name=message("cost.api"),
            enough=True,
            first_cost=exactly(0.0),
            hosted=found,
            per_month=asked_a_month(work, found.written, found.read),
            per_million_written=found.written,
            per_million_read=found.read,
            larger=None if larger is None else larger.by_api(),
        )
        yield msgspec.structs.replace(way, data=data_of(way), effort=effort_of(way))


def _left(on_hours: float, at_work: Range) -> Range:
    """
    The hours a day that are left of those in which a machine is on.
    """
    return Range(
        low=max(on_hours - at_work.high, 0.0),
        likely=max(on_hours - at_work.likely, 0.0),
        high=max(on_hours - at_work.low, 0.0),
    )


def _enough(hours: Range | None) -> bool | None:
    """
    Whether a day's work takes less than a day; None where it depends on the speed, or that is unknown.
    """
    if hours is None:
        return None
    return True if hours.high <= HOURS else False if hours.low > HOURS else None
