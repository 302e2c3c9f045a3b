"""
Estimates made beforehand, for a page that can ask nobody: full products of stops, as blocks of compact columns.

Every quantization, context and placement is there with two types of cache. Slots, the other types, the projector and
drafting vary one at a time, for a few quantizations: all with all would be a hundred times as much.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import TypeVar

from llmprobe.errors import RefusedError
from llmprobe.facts.estimate import DeviceEstimate, Range
from llmprobe.facts.recommendation import Quality
from llmprobe.facts.report import AxisName, Block, Cell, Grid
from llmprobe.facts.setting import Setting
from llmprobe.tasks.report.columns import Key, columns
from llmprobe.tasks.report.pieces import pieces
from llmprobe.tasks.report.stops import FEW_QUANTS, MAIN_CACHE_TYPES, Stops
from llmprobe.words.message import Message, message

Ask = Callable[[Mapping[AxisName, Cell]], Setting]
"""Answers for one value of every axis; raises RefusedError where llama.cpp refuses them."""

T = TypeVar("T")
Axes = dict[AxisName, tuple[Cell, ...]]

BYTES = tuple(
    name for name in DeviceEstimate.__struct_fields__ if name.endswith("_bytes") and name != "budget_bytes"
)
_BESIDE: tuple[AxisName, ...] = ("cache_types", "parallel", "projector", "draft")
"""The axes that vary one at a time."""

RANGES = {
    "generation": "generation_tokens_per_s",
    "full": "generation_at_full_context_tokens_per_s",
    "prompt": "prompt_tokens_per_s",
    "first_token": "time_to_first_token_s",
}
"""The columns of a range of ``Speed``, by the beginning of their names."""


def grid(
    found: Stops,
    devices: Sequence[str],
    ask: Ask,
    choices: Sequence[tuple[Mapping[AxisName, Cell], Ask]] = (),
) -> Grid:
    """
    The grid over some stops, each of whose cells is what ``ask`` answers. Before all others come the ``choices`` that
    something else answers for.
    """
    shared = _Shared(devices)
    alone: list[Axes] = [{name: (value,) for name, value in values.items()} for values, _ in choices]
    blocks = (
        *(shared.block(axes, of_choice) for axes, (_, of_choice) in zip(alone, choices, strict=True)),
        *(shared.block(axes, ask) for axes in _products(found)),
    )
    cells = sum(block.size for block in blocks)
    return Grid(
        cells=cells,
        about=message(
            "report.grid",
            cells=cells,
            every=prod(len(values) for values in found.values.values()),
            quants=FEW_QUANTS if len(found.values["quant"]) > FEW_QUANTS else None,
        ),
        blocks=blocks,
        qualities=tuple(shared.qualities),
        refusals=tuple(shared.refusals),
        warnings=tuple(shared.warnings),
    )


def _products(found: Stops) -> Iterator[Axes]:
    """
    The axes of each block: every value of those that matter most, then each other axis by itself.
    """
    usual: Axes = {name: (value,) for name, value in found.start.items()}
    wide: Axes = {name: found.values[name] for name in ("quant", "ctx_size")}
    narrow: Axes = {**wide, "quant": found.few_quants}
    main = found.start.get("cache_types")
    main_types = tuple(dict.fromkeys((main, *MAIN_CACHE_TYPES))) if main is not None else ()
    for place, placements in enumerate(_placements(found)):
        yield usual | wide | placements | ({"cache_types": main_types} if main_types else {})
        for name in _BESIDE if place == 0 else ():
            left_out = main_types if name == "cache_types" else usual.get(name, ())
            others = tuple(value for value in found.values.get(name, ()) if value not in left_out)
            if others:
                yield usual | narrow | placements | {name: others}


def _placements(found: Stops) -> Iterator[Axes]:
    """
    Layers on devices with the experts of all or of none of them in RAM, and experts in RAM with all layers on devices.
    """
    if "gpu_layers" not in found.values:
        yield {}
    elif "n_cpu_moe" not in found.values:
        yield {"gpu_layers": found.values["gpu_layers"]}
    else:
        *some, every = found.values["gpu_layers"]
        kept = found.values["n_cpu_moe"]
        yield {"gpu_layers": (every,), "n_cpu_moe": kept}
        if some:
            yield {"gpu_layers": tuple(some), "n_cpu_moe": (kept[0], kept[-1])}


class _Shared:
    """
    The records that cells of all blocks name by their places.
    """

    def __init__(self, devices: Sequence[str]) -> None:
        self._devices = {name: place for place, name in enumerate(devices)}
        self.qualities: list[Quality] = []
        self.refusals: list[Message] = []
        self.warnings: list[tuple[Message, ...]] = []

    def block(self, axes: Axes, ask: Ask) -> Block:
        """
        One full product of axes.
        """
        cells: list[dict[Key, Cell]] = []
        commands: list[dict[str, str]] = []
        for values in product(*axes.values()):
            try:
                setting = ask(dict(zip(axes, values, strict=True)))
            except RefusedError as error:
                cells.append({("refused", None): _place(self.refusals, error.message)})
                commands.append({})
            else:
                cells.append(self._cell(setting))
                commands.append(setting.commands)
        for program in dict.fromkeys(name for lines in commands for name in lines):
            rows = pieces([lines.get(program) for lines in commands])
            for cell, row in zip(cells, rows, strict=True):
                cell |= {(f"command.{program}.{place}", None): piece for place, piece in enumerate(row)}
        return Block(axes=axes, size=len(cells), columns=tuple(columns(axes, cells)))

    def _cell(self, setting: Setting) -> dict[Key, Cell]:
        answer = setting.estimate
        cell: dict[Key, Cell] = {
            (name, self._devices[device.id]): getattr(device, name)
            for device in answer.devices
            for name in BYTES
        }
        for name, field in RANGES.items():
            cell |= _ends(name, getattr(answer.speed, field))
        cell |= _ends("answer", None if setting.time is None else setting.time.seconds)
        cell |= {
            ("fits", None): answer.fits,
            ("missing_bytes", None): answer.missing_bytes,
            ("layers_offloaded", None): answer.layers.offloaded,
            ("prompt_is_assumed", None): answer.speed.prompt_is_assumed,
            ("quality", None): None if setting.quality is None else _place(self.qualities, setting.quality),
            ("warnings", None): _place(self.warnings, answer.warnings),
        }
        return cell


def _ends(name: str, found: Range | None) -> dict[Key, Cell]:
    return {
        (f"{name}_{end}", None): None if found is None else getattr(found, end)
        for end in ("low", "likely", "high")
    }


def _place(listed: list[T], one: T) -> int:
    """
    The place of a record in a list, at whose end it is put where it is not there yet.
    """
    if one not in listed:
        listed.append(one)
    return listed.index(one)
