"""
A recommendation for an engine that serves from a pool of cache: its devices, and the weights that are published.
"""

from __future__ import annotations

import msgspec

from llmprobe import engines
from llmprobe.advise.refusal import refusal
from llmprobe.advise.serving.choice import Command, no_command
from llmprobe.advise.serving.ranking import CACHE_TYPES
from llmprobe.advise.serving.recommend import recommend
from llmprobe.advise.serving.search import Offer
from llmprobe.engines import Engine
from llmprobe.engines._shared.model_files import embeds
from llmprobe.errors import UsageError
from llmprobe.estimation.serving import memory_model
from llmprobe.facts.backends import label
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Recommendation, Wishes
from llmprobe.facts.serving import Card, Checkpoint
from llmprobe.model import archs
from llmprobe.model.checkpoints import NAMES, PLAIN, converted_for_mlx, own, published, quantization_of
from llmprobe.site.cards import cards
from llmprobe.words.message import Message, message

_NO_MORE, _MUCH_THE_SAME = 1.1, 0.05
"""How many times the loss of another may be and still count as no more, and what is hardly a difference in bytes."""


def served(
    model: ModelSpec, machine: Snapshot, wishes: Wishes, one: Engine, command: Command
) -> Recommendation:
    """
    The recommendation of an engine that has a memory model of its own; of a GGUF file the answer "no".

    Raises:
        UsageError: no format is called as wished, or the engine has not what is wished.
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
    if model.source in ("gguf", "installed"):
        no = message("error.serving-gguf", engine=one.name)
        answer = refusal(model, machine, wishes, no, (message("hint.serving-gguf"),))
        return msgspec.structs.replace(answer, verdict=no)
    if embeds(model):
        no = message("rejected.serving-vectors", engine=one.name)
        return msgspec.structs.replace(
            refusal(model, machine, wishes, no, (message("nearest.serving-llamacpp"),)), verdict=no
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
        offers=offers(model, wishes.quants, one),
        cards=found,
        memory=memory,
        version=memory.version(None),
        command=command,
        backends=tuple(map(label, one.abilities.backends)),
    )


def beside_mlx(model: ModelSpec, machine: Snapshot, wishes: Wishes, best: Choice) -> tuple[Message, ...]:
    """
    On a Mac, which of llama.cpp and MLX is the better choice, and why: by the bytes of the smallest weights that lose
    no more. Nothing elsewhere, or where nobody has conversions of the model.
    """
    mlx = engines.engine("mlx")
    if (
        best.quant == model.published_quant
        or model.source != "catalog"
        or not cards(machine, mlx.abilities.backends)
        or best.quality.value is None
    ):
        return ()
    asked = msgspec.structs.replace(
        wishes,
        engine="mlx",
        quants=(),
        ctx_size=best.ctx_size,
        max_ctx=False,
        top=8,
        cache_type_k=None,
        cache_type_v=None,
    )
    found = served(model, machine, msgspec.structs.replace(asked, spec_type=()), mlx, no_command).choices
    alike = [one for one in found if one.fits and (one.quality.value or 0) <= best.quality.value * _NO_MORE]
    mine = sum(device.weights_bytes for device in best.devices)
    if not alike:
        return (message("note.mlx-none", quant=best.quant),)
    least = min(alike, key=lambda one: sum(device.weights_bytes for device in one.devices))
    assert least.serving is not None
    size = sum(device.weights_bytes for device in least.devices)
    place = least.serving.checkpoint.repository
    if size < (1 - _MUCH_THE_SAME) * mine:
        return (message("note.mlx-better", repository=place, bytes=size, quant=best.quant, other_bytes=mine),)
    if size < (1 + _MUCH_THE_SAME) * mine:
        return (message("note.mlx-alike", repository=place, bytes=size, quant=best.quant, other_bytes=mine),)
    return (message("note.mlx-worse", repository=place, bytes=size, quant=best.quant, other_bytes=mine),)


def offers(model: ModelSpec, wanted: tuple[str, ...], one: Engine) -> tuple[Offer, ...]:
    """
    The published weights of a model, its own first; of a folder itself. Only the ``wanted`` formats, where any are.

    Raises:
        UsageError: no format is called so.
    """
    if model.source == "config":
        kind = PLAIN if model.folder is None else model.folder.format
        return ((Checkpoint(format=kind, folder=model.path, certain=True), model.quantization),)
    known = converted_for_mlx(model) if one.checkpoints == "mlx" else published(model)
    if not wanted:
        return tuple((each, quantization_of(each.format)[1]) for each in known)
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
