"""
A recommendation for an engine that serves from a pool of cache: its devices, and the weights that are published.
"""

from __future__ import annotations

import msgspec

from llmprobe.advise.refusal import refusal
from llmprobe.advise.serving.recommend import CACHE_TYPES, Command, recommend
from llmprobe.advise.serving.search import Offer
from llmprobe.engines import Engine
from llmprobe.errors import UsageError
from llmprobe.estimation.serving import memory_model
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Recommendation, Wishes
from llmprobe.facts.serving import Card, Checkpoint
from llmprobe.model import archs
from llmprobe.model.checkpoints import NAMES, PLAIN, own, published, quantization_of
from llmprobe.site.cards import cards
from llmprobe.words.message import message


def served(
    model: ModelSpec, machine: Snapshot, wishes: Wishes, one: Engine, command: Command
) -> Recommendation:
    """
    The recommendation of an engine that has a memory model of its own.

    Raises:
        UsageError: the model is a GGUF file, or no format is called as wished.
    """
    assert one.memory is not None
    if wishes.spec_type:
        raise UsageError(message("error.engine-drafts", engine=one.name), hint=message("hint.engine-drafts"))
    for kind in (wishes.cache_type_k, wishes.cache_type_v):
        if kind is not None and kind not in CACHE_TYPES:
            raise UsageError(
                message("error.serving-cache-type", given=kind),
                hint=message("hint.one-of", names=tuple(CACHE_TYPES)),
            )
    if archs.get(model.architecture) is None:
        why = message("rejected.not-loaded", engine=one.name, architecture=model.architecture)
        return refusal(model, machine, wishes, why, ())
    memory = memory_model(one.memory)
    found = cards(machine, one.abilities.backends, idle=wishes.assume_idle)
    if wishes.reserve_bytes:
        found = tuple(_less(card, wishes.reserve_bytes) for card in found)
    return recommend(
        model,
        machine,
        wishes,
        offers=offers(model, wishes.quants),
        cards=found,
        memory=memory,
        version=memory.version(None),
        command=command,
    )


def offers(model: ModelSpec, wanted: tuple[str, ...]) -> tuple[Offer, ...]:
    """
    The published weights of a model, its own first; of a folder itself. Only the ``wanted`` formats, where any are.

    Raises:
        UsageError: the model is a GGUF file, or no format is called so.
    """
    if model.source in ("gguf", "installed"):
        raise UsageError(message("error.serving-gguf"), hint=message("hint.serving-gguf"))
    if model.source == "config":
        kind = PLAIN if model.folder is None else model.folder.format
        return ((Checkpoint(format=kind, folder=model.path, certain=True), model.quantization),)
    known = published(model)
    if not wanted:
        return tuple((one, quantization_of(one.format)[1]) for one in known)
    found: list[Offer] = []
    for name in wanted:
        exists, quantization = quantization_of(name)
        if not exists:
            raise UsageError(
                message("error.serving-format", given=name), hint=message("hint.one-of", names=NAMES)
            )
        alike = [each for each in known if each.format.upper().startswith(name.upper())]
        found.append((alike[0] if alike else Checkpoint(format=name.upper()), quantization))
    mine = own(model)
    return tuple(sorted(found, key=lambda offer: offer[0] != mine))


def _less(card: Card, reserve_bytes: int) -> Card:
    """
    A card of which so much is to stay free.
    """
    free = card.total_bytes if card.free_bytes is None else card.free_bytes
    return msgspec.structs.replace(card, free_bytes=max(0, free - reserve_bytes))
