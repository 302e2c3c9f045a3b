"""
vLLM's own defaults, which depend on the device, and what it refuses before it loads anything.

Source: vLLM 0.33, engine/arg_utils.py (get_batch_defaults), config/cache.py, config/parallel.py; for earlier versions
its release notes and logs.
"""

from __future__ import annotations

from llmprobe.errors import UsageError
from llmprobe.estimation.serving.case import Case
from llmprobe.estimation.serving.vllm.pages import BLOCK, CACHE_BITS, LATENT_BLOCK
from llmprobe.estimation.serving.vllm.versions import ALIGNED_STATES, NEW_SHARE, V1
from llmprobe.facts.given import count
from llmprobe.facts.serving import ServingOptions, ServingSettings
from llmprobe.units import GIB
from llmprobe.words.message import message

LARGE_BYTES = 70 * GIB
LARGEST_BYTES = 160 * GIB
MOST = 2**31 - 1
MOST_RANKS = 1024


def settled(case: Case, given: ServingOptions) -> ServingSettings:
    """
    The settings in force. Of devices all are used: tensor parallel as far as the heads go, a pipeline of the rest.

    Raises:
        UsageError: one is out of range, or the ranks do not suit the model or the devices.
    """
    length = count("max_model_len", given.get("max_model_len") or 0, most=MOST)
    length = length or case.model.max_context or int(case.model.hparams.get("context_length") or 0) or 2048
    seqs, tokens = _batch(case)
    if case.version < V1:
        # Prompts are not cut up to 32768 tokens: the batch holds the longest.
        tokens = max(length, 2048) if length <= 32768 else 2048
    tokens = _count("max_num_batched_tokens", given.get("max_num_batched_tokens"), tokens)
    seqs = _count("max_num_seqs", given.get("max_num_seqs"), seqs)
    pp = given.get("pipeline_parallel_size")
    tp = given.get("tensor_parallel_size")
    if tp is None:
        tp = widest(case, len(case.cards) // (pp or 1) or 1)
    if pp is None:
        pp = max(1, len(case.cards) // tp) if given.get("tensor_parallel_size") is None else 1
    return ServingSettings(
        engine="vllm",
        version=".".join(map(str, case.version)),
        max_model_len=length,
        max_num_seqs=seqs,
        max_num_batched_tokens=min(tokens, MOST),
        tensor_parallel_size=_ranks(case, count("tensor_parallel_size", tp, least=1, most=MOST_RANKS)),
        pipeline_parallel_size=count("pipeline_parallel_size", pp, least=1, most=max(1, case.layers)),
        decode_context_parallel_size=_count(
            "decode_context_parallel_size", given.get("decode_context_parallel_size"), 1
        ),
        enable_expert_parallel=bool(given.get("enable_expert_parallel")),
        gpu_memory_utilization=_share(case, given.get("gpu_memory_utilization")),
        kv_cache_dtype=_cache_type(given.get("kv_cache_dtype") or "auto"),
        block_size=_count(
            "block_size", given.get("block_size"), LATENT_BLOCK if case.layout.latent else BLOCK
        ),
        enforce_eager=bool(given.get("enforce_eager")),
        kv_cache_memory_bytes=given.get("kv_cache_memory_bytes"),
        enable_prefix_caching=_prefixes(case, given.get("enable_prefix_caching")),
        speculative_tokens=count("speculative_tokens", given.get("speculative_tokens") or 0, most=64),
    )


def widest(case: Case, devices: int) -> int:
    """
    The most ranks that the heads can be cut for: so many that they divide the query heads.
    """
    heads = max((case.sizes.heads(layer) for layer in case.sizes.trunk), default=0) or 1
    return next(ranks for ranks in range(devices, 0, -1) if heads % ranks == 0)


def _batch(case: Case) -> tuple[int, int]:
    """
    The requests and the tokens of a batch where nothing is said, by the memory of the device.
    """
    card = case.cards[0]
    if case.version < V1:
        return 256, 2048
    if card.total_bytes >= LARGEST_BYTES:
        return 1024, 16384
    is_gb10 = card.capability == (12, 1)
    if card.total_bytes >= LARGE_BYTES and "a100" not in card.name.lower() and not is_gb10:
        return 1024, 8192
    return 256, 2048


def _count(name: str, value: int | None, default: int) -> int:
    return default if value is None else count(name, value, least=1, most=MOST)


def _share(case: Case, value: float | None) -> float:
    if value is None:
        return 0.92 if case.version >= NEW_SHARE else 0.9
    if not 0 < value <= 1:
        raise UsageError(message("error.serving-share", value=value), hint=message("hint.serving-share"))
    return float(value)


def _prefixes(case: Case, given: bool | None) -> bool:
    """
    Whether beginnings of requests are kept: of models with states only by later versions, unless it is asked for.
    """
    return (case.layout.state is None or case.version >= ALIGNED_STATES) if given is None else bool(given)


def _cache_type(name: str) -> str:
    if name not in CACHE_BITS:
        raise UsageError(
            message("error.serving-cache-type", given=name),
            hint=message("hint.one-of", names=tuple(CACHE_BITS)),
        )
    return name


def _ranks(case: Case, ranks: int) -> int:
    heads = max((case.sizes.heads(layer) for layer in case.sizes.trunk), default=0) or 1
    if heads % ranks:
        raise UsageError(
            message("error.serving-heads", heads=heads, ranks=ranks),
            hint=message("hint.serving-heads", ranks=widest(case, ranks)),
        )
    return ranks
