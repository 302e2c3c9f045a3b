"""
One model served by several machines: each a stage of a pipeline, its layers cut over the devices of that machine.

A machine without a device of the engine is left out. Stages have the same number of ranks; of machines that are alike
they have even parts of the layers, else also parts by room and by bandwidth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from llmprobe.advise.serving.ranking import points, ranked, wished_cache_type
from llmprobe.advise.serving.search import Offer, Way, between
from llmprobe.estimation.serving import MemoryModel
from llmprobe.facts.devices import Network
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Wishes
from llmprobe.facts.serving import Card

MOST_TOGETHER = 8
"""Machines that are tried together at the most."""


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """
    A machine by its name, and the devices that the engine uses there.
    """

    name: str
    cards: tuple[Card, ...]

    @property
    def room(self) -> int:
        """What is free on its devices together."""
        return sum(card.total_bytes if card.free_bytes is None else card.free_bytes for card in self.cards)

    @property
    def kind(self) -> tuple[object, ...]:
        """What makes it alike with another."""
        first = self.cards[0]
        return first.backend, first.name, first.capability, len(self.cards)


def joined(
    model: ModelSpec,
    wishes: Wishes,
    boxes: Sequence[Box],
    offers: Sequence[Offer],
    memory: MemoryModel,
    version: tuple[int, ...],
    network: Network,
) -> tuple[Way, tuple[Box, ...]] | None:
    """
    The best way over two machines or more, and which they are, the main one first; None where none serves.
    """

    def served(used: Sequence[Box], length: int) -> list[Way]:
        machines = [box.cards for box in used]
        return list(
            between(
                model,
                offers,
                machines,
                memory,
                version,
                network=network,
                length=length,
                users=wishes.parallel,
                cache_type=wished_cache_type(wishes),
            )
        )

    best: tuple[tuple[bool, float], Way, tuple[Box, ...]] | None = None
    for some in _sets(boxes):
        mine: tuple[bool, float] | None = None
        for count in range(2, min(len(some), MOST_TOGETHER) + 1):
            used = some[:count]
            found = ranked(model, wishes, partial(served, used), memory).best
            if not found:
                continue
            worth = points(found[0], wishes, memory)
            if mine is not None and worth <= mine:
                break
            mine = worth
            if best is None or worth > best[0]:
                best = worth, found[0], used
    return None if best is None else best[1:]


def _sets(boxes: Sequence[Box]) -> Iterator[tuple[Box, ...]]:
    """
    The machines of each kind, then all that one engine can join, those with most room first.
    """
    ordered = sorted((box for box in boxes if box.cards), key=lambda box: box.room, reverse=True)
    kinds: dict[tuple[object, ...], list[Box]] = {}
    backends: dict[str, list[Box]] = {}
    for box in ordered:
        kinds.setdefault(box.kind, []).append(box)
        backends.setdefault(box.cards[0].backend, []).append(box)
    alike = {tuple(box.name for box in each): tuple(each) for each in (*kinds.values(), *backends.values())}
    yield from (each for each in alike.values() if len(each) > 1)
