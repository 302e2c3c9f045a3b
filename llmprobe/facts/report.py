"""
One page to look at: the document of ``llmprobe report`` and its parts, the answers of other commands as they are.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.estimate import Range
from llmprobe.facts.fit import Fit
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Choice, Quality, Recommendation
from llmprobe.words.message import Message

Cell = int | float | str | bool | None
AxisName = Literal[
    "quant", "ctx_size", "gpu_layers", "n_cpu_moe", "cache_types", "parallel", "projector", "draft"
]


class Axis(msgspec.Struct, frozen=True, kw_only=True):
    """
    One thing that can be set, and the ``values`` that the grid has of it.

    ``bodies`` are, for each value, what ``POST /v1/setting`` is asked with: ``quant``, or some of its ``settings``.
    A ``number`` may be any whole one from ``least`` to ``most`` in steps of ``step``, which is then asked for under the
    name of the axis. ``labels`` are names for people, None where the value is one itself.
    """

    name: AxisName
    label: Message
    kind: Literal["choice", "number"]
    values: tuple[Cell, ...]
    labels: tuple[Message | None, ...]
    bodies: tuple[dict[str, Cell | dict[str, Cell | tuple[str, ...]]], ...]
    least: int | None = None
    most: int | None = None
    step: int | None = None


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """
    One figure of every cell of a block, of a ``device`` (a place in ``ModelReport.devices``) or of all.

    It depends on ``axes`` alone, the last of which moves fastest. With ``distinct`` each value is a place in these.
    """

    name: str
    device: int | None = None
    axes: tuple[AxisName, ...]
    values: tuple[Cell, ...]
    distinct: tuple[Cell, ...] | None = None


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """
    A full product of values of every axis: ``size`` cells, by columns. A figure of a device that has no column is 0
    everywhere, any other is None.
    """

    axes: dict[AxisName, tuple[Cell, ...]]
    size: int
    columns: tuple[Column, ...]


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """
    Estimates made beforehand, as many as the page has room for; ``about`` says how much that is.

    ``qualities``, ``refusals`` and ``warnings`` are what the columns of these names (``quality``, ``refused``,
    ``warnings``) are places in.
    """

    cells: int
    about: Message
    blocks: tuple[Block, ...]
    qualities: tuple[Quality, ...] = ()
    refusals: tuple[Message, ...] = ()
    warnings: tuple[tuple[Message, ...], ...] = ()


class DeviceInReport(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device of an estimate, what of it may be used, and how much of that ``recommend`` leaves free. Host and
    devices of one ``pool`` share its memory.
    """

    id: str
    name: str | None
    pool: str | None
    budget_bytes: int | None
    reserve_bytes: int


class TotalOfDevice(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one device holds in all.
    """

    id: str
    total_bytes: int


class CurvePoint(msgspec.Struct, frozen=True, kw_only=True):
    """
    A choice at one context, as ``estimate`` has it: what each device holds, and the speed at a full context.
    """

    ctx_size: int
    fits: bool | None
    devices: tuple[TotalOfDevice, ...]
    tokens_per_s: Range | None


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """
    Memory against context of a choice (its place in ``recommendation.choices``), placed as it is there.
    """

    choice: int
    quant: str
    points: tuple[CurvePoint, ...]


class Exact(msgspec.Struct, frozen=True, kw_only=True):
    """
    A choice (its place in ``recommendation.choices``) that axes at these ``values`` make only with further
    ``settings``, or on the devices ``use_devices`` alone; None is all of them.
    """

    choice: int
    values: dict[AxisName, Cell]
    settings: dict[str, Cell | tuple[Cell, ...]]
    use_devices: tuple[str, ...] | None = None


class OfEngine(msgspec.Struct, frozen=True, kw_only=True):
    """
    The first choice for an engine, with its commands; None is its answer "no", whose reason is the verdict.
    """

    engine: str
    choice: Choice | None
    verdict: Message | None
    notes: tuple[Message, ...] = ()


class ModelReport(msgspec.Struct, frozen=True, kw_only=True):
    """
    One model on this machine. ``start`` is where its axes stand at first: the first choice, or what is nearest to it.
    ``base`` are the settings that hold at every stop of the axes: those of the first choice that are not the engine's
    own. Where the axes stand at the values of an ``exact`` one, its settings are meant too, and are in the first blocks
    of the grid.
    """

    recommendation: Recommendation
    engines: tuple[OfEngine, ...]
    curves: tuple[Curve, ...]
    devices: tuple[DeviceInReport, ...]
    base: dict[str, Cell]
    axes: tuple[Axis, ...]
    start: dict[AxisName, Cell]
    exact: tuple[Exact, ...] = ()
    grid: Grid | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe report``: the machine as ``check`` has it, ``fit`` for some uses, and one model.

    ``live`` is that of a server, which answers what is not in it; with ``needs_token`` it wants to be given one.
    ``check`` is None only in the page of a server before it asked. ``made_at`` is a time of this machine, None of
    another. ``words`` are the page's own sentences in ``language``.
    """

    schema: Literal["llmprobe.report/1"] = "llmprobe.report/1"
    llmprobe_version: str = __version__
    this_machine: bool
    language: str = "en"
    live: bool = False
    needs_token: bool = False
    made_at: str | None = None
    check: Snapshot | None = None
    fit: tuple[Fit, ...] = ()
    model: ModelReport | None = None
    notes: tuple[Message, ...] = ()
    words: dict[str, str] = {}
