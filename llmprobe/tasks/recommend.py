"""
The best ways to run a model on a machine, and the files with which to do so.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import msgspec

from llmprobe import engines
from llmprobe.advise.recommend import Advice
from llmprobe.advise.recommend import recommend as advise
from llmprobe.errors import UsageError
from llmprobe.estimation.options import MOST_SLOTS, checked
from llmprobe.facts.given import count, least_speed, one_of, switch, text, texts
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import (
    AtContext,
    Choice,
    MachineInShort,
    Recommendation,
    Shell,
    UseName,
    Wishes,
)
from llmprobe.facts.settings import SpecType
from llmprobe.model import relatives
from llmprobe.model.installed import on_this_disk
from llmprobe.model.quants import ggml_type
from llmprobe.output.readme import readme
from llmprobe.tasks import projecting
from llmprobe.tasks.arguments import check_machine, check_model, check_recommendation
from llmprobe.tasks.machines import measured_first, probe
from llmprobe.tasks.models import quant_name, quant_notes
from llmprobe.tasks.origins import origin
from llmprobe.words.message import Message, message

Priority = Literal["balanced", "quality", "speed", "context"]
PRIORITIES = ("balanced", "quality", "speed", "context")
USE_NAMES = get_args(UseName)


def wishes_of(
    *,
    ctx_size: int | Literal["max"] | None = None,
    parallel: int = 1,
    quants: str | Sequence[str] = (),
    cache_type_k: str | None = None,
    cache_type_v: str | None = None,
    priority: Priority = "balanced",
    use: UseName | None = None,
    engine: str = "llama.cpp",
    reserve_bytes: int | None = None,
    assume_idle: bool = False,
    min_speed: float | None = None,
    min_quality: str | None = None,
    top: int = 4,
    mmproj: str = "auto",
    mmproj_offload: bool | None = None,
    image_min_tokens: int = 0,
    image_max_tokens: int = 0,
    spec_type: str | Sequence[str] = (),
    spec_draft_n_max: int = 3,
    model: ModelSpec | None = None,
) -> Wishes:
    """
    What a program asks for, each wish checked; of a known ``model`` a refused quantization has its file's size.

    Raises:
        UsageError: one is of another kind or out of range.
    """
    one_of("priority", priority, PRIORITIES)
    if use is not None:
        one_of("use", use, USE_NAMES)
    one = engines.engine(text("engine", engine))
    formats = texts("quants", quants)
    return Wishes(
        ctx_size=None if ctx_size in (None, "max") else count("ctx_size", ctx_size, most=2**31 - 1),
        max_ctx=ctx_size == "max",
        parallel=count("parallel", parallel, least=1, most=MOST_SLOTS),
        # An engine that serves has formats of published weights, which it knows itself.
        quants=tuple(formats)
        if one.memory is not None
        else tuple(quant_name(quant, model) for quant in formats),
        cache_type_k=None if cache_type_k is None else ggml_type(text("cache_type_k", cache_type_k)).name,
        cache_type_v=None if cache_type_v is None else ggml_type(text("cache_type_v", cache_type_v)).name,
        priority=priority,
        use=use,
        engine=engine,
        reserve_bytes=None if reserve_bytes is None else count("reserve_bytes", reserve_bytes),
        assume_idle=switch("assume_idle", assume_idle),
        min_speed=least_speed(min_speed),
        min_quality=None if min_quality is None else quant_name(min_quality),
        top=count("top", top, least=1),
        mmproj=text("mmproj", mmproj) or "none",
        mmproj_offload=None if mmproj_offload is None else switch("mmproj_offload", mmproj_offload),
        image_min_tokens=count("image_min_tokens", image_min_tokens, most=2**31 - 1),
        image_max_tokens=count("image_max_tokens", image_max_tokens, most=2**31 - 1),
        spec_type=_ways(spec_type),
        spec_draft_n_max=count("spec_draft_n_max", spec_draft_n_max, most=2**31 - 1),
    )


def _ways(spec_type: str | Sequence[str]) -> tuple[SpecType, ...]:
    """
    The ways of drafting that a search can plan: those that need no draft model.

    Raises:
        UsageError: one does not exist, or needs a draft model.
    """
    if not spec_type:
        return ()
    ways = checked({"spec_type": spec_type}).get("spec_type", ())
    planned = (ways,) if isinstance(ways, str) else tuple(ways)
    for way in planned:
        if way.startswith("draft-") and planned != ("draft-mtp",):
            raise UsageError(
                message("error.draft-not-planned", spec_type=way), hint=message("hint.draft-not-planned")
            )
    return planned


def recommend(
    model: ModelSpec,
    snapshot: Snapshot | None,
    wishes: Wishes,
    *,
    typed: str | Sequence[str] = (),
    explain: bool = False,
    table: bool = False,
    measure: bool = True,
    compare: bool = False,
) -> Recommendation:
    """
    The recommendation for these wishes, described by ``api.recommend``; ``typed`` are its quantizations as they came.
    To ``compare`` adds every candidate of the search as a point.

    Raises:
        UsageError: the file's quantization is not the wanted one, or the engine's settings cannot be printed.
    """
    check_model(model)
    check_machine(snapshot)
    switch("explain", explain)
    switch("table", table)
    others = [quant for quant in wishes.quants if quant != model.quant]
    if others and model.quant is not None and model.source != "installed":
        raise UsageError(
            message(
                "error.quant-of-the-file",
                file=model.path or model.name,
                quant=model.quant,
                requested=others[0],
            ),
            hint=message("hint.leave-out-quant"),
        )
    switch("measure", measure)
    machine = probe() if snapshot is None else snapshot
    if snapshot is None and measure:
        machine = measured_first(machine)
    engine = engines.engine(wishes.engine)
    if engine.memory is not None:
        # Imported only here: most answers are about llama.cpp.
        from llmprobe.tasks.served import served

        return served(model, machine, wishes, engine, commands_for(machine, wishes.engine)[wishes.engine])
    refused = engines.not_loaded(wishes.engine, model.architecture)
    if refused is not None:
        from llmprobe.advise.refusal import refusal

        return refusal(model, machine, wishes, *refused)
    here = on_this_disk(model, machine)
    if wishes.spec_type:
        if wishes.engine != engines.DEFAULT_ENGINE:
            raise UsageError(
                message("error.engine-drafts", engine=wishes.engine), hint=message("hint.engine-drafts")
            )
        if wishes.spec_type == ("draft-mtp",):
            from llmprobe.model.next_token import with_next_token

            here = with_next_token(here)
    here = projecting.set_up(here, wishes.mmproj)
    answer = advise(
        here,
        machine,
        wishes,
        commands_for(machine, wishes.engine),
        relatives=lambda: relatives.smaller(model),
        abilities=engines.abilities(wishes.engine),
        explain=explain,
        compare=compare,
    )
    beside: tuple[Message, ...] = ()
    of_apple = any(each.usable and each.vendor == "apple" for each in machine.accelerators)
    if of_apple and answer.choices and wishes.engine == engines.DEFAULT_ENGINE:
        # Imported only here: on a Mac there is another engine that people use.
        from llmprobe.tasks.served import beside_mlx

        beside = beside_mlx(model, machine, wishes, answer.choices[0])
    contexts: tuple[AtContext, ...] = ()
    if table:
        from llmprobe.advise.contexts import at_contexts

        advice = Advice(here, {}, abilities=engines.abilities(wishes.engine))
        contexts = tuple(at_contexts(advice, machine, wishes, answer.wishes.ctx_size or 0))
    return msgspec.structs.replace(
        answer,
        contexts=contexts,
        notes=(*quant_notes(texts("quants", typed)), *answer.notes, *beside),
        choices=tuple(completed(one, here, machine, wishes.engine) for one in answer.choices),
    )


def commands_for(machine: Snapshot, engine: str) -> dict[str, engines.Command]:
    """
    What prints choices for an engine on a machine.
    """
    shell = _shell(machine)
    return {name: _for_shell(command, shell) for name, command in engines.commands(engine).items()}


def completed(choice: Choice, model: ModelSpec, machine: Snapshot, engine: str) -> Choice:
    """
    A choice with what must be known beside its commands, and where its file comes from.
    """
    backend = _backend(machine, choice)
    choice = msgspec.structs.replace(choice, shell=_shell(machine))
    return msgspec.structs.replace(
        choice,
        remarks=engines.engine(engine).remarks(choice, model, backend),
        origin=origin(engine, choice, model, backend, machine),
    )


def _shell(machine: Snapshot) -> Shell:
    return "powershell" if machine.host.system == "win32" else "sh"


def _for_shell(command: engines.Command, shell: Shell) -> engines.Command:
    """
    A command that is written for this shell.
    """

    def written(choice: Choice, model: ModelSpec, backend: str | None) -> str | None:
        return command(msgspec.structs.replace(choice, shell=shell), model, backend)

    return written


def files(recommendation: Recommendation, model: ModelSpec) -> dict[str, str]:
    """
    The files with which the engine runs the first choice, by name: scripts, a Modelfile, what to know.

    Raises:
        UsageError: there is no choice.
    """
    check_recommendation(recommendation)
    check_model(model)
    if not recommendation.choices:
        raise UsageError(message("error.nothing-to-write"))
    if model.path is not None and "://" not in model.path:
        # The files are used in another folder than this one, so the model's file has its whole path in them.
        model = msgspec.structs.replace(model, path=str(Path(model.path).absolute()))
    best = recommendation.choices[0]
    written = engines.files(recommendation.wishes.engine, best, model, _backend(recommendation.machine, best))
    return {**written, "README.txt": readme(recommendation, model, sorted(written))}


def _backend(machine: Snapshot | MachineInShort, choice: Choice) -> str | None:
    """
    The backend of the devices that a choice uses, None without any.
    """
    used = {device.id for device in choice.devices} - {"host"}
    return next((one.backend for one in machine.accelerators if one.id in used), None)
