"""
The watts of a machine at the wall, at work and idle.

The user's figure wins. A machine whose GPU shares its memory is looked up by its chip; one that is not listed lies
between those of its class (an M4 Max between M1 Max and M2 Max). A PC draws what its cards may draw (the limit in
force, else what their makers rate) and what the rest takes, which PCs at the wall show: 14 to 145 W beside the rating.
One whose processor has a part of the model waits for it, and its cards draw about half. A card that works now tells
its draw, and one that rests its idle draw.
"""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from llmprobe.advise.cost.ranges import exactly, plus, rounded, scaled
from llmprobe.data import table
from llmprobe.facts.cost import WattsFrom, WattsOf
from llmprobe.facts.estimate import Range
from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.facts.recommendation import Choice
from llmprobe.machine.gpu_table import lookup
from llmprobe.words.message import Message, message

PART_OF_RATED = (0.7, 1.0)
"""What a card draws of its limit while it writes, on average and at its peak."""

WAITING = Range(low=0.3, likely=0.5, high=0.8)
"""What cards draw of their limit while the processor has a part of the model."""

PROCESSOR_AT_WORK = Range(low=45, likely=120, high=250)
"""A PC whose processor computes, without cards."""

BESIDE_CARDS = Range(low=30, likely=65, high=105)
"""What a processor at work adds to a PC that only feeds its cards."""

PART_OF_MOST = Range(low=0.6, likely=0.8, high=1.0)
"""What a chip draws while it writes of the most that its maker measured."""

REST_OF_LAPTOP = Range(low=10, likely=30, high=60)
IDLE_LAPTOP = Range(low=5, likely=12, high=25)
IDLE_PC = Range(low=45, likely=60, high=90)
IDLE_CARD = Range(low=8, likely=22, high=30)
IDLE_SHARED = Range(low=5, likely=12, high=40)
BUSY_PART, IDLE_PART = 0.5, 0.25
"""A card that draws more of its limit than the first works, one below the second rests."""


def watts_of(
    machine: Snapshot, choice: Choice | None, *, load: float | None = None, idle: float | None = None
) -> WattsOf | None:
    """
    The watts of a machine while it runs a choice, None where nothing is known of its GPU.

    ``load`` and ``idle`` are the user's own figures.
    """
    resting, resting_from = _idle(machine)
    if idle is not None:
        resting, resting_from = exactly(idle), "yours"
    if load is not None:
        return WattsOf(
            load=exactly(load),
            load_from="yours",
            idle=resting,
            idle_from=resting_from,
            how=message("watts.yours", watts=load),
        )
    found = _load(machine, choice)
    if found is None:
        return None
    working, working_from, how = found
    unused = [one for one in machine.accelerators if not _shares_memory(one) and one.id not in _used(choice)]
    working = rounded(plus(working, scaled(IDLE_CARD, len(unused))), 1)
    return WattsOf(load=working, load_from=working_from, idle=resting, idle_from=resting_from, how=how)


def _load(machine: Snapshot, choice: Choice | None) -> tuple[Range, WattsFrom, Message] | None:
    at_work = [one for one in machine.accelerators if one.id in _used(choice)]
    if not at_work:
        return PROCESSOR_AT_WORK, "assumed", message("watts.processor")
    if _shares_memory(at_work[0]):
        return _of_chip(at_work[0])
    if any(_limit(one) is None for one in at_work):
        return None
    working = [one for one in at_work if _part(one) >= BUSY_PART]
    if len(working) == len(at_work):
        drawn = sum(one.power.draw_watts or 0.0 for one in at_work if one.power is not None)
        return plus(_rest(at_work), exactly(drawn)), "live", message("watts.live", cards_watts=drawn)
    cards = sum(_limit(one) or 0.0 for one in at_work)
    origin: WattsFrom = (
        "limit"
        if all(one.power is not None and one.power.limit_watts is not None for one in at_work)
        else "rated"
    )
    if choice is not None and _waits(choice):
        own = plus(plus(scaled(WAITING, cards), _rest(at_work)), BESIDE_CARDS)
        return own, origin, message("watts.cards-wait", cards_watts=cards, origin=origin)
    rest = _rest(at_work)
    low, high = PART_OF_RATED
    own = Range(low=low * cards + rest.low, likely=cards + rest.likely, high=high * cards + rest.high)
    return own, origin, message("watts.cards", cards_watts=cards, origin=origin)


def _used(choice: Choice | None) -> frozenset[str]:
    """
    The GPUs that a choice uses; the others idle.
    """
    return frozenset() if choice is None else frozenset(device.id for device in choice.devices) - {"host"}


def _waits(choice: Choice) -> bool:
    """
    Whether the processor computes layers or experts.
    """
    return choice.gpu_layers < choice.total_layers or bool(choice.n_cpu_moe or choice.cpu_moe_layers)


def _idle(machine: Snapshot) -> tuple[Range, WattsFrom]:
    cards = [one for one in machine.accelerators if not _shares_memory(one)]
    if machine.accelerators and not cards:
        row = _row(machine.accelerators[0].name)
        if row is not None and "idle" in row:
            low, high = row["idle"]
            return Range(low=low, likely=(low + high) / 2, high=high), "measured"
        return IDLE_SHARED, "assumed"
    box = IDLE_LAPTOP if any("laptop" in one.name.lower() for one in cards) else IDLE_PC
    known = [one.power.draw_watts for one in cards if one.power is not None and _part(one) <= IDLE_PART]
    drawn = [watts for watts in known if watts is not None]
    if cards and len(drawn) == len(cards):
        return plus(box, exactly(sum(drawn))), "live"
    return plus(box, scaled(IDLE_CARD, len(cards))), "assumed"


def _shares_memory(device: Accelerator) -> bool:
    return device.integrated or device.vendor == "apple" or "ram" in device.pools


def _limit(device: Accelerator) -> float | None:
    """
    The watts that a card may draw: the limit in force, else its maker's.
    """
    if device.power is not None:
        known = device.power.limit_watts or device.power.default_watts or device.power.max_watts
        if known:
            return known
    row = lookup(device.name)
    return None if row is None else row.watts


def _part(device: Accelerator) -> float:
    """
    The draw of a card as a part of its limit; between working and resting where it is not known.
    """
    limit = _limit(device)
    if device.power is None or device.power.draw_watts is None or not limit:
        return (BUSY_PART + IDLE_PART) / 2
    return device.power.draw_watts / limit


def _of_chip(device: Accelerator) -> tuple[Range, WattsFrom, Message]:
    row = _row(device.name)
    if row is not None:
        return _row_load(row), "measured", message("watts.chip", chip=row["name"])
    alike = [_row_load(one) for one in _class_of(device.name)]
    if not alike:
        return PROCESSOR_AT_WORK, "assumed", message("watts.processor")
    own = Range(
        low=min(one.low for one in alike),
        likely=sum(one.likely for one in alike) / len(alike),
        high=max(one.high for one in alike),
    )
    names: Sequence[str] = [one["name"] for one in _class_of(device.name)]
    return own, "assumed", message("watts.chips-alike", names=tuple(names))


def _row_load(row: dict[str, Any]) -> Range:
    if "load" in row:
        low, high = row["load"]
        return Range(low=low, likely=(low + high) / 2, high=high)
    return scaled(PART_OF_MOST, row["most"])


def _row(name: str) -> dict[str, Any] | None:
    """
    The row of a chip by the name of its GPU; drivers and people call that of an M3 Max ``Apple M3 Max GPU``, too.
    """
    wanted = name.lower().removesuffix(" gpu")
    found: dict[str, Any]
    for found in table("watts")["chips"]:
        if found["name"].lower() == wanted:
            return found
    return None


def _class_of(name: str) -> list[dict[str, Any]]:
    """
    The listed chips of one class: Apple's Max or Ultra, its smallest, and for a Pro those below and above it.
    """
    tier = _tier(name)
    wanted = {None: (), "pro": ("", "max")}.get(tier, (tier,))
    return [one for one in table("watts")["chips"] if _tier(one["name"]) in wanted]


def _tier(name: str) -> str | None:
    """
    The class of one of Apple's chips, empty for the smallest, None of another maker's.
    """
    maker, *words = name.lower().removesuffix(" gpu").split()
    if maker != "apple":
        return None
    return words[1] if len(words) > 1 else ""


def _rest(cards: Sequence[Accelerator]) -> Range:
    """
    What a PC takes beside its cards, over the PCs of the table; less of a laptop.
    """
    if any("laptop" in one.name.lower() for one in cards):
        return REST_OF_LAPTOP
    beside = sorted(_beside())
    return Range(low=beside[0], likely=median(beside), high=beside[-1])


def _beside() -> Iterator[float]:
    for one in table("watts")["pcs"]:
        yield one["wall"] - one["rated"]
