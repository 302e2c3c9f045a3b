"""
A Hugging Face configuration in GGUF's words: what models with states beside or instead of attention have of their own.

A rule takes the configuration and what is common, and returns what it adds or says otherwise.
Source: llama.cpp b11549, conversion/*.py, each model's set_gguf_parameters.
"""

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams
from llmprobe.model.formats.hf_shared import SIGMOID, Rule, latent, shared_expert
from llmprobe.model.formats.hf_values import Config


def _delta_net(config: Config, _common: Hparams) -> Hparams:
    part = config.rope.get("partial_rotary_factor", config.get("partial_rotary_factor"))
    value_heads = config.need("linear_num_value_heads")
    return {
        "ssm.conv_kernel": config.need("linear_conv_kernel_dim"),
        "ssm.state_size": config.need("linear_key_head_dim"),
        "ssm.group_count": config.need("linear_num_key_heads"),
        "ssm.time_step_rank": value_heads,
        "ssm.inner_size": config.need("linear_value_head_dim") * value_heads,
        "full_attention_interval": config.number("full_attention_interval", default=4),
        "rope.dimension_count": int(config.head * (part if isinstance(part, int | float) else 0.25)),
    }


def _delta_net_mixture(config: Config, common: Hparams) -> Hparams:
    return _delta_net(config, common) | shared_expert(config, common)


def _nemotron_h(config: Config, common: Hparams) -> Hparams:
    pattern = config.get("hybrid_override_pattern", "layers_block_type")
    letters = {"mamba": "M", "attention": "*", "moe": "E", "mlp": "-"}
    kinds = [letters.get(kind, kind) for kind in pattern] if isinstance(pattern, list | str) else []
    if len(kinds) != config.layers or not set(kinds) <= {"M", "*", "E", "-"}:
        raise ModelError("config.json does not say what kind each layer is (hybrid_override_pattern)")
    experts = bool(common.get("expert_count"))
    width = config.need("moe_intermediate_size") if experts else config.need("intermediate_size")
    heads, head = config.need("mamba_num_heads"), config.need("mamba_head_dim")
    found: Hparams = {
        "attention.head_count_kv": [
            config.need("num_key_value_heads") if kind == "*" else 0 for kind in kinds
        ],
        "feed_forward_length": [width if kind in "-E" else 0 for kind in kinds],
        "ssm.conv_kernel": config.number("conv_kernel", default=4),
        "ssm.inner_size": heads * head,
        "ssm.state_size": config.need("ssm_state_size"),
        "ssm.time_step_rank": heads,
        "ssm.group_count": config.need("n_groups"),
        "moe_latent_size": config.number("moe_latent_size") or None,
    }
    if experts:
        found["expert_shared_feed_forward_length"] = (
            config.number("moe_shared_expert_intermediate_size") or None
        )
        found["expert_gating_func"] = SIGMOID
    return found


def _attention_layers(config: Config) -> list[bool]:
    types = config.get("layer_types", "layers_block_type")
    if isinstance(types, list) and len(types) == config.layers:
        return [kind in ("attention", "full_attention", "sliding_attention") for kind in types]
    period = config.number("attn_layer_period")
    if period:
        return [layer % period == config.number("attn_layer_offset") for layer in range(config.layers)]
    told = config.get("attn_layer_indices", "full_attn_idxs")
    if isinstance(told, list):
        return [layer in told for layer in range(config.layers)]
    raise ModelError("config.json does not say which layers have attention")


def _granitehybrid(config: Config, common: Hparams) -> Hparams:
    heads = config.need("mamba_n_heads", "n_heads")
    head = config.number("mamba_d_head", default=64)
    shared = config.number("shared_intermediate_size")
    found: Hparams = {
        "attention.head_count_kv": [
            common["attention.head_count_kv"] if yes else 0 for yes in _attention_layers(config)
        ],
        "ssm.conv_kernel": config.number("mamba_d_conv", default=4),
        "ssm.inner_size": heads * head,
        "ssm.state_size": config.number("mamba_d_state", default=128),
        "ssm.time_step_rank": heads,
        "ssm.group_count": config.number("mamba_n_groups", default=1),
    }
    if common.get("expert_count"):
        return found | {"expert_shared_count": 1, "expert_shared_feed_forward_length": shared or None}
    return found | {"feed_forward_length": shared or common["feed_forward_length"]}


def _falcon_h1(config: Config, _common: Hparams) -> Hparams:
    return {
        "ssm.conv_kernel": config.number("mamba_d_conv", default=4),
        "ssm.inner_size": config.need("mamba_d_ssm"),
        "ssm.state_size": config.number("mamba_d_state", default=128),
        "ssm.time_step_rank": config.need("mamba_d_ssm") // config.need("mamba_d_head"),
        "ssm.group_count": config.number("mamba_n_groups", default=1),
    }


def _jamba(config: Config, common: Hparams) -> Hparams:
    kv = common["attention.head_count_kv"]
    return {
        "attention.head_count_kv": [kv if yes else 0 for yes in _attention_layers(config)],
        "ssm.conv_kernel": config.number("mamba_d_conv", default=4),
        "ssm.inner_size": config.need("mamba_expand") * config.width,
        "ssm.state_size": config.number("mamba_d_state", default=16),
        "ssm.time_step_rank": config.number("mamba_dt_rank", default=-(-config.width // 16)),
    }


def _lfm2(config: Config, common: Hparams) -> Hparams:
    kv = common["attention.head_count_kv"]
    width = config.need("block_ff_dim", "intermediate_size")
    if config.flag("block_auto_adjust_ff_dim") and not common.get("expert_count"):
        width = int(2 * width / 3 * (config.real("block_ffn_dim_multiplier") or 1.0))
        multiple = config.number("block_multiple_of", default=256)
        width = -(-width // multiple) * multiple
    found: Hparams = {
        "feed_forward_length": width,
        "attention.head_count_kv": [kv if yes else 0 for yes in _attention_layers(config)],
        "shortconv.l_cache": config.need("conv_L_cache"),
        "tie_word_embeddings": config.flag("tie_embedding", "tie_word_embeddings", default=True),
    }
    return found | ({"expert_gating_func": SIGMOID} if common.get("expert_count") else {})


def _kimi_linear(config: Config, common: Hparams) -> Hparams:
    linear = config.part("linear_attn_config")
    full = linear.get("full_attn_layers")
    if not isinstance(full, list):
        raise ModelError("config.json does not say which layers have full attention (linear_attn_config)")
    return latent(config, common) | {
        "attention.head_count_kv": [int(layer + 1 in full) for layer in range(config.layers)],
        "kda.head_dim": linear.get("head_dim"),
        "ssm.conv_kernel": linear.get("short_conv_kernel_size"),
        "expert_gating_func": SIGMOID,
    }


def _minimax_01(config: Config, _common: Hparams) -> Hparams:
    types = config.listed("attn_type_list")
    full = [layer for layer, kind in enumerate(types or ()) if kind == 1]
    return {
        "full_attention_interval": full[0] + 1 if full else 8,
        "rope.dimension_count": config.number("rotary_dim") or None,
    }


def _mamba(_config: Config, _common: Hparams) -> Hparams:
    raise ModelError(
        "the configuration of a Mamba model leaves out how its vocabulary is padded",
        hint="give a GGUF file of the model",
    )


RULES: dict[str, Rule] = {
    "falcon-h1": _falcon_h1,
    "granitehybrid": _granitehybrid,
    "jamba": _jamba,
    "kimi-linear": _kimi_linear,
    "lfm2": _lfm2,
    "lfm2moe": _lfm2,
    "mamba": _mamba,
    "mamba2": _mamba,
    "minimax-01": _minimax_01,
    "nemotron_h": _nemotron_h,
    "nemotron_h_moe": _nemotron_h,
    "qwen35": _delta_net,
    "qwen35moe": _delta_net_mixture,
    "qwen3next": _delta_net_mixture,
}
