"""
One configuration of an engine that serves from a pool of cache: its devices, the published weights, and the estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from llmprobe import engines
from llmprobe.errors import UsageError
from llmprobe.estimation.serving import memory_model
from llmprobe.estimation.serving.case import Case
from llmprobe.facts.backends import label
from llmprobe.facts.estimate import model_in_estimate
from llmprobe.facts.given import text
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.serving import Card, Checkpoint, ServingEstimate, ServingOptions
from llmprobe.model.checkpoints import NAMES, PLAIN, own, quantization_of
from llmprobe.model.formats.published import counted_bytes
from llmprobe.model.quants.types import tensor_bytes
from llmprobe.site.cards import cards
from llmprobe.tasks.arguments import check_machine, check_model
from llmprobe.tasks.machines import probe
from llmprobe.words.message import Message, message


def serving(
    model: ModelSpec,
    *,
    engine: str,
    quant: str | None = None,
    snapshot: Snapshot | None = None,
    **given: Unpack[ServingOptions],
) -> ServingEstimate:
    """
    The estimate of one configuration of a serving engine, described by ``api.serving``.

    Raises:
        UsageError: a setting is out of range, the engine does not serve, or the machine has no device for it.
    """
    check_model(model)
    check_machine(snapshot)
    name, _, build = text("engine", engine).partition("@")
    one = engines.engine(name)
    if one.memory is None:
        raise UsageError(
            message("error.engine-serves-not", engine=name),
            hint=message("hint.one-of", names=serving_engines()),
        )
    machine = probe() if snapshot is None else snapshot
    found = cards(machine, one.abilities.backends)
    if not found:
        raise UsageError(
            message("error.serving-no-device", engine=one.name),
            hint=message("hint.serving-no-device", backends=tuple(map(label, one.abilities.backends))),
        )
    memory = memory_model(one.memory)
    if given.get("speculative_tokens"):
        from llmprobe.model.next_token import with_next_token

        model = with_next_token(model)
    checkpoint, quantization = checkpoint_of(model, quant, one.name)
    try:
        version = memory.version(build or None)
    except ValueError:
        raise UsageError(
            message("error.serving-version", build=build, engine=name),
            hint=message("hint.serving-version", engine=name),
        ) from None
    case = Case(model, quantization, found, version)
    settings = memory.settled(case, given)
    result = memory.estimate(case, settings)
    size = sum(tensor_bytes(tensor.shape, "f16") for tensor in case.tensors)
    return ServingEstimate(
        this_machine=machine.this_machine,
        model=model_in_estimate(model, checkpoint.format, _stored(case, size)),
        checkpoint=checkpoint,
        fits=_fits(result.failure, sure=result.sure),
        failure=result.failure,
        settings=settings,
        devices=result.devices,
        pool=result.pool,
        notes=(*model.notes, *_notes(case, found), *result.notes),
        warnings=_warnings(result.failure, sure=result.sure),
    )


def serving_engines() -> tuple[str, ...]:
    """
    The engines that serve from a pool, by name.
    """
    return tuple(name for name, one in engines.all_engines().items() if one.memory is not None)


def checkpoint_of(
    model: ModelSpec, quant: str | None, engine: str
) -> tuple[Checkpoint, Mapping[str, Any] | None]:
    """
    The published weights of a model in a format (None: its own), and what their configuration says of it.

    Raises:
        UsageError: it is a GGUF file, or no format is called so.
    """
    if model.source in ("gguf", "installed"):
        raise UsageError(message("error.serving-gguf", engine=engine), hint=message("hint.serving-gguf"))
    if model.source == "config" and quant is None:
        kind = PLAIN if model.folder is None else model.folder.format
        return Checkpoint(format=kind, folder=model.path, certain=True), model.quantization
    mine = own(model)
    if quant is None or quant.upper() == mine.format.upper():
        return mine, quantization_of(mine.format)[1]
    known, found = quantization_of(quant)
    if not known:
        raise UsageError(
            message("error.serving-format", given=quant), hint=message("hint.one-of", names=NAMES)
        )
    return Checkpoint(format=quant.upper()), found


def _stored(case: Case, plain: int) -> int:
    if case.scheme is None:
        return plain
    return counted_bytes(case.scheme, case.tensors, 16) or plain


def _fits(failure: Message | None, *, sure: bool) -> bool | None:
    """
    Whether it starts: unknown where the ends of the range differ.
    """
    if not sure:
        return None
    return failure is None


def _notes(case: Case, found: tuple[Card, ...]) -> tuple[Message, ...]:
    notes: tuple[Message, ...] = ()
    if any(card.assumed for card in found):
        notes += (message("note.serving-total-assumed", bytes=found[0].total_bytes),)
    if case.scheme is not None and not case.scheme.left_out.understood:
        notes += (message("note.serving-left-out-unknown"),)
    return notes


def _warnings(failure: Message | None, *, sure: bool) -> tuple[Message, ...]:
    if failure is None:
        return () if sure else (message("warning.serving-may-fail"),)
    return () if sure else (message("warning.serving-may-start"),)
