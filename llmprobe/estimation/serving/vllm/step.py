"""
What a step of vLLM takes beside weights and cache: the peak of its activations, CUDA graphs, and the process itself.

None of it is exact. vLLM measures it when it starts, with the largest batch that it may get; the bounds here hold what
49 logs of version 0.6 to 0.33 print (benchmarks/truth/vllm.json).
Source of the sizes that graphs are captured for: vLLM 0.33, config/vllm.py: _set_cudagraph_sizes.
"""

from __future__ import annotations

import msgspec

from llmprobe.estimation.serving.case import Case
from llmprobe.estimation.serving.vllm.versions import (
    GRAPHS_COUNTED,
    GRAPHS_TRIED,
    MASKED_SAMPLER,
    V1,
    WHOLE_SAMPLER,
    second_runner,
)
from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.serving import Bounds, ServingSettings
from llmprobe.units import GIB, MIB
from llmprobe.words.message import Message, message

_LOGIT = 4
"""Logits are sampled in 32 bits."""


class Part(msgspec.Struct, frozen=True):
    """
    One part of what a step takes: its bytes and how they came about.
    """

    name: str
    bytes: Bounds
    how: Message


def bounds(low: float, likely: float, high: float) -> Bounds:
    """
    Bytes with their bounds, in whole ones.
    """
    return Bounds(low_bytes=int(low), likely_bytes=int(likely), high_bytes=int(high))


def activations(case: Case, settings: ServingSettings) -> Part:
    """
    The peak of a step: the sampler's over the logits of all requests, or that of the layers where it is larger.
    """
    logits = settings.max_num_seqs * case.vocabulary * _LOGIT
    low, likely, high = _sampler(case)
    layers = _layers(case, settings)
    sampler = logits * likely
    images, kept, encoder = _images(case, settings), _kept(case, settings), _encoder(case, settings)
    size = bounds(
        max(logits * low, layers * 0.5),
        max(sampler, layers, encoder) + images + kept,
        max(logits * high, layers * 2, encoder * _ENCODERS_MOST)
        + (GIB + 2 * images if images else 0)
        + 2 * kept,
    )
    if encoder > max(sampler, layers):
        how = message("how.serving-encoder-peak", tokens=_encoded(case, settings))
    elif sampler >= layers:
        how = message(
            "how.serving-sampler",
            requests=settings.max_num_seqs,
            words=case.vocabulary,
            times=likely,
            bytes=logits,
        )
    else:
        how = message("how.serving-activations", tokens=settings.max_num_batched_tokens)
    return Part("activations", size, how)


def _sampler(case: Case) -> tuple[float, float, float]:
    """
    How many times the logits the sampler takes at its peak: at the least, likely, at the most.

    The first runner sorted them (values, places, sums): 9.6 to 9.9 times, whatever the model. Since 0.17 it masks them:
    logits in 16 bits and in 32, their probabilities, and as many random numbers. The second one was seen at 1.6; since
    0.33 it is measured with every option, which no log shows yet.
    """
    version = case.version
    second = second_runner(
        version,
        case.model.architecture,
        experts=bool(case.sizes.n_expert),
        states=case.layout.state is not None,
        quantized=case.scheme is not None,
    )
    if second:
        return (1.5, 2.75, 6.0) if version >= WHOLE_SAMPLER else (1.0, 1.65, 4.5)
    return (3.2, 3.85, 4.6) if version >= MASKED_SAMPLER else (8.5, 9.7, 10.0)


def _kept(case: Case, settings: ServingSettings) -> int:
    """
    What the kernels of experts keep from layer to layer for the largest batch, beside the sampler: what enters and
    leaves each expert of each token. 0 without experts, and before it was kept.

    Source: vLLM 0.18, v1/worker/workspace.py and fused_moe/modular_kernel.py (workspace_shapes).
    """
    expert = case.sizes.number("expert_feed_forward_length", 0)
    if not (expert and case.experts_used) or case.version < MASKED_SAMPLER:
        return 0
    part = expert if settings.enable_expert_parallel else expert // settings.tensor_parallel_size
    each = max(2 * part, case.hidden) + max(part, case.hidden)
    return settings.max_num_batched_tokens * case.experts_used * each * 2


def _images(case: Case, settings: ServingSettings) -> int:
    """
    What the encoder's output for the largest batch takes, which is kept while the layers are measured; 0 without one.
    """
    if not case.encoder_parameters:
        return 0
    deep = case.sizes.number("n_deepstack_layers", 0)
    return settings.max_num_batched_tokens * case.hidden * (1 + deep) * 2


def _encoded(case: Case, settings: ServingSettings) -> int:
    """
    The tokens of pictures that the encoder is measured with: those of a batch, or of the largest picture where it has
    more.

    Source: vLLM 0.33, v1/core/encoder_cache_manager.py (compute_mm_encoder_budget).
    """
    projector = case.model.projector
    kind = "" if projector is None else str(projector.metadata.get("projector_type", ""))
    largest = _LARGEST_PICTURE if kind.startswith("qwen") else 0
    return max(settings.max_num_batched_tokens, min(largest, settings.max_model_len))


def _encoder(case: Case, settings: ServingSettings) -> int:
    """
    What the encoder of pictures takes at its peak beside its weights: the inner width of a layer and four of its own,
    for every patch of the pictures that it is measured with. 0 without one, or where its widths are not known.
    """
    projector = case.model.projector
    if projector is None:
        return 0
    known = projector.metadata
    inner, width = (known.get(f"vision.{name}") for name in ("feed_forward_length", "embedding_length"))
    if not isinstance(inner, int) or not isinstance(width, int):
        return 0
    kind = str(known.get("projector_type") or known.get("vision.projector_type"))
    patches = int(known.get("vision.spatial_merge_size") or 2) ** 2
    return _encoded(case, settings) * _PATCHES.get(kind, patches) * (inner + 4 * width) * 2


_PATCHES = {"gemma3": 16, "gemma4v": 9}
"""Patches that become one token, where the projector does not say how many it merges."""
_LARGEST_PICTURE = 16384
"""Tokens of the largest picture of Qwen's preprocessors."""
_ENCODERS_MOST = 2.5
"""How many times that it may be: attention that is not fused, and buffers of patches."""


def _layers(case: Case, settings: ServingSettings) -> float:
    """
    What the widest part of a layer takes for the largest batch: the inner width twice, or that of all experts used.
    """
    tokens, tp = settings.max_num_batched_tokens, settings.tensor_parallel_size
    width = 2 * case.hidden
    inner = max((case.sizes.ff(layer) for layer in case.sizes.trunk), default=0)
    expert = case.sizes.number("expert_feed_forward_length", 0)
    widest = 2 * inner / tp
    if expert and case.experts_used:
        part = expert if settings.enable_expert_parallel else expert / tp
        used = case.experts_used / (tp if settings.enable_expert_parallel else 1)
        widest = max(
            widest if len(case.sizes.trunk) and _has_dense(case) else 0,
            used * (max(2 * part, case.hidden) + part),
        )
    # Before steps were compiled, more of a layer lived at once: half as much again in logs of 0.6.
    return tokens * (widest + width) * (3 if case.version < V1 else 2)


def _has_dense(case: Case) -> bool:
    return any(name.endswith(".ffn_down.weight") for name in case.names)


def graphs(case: Case, settings: ServingSettings) -> Part | None:
    """
    What the graphs of all batch sizes take, None without any.

    vLLM's own estimate errs both ways (0.2 to 40 times what they then take), so that the bounds are wide.
    """
    if settings.enforce_eager or case.version < V1:
        return None
    count = captured(settings, large=_is_blackwell(case))
    layers = max(map(len, case.stages(settings.pipeline_parallel_size)))
    likely = _FIRST_GRAPHS + _A_GRAPH * count * layers
    how = message(
        "how.serving-graphs", graphs=count, layers=layers, bytes=_A_GRAPH, first_bytes=_FIRST_GRAPHS
    )
    most = _MOST_FIRST + _MOST_GRAPH * count
    return Part("cuda-graphs", bounds(0.05 * GIB, likely, max(1.2 * likely, most)), how)


_A_GRAPH = int(0.08 * MIB)
"""What one layer takes in one graph."""
_FIRST_GRAPHS = int(0.4 * GIB)
"""What the first graphs take whatever their number. Both by the logs that print an estimate beside the model."""
_MOST_FIRST, _MOST_GRAPH = int(0.48 * GIB), int(17.5 * MIB)
"""The most of them: 0.43 GiB for one graph, 1.94 for 86."""


def captured(settings: ServingSettings, *, large: bool = False) -> int:
    """
    How many graphs are captured: one for every batch size in pieces, and one whole for those of decoding alone.

    >>> from llmprobe.facts.serving import ServingSettings
    >>> captured(ServingSettings(engine="vllm", version="0.33", max_model_len=4096, max_num_seqs=256,
    ...                          max_num_batched_tokens=2048))
    86
    """
    drafted = 1 + settings.speculative_tokens
    most = min(2 * settings.max_num_seqs * drafted, 1024 if large else 512, settings.max_num_batched_tokens)
    sizes = [size for size in (1, 2, 4, *range(8, 256, 8), *range(256, most + 1, 16)) if size <= most]
    whole = [size for size in sizes if size <= settings.max_num_seqs * drafted]
    return len(sizes) + len(whole)


def _is_blackwell(case: Case) -> bool:
    capability = case.cards[0].capability
    return capability is not None and capability[0] == 10


def process(case: Case, settings: ServingSettings) -> Part:
    """
    What the process takes of the budget beside tensors: libraries that load late, links between ranks, the allocator.
    """
    many = settings.tensor_parallel_size > 1
    tried = case.version >= GRAPHS_TRIED and not settings.enforce_eager
    if case.cards[0].unified:
        # Other programs' cached files give way while the model loads, which counts as memory that it gave back.
        size = bounds(-2.5 * GIB, 2 * GIB, 5.5 * GIB)
    elif tried and many:
        # Each rank more is a link more; cards with links of their own have kernels with buffers for these.
        usual, most = (2.05, 2.2) if case.linked else (1.3, 1.3)
        size = bounds(0.3 * GIB, usual * GIB, (most + 0.3 * settings.tensor_parallel_size) * GIB)
    elif many:
        size = bounds(0.05 * GIB, 0.6 * GIB, (1.5 + 0.15 * settings.tensor_parallel_size) * GIB)
    elif case.version >= GRAPHS_TRIED:
        size = bounds(0.02 * GIB, 0.25 * GIB, 1.0 * GIB)
    else:
        size = bounds(0.02 * GIB, 0.13 * GIB, 0.5 * GIB)
    if libraries := BACKENDS[case.cards[0].backend].torch_bytes:
        size = bounds(
            size.low_bytes + 0.3 * GIB,
            size.likely_bytes + libraries,
            size.high_bytes + libraries + 0.3 * GIB * settings.world_size,
        )
    return Part("engine-runtime", size, message("how.serving-runtime", devices=settings.world_size))


def outside(case: Case) -> Part:
    """
    What is outside of the budget: the context of the driver, and the links that are made before vLLM looks.
    """
    many = len(case.cards) > 1
    size = bounds(0, 0.3 * GIB if case.cards[0].unified else 0.6 * GIB, 1.2 * GIB if many else 0.8 * GIB)
    return Part("driver-context", size, message("how.serving-context"))


def counts_graphs(case: Case) -> bool:
    """
    Whether the budget has room for graphs, or they come on top of it, as they always do with ROCm.
    """
    return case.version >= GRAPHS_COUNTED and BACKENDS[case.cards[0].backend].torch_counts_graphs
