"""
A Hugging Face configuration in GGUF's words: what is common to most architectures.

Source: llama.cpp b11549, conversion/base.py (TextModel.set_gguf_parameters). What a family has of its own is
in its file (``from_config``).
"""

from llmprobe.facts.model import Hparams
from llmprobe.model import archs
from llmprobe.model.archs._shared.config import Config

_FLAGS = (
    "attention_bias",
    "mlp_bias",
    "use_qkv_bias",
    "use_qk_norm",
    "qk_layernorm",
    "use_parallel_residual",
    "attention_k_eq_v",
    "num_ln_in_parallel_attn",
)
_MODES = ("linear", "yarn", "llama3")


def hparams(config: Config) -> Hparams:
    """
    The metadata that the converter would write, without the architecture's prefix.

    Raises:
        ModelError: a value is missing or can't be.
    """
    found = _sizes(config) | _experts(config) | _rope(config) | _scales(config)
    found |= {name: config.values[name] for name in _FLAGS if config.values.get(name) is not None}
    found["tie_word_embeddings"] = config.flag("tie_word_embeddings")
    family = archs.get(config.architecture)
    if family is not None and family.from_config is not None:
        found |= family.from_config(config, found)
    return {key: value for key, value in found.items() if value is not None}


def _sizes(config: Config) -> Hparams:
    heads = config.heads
    return {
        "block_count": config.layers,
        "context_length": config.number(
            "max_position_embeddings",
            "n_ctx",
            "n_positions",
            "max_length",
            "max_sequence_length",
            "seq_length",
            "max_seq_len",
            "model_max_length",
        )
        or None,
        "embedding_length": config.width,
        "feed_forward_length": config.get(
            "prefix_dense_intermediate_size",
            "dense_intermediate_size",
            "intermediate_size",
            "n_inner",
            "hidden_dim",
        ),
        "attention.head_count": heads,
        "attention.head_count_kv": config.number("num_key_value_heads", "n_kv_heads", default=heads),
        "attention.key_length": config.head,
        "attention.value_length": config.head,
        "vocab_size": config.number("padded_vocab_size", "vocab_size") or None,
    }


def _experts(config: Config) -> Hparams:
    count = config.get("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
    if not isinstance(count, int) or count < 2:
        return {}
    width = config.get("moe_intermediate_size", "expert_intermediate_size")
    used = config.get(
        "num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_topk", "moe_k", "moe_top_k"
    )
    return {
        "expert_count": config.number(
            "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"
        ),
        "expert_used_count": used if isinstance(used, int) else None,
        "expert_feed_forward_length": width if isinstance(width, int) else None,
        "expert_shared_count": config.get("n_shared_experts", "num_shared_experts", "moe_num_shared_experts"),
        "expert_shared_feed_forward_length": config.get(
            "shared_expert_intermediate_size", "moe_shared_expert_intermediate_size"
        ),
        "leading_dense_block_count": config.get("first_k_dense_replace", "num_dense_layers"),
        "expert_gating_func": {"softmax": 1, "sigmoid": 2}.get(
            str(config.get("score_function", "scoring_func", "score_func", "moe_router_activation_func"))
        ),
        "expert_weights_scale": config.real(
            "routed_scaling_factor", "route_scale", "moe_routed_scaling_factor"
        ),
        "expert_weights_norm": config.get("norm_topk_prob", "route_norm"),
        "expert_group_count": config.get("n_group"),
        "expert_group_used_count": config.get("topk_group"),
    }


def _scales(config: Config) -> Hparams:
    return {
        "embedding_scale": config.real("embedding_multiplier", "scale_emb"),
        "residual_scale": config.real("residual_multiplier"),
        "logit_scale": config.real("logits_scaling", "logit_scale"),
        "attention.scale": config.real("attention_multiplier"),
    }


def _rope(config: Config) -> Hparams:
    rope = config.rope
    mode = rope.get("rope_type", rope.get("type"))
    part = rope.get("partial_rotary_factor", config.get("partial_rotary_factor", "rope_pct", "rotary_pct"))
    found: Hparams = {
        "rope.dimension_count": int(config.head * part) if isinstance(part, int | float) else config.head,
        "rope.freq_base": rope.get(
            "rope_theta",
            config.real("global_rope_theta", "rope_global_theta", "rope_theta", "rotary_emb_base"),
        ),
        "rope.freq_base_swa": config.real(
            "local_rope_theta", "rope_local_theta", "swa_rope_theta", "rope_local_base_freq"
        ),
    }
    if mode in _MODES and rope.get("factor") is not None:
        found["rope.scaling.type"] = mode
        if mode != "llama3":
            found["rope.scaling.factor"] = rope["factor"]
            found["rope.scaling.original_context_length"] = rope.get("original_max_position_embeddings")
    elif mode in ("su", "longrope") or "long_factor" in rope:
        found["rope.scaling.type"] = "longrope"
        found["rope.scaling.original_context_length"] = config.get("original_max_position_embeddings")
    sections = rope.get("mrope_section")
    if isinstance(sections, list):
        found["rope.dimension_sections"] = [*sections, 0, 0, 0, 0][:4]
    return found
