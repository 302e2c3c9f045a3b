"""
The public functions: what the command line does, for programs.

What each needs is imported when it is called.
"""

from collections.abc import Iterator, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from llmprobe.errors import UsageError

if TYPE_CHECKING:
    from llmprobe.estimate.speed_time import Processor
    from llmprobe.facts.machine import Snapshot
    from llmprobe.facts.model import CatalogEntry, ModelSpec
    from llmprobe.facts.plan import Device, Estimate, Recommendation, Wishes

Backend = Literal["cuda", "rocm", "vulkan", "metal", "sycl", "cpu"]
Switch = Literal["auto", "on", "off"]

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
    ctx_size: int = 0,
    gpu_layers: int | None = None,
    n_cpu_moe: int = 0,
    cpu_moe: bool = False,
    cache_type_k: str = "f16",
    cache_type_v: str = "f16",
    flash_attn: Switch | None = None,
    batch_size: int | None = None,
    ubatch_size: int | None = None,
    parallel: int | None = None,
    kv_unified: bool | None = None,
    split_mode: Literal["none", "layer"] = "layer",
    tensor_split: Sequence[float] = (),
    kv_offload: bool = True,
    op_offload: bool = True,
    swa_full: bool = False,
    repack: bool = True,
    outputs_max: int | None = None,
    engine: str | None = None,
    snapshot: "Snapshot | None" = None,
    devices: int | None = None,
    backend: Backend | None = None,
    explain: bool = False,
) -> "Estimate":
    """
    Return what one configuration takes, device by device. ``gpu_layers`` None is all of them.

    ``engine`` is a program whose defaults count where nothing is said (``llama-server``, ``ollama``; a build of it
    as ``llama-server@b9000``); where it is named, what it assumes is among the notes. None is llama-server with
    one slot.

    The devices are those of ``snapshot``, or of this machine; with ``devices`` or ``backend`` so many equal
    ones are assumed, nothing is probed, and whether it fits is unknown.

    Raises:
        UsageError: a setting cannot be.
        RefusedError: llama.cpp refuses these settings for this model.
    """
    from llmprobe.defaults import defaults_for
    from llmprobe.estimate.kept import estimator_of
    from llmprobe.estimate.speed import NO_GENERATION, generation_speed
    from llmprobe.facts.plan import Placement, Workload

    for name, count in (("gpu_layers", gpu_layers), ("n_cpu_moe", n_cpu_moe)):
        if count is not None and count < 0:
            raise UsageError(f"{name} cannot be {count}", hint="give 0 or more; None is all of them")
    chosen = _quant(quant) if quant is not None else model.quant or model.published_quant or DEFAULT_QUANT
    if devices is not None or backend is not None:
        site, machine = _assumed_site(devices, backend), None
    else:
        machine = probe() if snapshot is None else snapshot
        site = _site_of(machine)
    if len(tensor_split) > len(site.devices):
        raise UsageError(
            f"the tensor split names {len(tensor_split)} devices, and there are {len(site.devices)}",
            hint="give one proportion for each GPU",
        )
    defaults = defaults_for(
        model, chosen, site.devices, engine, machine, ctx_size=ctx_size, parallel=parallel
    )
    profile = defaults.profile
    estimator = estimator_of(model, profile)
    workload = Workload(
        ctx_size=ctx_size or defaults.ctx_size,
        parallel=defaults.parallel,
        batch_size=profile.batch_size if batch_size is None else batch_size,
        ubatch_size=profile.ubatch_size if ubatch_size is None else ubatch_size,
        cache_type_k=cache_type_k,
        cache_type_v=cache_type_v,
        flash_attn=profile.flash_attn if flash_attn is None else flash_attn,
        kv_unified=defaults.kv_unified if kv_unified is None else kv_unified,
        swa_full=swa_full,
        outputs_max=outputs_max,
    )
    placement = Placement(
        devices=site.devices,
        gpu_layers=gpu_layers if site.devices else 0,
        n_cpu_moe=(estimator.n_layer if cpu_moe else n_cpu_moe) if estimator.is_moe else 0,
        split_mode=split_mode,
        tensor_split=tuple(tensor_split),
        kv_offload=kv_offload,
        op_offload=op_offload,
        repack=repack,
        cpu=site.cpu,
        mmap=profile.mmap,
    )
    read = estimator.shares(chosen, workload, placement, ram_bandwidth=site.ram_bandwidth_bytes_per_s)
    answer = estimator.estimate(
        chosen,
        workload,
        placement,
        site.budgets,
        this_machine=site.this_machine,
        speed=generation_speed(
            read,
            moe=estimator.is_moe,
            quant=chosen,
            processor=site.processor,
            ubatch_size=workload.ubatch_size,
            op_offload=op_offload,
        )
        if estimator.generates
        else NO_GENERATION,
        explain=explain,
    )
    return msgspec.structs.replace(answer, notes=(*model.notes, *defaults.assumed, *answer.notes))


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
    from llmprobe.facts.plan import Wishes
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
    abilities = engines.abilities(engine)
    answer = advise(
        here,
        machine,
        wishes,
        engines.commands(engine),
        relatives=lambda: relatives.smaller(model),
        abilities=abilities,
    )
    if not explain or not answer.choices:
        return answer
    from llmprobe.advise.changes import changes

    def again(other: "Snapshot", changed: "Wishes") -> "Recommendation":
        return advise(here, other, changed, {}, abilities=abilities)

    return msgspec.structs.replace(answer, changes=changes(here, machine, answer, again, abilities))


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


class _Site(msgspec.Struct, frozen=True, kw_only=True):
    """
    The devices that an estimate may place layers on, and what each pool and device may take.
    """

    devices: "tuple[Device, ...]"
    budgets: dict[str, int | None]
    ram_bandwidth_bytes_per_s: int | None
    processor: "Processor | None"
    this_machine: bool
    cpu: Literal["x86", "arm"] = "x86"


def _assumed_site(count: int | None, backend: Backend | None) -> _Site:
    """
    Return so many equal devices (one where only a backend is named) of which nothing else is known.
    """
    from llmprobe.advise.devices import MOST_DEVICES
    from llmprobe.facts.plan import Device

    if backend is not None and backend not in get_args(Backend):
        raise UsageError(f"there is no backend {backend!r}", hint=f"one of {', '.join(get_args(Backend))}")
    if backend == "cpu" and count:
        raise UsageError(
            f"the backend cpu has no {count} devices", hint="leave --devices out, or name another backend"
        )
    if count is not None and not 0 <= count <= MOST_DEVICES:
        raise UsageError(f"llama.cpp cannot use {count} devices", hint=f"give 0 to {MOST_DEVICES}")
    devices: tuple[Device, ...] = ()
    if backend != "cpu":
        devices = tuple(
            Device(id=f"gpu{number}", backend=backend or "cuda", pool=f"vram{number}")
            for number in range(1 if count is None else count)
        )
    return _Site(
        devices=devices, budgets={}, ram_bandwidth_bytes_per_s=None, processor=None, this_machine=False
    )


def _site_of(snapshot: "Snapshot") -> _Site:
    """
    Return what an engine uses of a machine by itself: all devices of the first one's backend, one MIG instance.
    """
    from llmprobe.advise.devices import MOST_DEVICES, device_of
    from llmprobe.advise.site import survey
    from llmprobe.estimate.speed_time import processor
    from llmprobe.estimate.weights import cpu_kind
    from llmprobe.facts.plan import Wishes

    usable = [one for one in snapshot.accelerators if one.usable and one.backend is not None and one.pools]
    together = [one for one in usable if one.backend == usable[0].backend]
    if together and together[0].partition is not None and together[0].partition.kind == "mig":
        together = together[:1]
    budgets = survey(snapshot, Wishes()).pool_budgets()
    return _Site(
        devices=tuple(device_of(one, snapshot, budgets.get(one.id)) for one in together[:MOST_DEVICES]),
        budgets=budgets,
        ram_bandwidth_bytes_per_s=snapshot.host.ram_bandwidth_bytes_per_s,
        processor=processor(snapshot.host.cpu),
        cpu=cpu_kind(snapshot.host.machine),
        this_machine=snapshot.this_machine,
    )


def _quant(name: str) -> str:
    from llmprobe.model.quants import file_type

    return file_type(name).name
