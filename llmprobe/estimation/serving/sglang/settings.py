"""
SGLang's own defaults by the memory of the device, and the part that it leaves for everything but weights and cache.

Source: SGLang 0.5.23, srt/arg_groups/memory_hook.py (handle_gpu_memory_settings, reserve_for_graph_mb) and
cuda_graph_hook.py (generate_prefill_cuda_graph_batch_sizes).
"""

from __future__ import annotations

from llmprobe.errors import UsageError
from llmprobe.estimation.serving.case import Case
from llmprobe.facts.given import count
from llmprobe.facts.serving import ServingOptions, ServingSettings
from llmprobe.units import GIB, MIB
from llmprobe.words.message import message

VERSION = (0, 5, 23)
CACHE_BYTES = {"auto": 2, "bfloat16": 2, "fp8_e4m3": 1, "fp8_e5m2": 1, "fp8": 1}
_MOST = 2**31 - 1
_TIERS = (
    # memory below, tokens of a piece of a prompt, requests in a graph, and with four ranks or more
    (20 * GIB, 2048, 8, 8),
    (35 * GIB, 4096, 48, 160),
    (60 * GIB, 4096, 32, 160),
    (160 * GIB, 8192, 256, 512),
    (1 << 62, 16384, 512, 512),
)
_LARGE, _LARGE_RESERVE = 60 * GIB, 10 * GIB
_PREFILL_GRAPH_TOKENS = (
    *range(4, 33, 4),
    *range(48, 257, 16),
    *range(288, 513, 32),
    *range(576, 1025, 64),
    *range(1280, 4097, 256),
    *range(4608, 16385, 512),
)


def settled(case: Case, given: ServingOptions) -> ServingSettings:
    """
    The settings in force.

    Raises:
        UsageError: one is out of range, or the ranks do not suit the model.
    """
    tp = given.get("tensor_parallel_size") or len(case.cards)
    pp = given.get("pipeline_parallel_size") or 1
    heads = max((case.sizes.heads(layer) for layer in case.sizes.trunk), default=0) or 1
    if heads % tp:
        most = next(ranks for ranks in range(tp, 0, -1) if heads % ranks == 0)
        raise UsageError(
            message("error.serving-heads", heads=heads, ranks=tp),
            hint=message("hint.serving-heads", ranks=most),
        )
    kind = given.get("kv_cache_dtype") or "auto"
    if kind not in CACHE_BYTES:
        raise UsageError(
            message("error.serving-cache-type", given=kind),
            hint=message("hint.one-of", names=tuple(CACHE_BYTES)),
        )
    piece, few, many = next(row[1:] for row in _TIERS if case.cards[0].total_bytes < row[0])
    seqs = given.get("max_num_seqs") or (many if tp >= 4 else few)
    tokens = given.get("max_num_batched_tokens") or piece
    length = given.get("max_model_len") or case.model.max_context or 2048
    fraction = given.get("mem_fraction_static")
    if fraction is not None and not 0 < fraction <= 1:
        raise UsageError(message("error.serving-share", value=fraction), hint=message("hint.serving-share"))
    return ServingSettings(
        engine="sglang",
        version=".".join(map(str, case.version)),
        max_model_len=count("max_model_len", length, least=1, most=_MOST),
        max_num_seqs=count("max_num_seqs", seqs, least=1, most=_MOST),
        max_num_batched_tokens=count("max_num_batched_tokens", tokens, least=1, most=_MOST),
        tensor_parallel_size=tp,
        pipeline_parallel_size=count("pipeline_parallel_size", pp, least=1, most=max(1, case.layers)),
        enable_expert_parallel=bool(given.get("enable_expert_parallel")),
        mem_fraction_static=_fraction(case, tp * pp, seqs, tokens) if fraction is None else float(fraction),
        kv_cache_dtype=kind,
        block_size=1,
        kv_cache_memory_bytes=given.get("kv_cache_memory_bytes"),
        enable_prefix_caching=True,
    )


def _fraction(case: Case, ranks: int, seqs: int, tokens: int) -> float:
    """
    The part of a device for weights and cache where nobody says it: all but 512 MiB, 1.5 MiB for each token of a piece,
    128 MiB a rank and the graphs; of large devices at least 10 GiB. Images and sound take 8 GiB more, or a twentieth.
    """
    total = case.cards[0].total_bytes
    graphs = 2 * seqs
    if case.layout.latent:
        graphs += 1536
    else:
        graphs += 8 * sum(size <= tokens for size in _PREFILL_GRAPH_TOKENS)
    reserve = int((512 + 1.5 * max(tokens, 2048) + ranks / 8 * 1024 + graphs) * MIB)
    if total > _LARGE:
        reserve = max(reserve, _LARGE_RESERVE)
    fraction = round((total - reserve) / total, 3)
    return max(0.01, fraction * 0.95 if case.encoder_parameters else fraction)
