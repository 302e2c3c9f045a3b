"""
A Hugging Face configuration in GGUF's words: what models with sliding windows or unlike layers have of their own.

A rule takes the configuration and what is common, and returns what it adds or says otherwise.
Source: llama.cpp b11549, conversion/*.py, each model's set_gguf_parameters.
"""

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams
from llmprobe.model.formats.hf_shared import SIGMOID, Rule, shared_width
from llmprobe.model.formats.hf_values import Config


def _window(config: Config, _common: Hparams) -> Hparams:
    """A window, and which layers have it where that is said."""
    window = config.number("sliding_window", "sliding_window_size")
    if not window:
        return {}
    pattern = config.get("sliding_window_pattern")
    found: Hparams = {"attention.sliding_window": window, "attention.sliding_window_pattern": config.slides}
    if config.slides is None and isinstance(pattern, str) and pattern:
        found["attention.sliding_window_pattern"] = [
            pattern[layer % len(pattern)] == "L" for layer in range(config.layers)
        ]
    elif config.slides is None and isinstance(pattern, int) and pattern > 1:
        found["attention.sliding_window_pattern"] = pattern
    return found


def _llama4(config: Config, _common: Hparams) -> Hparams:
    width = config.need("intermediate_size")
    full = config.listed("layer_types")
    window = (
        0
        if full is not None and "chunked_attention" not in full
        else config.number("attention_chunk_size", default=8192)
    )
    return {
        "feed_forward_length": config.need("intermediate_size_mlp"),
        "expert_feed_forward_length": width,
        "expert_shared_feed_forward_length": width,
        "expert_shared_count": 1,
        "interleave_moe_layer_step": config.number("interleave_moe_layer_step", default=1),
        "attention.sliding_window": window,
    }


def _gemma2(config: Config, _common: Hparams) -> Hparams:
    return {
        "attention.sliding_window": config.number("sliding_window", default=4096),
        "attn_logit_softcapping": config.real("attn_logit_softcapping") or 50.0,
        "final_logit_softcapping": config.real("final_logit_softcapping") or 30.0,
    }


def _gemma3(config: Config, _common: Hparams) -> Hparams:
    head = config.number("head_dim", default=256)
    heads = config.number("num_attention_heads", default=8)
    return {
        "context_length": config.number("max_position_embeddings", default=131_072),
        "attention.head_count": heads,
        "attention.head_count_kv": config.number("num_key_value_heads", default=4),
        "attention.key_length": head,
        "attention.value_length": head,
        "rope.dimension_count": head,
        "vocab_size": config.number("vocab_size", default=262_208),
        "attention.sliding_window": config.number("sliding_window") or None,
    }


def _gemma3n(config: Config, common: Hparams) -> Hparams:
    widths = config.listed("intermediate_size") if isinstance(config.get("intermediate_size"), list) else None
    return {
        "feed_forward_length": widths[0]
        if widths and len(set(widths)) == 1
        else common["feed_forward_length"],
        "attention.sliding_window": config.need("sliding_window"),
        "attention.sliding_window_pattern": config.slides,
        "embedding_length_per_layer_input": config.need("hidden_size_per_layer_input"),
        "attention.shared_kv_layers": config.number("num_kv_shared_layers"),
        "altup.num_inputs": config.number("altup_num_inputs", default=4),
        "altup.active_idx": config.number("altup_active_idx"),
    }


def _gemma4(config: Config, _common: Hparams) -> Hparams:
    slides = config.slides
    full, sliding = config.number("global_head_dim"), config.need("head_dim")
    if slides is None or not full:
        raise ModelError(
            "config.json does not say layer_types and global_head_dim, without which Gemma 4 can't be"
        )
    heads, own = (
        config.number("num_key_value_heads", default=config.heads),
        config.number("num_global_key_value_heads"),
    )
    shared, width = config.number("num_kv_shared_layers"), config.need("intermediate_size")
    ropes = config.part("rope_parameters").get("sliding_attention")
    found: Hparams = {
        "attention.key_length": full,
        "attention.value_length": full,
        "attention.key_length_swa": sliding,
        "attention.value_length_swa": sliding,
        "rope.dimension_count": full,
        "rope.dimension_count_swa": sliding,
        "rope.freq_base_swa": ropes.get("rope_theta") if isinstance(ropes, dict) else None,
        "attention.sliding_window": config.need("sliding_window"),
        "attention.sliding_window_pattern": slides,
        "attention.shared_kv_layers": shared,
        "embedding_length_per_layer_input": config.number("hidden_size_per_layer_input"),
        "final_logit_softcapping": config.real("final_logit_softcapping"),
    }
    if own:
        found["attention.head_count_kv"] = [heads if slide else own for slide in slides]
    if config.flag("use_double_wide_mlp"):
        first = config.layers - shared
        found["feed_forward_length"] = [width * (1 + (layer >= first)) for layer in range(config.layers)]
    return found


def _gpt_oss(config: Config, _common: Hparams) -> Hparams:
    return {
        "attention.sliding_window": config.need("sliding_window"),
        "expert_feed_forward_length": config.need("intermediate_size"),
    }


def _afmoe(config: Config, _common: Hparams) -> Hparams:
    return {
        "attention.sliding_window": config.number("sliding_window") or None,
        "expert_shared_feed_forward_length": config.number("moe_intermediate_size")
        * config.number("num_shared_experts"),
        "expert_gating_func": SIGMOID,
    }


def _exaone_moe(config: Config, common: Hparams) -> Hparams:
    dense = config.number("first_k_dense_replace", "first_last_k_dense_replace")
    return _window(config, common) | shared_width(config, common) | {"leading_dense_block_count": dense}


def _step35(config: Config, common: Hparams) -> Hparams:
    other = config.part("attention_other_setting")
    slides = config.slides
    if slides is None:
        raise ModelError("config.json does not say which layers slide (layer_types)")
    groups = config.need("num_attention_groups")
    layers = str(config.get("moe_layers_enum") or "").split(",")
    first = min((int(layer) for layer in layers if layer.strip().isdecimal()), default=0)
    theta = config.get("rope_theta")
    return {
        "attention.head_count": [
            other.get("num_attention_heads", config.heads) if slide else config.heads for slide in slides
        ],
        "attention.head_count_kv": [
            other.get("num_attention_groups", groups) if slide else groups for slide in slides
        ],
        "attention.sliding_window": config.need("sliding_window"),
        "attention.sliding_window_pattern": slides,
        "expert_shared_count": 1,
        "expert_shared_feed_forward_length": config.need("share_expert_dim"),
        "leading_dense_block_count": first,
        "expert_gating_func": SIGMOID,
        "rope.freq_base": theta[0] if isinstance(theta, list) and theta else common.get("rope.freq_base"),
    }


def _mimo2(config: Config, _common: Hparams) -> Hparams:
    pattern = config.listed("hybrid_layer_pattern")
    if pattern is None:
        raise ModelError("config.json does not say which layers slide (hybrid_layer_pattern)")
    full, sliding = config.need("num_key_value_heads"), config.need("swa_num_key_value_heads")
    sparse = config.listed("moe_layer_freq") or []
    return {
        "attention.head_count_kv": [sliding if slide else full for slide in pattern],
        "attention.value_length": config.need("v_head_dim"),
        "attention.sliding_window": config.need("sliding_window"),
        "attention.sliding_window_pattern": [bool(slide) for slide in pattern],
        "leading_dense_block_count": sparse.index(1) if 1 in sparse else None,
        "rope.freq_base_swa": config.real("swa_rope_theta"),
        "expert_shared_count": None,
        "expert_gating_func": SIGMOID,
    }


def _laguna(config: Config, _common: Hparams) -> Hparams:
    kinds = config.listed("mlp_layer_types") or []
    return {
        "attention.head_count": config.listed("num_attention_heads_per_layer") or config.heads,
        "attention.sliding_window": config.number("sliding_window") or None,
        "attention.sliding_window_pattern": config.slides,
        "leading_dense_block_count": kinds.index("sparse") if "sparse" in kinds else 0,
        "expert_shared_count": 1,
        "expert_gating_func": SIGMOID,
    }


def _cohere2(config: Config, _common: Hparams) -> Hparams:
    return {"attention.sliding_window": config.number("sliding_window", default=4096)}


RULES: dict[str, Rule] = {
    "afmoe": _afmoe,
    "exaone4": _window,
    "exaone-moe": _exaone_moe,
    "gemma2": _gemma2,
    "gemma3": _gemma3,
    "gemma3n": _gemma3n,
    "gemma4": _gemma4,
    "gemma-embedding": _gemma3,
    "gpt-oss": _gpt_oss,
    "laguna": _laguna,
    "llama4": _llama4,
    "mellum": _window,
    "mimo2": _mimo2,
    "olmo2": _window,
    "step35": _step35,
    "cohere2": _cohere2,
}
