"""
What can be set on the page of a model, and the stops at which its file has estimates.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import msgspec

from llmprobe.advise.choose.candidates import CONTEXT_STEP
from llmprobe.advise.contexts import sizes
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.recommendation import Choice, Recommendation
from llmprobe.facts.report import Axis, AxisName, Cell
from llmprobe.facts.settings import Settings
from llmprobe.model.next_token import can_draft
from llmprobe.words.message import Message, message

MOST_CELLS = 2500
"""How many estimates a file has, about: they take some seconds, and a quarter of its room."""

SPARSER = ((7, 7), (5, 5), (4, 4), (3, 3))
"""How many quantizations and contexts there are at the most, and how many where layers would have too few stops."""

FEW_QUANTS = 3
"""Of so many quantizations, from the first choice's on, there is more than two types of cache."""

LEAST_LAYERS = 5
"""As many stops as an axis of layers has at the least."""

SLOTS = (1, 2, 4)
CACHE_TYPES = ("f16", "q8_0", "q4_0")
MAIN_CACHE_TYPES = CACHE_TYPES[:2]
PROJECTORS = ("gpu", "ram", "none")
DRAFTS = ("none", "draft-mtp")

ORDER: tuple[AxisName, ...] = get_args(AxisName)
"""The axes as the page and the cells have them."""

_OF_PROJECTOR: Mapping[Cell, dict[str, Cell]] = {
    "gpu": {"mmproj": "auto", "mmproj_offload": True},
    "ram": {"mmproj": "auto", "mmproj_offload": False},
    "none": {"mmproj": "none"},
}
_LEAST: Mapping[AxisName, int] = {"ctx_size": CONTEXT_STEP, "gpu_layers": 0, "n_cpu_moe": 0, "parallel": 1}
"""The axes that count something, and the least of each."""

_ALIKE = ("batch_size", "ubatch_size", "flash_attn", "kv_offload", "split_mode")
"""
Settings of the first choice that hold at every stop: no axis changes them. Shares of devices (``-ts``) are not among
them, which suit one placement alone.
"""


class Stops(msgspec.Struct, frozen=True, kw_only=True):
    """
    A model's axes: the values of each, where they stand at first, what holds at all of them, and how far those go
    that count layers. ``few_quants`` are those quantizations of which there is more than two types of cache.
    """

    values: dict[AxisName, tuple[Cell, ...]]
    start: dict[AxisName, Cell]
    base: dict[str, Cell]
    most: dict[AxisName, int]
    few_quants: tuple[Cell, ...]


def stops(estimator: Estimator, answer: Recommendation, *, devices: int) -> Stops:
    """
    The stops of every axis that this model has here, so many that the grid has about ``MOST_CELLS``; fewer where each
    cell has many devices.
    """
    room = MOST_CELLS * 2 // (devices + 1) if devices else MOST_CELLS
    found = _stops(estimator, answer, devices, room, *SPARSER[0])
    for quants, contexts in SPARSER[1:]:
        if _count(found.values, room, experts=estimator.is_moe) >= LEAST_LAYERS:
            break
        found = _stops(estimator, answer, devices, room, quants, contexts)
    return found


def _stops(
    estimator: Estimator,
    answer: Recommendation,
    devices: int,
    room: int,
    most_quants: int,
    most_contexts: int,
) -> Stops:
    """
    The stops with at most so many quantizations and contexts.
    """
    first = answer.choices[0] if answer.choices else None
    ctx_size = answer.wishes.ctx_size or Settings().ctx_size
    quants, contexts = _quants(estimator, answer, most_quants), sizes(estimator.model, ctx_size)
    values: dict[AxisName, tuple[Cell, ...]] = {"quant": quants}
    start: dict[AxisName, Cell] = {"quant": quants[0] if first is None else first.quant}
    most: dict[AxisName, int] = {"ctx_size": contexts[-1], "parallel": max(SLOTS)}
    start["ctx_size"] = asked = ctx_size if first is None else first.ctx_size
    values["ctx_size"] = _thinned(contexts, most_contexts, (asked,))
    start["parallel"] = answer.wishes.parallel
    values["parallel"] = SLOTS
    if estimator.generates:
        start["cache_types"] = CACHE_TYPES[0] if first is None else cache_types(first)
        values["cache_types"] = CACHE_TYPES
    if estimator.projectors.loaded:
        values["projector"] = PROJECTORS if devices else PROJECTORS[1:]
        start["projector"] = values["projector"][0] if first is None else projector_of(first)
    if estimator.generates and can_draft(estimator.model):
        values["draft"], start["draft"] = DRAFTS, DRAFTS[0]
    if devices:
        count = max(LEAST_LAYERS, _count(values, room, experts=estimator.is_moe))
        shown = answer.choices[: max(1, count // 3)]
        most["gpu_layers"] = estimator.total_layers
        start["gpu_layers"] = 0 if first is None else first.gpu_layers
        values["gpu_layers"] = _layers(most["gpu_layers"], count, (one.gpu_layers for one in shown))
        if estimator.is_moe:
            most["n_cpu_moe"] = estimator.n_layer
            start["n_cpu_moe"] = 0 if first is None else first.n_cpu_moe
            values["n_cpu_moe"] = _layers(most["n_cpu_moe"], count, (one.n_cpu_moe for one in shown))
    return Stops(
        # A wish may have put the start where there is no stop.
        values={
            name: values[name] if start[name] in values[name] else (*values[name], start[name])
            for name in ORDER
            if name in values
        },
        start={name: start[name] for name in ORDER if name in start},
        base=_base(first),
        most=most,
        few_quants=_from(start["quant"], quants),
    )


def _count(values: Mapping[AxisName, Sequence[Cell]], room: int, *, experts: bool) -> int:
    """
    How many stops an axis of layers may have where there is room for so many cells, with all others as they are.
    """
    main = len(MAIN_CACHE_TYPES) if "cache_types" in values else 1
    beside = sum(len(values.get(name, (0,))) - 1 for name in ("parallel", "projector", "draft"))
    beside += max(0, len(values.get("cache_types", ())) - main)
    quants, contexts = len(values["quant"]), len(values["ctx_size"])
    wide, narrow = quants * contexts * main, min(quants, FEW_QUANTS) * contexts * beside
    # Of a mixture: experts in RAM, and layers on devices with all of them there or with none.
    return room // (3 * wide + narrow if experts else wide + narrow)


def _from(first: Cell, quants: Sequence[Cell]) -> tuple[Cell, ...]:
    """
    A quantization and its neighbours, in their order.
    """
    at = quants.index(first) if first in quants else 0
    begins = max(0, min(at - FEW_QUANTS // 2, len(quants) - FEW_QUANTS))
    return tuple(quants[begins : begins + FEW_QUANTS])


def body(name: AxisName, value: Cell, found: Stops) -> dict[str, Any]:
    """
    What a value of an axis is in the body of a question.
    """
    if name == "quant":
        return {"quant": value}
    if name == "cache_types":
        cache_k, _, cache_v = str(value).partition("/")
        return {"settings": {"cache_type_k": cache_k, "cache_type_v": cache_v or cache_k}}
    if name == "projector":
        return {"settings": _OF_PROJECTOR[value]}
    if name == "draft":
        return {"settings": {} if value == DRAFTS[0] else {"spec_type": (value,)}}
    if name == "gpu_layers" and value == found.most[name]:
        # A model that drafts for itself has more of them.
        return {"settings": {name: "all"}}
    return {"settings": {name: value}}


def axis(name: AxisName, found: Stops) -> Axis:
    """
    An axis for the page.
    """
    values = found.values[name]
    counted = name in _LEAST
    return Axis(
        name=name,
        label=message(f"report.axis.{name}"),
        kind="number" if counted else "choice",
        values=values,
        labels=tuple(_label(name, value) for value in values),
        bodies=tuple(body(name, value, found) for value in values),
        least=_LEAST.get(name),
        most=found.most.get(name),
        step=(CONTEXT_STEP if name == "ctx_size" else 1) if counted else None,
    )


def _label(name: AxisName, value: Cell) -> Message | None:
    return message(f"report.value.{value}") if name in ("projector", "draft") else None


def _base(first: Choice | None) -> dict[str, Cell]:
    if first is None:
        return {}
    usual = Settings()
    return {name: getattr(first, name) for name in _ALIKE if getattr(first, name) != getattr(usual, name)}


def _quants(estimator: Estimator, answer: Recommendation, most: int) -> tuple[str, ...]:
    """
    The quantizations of the choices, then those that fit and those that miss least, the largest first.
    """
    every = sorted(answer.points, key=lambda one: (one.choice is None, not one.fits, one.missing_bytes or 0))
    kept = list(dict.fromkeys(one.quant for one in every))[:most] or [answer.model.quant]
    return tuple(sorted(kept, key=estimator.tensor_bytes, reverse=True))


def _layers(total: int, count: int, chosen: Iterable[int]) -> tuple[Cell, ...]:
    return _thinned(tuple(range(total + 1)), count, tuple(chosen))


def _thinned(values: Sequence[int], count: int, kept: Sequence[int]) -> tuple[int, ...]:
    """
    About so many of some values, evenly from the first to the last, and those that are to be kept.
    """
    if len(values) <= count:
        return tuple(sorted({*values, *kept}))
    places = {round(step * (len(values) - 1) / (count - 1)) for step in range(count)}
    return tuple(sorted({*(values[place] for place in places), *(one for one in kept if one in values)}))


def cache_types(choice: Choice) -> str:
    """
    The types of a choice's cache as a value of their axis.
    """
    if choice.cache_type_k == choice.cache_type_v:
        return choice.cache_type_k
    return f"{choice.cache_type_k}/{choice.cache_type_v}"


def projector_of(choice: Choice) -> str:
    """
    Where the projector of a choice lies, as a value of its axis.
    """
    if choice.projector is None:
        return "none"
    return "gpu" if choice.projector.device != "host" else "ram"
