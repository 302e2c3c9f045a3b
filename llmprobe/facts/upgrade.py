"""
What would help a machine most: the document of ``llmprobe upgrade`` and its parts.
"""

from typing import Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.estimate import ModelInEstimate
from llmprobe.facts.finding import Finding
from llmprobe.facts.fit import Use
from llmprobe.facts.prices import PriceRange
from llmprobe.facts.recommendation import Choice, MachineInShort
from llmprobe.words.message import Message

StepKind = Literal[
    "repair",
    "free",
    "limit",
    "slot",
    "power",
    "ram",
    "first-card",
    "equal-card",
    "other-card",
    "card-instead",
]
"""
``repair`` makes a card usable that is there, ``free`` ends what holds memory, ``limit`` raises that of macOS or of a
container, ``slot`` is one with all lanes, ``power`` a supply that delivers. ``equal-card`` and ``other-card`` come
beside the cards that are there, ``card-instead`` takes the place of one, and ``first-card`` has none beside it.
"""


class UpgradeWishes(msgspec.Struct, frozen=True, kw_only=True):
    """
    The user's wishes: those for one model, or without one those of ``fit`` for a ``use``. ``ctx_size`` is None for the
    usual context of either.
    """

    use: Use = "chat"
    ctx_size: int | None = None
    quants: tuple[str, ...] = ()
    min_speed: float | None = None
    reserve_bytes: int | None = None


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a machine makes of the question: the first choice of ``recommend`` for a model, or the first row of ``fit``.

    ``points`` are those of the balance of ``recommend``, a doubling of the time of an answer each, or those of
    ``fit``; only differences count. ``reads_as`` is a score of the reference ``test`` in ``unit``, of ``fit`` alone.
    """

    model: str
    model_name: str
    choice: Choice
    points: float
    reads_as: float | None = None
    unit: str | None = None
    test: str | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """
    One change of the machine. ``before`` is what the machine reaches without it, ``after`` with it, each by a search;
    None is nothing. What is bought is compared with the machine after all that helps and costs nothing.

    ``gain`` is the difference of their points, None where one of them is unknown. ``helps`` is None where nobody can
    tell. ``gpu`` is what is bought as ``--gpu`` takes it, ``watts`` what that may draw by its maker, ``price`` what
    it costs by dated pages, ``commands`` are to be copied.
    """

    kind: StepKind
    name: Message
    costs_nothing: bool
    gpu: str | None = None
    ram_bytes: int | None = None
    watts: int | None = None
    price: PriceRange | None = None
    commands: tuple[str, ...] = ()
    before: Reached | None = None
    after: Reached | None = None
    gain: float | None = None
    helps: bool | None = None
    outcome: Message


class SecondCard(msgspec.Struct, frozen=True, kw_only=True):
    """
    Whether another card beside those that are there would help, and by how much. A machine without any is asked for
    its first one. ``helps`` is None where one that is there has to work before anybody can tell.
    """

    helps: bool | None
    answer: Message


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe upgrade``: ``steps`` that help, what costs nothing first and the largest gain first,
    then those of unknown gain, then those that do not help.

    ``now`` is what the machine reaches as it is, None for nothing. ``model`` is None where the catalog as a whole was
    asked for.
    """

    schema: Literal["llmprobe.upgrade/1"] = "llmprobe.upgrade/1"
    llmprobe_version: str = __version__
    this_machine: bool
    machine: MachineInShort
    model: ModelInEstimate | None = None
    wishes: UpgradeWishes
    now: Reached | None = None
    verdict: Message
    second_card: SecondCard
    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[Message, ...] = ()
