"""
The settings in force: defaults filled in, sizes rounded as llama.cpp rounds them, impossible ones refused.

Source: llama.cpp b11549, src/llama-context.cpp.
"""

from llmprobe.errors import RefusedError
from llmprobe.estimation.options import check_counts
from llmprobe.estimation.placement import offloaded_layers, used_devices
from llmprobe.facts.devices import Hardware
from llmprobe.facts.engine import Profile
from llmprobe.facts.estimate import trained_context
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import Pooling, ResolvedSettings, Settings, Switch
from llmprobe.model import archs
from llmprobe.model.archs import CacheLayout, Sizes
from llmprobe.model.quants import GgmlType, ggml_type
from llmprobe.words.message import Message, message

CELL_PAD = 256
"""A cache has whole multiples of this many cells."""

NO_DEVICES = Hardware()

WITHOUT_FLASH = frozenset({"grok"})
"""Architectures for which flash attention is switched off before anything is allocated, whatever is asked for."""

ABORTS_WITH_FLASH = frozenset({"plm"})
"""Architectures whose V the cache cannot take in rows, as flash attention wants it: llama.cpp aborts."""

ONE_STREAM = frozenset({"t5"})
"""Architectures whose masks are not made for several sequences with a cache each: llama.cpp aborts."""

WITH_ENCODER = frozenset({"t5", "t5encoder"})
"""Architectures for which a row of results is reserved for every token, whatever is asked for."""

DRAFTING_TYPES = frozenset({"draft-simple", "draft-eagle3", "draft-mtp", "draft-dflash", "draft-dspark"})
"""Ways of drafting by a model or by a head, as many tokens at once as they are told."""

TAKING_BACK_TYPES = DRAFTING_TYPES - {"draft-simple"}
"""Ways of drafting for which the target keeps earlier recurrent states (common.h, need_n_rs_seq)."""

BLOCK_TYPES = frozenset({"draft-dflash", "draft-dspark"})
"""Ways of drafting whose head scores a whole block of tokens at once."""

NGRAM_TOKENS = {
    "ngram-simple": 48,
    "ngram-map-k": 48,
    "ngram-map-k4v": 48,
    "ngram-mod": 64,
    "ngram-cache": 8,
}
"""The most tokens that are drafted from what the text repeats (common.h, common_speculative_n_max)."""

TEXT_ENCODERS = frozenset({"t5encoder"})
"""Architectures that write nothing, though their metadata do not say so."""


def usual_flash(architecture: str) -> Switch:
    """
    The setting of flash attention to begin with: ``auto``, where llama.cpp does not abort on it.
    """
    return "off" if architecture in ABORTS_WITH_FLASH else "auto"


def pad(count: int, multiple: int) -> int:
    """
    The next multiple that holds the count.
    """
    return -(-count // multiple) * multiple


def slot_sizes(asked: int, parallel: int, *, kv_unified: bool = False) -> tuple[int, int]:
    """
    The context that is in force for what was asked for: in all, and for one sequence.
    """
    ctx_size = pad(asked, CELL_PAD)
    if kv_unified:
        return ctx_size, ctx_size
    per_seq = pad(max(1, ctx_size // parallel), CELL_PAD)
    return per_seq * parallel, per_seq


def rounding(asked: int, parallel: int, *, kv_unified: bool = False) -> tuple[Message, ...]:
    """
    A note where the context in force is not the requested one.
    """
    ctx_size, per_seq = slot_sizes(asked, parallel, kv_unified=kv_unified)
    if ctx_size == asked:
        return ()
    if ctx_size == per_seq:
        return (message("note.context-rounded", ctx_size=ctx_size, requested=asked, multiple=CELL_PAD),)
    return (
        message(
            "note.context-rounded-per-slot",
            ctx_size=ctx_size,
            requested=asked,
            multiple=CELL_PAD,
            slots=parallel,
            per_slot=per_seq,
        ),
    )


def drafted_tokens(settings: Settings) -> int:
    """
    The most tokens that are drafted at once, of all ways in use.
    """
    return max(
        (
            settings.spec_draft_n_max if kind in DRAFTING_TYPES else NGRAM_TOKENS[kind]
            for kind in settings.spec_type
        ),
        default=0,
    )


def rs_snapshots(settings: Settings, architecture: str) -> int:
    """
    The earlier states that recurrent layers keep for each sequence, so that rejected tokens can be taken back.
    """
    if TAKING_BACK_TYPES.isdisjoint(settings.spec_type):
        return 0
    family = archs.get(architecture)
    known = family is not None and architecture in family.snapshots
    return settings.spec_draft_n_max if known else 0


_POOLINGS: tuple[Pooling, ...] = ("none", "mean", "cls", "last", "rank")


def pooling_of(model: ModelSpec) -> Pooling:
    """
    How a model says that vectors of texts are made (llama.h, llama_pooling_type), by none where it does not say.
    """
    told = model.hparams.get("pooling_type")
    return _POOLINGS[told] if isinstance(told, int) and 0 <= told < len(_POOLINGS) else "none"


def resolve(
    settings: Settings, model: ModelSpec, profile: Profile | None = None, hardware: Hardware = NO_DEVICES
) -> ResolvedSettings:
    """
    What llama.cpp makes of the settings for a model on this hardware.

    Raises:
        UsageError: a size is negative or beyond what llama.cpp can hold, or a cache type does not exist.
        RefusedError: the model names no context it was trained for, and none was asked for.
    """
    check_counts(settings)
    wished = settings.ctx_size or trained_context(model) or 0
    if not wished:
        raise RefusedError(message("error.no-trained-context"), hint=message("hint.give-context"))
    batch = settings.batch_size
    if model.hparams.get("attention.causal", True):
        batch = min(wished, batch)
    if settings.embeddings:
        # A text is read in one micro-batch, all of whose tokens are outputs (tools/server/server.cpp).
        batch = min(batch, settings.ubatch_size)
    ctx_size, ctx_per_seq = slot_sizes(wished, settings.parallel, kv_unified=settings.kv_unified)
    outputs = settings.outputs_max
    if outputs is None:
        drafted = drafted_tokens(settings)
        whole = profile is not None and profile.outputs == "ubatch" and not drafted
        outputs = 0 if whole else min(batch, settings.parallel * (1 + drafted))
    if model.architecture in WITH_ENCODER:
        outputs = 0
    pooling = settings.pooling or pooling_of(model)
    if settings.embeddings and settings.outputs_max is None:
        outputs = batch
    cache_type_v = ggml_type(settings.cache_type_v)
    flash_attn = settings.flash_attn
    if model.architecture in WITHOUT_FLASH:
        flash_attn = "off"
    elif flash_attn == "auto" and (cache_type_v.quantized or settings.split_mode == "tensor"):
        # A quantized V cache, or a split of tensors, turns it on instead of leaving it to the graph.
        flash_attn = "on"
    return ResolvedSettings(
        engine=profile.engine if profile is not None else "llama.cpp",
        ctx_size=ctx_size,
        ctx_per_seq=ctx_per_seq,
        parallel=settings.parallel,
        batch_size=batch,
        ubatch_size=min(batch, settings.ubatch_size),
        cache_type_k=ggml_type(settings.cache_type_k).name,
        cache_type_v=cache_type_v.name,
        flash_attn=flash_attn,
        kv_unified=settings.kv_unified,
        swa_full=settings.swa_full,
        outputs_max=outputs,
        gpu_layers=offloaded_layers(settings, hardware, Sizes(model.hparams).n_layer),
        n_cpu_moe=settings.n_cpu_moe,
        cpu_moe_layers=settings.cpu_moe_layers,
        n_cpu_ffn=settings.n_cpu_ffn,
        override_tensor=settings.override_tensor,
        moe_cache_mib=settings.moe_cache_mib,
        split_mode=settings.split_mode,
        tensor_split=settings.tensor_split,
        kv_offload=settings.kv_offload,
        op_offload=settings.op_offload,
        repack=settings.repack,
        mmap=settings.mmap,
        devices=tuple([device.id for device in used_devices(settings, hardware)]),
        spec_type=settings.spec_type,
        spec_draft_n_max=settings.spec_draft_n_max,
        spec_draft_type_k=ggml_type(settings.spec_draft_type_k).name,
        spec_draft_type_v=ggml_type(settings.spec_draft_type_v).name,
        spec_draft_ngl=settings.spec_draft_ngl,
        spec_draft_device=settings.spec_draft_device,
        read_layers=settings.read_layers,
        embeddings=settings.embeddings,
        pooling=pooling if settings.embeddings else None,
        rs_snapshots=rs_snapshots(settings, model.architecture),
        mmproj=settings.mmproj,
        mmproj_offload=settings.mmproj_offload,
        image_min_tokens=settings.image_min_tokens,
        image_max_tokens=settings.image_max_tokens,
    )


def refuse(run: ResolvedSettings, layout: CacheLayout, architecture: str) -> None:
    """
    Refuse what llama.cpp refuses, and what it aborts on.

    Raises:
        RefusedError: says which settings do not go together for this model.
    """
    type_k, type_v = ggml_type(run.cache_type_k), ggml_type(run.cache_type_v)
    if architecture in ABORTS_WITH_FLASH and run.flash_attn != "off":
        raise RefusedError(
            message("error.aborts-with-flash-attention", architecture=architecture),
            hint=message("hint.flash-attention-off"),
        )
    if architecture in ONE_STREAM and run.streams > 1:
        raise RefusedError(
            message("error.aborts-with-streams", architecture=architecture, slots=run.parallel),
            hint=message("hint.one-stream"),
        )
    if layout.latent and type_k != type_v:
        raise RefusedError(
            message("error.latent-cache-types", type_k=type_k.name, type_v=type_v.name),
            hint=message("hint.same-cache-types"),
        )
    if type_v.quantized and run.flash_attn == "off":
        raise RefusedError(
            message("error.v-cache-needs-flash-attention", type_v=type_v.name),
            hint=message("hint.flash-attention-on"),
        )
    for cache in layout.kv:
        for layer in cache.layers:
            _refuse_head("K", type_k, layer.head_k)
            if layer.v:
                _refuse_head("V", type_v, layer.head_v)


def _refuse_head(name: str, kind: GgmlType, head: int) -> None:
    """Refuse heads of broken blocks: with flash attention llama.cpp says so itself, without it aborts."""
    if head % kind.block:
        raise RefusedError(
            message("error.heads-not-whole-blocks", cache=name, type=kind.name, block=kind.block, head=head),
            hint=message("hint.f16-cache"),
        )
