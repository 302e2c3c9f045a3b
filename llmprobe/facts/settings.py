"""
How a model is run: what the engine is told, in llama.cpp's names, and what is in force then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

import msgspec

Switch = Literal["auto", "on", "off"]
SplitMode = Literal["none", "layer", "row", "tensor"]
SpecType = Literal[
    "draft-simple",
    "draft-eagle3",
    "draft-mtp",
    "draft-dflash",
    "draft-dspark",
    "ngram-simple",
    "ngram-map-k",
    "ngram-map-k4v",
    "ngram-mod",
    "ngram-cache",
]
"""How tokens are drafted, in the words of llama.cpp's ``--spec-type``."""
Pooling = Literal["none", "mean", "cls", "last", "rank"]
"""How the vector of a text is made of those of its tokens."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the engine is told. The defaults are llama-server's with one slot.

    ``ctx_size`` is the total over all slots (``-c``); 0 means what the model was trained for.
    ``outputs_max`` is how many rows of logits are reserved: None is one per slot (llama-server since mid-2026),
    0 the whole micro-batch (llama-bench and others).
    ``gpu_layers`` None is all layers and the output; 0 with devices still offloads operations.
    ``n_cpu_moe`` keeps the experts of the first N layers on the host, ``cpu_moe_layers`` those of further layers
    (``--override-tensor``).
    ``n_cpu_ffn`` keeps the dense feed-forward weights of the first N layers on the host. ``override_tensor`` are
    patterns that put tensors elsewhere (``PATTERN=CUDA1``), beside those that ``cpu_moe_layers`` says; the first that
    matches counts, before the others. ``moe_cache_mib`` caches a part of the experts that lie on the host on devices.
    ``split_mode`` ``layer`` gives each device layers of its own, ``row`` and ``tensor`` each a part of every layer.

    ``spec_type`` are the ways in which tokens are drafted, none of them for none; ``spec_draft_n_max`` is the most that
    a draft model or head drafts at once. The ``spec_draft_*`` hold for a draft's own context: the types of its cache,
    its layers on devices (None is all), and the devices it may use (none is all). ``read_layers`` are the layers of the
    model whose input a draft head reads, as its file says.

    ``mmproj`` is the projector: a file, ``auto`` (the model's own, where it has one) or ``none``; ``mmproj_offload``
    False keeps it in RAM. ``image_min_tokens`` and ``image_max_tokens`` limit an image where its size is dynamic; 0 is
    the projector's own limit.

    ``embeddings`` makes vectors of texts instead of writing, ``pooling`` says how; None is what the model says.
    """

    ctx_size: int = 0
    parallel: int = 1
    batch_size: int = 2048
    ubatch_size: int = 512
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    flash_attn: Switch = "auto"
    kv_unified: bool = False
    swa_full: bool = False
    outputs_max: int | None = None
    gpu_layers: int | None = None
    n_cpu_moe: int = 0
    cpu_moe_layers: tuple[int, ...] = ()
    n_cpu_ffn: int = 0
    override_tensor: tuple[str, ...] = ()
    moe_cache_mib: int = 0
    split_mode: SplitMode = "layer"
    tensor_split: tuple[float, ...] = ()
    kv_offload: bool = True
    op_offload: bool = True
    repack: bool = True
    mmap: bool = True
    spec_type: tuple[SpecType, ...] = ()
    spec_draft_n_max: int = 3
    spec_draft_type_k: str = "f16"
    spec_draft_type_v: str = "f16"
    spec_draft_ngl: int | None = None
    spec_draft_device: tuple[str, ...] = ()
    read_layers: tuple[int, ...] = ()
    mmproj: str = "auto"
    mmproj_offload: bool = True
    image_min_tokens: int = 0
    image_max_tokens: int = 0
    embeddings: bool = False
    pooling: Pooling | None = None


class ResolvedSettings(Settings, frozen=True, kw_only=True):
    """
    Every setting in force after defaults and rounding: ``ctx_size`` in all, ``ctx_per_seq`` for one sequence.

    ``outputs_max`` 0 is the whole batch. ``flash_attn`` is ``auto`` only until the graph has decided. ``devices``
    are those that the engine opens. ``rs_snapshots`` counts the earlier states of recurrent layers that are kept
    beside the last.
    """

    engine: str
    ctx_per_seq: int
    outputs_max: int
    gpu_layers: int
    devices: tuple[str, ...] = ()
    rs_snapshots: int = 0

    @property
    def loads_next_token(self) -> bool:
        """Whether the layers that predict a token more are loaded."""
        return "draft-mtp" in self.spec_type

    @property
    def streams(self) -> int:
        """How many separate caches there are: one per sequence, or one for all."""
        return 1 if self.kv_unified else self.parallel


def told(settings: Settings) -> dict[str, Any]:
    """
    What the engine is told, by the names of ``Settings``: without what a record of a further kind adds.
    """
    return {name: getattr(settings, name) for name in Settings.__struct_fields__}


def without_drafts(settings: Settings) -> Settings:
    """
    The same settings where nothing is drafted.
    """
    return msgspec.structs.replace(settings, spec_type=()) if settings.spec_type else settings


class SettingsOptions(TypedDict, total=False):
    """
    The settings as a program gives them by keyword. What is left out or None defaults to the engine's own.

    ``cpu_moe`` keeps the experts of every layer on the host. ``override_tensor`` are patterns of llama.cpp's ``-ot``.
    """

    ctx_size: int
    parallel: int | None
    batch_size: int | None
    ubatch_size: int | None
    cache_type_k: str
    cache_type_v: str
    flash_attn: Switch | None
    kv_unified: bool | None
    swa_full: bool
    outputs_max: int | None
    gpu_layers: int | Literal["all"] | None
    n_cpu_moe: int
    cpu_moe: bool
    override_tensor: Sequence[str]
    n_cpu_ffn: int
    moe_cache_mib: int
    split_mode: SplitMode
    tensor_split: Sequence[float]
    kv_offload: bool
    op_offload: bool
    repack: bool
    spec_type: SpecType | Sequence[SpecType]
    spec_draft_n_max: int
    spec_draft_type_k: str
    spec_draft_type_v: str
    spec_draft_ngl: int | Literal["all"] | None
    spec_draft_device: Sequence[str]
    mmproj: str
    mmproj_offload: bool
    image_min_tokens: int
    image_max_tokens: int
    embeddings: bool
    pooling: Pooling | None
