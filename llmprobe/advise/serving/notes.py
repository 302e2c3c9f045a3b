"""
What is said of the cards that serve a model, and what would help where none can.
"""

from __future__ import annotations

from llmprobe.facts.machine import Snapshot
from llmprobe.facts.serving import Card
from llmprobe.words.message import Message, message


def nearest(cards: tuple[Card, ...], snapshot: Snapshot) -> tuple[Message, ...]:
    """
    What would help where nothing is served.
    """
    if not cards and any(each.usable and each.vendor == "apple" for each in snapshot.accelerators):
        return (message("nearest.serving-mac"),)
    found = (message("nearest.serving-llamacpp"),)
    return found if not cards else (message("nearest.serving-shorter"), *found)


def notes_of(cards: tuple[Card, ...]) -> tuple[Message, ...]:
    """
    What must be known of the cards: that a figure is assumed, that memory is shared, that they are unlike.
    """
    notes: tuple[Message, ...] = ()
    if cards and cards[0].assumed:
        notes += (message("note.serving-total-assumed", bytes=cards[0].total_bytes),)
    blind = tuple(card.id for card in cards if card.free_bytes is None)
    if blind:
        notes += (message("note.serving-free-unknown", devices=blind),)
    if cards and cards[0].unified:
        notes += (message("note.serving-unified"),)
    if len({card.total_bytes for card in cards}) > 1:
        notes += (message("note.serving-unlike"),)
    return notes
