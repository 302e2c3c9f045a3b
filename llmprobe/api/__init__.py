"""
The public functions: what the command line does, for programs. What each needs is imported when it is called.

All of them may be called from several threads at once.
"""

from collections.abc import Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Literal

from llmprobe.api.fleet import fleet_check, fleet_fit, fleet_recommend
from llmprobe.api.money import cost
from llmprobe.api.page import report
from llmprobe.api.served import serving
from llmprobe.api.which import fit, plan, upgrade

if TYPE_CHECKING:
    from typing import Unpack

    from llmprobe.facts.adapter import Adapter
    from llmprobe.facts.bench import Bench
    from llmprobe.facts.estimate import Estimate
    from llmprobe.facts.machine import Snapshot
    from llmprobe.facts.model import CatalogEntry, ModelSpec
    from llmprobe.facts.recommendation import Recommendation
    from llmprobe.facts.settings import SettingsOptions
    from llmprobe.facts.verification import Verification
    from llmprobe.site.assumed import Backend

__all__ = (
    "bench",
    "cost",
    "estimate",
    "files",
    "fit",
    "fleet_check",
    "fleet_fit",
    "fleet_recommend",
    "load_adapter",
    "load_model",
    "models",
    "plan",
    "probe",
    "recommend",
    "record",
    "report",
    "serving",
    "upgrade",
    "verify",
    "watch",
)


def probe(
    replay: str | PathLike[str] | None = None,
    *,
    gpus: str | Sequence[str] = (),
    ram_bytes: int | None = None,
    ram: str | None = None,
    ram_bandwidth_bytes_per_s: int | None = None,
    cpu: str | None = None,
    cores: int | None = None,
    pcie: str | None = None,
    wired_limit_bytes: int | None = None,
    wake: bool = False,
    timeout_s: float | None = None,
    model_folders: Sequence[str] = (),
) -> "Snapshot":
    """
    This machine as it is now, a recorded one, or a hypothetical one with ``gpus`` ("RTX 4090") and RAM: ``ram_bytes``,
    or ``ram`` as a text ("64GB DDR5-6000").

    Of a hypothetical one ``ram_bandwidth_bytes_per_s`` is the peak rate of the RAM, ``cpu`` the processor ("Ryzen 9
    7950X") or ``cores`` how many it has, ``pcie`` the link of the cards ("4x8", or one for each: "5x16,4x4"), and
    ``wired_limit_bytes`` what the GPU of a Mac may use.

    ``wake`` also asks devices of this machine that are asleep, which wakes them. What has not answered within
    ``timeout_s`` (2.5) is reported and left out. Models in ``model_folders`` count as kept on this machine.

    Raises:
        RecordingError: the recording cannot be read.
        UsageError: a GPU is unknown, GPUs are given without RAM, or a number is out of range.
    """
    from llmprobe.tasks import machines

    return machines.probe(
        replay,
        gpus=gpus,
        ram_bytes=ram_bytes,
        ram=ram,
        ram_bandwidth_bytes_per_s=ram_bandwidth_bytes_per_s,
        cpu=cpu,
        cores=cores,
        pcie=pcie,
        wired_limit_bytes=wired_limit_bytes,
        wake=wake,
        timeout_s=timeout_s,
        model_folders=model_folders,
    )


def watch(*, timeout_s: float | None = None) -> "Iterator[Snapshot]":
    """
    Yield this machine as it is now, each time anew, without end.

    What hardly changes about engines (their version, what is on disk) is asked the first time only.

    Raises:
        UsageError: the time is out of range.
    """
    from llmprobe.tasks import machines

    machines.check_timeout(timeout_s)
    return machines.watch(timeout_s=timeout_s)


def record(*, timeout_s: float | None = None, rpc: str | Sequence[str] = ()) -> str:
    """
    This machine's answers as a recording, redacted: the text of a file for ``probe(replay=…)``. With those of ``rpc``,
    running rpc-servers ("10.0.0.2:50052=RTX 3090"), it is several machines for ``fleet_recommend(recordings=…)``.

    Raises:
        UsageError: the time is out of range, or a text names no server that would be asked.
    """
    from llmprobe.tasks import machines

    return machines.record(timeout_s=timeout_s, rpc=rpc)


def bench(*, seconds: float = 10.0, model_folders: Sequence[str] = ()) -> "Bench":
    """
    Measure this machine, in at most so many seconds: how fast its RAM is read by all usable threads, and by those of
    each NUMA node, what the threads are worth in arithmetic, and how fast the disks with models are read.

    The result is kept for this user and machine, and counts in every estimate until hardware or settings change.

    Raises:
        UsageError: the time is out of range.
    """
    from llmprobe.tasks import bench

    return bench.bench(seconds=seconds, model_folders=model_folders)


def verify(
    model: str | PathLike[str], *, seconds: float = 600.0, **settings: "Unpack[SettingsOptions]"
) -> "Verification":
    """
    An estimate beside what llama.cpp really does on this machine: every buffer and speed, predicted and measured.

    The engine's own programs (llama-fit-params, llama-server, llama-bench) run on the ``settings``, or on those that
    ``recommend`` chooses where none is given, for at most so many seconds. What was reached is kept for this user and
    machine, and corrects later speeds on the same devices, until the machine is measured anew.

    Raises:
        UsageError: a setting or the time is out of range.
        ModelError: the model is no file of this machine.
        LlmprobeError: none of llama.cpp's programs is here, or nothing fits.
    """
    from llmprobe.tasks import arguments, verify

    return verify.verify(arguments.path("model", model), seconds=seconds, **settings)


def load_model(
    name: str | PathLike[str],
    quant: str | None = None,
    *,
    snapshot: "Snapshot | None" = None,
    draft: bool = False,
) -> "ModelSpec":
    """
    A model by a name as people type it, or from a GGUF file, a folder with a ``config.json``, or a URL.

    With the ``snapshot`` of this machine, a name that an engine here keeps a model under (``qwen3:8b``) is its file.
    With ``draft`` it may be a head that only drafts for another model (EAGLE-3, DFlash).

    Raises:
        ModelError: nothing has that name, or the file is not what it should be.
        UsageError: the quantization does not exist.
    """
    from llmprobe.tasks import arguments, models

    return models.load_model(arguments.path("name", name), quant, snapshot=snapshot, draft=draft)


def load_adapter(path: str | PathLike[str]) -> "Adapter":
    """
    A LoRA or a control vector from its GGUF file.

    Raises:
        ModelError: there is no such file, or it is no adapter.
    """
    from llmprobe.tasks import arguments, models

    return models.load_adapter(arguments.path("path", path))


def models(text: str | None = None) -> "tuple[CatalogEntry, ...]":
    """
    The models of the catalog, or those that ``text`` may mean, first the one that ``load_model`` takes it for.

    Raises:
        ModelError: nothing is meant by the text; the nearest names are in the hint.
    """
    from llmprobe.tasks import models

    return models.models(text).models


def estimate(
    model: "ModelSpec",
    *,
    quant: str | None = None,
    engine: str | None = None,
    snapshot: "Snapshot | None" = None,
    devices: int | None = None,
    backend: "Backend | None" = None,
    rpc: "Sequence[str]" = (),
    explain: bool = False,
    prompt_tokens: int | None = None,
    draft_model: "ModelSpec | None" = None,
    draft_quant: str | None = None,
    adapters: "Sequence[Adapter]" = (),
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

    ``prompt_tokens`` is the prompt whose time to the first token is told: 2048, or half of a smaller context, where it
    is None.

    ``draft_model`` drafts for the model (``-md``), in a quantization of its own; ``spec_type`` says how, and defaults
    to what llama.cpp takes such a file for. ``draft-mtp`` without a draft model uses the model's own layers.

    ``mmproj`` is the projector of images or sound: a file, "auto" (the model's own, where it has one) or "none".
    ``adapters`` are LoRA adapters and control vectors, each loaded by ``load_adapter``.

    The devices are those of ``snapshot``, or of this machine; with ``devices`` or ``backend`` so many equal
    ones are assumed, nothing is probed, and whether it fits is unknown. ``rpc`` are devices of other machines, which
    llama.cpp puts before these: ``HOST:PORT=SIZE``, with what is free there, and ``:BACKEND`` behind it where the
    server does not compute with CUDA; without ``=SIZE`` the server is asked.

    Raises:
        UsageError: a setting does not exist or is out of range.
        RefusedError: llama.cpp refuses these settings for this model.
    """
    from llmprobe.tasks import estimate

    return estimate.estimate(
        model,
        quant=quant,
        engine=engine,
        snapshot=snapshot,
        devices=devices,
        backend=backend,
        rpc=rpc,
        explain=explain,
        prompt_tokens=prompt_tokens,
        draft_model=draft_model,
        draft_quant=draft_quant,
        adapters=adapters,
        **settings,
    )


def recommend(
    model: "ModelSpec",
    snapshot: "Snapshot | None" = None,
    *,
    ctx_size: int | Literal["max"] | None = None,
    parallel: int = 1,
    quants: str | Sequence[str] = (),
    cache_type_k: str | None = None,
    cache_type_v: str | None = None,
    priority: Literal["balanced", "quality", "speed", "context"] = "balanced",
    use: Literal["chat", "reasoning", "agent", "long", "batch"] | None = None,
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
    explain: bool = False,
    table: bool = False,
    measure: bool = True,
) -> "Recommendation":
    """
    The best ways to run the model on a machine (this one by default), best first; none is the answer "no".

    A model that reads images or sound is planned with its projector (``mmproj`` "auto"), with that of a file, or
    without ("none"). ``mmproj_offload`` None leaves it to the search whether the projector lies on a GPU or in RAM.

    ``use`` is what an answer is for, by which its time is weighed; None is reasoning of a model that thinks, chat of
    others.

    ``spec_type`` "draft-mtp" plans with the model's own layers for a further token, n-gram drafting with its outputs.

    With ``explain`` it also reports what would change the first, which needs some more searches, with ``table`` the
    first choice at contexts from 4k to the model's longest.

    Without a ``snapshot`` this machine's RAM is measured the first time, in less than 0.3 s, unless ``measure`` is
    false. The result is kept as that of ``bench`` is.

    Raises:
        UsageError: a wish is out of range, or the engine's settings cannot be printed.
    """
    from llmprobe.tasks import recommend

    wishes = recommend.wishes_of(
        ctx_size=ctx_size,
        parallel=parallel,
        quants=quants,
        cache_type_k=cache_type_k,
        cache_type_v=cache_type_v,
        priority=priority,
        use=use,
        engine=engine,
        reserve_bytes=reserve_bytes,
        assume_idle=assume_idle,
        min_speed=min_speed,
        min_quality=min_quality,
        top=top,
        mmproj=mmproj,
        mmproj_offload=mmproj_offload,
        image_min_tokens=image_min_tokens,
        image_max_tokens=image_max_tokens,
        spec_type=spec_type,
        spec_draft_n_max=spec_draft_n_max,
        model=model,
    )
    return recommend.recommend(
        model, snapshot, wishes, typed=quants, explain=explain, table=table, measure=measure
    )


def files(recommendation: "Recommendation", model: "ModelSpec") -> dict[str, str]:
    """
    The files with which the engine runs the first choice, by name: scripts, a Modelfile, what to know.

    Raises:
        UsageError: there is no choice.
    """
    from llmprobe.tasks import recommend

    return recommend.files(recommendation, model)
