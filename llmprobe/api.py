"""
The public functions: what the command line does, for programs.

What each needs is imported when it is called.
"""

from collections.abc import Iterator, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Literal

import msgspec

from llmprobe.errors import UsageError
from llmprobe.site.assumed import Backend
from llmprobe.words.message import message

if TYPE_CHECKING:
    from typing import Unpack

    from llmprobe.facts.estimate import Estimate
    from llmprobe.facts.machine import Snapshot
    from llmprobe.facts.model import CatalogEntry, ModelSpec
    from llmprobe.facts.recommendation import Recommendation
    from llmprobe.facts.settings import SettingsOptions

DEFAULT_QUANT = "Q4_K_M"


def probe(
    replay: str | PathLike[str] | None = None,
    *,
    gpus: Sequence[str] = (),
    ram_bytes: int | None = None,
    wake: bool = False,
    timeout_s: float | None = None,
    model_folders: Sequence[str] = (),
) -> "Snapshot":
    """
    Return this machine as it is now, or the recorded one, or a hypothetical one with ``gpus`` and ``ram_bytes``.

    ``wake`` also asks devices of this machine that are asleep, which wakes them. What has not answered within
    ``timeout_s`` (2.5) is reported and left out. Models in ``model_folders`` count as kept on this machine.

    Raises:
        RecordingError: the recording cannot be read.
        UsageError: a GPU is not known, or GPUs are given without RAM.
    """
    if ram_bytes is not None or gpus:
        if replay is not None or ram_bytes is None:
            raise UsageError("a hypothetical machine has gpus and ram_bytes, and no recording")
        from llmprobe.machine.hypothetical import hypothetical

        return hypothetical(tuple(gpus), ram_bytes)
    from llmprobe import engines
    from llmprobe.machine import snapshot

    return snapshot.probe(
        None if replay is None else fspath(replay),
        wake=wake,
        timeout_s=timeout_s,
        observers=engines.observers(model_folders),
    )


def watch(*, timeout_s: float | None = None) -> "Iterator[Snapshot]":
    """
    Yield this machine as it is now, each time anew, without end.

    What hardly changes about engines (their version, what is on disk) is asked the first time only.
    """
    from llmprobe import engines
    from llmprobe.machine import snapshot

    observers = engines.steady_observers()
    while True:
        yield snapshot.probe(None, timeout_s=timeout_s, observers=observers)


def record(*, timeout_s: float | None = None) -> str:
    """
    Return this machine's answers as a recording, redacted: the text of a file for ``probe(replay=…)``.
    """
    from llmprobe import engines
    from llmprobe.machine import snapshot
    from llmprobe.source.recording import encode

    return encode(snapshot.record(timeout_s=timeout_s, observers=engines.observers()))


def load_model(
    name: str | PathLike[str], quant: str | None = None, *, snapshot: "Snapshot | None" = None
) -> "ModelSpec":
    """
    Return a model by a name as people type it, or from a GGUF file, a folder with a ``config.json``, or a URL.

    With the ``snapshot`` of this machine, a name that an engine here keeps a model under (``qwen3:8b``) is its file.

    Raises:
        ModelError: nothing has that name, or the file is not what it should be.
        UsageError: the quantization does not exist.
    """
    from llmprobe.model.loading import load

    if snapshot is not None:
        from llmprobe.model.installed import load_installed

        kept = load_installed(fspath(name), snapshot, quant=None if quant is None else _quant(quant))
        if kept is not None:
            return kept
    return load(fspath(name), quant=None if quant is None else _quant(quant))


def models(text: str | None = None) -> "tuple[CatalogEntry, ...]":
    """
    Return the models of the catalog, or those that ``text`` may mean.
    """
    from llmprobe.model.loading import entries

    return entries(text or "")


def estimate(
    model: "ModelSpec",
    *,
    quant: str | None = None,
    engine: str | None = None,
    snapshot: "Snapshot | None" = None,
    devices: int | None = None,
    backend: Backend | None = None,
    explain: bool = False,
    **settings: "Unpack[SettingsOptions]",
) -> "Estimate":
    """
    The memory and the speed of one configuration, device by device.

    ``settings`` are llama.cpp's, by name: ``ctx_size``, ``parallel``, ``gpu_layers`` (None or "all" is all of them),
    ``n_cpu_moe``, ``cache_type_k``, ``flash_attn`` and the others of ``SettingsOptions``. Of ``override_tensor``, which
    are patterns as of ``-ot``, only those are estimated that keep all experts of layers on the CPU.

    ``engine`` is a program whose defaults count where nothing is given (``llama-server``, ``ollama``; a build of it
    as ``llama-server@b9000``); where it is named, what it assumes is among the notes. None is llama-server with
    one slot.

    The devices are those of ``snapshot``, or of this machine; with ``devices`` or ``backend`` so many equal
    ones are assumed, nothing is probed, and whether it fits is unknown.

    Raises:
        UsageError: a setting does not exist or is out of range.
        RefusedError: llama.cpp refuses these settings for this model.
    """
    from llmprobe import engines
    from llmprobe.defaults import defaults_for
    from llmprobe.estimation import settings as in_force
    from llmprobe.estimation.kept import estimator_of
    from llmprobe.estimation.options import checked
    from llmprobe.estimation.speed.generation import NO_GENERATION, generation_speed
    from llmprobe.facts.devices import Hardware
    from llmprobe.site import assumed as places

    given = checked(settings)
    chosen = _quant(quant) if quant is not None else model.quant or model.published_quant or DEFAULT_QUANT
    if devices is not None or backend is not None:
        site, machine = places.assumed(devices, backend), None
    else:
        machine = probe() if snapshot is None else snapshot
        site = places.of_machine(machine)
    if len(given.get("tensor_split", ())) > len(site.devices):
        raise UsageError(
            message(
                "error.tensor-split-too-long",
                given=len(given.get("tensor_split", ())),
                devices=len(site.devices),
            ),
            hint=message("hint.tensor-split"),
        )
    asked = given.get("ctx_size", 0)
    defaults = defaults_for(
        model, chosen, site.devices, engine, machine, ctx_size=asked, parallel=given.get("parallel")
    )
    estimator = estimator_of(model, defaults.profile)
    run = defaults.settings(given, model, estimator.n_layer if estimator.is_moe else 0)
    hardware = Hardware(devices=site.devices, cpu=site.cpu)
    read = estimator.shares(chosen, run, hardware, ram_bandwidth=site.ram_bandwidth_bytes_per_s)
    answer = estimator.estimate(
        chosen,
        run,
        hardware,
        site.budgets,
        this_machine=site.this_machine,
        speed=generation_speed(
            read,
            moe=estimator.is_moe,
            quant=chosen,
            processor=site.processor,
            ubatch_size=run.ubatch_size,
            op_offload=run.op_offload,
        )
        if estimator.generates
        else NO_GENERATION,
        explain=explain,
    )
    notes = in_force.rounding(asked, run.parallel, kv_unified=run.kv_unified) if asked else ()
    if (given.get("cpu_moe") or given.get("n_cpu_moe")) and not estimator.is_moe:
        option = "--cpu-moe" if given.get("cpu_moe") else "--n-cpu-moe"
        notes = (*notes, message("note.no-experts-to-keep", option=option, model=model.name))
    refused = engines.not_loaded(defaults.profile.engine, model.architecture)
    return msgspec.structs.replace(
        answer,
        notes=(*model.notes, *defaults.assumed, *notes, *answer.notes),
        warnings=(*answer.warnings, *(() if refused is None else ("; ".join((refused[0], *refused[1])),))),
    )


def recommend(
    model: "ModelSpec",
    snapshot: "Snapshot | None" = None,
    *,
    ctx_size: int | Literal["max"] | None = None,
    parallel: int = 1,
    quants: Sequence[str] = (),
    cache_type_k: str | None = None,
    cache_type_v: str | None = None,
    priority: Literal["balanced", "quality", "speed", "context"] = "balanced",
    engine: str = "llama.cpp",
    reserve_bytes: int | None = None,
    assume_idle: bool = False,
    min_speed: float | None = None,
    min_quality: str | None = None,
    top: int = 4,
    explain: bool = False,
) -> "Recommendation":
    """
    Return the best ways to run the model on a machine (this one by default), best first; none is the answer "no".

    With ``explain`` it also says what would change the first, which takes some more searches.

    Raises:
        UsageError: a wish cannot be, or the engine's settings cannot be printed.
    """
    from llmprobe import engines
    from llmprobe.advise.recommend import recommend as advise
    from llmprobe.facts.recommendation import Wishes
    from llmprobe.model import relatives
    from llmprobe.model.installed import on_this_disk

    wishes = Wishes(
        ctx_size=None if ctx_size == "max" else ctx_size,
        max_ctx=ctx_size == "max",
        parallel=parallel,
        quants=tuple(_quant(quant) for quant in quants),
        cache_type_k=cache_type_k,
        cache_type_v=cache_type_v,
        priority=priority,
        engine=engine,
        reserve_bytes=reserve_bytes,
        assume_idle=assume_idle,
        min_speed=min_speed,
        min_quality=None if min_quality is None else _quant(min_quality),
        top=top,
    )
    others = [quant for quant in wishes.quants if quant != model.quant]
    if others and model.quant is not None and model.source != "installed":
        raise UsageError(
            f"{model.path or model.name} is {model.quant}, and --quant asks for {others[0]}",
            hint="leave one of them out; a model's name without a quantization means all that there are",
        )
    machine = probe() if snapshot is None else snapshot
    refused = engines.refused(model, machine, wishes)
    if refused is not None:
        return refused
    here = on_this_disk(model, machine)
    return advise(
        here,
        machine,
        wishes,
        engines.commands(engine),
        relatives=lambda: relatives.smaller(model),
        abilities=engines.abilities(engine),
        explain=explain,
    )


def files(recommendation: "Recommendation", model: "ModelSpec") -> dict[str, str]:
    """
    Return the files with which the engine runs the first choice, by name: scripts, a Modelfile, what to know.

    Raises:
        UsageError: there is no choice.
    """
    from pathlib import Path

    from llmprobe import engines

    if not recommendation.choices:
        raise UsageError("nothing fits, so there is nothing to write")
    if model.path is not None and "://" not in model.path:
        # The files are used in another folder than this one, so the model's file has its whole path in them.
        model = msgspec.structs.replace(model, path=str(Path(model.path).absolute()))
    return engines.files(recommendation, model)


def _quant(name: str) -> str:
    from llmprobe.model.quants import file_type

    return file_type(name).name
