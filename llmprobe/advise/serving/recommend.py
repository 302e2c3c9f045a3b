"""
From a model, a machine and wishes to the ways that are shown, best first, with their reasons and commands.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llmprobe.advise.explain.notes import findings
from llmprobe.advise.serving.choice import Command, choice_of
from llmprobe.advise.serving.formats import packed_as
from llmprobe.advise.serving.notes import nearest, notes_of
from llmprobe.advise.serving.ranking import ranked, wished_cache_type
from llmprobe.advise.serving.search import Offer, Way, ways
from llmprobe.estimation.serving import MemoryModel
from llmprobe.facts.estimate import model_in_estimate
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Label, MachineInShort, Recommendation, Rejected, Wishes
from llmprobe.facts.serving import Card
from llmprobe.words.message import Message, message


def recommend(
    model: ModelSpec,
    snapshot: Snapshot,
    wishes: Wishes,
    *,
    offers: Sequence[Offer],
    cards: tuple[Card, ...],
    memory: MemoryModel,
    version: tuple[int, ...],
    command: Command,
    backends: tuple[str, ...],
) -> Recommendation:
    """
    The recommendation of an engine that serves. ``offers`` are the published weights, the model's own first; ``cards``
    the devices that the engine can use, none where the machine has none, and ``backends`` what it uses them by.
    """
    found = ranked(
        model,
        wishes,
        lambda length: (
            list(
                ways(
                    model,
                    offers,
                    cards,
                    memory,
                    version,
                    length=length,
                    users=wishes.parallel,
                    cache_type=wished_cache_type(wishes),
                )
            )
            if cards
            else []
        ),
        memory,
    )
    chosen = _distinct(found.best)[: wishes.top]
    choices = tuple(
        choice_of(
            model,
            wishes,
            way,
            memory,
            command,
            cards,
            "recommended" if number == 0 else _label(way, chosen),
        )
        for number, way in enumerate(chosen)
    )
    return Recommendation(
        this_machine=snapshot.this_machine,
        model=model_in_estimate(model, _named(choices, offers), 0),
        machine=MachineInShort(
            origin=snapshot.origin,
            cpu=snapshot.host.cpu.name,
            ram_bandwidth_bytes_per_s=snapshot.host.ram_bandwidth_bytes_per_s,
            ram_bandwidth_basis=snapshot.host.ram_bandwidth_basis,
            pools=snapshot.pools,
            accelerators=snapshot.accelerators,
        ),
        wishes=msgspec.structs.replace(wishes, ctx_size=found.length),
        choices=choices,
        verdict=_verdict(wishes, cards, chosen, found.length, backends),
        rejected=_rejected(found.found, chosen, offers, cards),
        nearest=() if choices else nearest(cards, snapshot),
        findings=findings(snapshot, wishes),
        notes=(*model.notes, *(found.notes if cards else ()), *notes_of(cards)),
        warnings=() if not chosen or chosen[0].sure else (message("warning.serving-may-fail"),),
    )


def _named(choices: tuple[Choice, ...], offers: Sequence[Offer]) -> str:
    """
    The format that the answer is about; none where nothing is known to be published.
    """
    return choices[0].quant if choices else offers[0][0].format if offers else ""


def _distinct(ranked: list[Way]) -> list[Way]:
    """
    The best way of each format, best first; formats that are packed alike count once.
    """
    found: dict[str, Way] = {}
    for way in ranked:
        found.setdefault(packed_as(way.checkpoint.format), way)
    return list(found.values())


def _label(way: Way, chosen: list[Way]) -> Label:
    best, least = chosen[0], min(each.quality.value or 0 for each in chosen)
    if least == (way.quality.value or 0) < (best.quality.value or 0):
        return "best-quality"
    if way.step_s is not None and best.step_s is not None and way.step_s < best.step_s:
        return "faster"
    mine, other = way.result.pool, best.result.pool
    if mine is not None and other is not None and mine.longest.likely > other.longest.likely:
        return "longest-context"
    return "alternative"


def _verdict(
    wishes: Wishes,
    cards: tuple[Card, ...],
    chosen: list[Way],
    length: int,
    backends: tuple[str, ...],
) -> Message:
    if not cards:
        return message("verdict.serving-no-device", engine=wishes.engine, backends=backends)
    if not chosen:
        return message("verdict.serving-nothing", ctx_size=length, requests=wishes.parallel)
    best = chosen[0]
    rate = best.step_s
    return message(
        "verdict.serving",
        repository=best.checkpoint.repository or best.checkpoint.folder or best.checkpoint.format,
        format=best.checkpoint.format,
        devices=best.settings.world_size,
        ctx_size=best.settings.max_model_len,
        tokens_per_s=None if rate is None else 1 / rate,
    )


def _rejected(
    found: list[Way], chosen: list[Way], offers: Sequence[Offer], cards: tuple[Card, ...]
) -> tuple[Rejected, ...]:
    """
    Formats that are not shown: each with the reason of its best try, or that the card has no kernels for it.
    """
    shown = {way.checkpoint.format for way in chosen}
    rejected = []
    for checkpoint, _ in offers:
        if checkpoint.format in shown or not cards:
            continue
        tries = [way for way in found if way.checkpoint.format == checkpoint.format]
        failed = [way for way in tries if way.result.failure is not None]
        if not tries:
            why: Message = message("rejected.serving-no-kernels", device=cards[0].name)
        elif len(failed) == len(tries):
            last = failed[0].result.failure
            assert last is not None
            why = last
        elif not any(way.serves for way in tries):
            most = max(
                (way.result.pool.concurrency.likely for way in tries if way.result.pool is not None),
                default=0.0,
            )
            why = message("rejected.serving-few", likely=most, requests=tries[0].users)
        elif packed_as(checkpoint.format) in {packed_as(kind) for kind in shown}:
            why = message("rejected.serving-like-another")
        else:
            why = message("rejected.serving-lower")
        rejected.append(Rejected(what=checkpoint.format, why=why))
    return tuple(rejected)
