"""
What a model needs, and the machines of each kind that run it: each is searched as ``recommend`` searches it.

Which machines are tried is in ``data/plan.json``. Of each kind the smallest memory that does it is taken.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from math import inf
from typing import Any

import msgspec

from llmprobe import engines
from llmprobe.advise.recommend import Advice
from llmprobe.data import table
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.kept import estimator_of
from llmprobe.estimation.options import MOST_SLOTS
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.estimate import model_in_estimate
from llmprobe.facts.given import count, least_speed, text
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.plan import MachineKind, Needs, Plan, Planned, PlanWishes
from llmprobe.facts.prices import PriceRange, together
from llmprobe.facts.recommendation import Choice, Wishes
from llmprobe.facts.settings import Settings
from llmprobe.machine.hypothetical import SYSTEM_BYTES
from llmprobe.machine.prices import price_of
from llmprobe.tasks.arguments import check_model, context_of
from llmprobe.tasks.machines import probe
from llmprobe.tasks.models import quant_name
from llmprobe.tasks.recommend import commands_for, completed
from llmprobe.tasks.tried import tried_of
from llmprobe.units import GIB, MIB
from llmprobe.words.message import Message, message

USUAL_QUANT = "Q4_K_M"
"""What most people take; a model that is published in four bits is planned as it is."""

ENGINE = "llama.cpp"
KINDS: tuple[MachineKind, ...] = ("one-card", "several-cards", "card-and-ram", "unified", "processor")
BESIDE_CARDS_GIB = 32
SLOW_TOKENS_PER_S = 5.0
"""Below it people wait for the words."""


def wishes_of(
    model: ModelSpec,
    *,
    ctx_size: int = 8192,
    quant: str | None = None,
    parallel: int = 1,
    min_speed: float | None = None,
) -> PlanWishes:
    """
    What a program asks for, each wish checked.

    Raises:
        UsageError: one is of another kind or out of range.
    """
    check_model(model)
    own = model.quant or model.published_quant or USUAL_QUANT
    slots = count("parallel", parallel, least=1, most=MOST_SLOTS)
    return PlanWishes(
        ctx_size=context_of(model, ctx_size, slots),
        quant=own if quant is None else quant_name(text("quant", quant), model),
        parallel=slots,
        min_speed=least_speed(min_speed),
    )


def plan(model: ModelSpec, wishes: PlanWishes) -> Plan:
    """
    The plan for these wishes, described by ``api.plan``.

    Raises:
        UsageError: llama.cpp does not load the model.
    """
    check_model(model)
    return Planner(model, wishes, of_the_table).answer()


def of_the_table(gpus: tuple[str, ...], ram: str | None) -> PriceRange | None:
    """
    What cards, or a machine whose GPU shares its memory, and RAM cost together by the dated table; None where a part
    has no price.
    """
    found = [price_of(part) for part in (*gpus, *([ram] if ram is not None else []))]
    known = tuple(price for price in found if price is not None)
    return together(known) if known and len(known) == len(found) else None


Priced = Callable[[tuple[str, ...], str | None], PriceRange | None]


class Planner:
    """
    One model for which machines are tried; ``priced`` tells what cards and RAM cost, where anything is known.
    """

    def __init__(self, model: ModelSpec, wishes: PlanWishes, priced: Priced) -> None:
        self._model = model
        self._wishes = wishes
        self._priced = priced
        self._estimator = estimator_of(model)
        self._rows: Any = table("plan")
        self._tried = tried_of(model, wishes)

    def answer(self) -> Plan:
        found = tuple(self.machines(roomy=True))
        slots = {one.kind for one in found}
        return Plan(
            model=model_in_estimate(
                self._model, self._wishes.quant, self._estimator.tensor_bytes(self._wishes.quant)
            ),
            wishes=self._wishes,
            needs=needs(self._estimator, self._wishes),
            machines=found,
            without=tuple(kind for kind in KINDS if kind not in slots),
            notes=tuple(self._notes(found)),
        )

    def machines(self, *, roomy: bool = False) -> Iterator[Planned]:
        """
        The machines that run the model as wished, by kind, the smallest first. Where a card has less RAM beside it than
        the file is large, a ``roomy`` one with as much is among them.
        """
        alone = inf
        for row in self._rows["cards"]:
            whole = [one for gpu in row["gpus"] if (one := self._on_cards("one-card", gpu, 1)) is not None]
            if whole:
                alone = row["gib"]
                yield from whole
                break
        # More cards are of use only where each is smaller.
        below = alone
        for number in self._rows["counts"]:
            for row in self._rows["cards"]:
                if row["gib"] >= below:
                    break
                several = [self._on_cards("several-cards", gpu, number) for gpu in row["gpus"]]
                if any(several):
                    below = row["gib"]
                    yield from filter(None, several)
                    break
        small = {gpu for row in self._rows["cards"] if row["gib"] < alone for gpu in row["gpus"]}
        for gpu in self._rows["mixed"]:
            if gpu in small:
                yield from self._with_ram("card-and-ram", (gpu,), roomy=roomy)
        for row in self._rows["unified"]:
            shared = [self._on_chip(f"{gpu} {row['gib']}GB") for gpu in row["gpus"]]
            if any(shared):
                yield from filter(None, shared)
                break
        yield from self._with_ram("processor", ())

    def _on_cards(self, kind: MachineKind, gpu: str, number: int) -> Planned | None:
        """
        The model as a whole on so many equal cards.
        """
        gpus = (gpu if number == 1 else f"{number}x {gpu}",)
        ram = self._ram(BESIDE_CARDS_GIB)
        planned = self.tried_on(kind, gpus, ram, number)
        return planned if planned is not None and planned.whole else None

    def _with_ram(
        self, kind: MachineKind, gpus: tuple[str, ...], *, roomy: bool = False
    ) -> Iterator[Planned]:
        """
        The least RAM with which the model runs beside a card, or on the processor alone; and the least that holds the
        whole file, where that is asked for and is more.
        """
        least = None
        for size in self._rows["ram"]:
            holds = size * GIB - SYSTEM_BYTES >= self._estimator.tensor_bytes(self._wishes.quant)
            if least is not None and not holds:
                continue
            planned = self.tried_on(kind, gpus, self._ram(size), len(gpus))
            if planned is None:
                continue
            yield planned
            if holds or not roomy:
                return
            least = size

    def _on_chip(self, gpu: str) -> Planned | None:
        planned = self.tried_on("unified", (gpu,), None, 1)
        return planned if planned is not None and planned.whole else None

    def _ram(self, size: int) -> str:
        speed = self._rows["desktop" if size <= self._rows["desktop_to"] else "server"]
        return f"{size}GiB {speed}"

    def tried_on(
        self, kind: MachineKind, gpus: tuple[str, ...], ram: str | None, number: int
    ) -> Planned | None:
        """
        The model on a machine, None where it does not run there as wished.
        """
        key = (kind, gpus, ram, number)
        if key not in self._tried:
            self._tried[key] = self._searched(*key)
        found = self._tried[key]
        return None if found is None else msgspec.structs.replace(found, price=self._priced(gpus, ram))

    def _searched(
        self, kind: MachineKind, gpus: tuple[str, ...], ram: str | None, number: int
    ) -> Planned | None:
        """
        The same without a price, which is another for whoever has prices of their own.
        """
        machine = probe(gpus=gpus, ram=ram)
        wishes = self._wishes
        asked = Wishes(
            ctx_size=wishes.ctx_size,
            quants=(wishes.quant,),
            parallel=wishes.parallel,
            min_speed=wishes.min_speed,
            top=1,
        )
        free = sum(pool.free_bytes or 0 for pool in machine.pools)
        if self._estimator.tensor_bytes(wishes.quant) > free:
            return None
        advice = Advice(self._model, commands_for(machine, ENGINE), abilities=engines.abilities(ENGINE))
        found = advice.first(advice.problem(machine, asked), machine)
        if found is None:
            return None
        choice = completed(found[1], self._model, machine, ENGINE)
        return Planned(
            kind=kind,
            name=_name(machine, gpus, ram),
            gpus=gpus,
            ram=ram,
            count=number,
            whole=is_whole(choice),
            choice=choice,
            watts=_watts(machine),
            price=None,
        )

    def _notes(self, found: tuple[Planned, ...]) -> Iterator[Message]:
        yield message("plan.machines-are-idle", reserve_bytes=512 * MIB)
        if any(one.price is not None for one in found):
            yield message("plan.prices")
        if any(one.kind == "several-cards" for one in found):
            yield message("plan.nvlink")
        slow = [one for one in found if one.kind == "card-and-ram" and _likely(one) < SLOW_TOKENS_PER_S]
        if slow:
            yield message("plan.slow-with-ram", tokens_per_s=SLOW_TOKENS_PER_S)
        beside = Counter(one.gpus for one in found if one.kind == "card-and-ram")
        if any(number > 1 for number in beside.values()):
            yield message("plan.ram-holds-file", file_bytes=self._estimator.tensor_bytes(self._wishes.quant))


def needs(estimator: Estimator, wishes: PlanWishes) -> Needs:
    """
    The least free memory for a model as wished.
    """
    settings = Settings(ctx_size=wishes.ctx_size, parallel=wishes.parallel)
    card = Hardware(devices=(Device(id="gpu0", compute_capability="8.6"),))
    on_card = estimator.totals(wishes.quant, settings, card, exact=True)
    alone = estimator.totals(
        wishes.quant, msgspec.structs.replace(settings, gpu_layers=0), Hardware(), exact=True
    )
    return Needs(
        file_bytes=estimator.tensor_bytes(wishes.quant),
        gpu_bytes=on_card["gpu0"],
        ram_beside_bytes=on_card["host"],
        ram_alone_bytes=alone["host"],
    )


def is_whole(choice: Choice) -> bool:
    return choice.gpu_layers == choice.total_layers and not choice.n_cpu_moe and not choice.cpu_moe_layers


def _name(machine: Snapshot, gpus: tuple[str, ...], ram: str | None) -> Message:
    """
    A machine as its parts are sold: cards with the memory of each, and RAM.
    """
    own = [pool.total_bytes for pool in machine.pools if pool.id != "ram" and pool.total_bytes is not None]
    return message(
        "plan.machine",
        gpu=gpus[0] if gpus else None,
        gib=round(own[0] / GIB) if own else None,
        count=len(own),
        ram=ram,
    )


def _watts(machine: Snapshot) -> int | None:
    known = [one.power.default_watts for one in machine.accelerators if one.power is not None]
    figures = [watts for watts in known if watts is not None]
    if not figures or len(figures) < len(machine.accelerators):
        return None
    return round(sum(figures))


def _likely(one: Planned) -> float:
    speed = one.choice.speed.generation_tokens_per_s
    return inf if speed is None else speed.likely
