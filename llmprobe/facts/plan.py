"""
What a model needs: the document of ``llmprobe plan`` and its parts.
"""

from typing import Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.estimate import ModelInEstimate
from llmprobe.facts.prices import PriceRange
from llmprobe.facts.recommendation import Choice
from llmprobe.words.message import Message

MachineKind = Literal["one-card", "several-cards", "card-and-ram", "unified", "processor"]


class PlanWishes(msgspec.Struct, frozen=True, kw_only=True):
    """
    The user's wishes; ``quant`` is the file that is planned for, ``min_speed`` in tokens per second.
    """

    ctx_size: int
    quant: str
    parallel: int = 1
    min_speed: float | None = None


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """
    The least free memory, in bytes: of one GPU that holds the whole model and of the RAM beside it, of RAM where the
    processor does everything, and the size of the file. A machine has more, of which its system takes some.
    """

    file_bytes: int
    gpu_bytes: int
    ram_beside_bytes: int
    ram_alone_bytes: int


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """
    A machine that runs the model: its GPUs and RAM as ``--gpu`` and ``--ram`` take them, ``count`` of its cards, and
    the choice of ``recommend`` for it. ``whole`` says that nothing of the model is left to the processor. ``watts`` is
    what its cards may draw by their makers, ``price`` what cards and RAM cost, or a whole machine whose GPU shares its
    memory, by pages of known months; each None where that is unknown.
    """

    kind: MachineKind
    name: Message
    gpus: tuple[str, ...]
    ram: str | None
    count: int
    whole: bool
    choice: Choice
    watts: int | None = None
    price: PriceRange | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe plan``: what a model needs, and machines of each kind that run it, the smallest first.

    ``without`` names kinds of which no machine that was tried runs it.
    """

    schema: Literal["llmprobe.plan/1"] = "llmprobe.plan/1"
    llmprobe_version: str = __version__
    this_machine: Literal[False] = False
    model: ModelInEstimate
    wishes: PlanWishes
    needs: Needs
    machines: tuple[Planned, ...]
    without: tuple[MachineKind, ...] = ()
    notes: tuple[Message, ...] = ()
