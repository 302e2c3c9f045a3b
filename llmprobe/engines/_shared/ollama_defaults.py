"""
What Ollama takes where nothing is set: context, batch and slots, for a model on these devices.

Source: github.com/ollama/ollama at fb30760 (August 2026), server/routes.go and server/sched.go.
"""

from typing import Any

import msgspec

from llmprobe.facts.engine import Occasion, Profile
from llmprobe.units import GIB, MIB, whole_number
from llmprobe.words.message import message

CONTEXTS = ((47 * GIB, 262144), (23 * GIB, 32768), (0, 4096))
"""From so much VRAM over all GPUs on, this is the context where none is set."""

BATCHES = ((32768, 2048), (4096, 1024), (-1, 512))
"""Beyond so many tokens of context, this is the batch where none is set and there is room for it."""

BATCH_ROOM = {2048: (60, 2 * GIB), 1024: (75, 768 * MIB)}
"""What is predicted may take so many percent of what is free, and with so many bytes more 80 percent."""

ONE_SLOT = frozenset(
    {"mllama", "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "qwen3next", "lfm2", "lfm2moe"}
    | {"nemotron_h", "nemotron_h_moe", "nemotron_h_omni"}
)
"""Architectures that it never gives more than one slot."""


def settled(profile: Profile, occasion: Occasion) -> Profile:
    """
    The profile with the context and batch that Ollama takes for this model on these devices.
    """
    notes = []
    slots = _number(occasion.settings.get("OLLAMA_NUM_PARALLEL")) or profile.parallel
    if occasion.model.architecture in ONE_SLOT and slots > 1:
        notes.append(message("engine.ollama-one-slot", architecture=occasion.model.architecture))
        slots = 1
    trained = occasion.model.max_context
    asked = occasion.ctx_size or _number(occasion.settings.get("OLLAMA_CONTEXT_LENGTH"))
    ctx_size = asked or automatic_context(occasion.vram_total_bytes or 0)
    if trained is not None:
        ctx_size = min(ctx_size, trained)
    if not asked:
        notes.append(
            message("engine.ollama-context", ctx_size=ctx_size, vram_bytes=occasion.vram_total_bytes)
        )
    flash = "auto" if flash_attention_supported(occasion) else "off"
    batch = automatic_batch(ctx_size, occasion, flash_attention=flash != "off")
    notes.append(message("engine.ollama-batch", batch_size=batch))
    notes.append(message("engine.ollama-slots"))
    return msgspec.structs.replace(
        profile,
        ctx_size=ctx_size,
        parallel=slots,
        batch_size=batch,
        ubatch_size=batch,
        flash_attn=flash,
        notes=tuple(notes),
    )


def automatic_context(vram_bytes: int) -> int:
    """
    The context that Ollama takes where none is set, by the VRAM of all GPUs together.
    """
    return next(ctx_size for least, ctx_size in CONTEXTS if vram_bytes >= least)


def automatic_batch(ctx_size: int, occasion: Occasion, *, flash_attention: bool) -> int:
    """
    The batch that Ollama takes where none is set: larger for long contexts, smaller where memory is short.
    """
    if not flash_attention and occasion.backend == "cuda":
        free = occasion.smallest_free_bytes
        return 256 if ctx_size > 4096 and free is not None and 0 < free <= 8 * GIB else 512
    batch = next(batch for beyond, batch in BATCHES if ctx_size > beyond)
    while batch > 512 and not _has_room(batch, predicted_bytes(occasion, ctx_size), occasion.vram_free_bytes):
        batch //= 2
    return batch


def predicted_bytes(occasion: Occasion, ctx_size: int) -> int:
    """
    Ollama's own rough prediction: the file, and a cache as if every layer had the smallest count of heads.
    """
    hparams = occasion.model.hparams
    heads = max(_numbers(hparams.get("attention.head_count")))
    kv_heads = min(_numbers(hparams.get("attention.head_count_kv"))) or 1
    width = int(hparams.get("embedding_length") or 0) // heads if heads else 0
    layers = int(hparams.get("block_count") or 0)
    return occasion.file_bytes + 2 * layers * kv_heads * width * ctx_size * 2


def flash_attention_supported(occasion: Occasion) -> bool:
    """
    Tell whether Ollama leaves flash attention to llama.cpp; on CUDA before capability 6.0, and on 7.2, it does not.
    """
    if occasion.backend != "cuda":
        return occasion.backend != "sycl"
    return all(
        float(capability) >= 6.0 and capability != "7.2"
        for capability in occasion.compute_capabilities
        if whole_number(capability.replace(".", "", 1)) is not None
    )


def _has_room(batch: int, predicted: int, free: int | None) -> bool:
    if not predicted or not free:
        return True
    percent, surcharge = BATCH_ROOM[batch]
    return predicted <= free * percent // 100 and predicted + surcharge <= free * 80 // 100


def _number(value: str | None) -> int:
    return whole_number(value or "") or 0


def _numbers(value: Any) -> list[int]:
    """
    A key that GGUF holds as one number or as one for each layer; 0 of one that it lacks.
    """
    return [int(item) for item in value] if value and isinstance(value, list | tuple) else [int(value or 0)]
