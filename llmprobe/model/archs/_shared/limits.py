"""
Sizes that no model has: what is beyond them is damage or malice, and is refused before anything is counted with it.

The bounds are far above every published model (October 2026), whose widest feed-forward part has 53,248 values and
whose vocabularies have 262,208 words.
"""

from collections.abc import Iterable
from itertools import repeat
from typing import Any

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.whole import MAX_LAYERS, excerpt
from llmprobe.words.message import Message, message

MOST_PARAMETERS = 10**14
_WIDTH, _COUNT, _WORDS, _TOKENS = 1 << 20, 1 << 16, 1 << 24, 1 << 31

_MOST = {
    "block_count": MAX_LAYERS,
    "decoder_block_count": MAX_LAYERS,
    "context_length": _TOKENS,
    "attention.sliding_window": _TOKENS,
    "rope.scaling.original_context_length": _TOKENS,
    "vocab_size": _WORDS,
    "tokenizer.ggml.token_type_count": _WORDS,
    **dict.fromkeys(
        (
            "embedding_length",
            "embedding_length_per_layer_input",
            "feed_forward_length",
            "expert_feed_forward_length",
            "expert_shared_feed_forward_length",
            "moe_latent_size",
            "expert_latent_length",
            "hyper_connection.low_rank",
            "attention.key_length",
            "attention.value_length",
            "attention.key_length_mla",
            "attention.value_length_mla",
            "attention.key_length_swa",
            "attention.value_length_swa",
            "attention.q_lora_rank",
            "attention.kv_lora_rank",
            "attention.kv_lora_rank_swa",
            "attention.key_length_mla_swa",
            "attention.value_length_mla_swa",
            "attention.output_lora_rank",
            "attention.indexer.key_length",
            "attention.indexer.top_k",
            "attention.indexer.block_size",
            "rope.dimension_count",
            "ssm.inner_size",
            "ssm.state_size",
            "ssm.time_step_rank",
            "kda.head_dim",
            "attention.decay_lora_rank",
            "attention.iclr_lora_rank",
            "attention.value_residual_mix_lora_rank",
            "attention.gate_lora_rank",
            "expert_chunk_feed_forward_length",
            "time_mix_extra_dim",
            "time_decay_extra_dim",
            "wkv.head_size",
        ),
        _WIDTH,
    ),
    **dict.fromkeys(
        (
            "attention.head_count",
            "attention.head_count_kv",
            "attention.output_group_count",
            "attention.compress_ratios",
            "attention.indexer.kpool",
            "attention.indexer.head_count",
            "attention.shared_kv_layers",
            "expert_count",
            "expert_used_count",
            "expert_shared_count",
            "expert_group_count",
            "expert_group_used_count",
            "leading_dense_block_count",
            "hash_layer_count",
            "hyper_connection.count",
            "attn_res.block_size",
            "ple.ngram_size",
            "ple.heads_per_ngram",
            "ple.conv_kernel",
            "nextn_predict_layers",
            "full_attention_interval",
            "interleave_moe_layer_step",
            "moe_every_n_layers",
            "n_deepstack_layers",
            "altup.num_inputs",
            "ssm.conv_kernel",
            "ssm.group_count",
            "shortconv.l_cache",
            "attention.group_norm_groups",
            "attention.value_expert_count",
            "attention.value_expert_used_count",
            "experts_per_group",
            "rescale_every_n_layers",
            "num_loops",
            "adapters.count",
            "adapters.lora_rank",
            "hrm.layers_per_stack",
            "hrm.h_cycles",
            "hrm.l_cycles",
            "token_shift_count",
        ),
        _COUNT,
    ),
}
"""The largest value of each size."""

_OF_THE_MODEL = frozenset(
    (
        "block_count",
        "context_length",
        "rope.scaling.original_context_length",
        "embedding_length",
        "vocab_size",
        "expert_count",
        "expert_used_count",
        "expert_group_count",
        "expert_group_used_count",
        "nextn_predict_layers",
        "attention.shared_kv_layers",
    )
)
"""Sizes of the whole model, which are never a list."""


def check_sizes(hparams: Hparams) -> None:
    """
    Refuse metadata with a size that no model has. A size of layers may be a list with one for each.

    Raises:
        ModelError: a size is no whole number or out of its bounds, or sizes contradict each other.
    """
    for key, most in _MOST.items():
        value = hparams.get(key)
        if value is None:
            continue
        listed = isinstance(value, list | tuple) and key not in _OF_THE_MODEL
        for part in value if listed else (value,):
            if not _is_whole(part):
                raise _refused(message("hparam.not-a-size", key=key, value=str(short(part))))
            if not 0 <= part <= most:
                raise _refused(message("hparam.out-of-range", key=key, value=short(part), most=most))
    _check_experts(hparams)
    _check_heads(hparams)
    layers = hparams.get("block_count") or 0
    for key in ("nextn_predict_layers", "attention.shared_kv_layers"):
        some = hparams.get(key) or 0
        if some >= max(layers, 1):
            raise _refused(message("hparam.all-layers", key=key, value=some, layers=layers))


def check_parameters(tensors: Iterable[Tensor]) -> None:
    """
    Refuse a list of tensors that no model has.

    Raises:
        ModelError: a tensor is empty, or there are more parameters than in any model.
    """
    count = 0
    for tensor in tensors:
        if any(extent < 1 for extent in tensor.shape):
            raise _refused(message("hparam.empty-tensor", tensor=tensor.name))
        count += tensor.elements
    if count > MOST_PARAMETERS:
        raise _refused(message("hparam.too-many-parameters", parameters=count, most=MOST_PARAMETERS))


def _check_experts(hparams: Hparams) -> None:
    count, used = hparams.get("expert_count") or 0, hparams.get("expert_used_count") or 0
    if count and not used:
        raise _refused(message("hparam.experts-used-missing", count=count))
    if used > count:
        raise _refused(message("hparam.more-experts-used", used=used, count=count))
    groups = hparams.get("expert_group_count") or 0
    if groups > 1 and (count % groups or not 0 < (hparams.get("expert_group_used_count") or 0) <= groups):
        raise _refused(message("hparam.expert-groups", groups=groups, count=count))


def _check_heads(hparams: Hparams) -> None:
    """
    As many query heads share each one of keys and values, never the other way; which layers have any may be listed.
    """
    told = [hparams.get(f"attention.{name}") for name in ("head_count", "head_count_kv")]
    heads, shared = map(_largest, told)
    if heads and shared > heads:
        raise _refused(message("hparam.more-kv-heads", heads_kv=shared, heads=heads))
    queries, keys = (value if isinstance(value, list | tuple) else repeat(value or 0) for value in told)
    for count, of_them in zip(queries, keys, strict=False) if _any_listed(told) else ((heads, shared),):
        if count and of_them and count % of_them:
            raise _refused(message("hparam.kv-heads-divide", heads_kv=of_them, heads=count))


def _any_listed(values: list[Any]) -> bool:
    return any(isinstance(value, list | tuple) for value in values)


def _largest(size: Any) -> int:
    return max(size, default=0) if isinstance(size, list | tuple) else size or 0


def _refused(what: Message) -> ModelError:
    return ModelError(what, hint=message("hint.damaged-download-again"))


def short(value: Any) -> int | str:
    """
    A value of a file as a message carries it: a whole number that 64 bits hold, or text no longer than a line.
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return value
    return excerpt(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
