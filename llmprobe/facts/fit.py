"""
What fits a machine: the document of ``llmprobe fit`` and its parts.
"""

from typing import Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.finding import Finding
from llmprobe.facts.recommendation import Choice, MachineInShort, UseName
from llmprobe.words.message import Message

Use = Literal["chat", "coding", "reasoning", "agent", "vision", "japanese", "embedding"]
Mode = Literal["thinking", "no thinking"]
Order = Literal["points", "capability", "speed", "size", "released"]


class FitWishes(msgspec.Struct, frozen=True, kw_only=True):
    """
    The user's wishes. ``ctx_size`` is that of the use where ``ctx_size_given`` is False.

    ``max_download_bytes`` counts files that are not on this machine. ``only_gpu`` leaves out what stays in RAM in part.
    ``licenses`` and ``families`` are beginnings of names (``apache``, ``qwen``); none is all.
    """

    use: Use
    ctx_size: int
    ctx_size_given: bool = True
    engine: str = "llama.cpp"
    min_speed: float | None = None
    min_quality: str | None = None
    max_download_bytes: int | None = None
    licenses: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    only_gpu: bool = False
    sort: Order = "points"
    top: int = 8
    reserve_bytes: int | None = None
    assume_idle: bool = False


class ModelInFit(msgspec.Struct, frozen=True, kw_only=True):
    """
    A model of the catalog: ``released`` is a month, ``parameters`` and ``active_parameters`` are counts of weights.
    """

    id: str
    name: str
    family: str
    parameters: int
    active_parameters: int | None
    released: str | None
    license: str | None
    repo: str | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """
    One published result of the full-precision model, as its source gives it. ``month`` may be a year alone.
    """

    benchmark: str
    value: float
    unit: str
    measured_by: str
    month: str
    source: str


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    """
    How good the full-precision model is at the use, by published results, in one ``mode``.

    ``index`` has the mean of the catalog of November 2026 at 50 and its standard deviation at 10; ``low`` is the index
    less two standard errors ``se``, by which models are ranked. ``reads_as`` is the same position as a score of the
    reference ``test``, in ``unit``, between ``reads_low`` and ``reads_high``; ``basis`` says what it rests on: three
    results or more of the use (``measured``), fewer (``few rows``), results of other uses alone (``other uses``).
    """

    mode: Mode
    index: float
    se: float
    low: float
    reads_as: float
    reads_low: float
    reads_high: float
    test: str
    measured_by: str
    unit: str
    basis: str
    results: tuple[Result, ...] = ()


class Fitting(msgspec.Struct, frozen=True, kw_only=True):
    """
    One model that this machine runs, with the choice that ``recommend`` makes for it.

    ``points`` are ``capability.low`` and what speed, loss and the like are worth in the same units. ``variants`` are
    other models of the same shape that fit as well and are worse for this use.

    ``answers`` is the use that ``recommend`` weighs the time of an answer for (``--for``), None of embeddings.
    ``reads_as`` is ``capability.reads_as`` less what the file loses, which is assumed.
    """

    model: ModelInFit
    capability: Capability
    points: float
    answers: UseName | None
    reads_as: float
    choice: Choice
    why: tuple[Message, ...] = ()
    variants: tuple[str, ...] = ()


class KeptInFit(msgspec.Struct, frozen=True, kw_only=True):
    """
    A model on this disk that is none of the catalog, so that nothing published ranks it: with the choice that
    ``recommend`` makes of its file, None where it does not run here; ``problem`` says why it cannot be used at all.
    """

    name: str
    kept_by: Message
    path: str | None = None
    quant: str | None = None
    parameters: int | None = None
    choice: Choice | None = None
    problem: Message | None = None


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe fit``: ``rows`` best first, and apart the models that no result was published for, but
    whose weights have room.

    ``kept`` are models on this disk that are none of the catalog. ``left_out`` counts the others by reason.
    ``next_model`` says what the next model worth having would take.
    """

    schema: Literal["llmprobe.fit/1"] = "llmprobe.fit/1"
    llmprobe_version: str = __version__
    this_machine: bool
    machine: MachineInShort
    wishes: FitWishes
    catalog_date: str
    capability_date: str
    rows: tuple[Fitting, ...]
    unranked: tuple[ModelInFit, ...] = ()
    kept: tuple[KeptInFit, ...] = ()
    verdict: Message | None = None
    left_out: tuple[Message, ...] = ()
    next_model: Message | None = None
    balance: tuple[Message, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[Message, ...] = ()
