"""
Engines: models that they hold in memory, settings that cost, builds that reserve more, incomplete files.
"""

from collections.abc import Iterator

from llmprobe.facts.engine import unload_command
from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import EngineOnMachine, LoadedModel, Snapshot
from llmprobe.harmless import shell_word
from llmprobe.machine.rules import Rule
from llmprobe.units import whole_number
from llmprobe.words.message import Message, message

_WORTH_WARNING = 0.10
_OLD_BUILD = 9400
"""Before about this build of llama.cpp (June 2026) compute buffers were larger: pull requests 23764 and 23861."""

_OFF = frozenset({"0", "false", "f", "no", "off"})
_KEPT: dict[str, Message] = {
    "ollama": message("finding.model-loaded.kept-by-ollama"),
    "lmstudio": message("finding.model-loaded.kept-by-lmstudio"),
}
_KEPT_BY_SERVER = message("finding.model-loaded.kept-by-server")
_NAMED = 4
_LONGEST_NAME = 500


def model_loaded(snapshot: Snapshot) -> Iterator[Finding]:
    """
    An engine holds a model in memory that another model could have.
    """
    total = _vram_total(snapshot) or _ram_total(snapshot)
    for engine, model in _loaded(snapshot):
        held = model.vram_bytes or model.size_bytes
        much = held is not None and total and held >= _WORTH_WARNING * total
        unload = unload_command(engine.name, model.name)
        yield Finding(
            id="model-loaded",
            severity="warning" if much else "note",
            title=message(
                "finding.model-loaded.title", engine=engine.name, model=model.name, held_bytes=held
            ),
            detail=message(
                "finding.model-loaded.detail-gpu" if model.vram_bytes else "finding.model-loaded.detail",
                held_bytes=held,
                until=model.until,
                kept=_KEPT.get(engine.name, _KEPT_BY_SERVER),
            ),
            evidence=engine.evidence,
            remedy=Remedy(
                text=message("finding.model-loaded.remedy"),
                commands=() if unload is None else (unload,),
            ),
        )


def model_on_cpu(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A loaded model is not on the GPU, or not all of it, though there is one.
    """
    usable = [device for device in snapshot.accelerators if device.usable and not device.integrated]
    for engine, model in _loaded(snapshot):
        size, vram = model.size_bytes, model.vram_bytes
        if not usable or not size or vram is None or vram >= size:
            continue
        yield Finding(
            id="model-on-cpu",
            severity="warning" if vram == 0 else "note",
            title=message(
                "finding.model-on-cpu.title",
                model=model.name,
                percent=round(100 * vram / size),
                engine=engine.name,
            ),
            detail=message("finding.model-on-cpu.detail", host_bytes=size - vram),
            evidence=engine.evidence,
            remedy=Remedy(
                text=message("finding.model-on-cpu.remedy"),
                commands=(f"llmprobe recommend --model {shell_word(model.name)} --engine {engine.name}",)
                if len(model.name) <= _LONGEST_NAME
                else (),
            ),
        )


def old_build(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The llama.cpp here reserves more memory than the builds that estimates are for.
    """
    for engine in snapshot.engines:
        version = engine.version or ""
        build = whole_number(version[1:]) if version.startswith("b") else None
        if engine.name != "llama.cpp" or build is None or build >= _OLD_BUILD:
            continue
        yield Finding(
            id="llama-cpp-old-build",
            severity="note",
            title=message("finding.llama-cpp-old-build.title", version=engine.version),
            detail=message("finding.llama-cpp-old-build.detail"),
            evidence=engine.evidence,
            remedy=Remedy(
                text=message("finding.llama-cpp-old-build.remedy"),
                commands=(f"llmprobe estimate MODEL --engine llama-server@{engine.version}",),
            ),
        )


def half_downloaded(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Files of models are on the disk that cannot be used.
    """
    broken = [(engine, model) for engine in snapshot.engines for model in engine.models if model.problem]
    if not broken:
        return
    named = tuple(
        message(
            "finding.model-half-there.model", model=model.name, kept_by=model.kept_by, problem=model.problem
        )
        for _, model in broken[:_NAMED]
    )
    yield Finding(
        id="model-half-there",
        severity="note",
        title=message("finding.model-half-there.title", models=len(broken)),
        detail=message(
            "finding.model-half-there.detail", models=named, more=max(0, len(broken) - _NAMED) or None
        ),
        evidence=tuple(dict.fromkeys(answer for engine, _ in broken for answer in engine.evidence)),
        remedy=Remedy(text=message("finding.model-half-there.remedy")),
    )


def cache_type_without_flash_attention(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Ollama's settings quantize the cache and disable flash attention, which exclude each other.
    """
    for engine in snapshot.engines:
        kind = engine.settings.get("OLLAMA_KV_CACHE_TYPE", "f16").lower()
        flash = engine.settings.get("OLLAMA_FLASH_ATTENTION", "").lower()
        if kind not in ("f16", "f32", "") and flash in _OFF:
            yield Finding(
                id="ollama-cache-type",
                severity="warning",
                title=message("finding.ollama-cache-type.title", cache_type=kind),
                detail=message("finding.ollama-cache-type.detail"),
                evidence=("env:OLLAMA_KV_CACHE_TYPE", "env:OLLAMA_FLASH_ATTENTION"),
                remedy=Remedy(text=message("finding.ollama-cache-type.remedy")),
            )


def many_slots(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Ollama is set to answer several requests at once, each of which needs a cache of its own.
    """
    for engine in snapshot.engines:
        slots = whole_number(engine.settings.get("OLLAMA_NUM_PARALLEL", ""))
        if slots is not None and slots > 1:
            yield Finding(
                id="ollama-parallel",
                severity="note",
                title=message("finding.ollama-parallel.title", slots=slots),
                detail=message("finding.ollama-parallel.detail"),
                evidence=("env:OLLAMA_NUM_PARALLEL",),
                remedy=Remedy(text=message("finding.ollama-parallel.remedy")),
            )


def silent_port(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Another process listens on an engine's port, or the engine does not respond.
    """
    for engine in snapshot.engines:
        if engine.silent:
            yield Finding(
                id="engine-silent",
                severity="warning",
                title=message("finding.engine-silent.title", engine=engine.name),
                detail=message("finding.engine-silent.detail", reason=engine.detail),
                evidence=engine.evidence,
                remedy=Remedy(text=message("finding.engine-silent.remedy")),
            )


def _loaded(snapshot: Snapshot) -> Iterator[tuple[EngineOnMachine, LoadedModel]]:
    for engine in snapshot.engines:
        for model in engine.loaded:
            yield engine, model


def _vram_total(snapshot: Snapshot) -> int:
    return sum(pool.total_bytes or 0 for pool in snapshot.pools if pool.kind == "vram")


def _ram_total(snapshot: Snapshot) -> int:
    ram = snapshot.pool("ram")
    return (ram.total_bytes or 0) if ram is not None else 0


RULES = (
    Rule("model-loaded", model_loaded),
    Rule("model-on-cpu", model_on_cpu),
    Rule("llama-cpp-old-build", old_build),
    Rule("model-half-there", half_downloaded),
    Rule("ollama-cache-type", cache_type_without_flash_attention),
    Rule("ollama-parallel", many_slots),
    Rule("engine-silent", silent_port),
)
