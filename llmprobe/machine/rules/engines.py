"""
Engines: models that they hold in memory, settings that cost, builds that reserve more, files that are half there.
"""

import re
from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import EngineOnMachine, LoadedModel, Snapshot
from llmprobe.machine.rules import Rule
from llmprobe.units import format_bytes

_WORTH_WARNING = 0.10
_OLD_BUILD = 9400
"""Before about this build of llama.cpp (June 2026) compute buffers were larger: pull requests 23764 and 23861."""

_OFF = frozenset({"0", "false", "f", "no", "off"})
_UNLOAD = {"ollama": "ollama stop {}", "lmstudio": "lms unload {}"}
_KEPT = {
    "ollama": "Ollama keeps a model for five minutes after its last use, or as OLLAMA_KEEP_ALIVE says.",
    "lmstudio": "LM Studio keeps a model until it is unloaded, or until its time to live ends where one is set.",
}
_NAMED = 4


def model_loaded(snapshot: Snapshot) -> Iterator[Finding]:
    """
    An engine holds a model in memory that another model could have.
    """
    total = _vram_total(snapshot) or _ram_total(snapshot)
    for engine, model in _loaded(snapshot):
        held = model.vram_bytes or model.size_bytes
        much = held is not None and total and held >= _WORTH_WARNING * total
        where = "GPU memory" if model.vram_bytes else "memory"
        amount = "" if held is None else f" and holds {format_bytes(held)} of {where}"
        until = f" It is let go of at {model.until}." if model.until else ""
        unload = _UNLOAD.get(engine.name)
        yield Finding(
            id="model-loaded",
            severity="warning" if much else "note",
            title=f"{engine.name} has {model.name} loaded"
            + ("" if held is None else f": {format_bytes(held)}"),
            detail=f"It is ready to answer{amount}. What is said to be free is what it leaves.{until} "
            f"{_KEPT.get(engine.name, 'A server keeps its model as long as it runs.')}",
            evidence=engine.evidence,
            remedy=Remedy(
                text="Where it is not needed, unload it, and let the engine keep models for a shorter time.",
                commands=() if unload is None else (unload.format(model.name),),
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
        share = round(100 * vram / size)
        yield Finding(
            id="model-on-cpu",
            severity="warning" if vram == 0 else "note",
            title=f"{model.name} is {share} % on the GPU in {engine.name}",
            detail=f"{format_bytes(size - vram)} of it are computed by the processor, for every token. That is right "
            "where it does not fit the GPU, and costs most of the speed where it would.",
            evidence=engine.evidence,
            remedy=Remedy(
                text="See what fits; a shorter context or a smaller quantization may bring all of it to the GPU.",
                commands=(f"llmprobe recommend --model {model.name} --engine {engine.name}",),
            ),
        )


def old_build(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The llama.cpp here reserves more memory than the builds that estimates are for.
    """
    for engine in snapshot.engines:
        match = re.fullmatch(r"b(\d+)", engine.version or "")
        if engine.name != "llama.cpp" or match is None or int(match.group(1)) >= _OLD_BUILD:
            continue
        yield Finding(
            id="llama-cpp-old-build",
            severity="note",
            title=f"llama.cpp {engine.version} reserves more memory than newer builds",
            detail="Until June 2026 it reserved logits for a whole micro-batch and larger masks: some hundred MiB of "
            "GPU memory for a model with a large vocabulary, more with a large micro-batch.",
            evidence=engine.evidence,
            remedy=Remedy(
                text="Update it, or estimate for this build.",
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
    named = "; ".join(f"{model.name} of {model.kept_by}: {model.problem}" for _, model in broken[:_NAMED])
    more = f"; and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
    yield Finding(
        id="model-half-there",
        severity="note",
        title=f"{len(broken)} model{'s' if len(broken) > 1 else ''} on the disk cannot be used",
        detail=f"{named}{more}. They take space and are left out of what is offered.",
        evidence=tuple(dict.fromkeys(answer for engine, _ in broken for answer in engine.evidence)),
        remedy=Remedy(
            text="Start the download again, which goes on where it stopped, or remove what is there."
        ),
    )


def cache_type_without_flash_attention(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Ollama is told to quantize the cache and to leave flash attention out, which do not go together.
    """
    for engine in snapshot.engines:
        kind = engine.settings.get("OLLAMA_KV_CACHE_TYPE", "f16").lower()
        flash = engine.settings.get("OLLAMA_FLASH_ATTENTION", "").lower()
        if kind not in ("f16", "f32", "") and flash in _OFF:
            yield Finding(
                id="ollama-cache-type",
                severity="warning",
                title=f"Ollama's cache of {kind} needs flash attention, which is switched off",
                detail="A quantized cache is refused without flash attention, so models do not load.",
                evidence=("env:OLLAMA_KV_CACHE_TYPE", "env:OLLAMA_FLASH_ATTENTION"),
                remedy=Remedy(
                    text="Set OLLAMA_FLASH_ATTENTION=1 for the server, or take the cache type out."
                ),
            )


def many_slots(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Ollama is told to answer several requests at once, each of which takes a cache of its own.
    """
    for engine in snapshot.engines:
        slots = engine.settings.get("OLLAMA_NUM_PARALLEL", "")
        if slots.isdecimal() and int(slots) > 1:
            yield Finding(
                id="ollama-parallel",
                severity="note",
                title=f"Ollama takes {slots} times the memory of the context (OLLAMA_NUM_PARALLEL={slots})",
                detail="Each request that is answered at the same time has a cache of its own, reserved when the "
                "model is loaded, whether or not anyone asks.",
                evidence=("env:OLLAMA_NUM_PARALLEL",),
                remedy=Remedy(text="Set it to 1 for the server where one person uses it."),
            )


def silent_port(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Something holds an engine's port and does not answer as the engine does.
    """
    for engine in snapshot.engines:
        if engine.running is None and engine.detail is not None and "port" in engine.detail:
            yield Finding(
                id="engine-silent",
                severity="warning",
                title=f"{engine.name} does not answer",
                detail=f"{engine.detail[0].upper()}{engine.detail[1:]}. What it holds in memory is not known.",
                evidence=engine.evidence,
                remedy=Remedy(text="Start the engine anew, or end the other program that listens there."),
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
