"""
A Hugging Face configuration in GGUF's words: what single architectures have of their own.

A rule takes the configuration and what is common, and returns what it adds or says otherwise.
Source: llama.cpp b11549, conversion/*.py, each model's set_gguf_parameters.
"""

from llmprobe.facts.model import Hparams
from llmprobe.model.formats import hf_hybrids, hf_windows
from llmprobe.model.formats.hf_shared import SIGMOID, Rule, latent, shared_expert, shared_width
from llmprobe.model.formats.hf_values import Config


def _indexer(config: Config, common: Hparams) -> Hparams:
    types = config.listed("indexer_types")
    return latent(config, common) | {
        "attention.indexer.head_count": config.need("index_n_heads"),
        "attention.indexer.key_length": config.need("index_head_dim"),
        "attention.indexer.top_k": config.need("index_topk"),
        "attention.indexer.types": None if types is None else [int(kind == "full") for kind in types],
        "expert_gating_func": SIGMOID,
    }


def _minicpm3(config: Config, _common: Hparams) -> Hparams:
    rotary = config.need("qk_rope_head_dim")
    width = config.need("qk_nope_head_dim") + rotary
    return {
        "attention.q_lora_rank": config.number("q_lora_rank") or None,
        "attention.kv_lora_rank": config.need("kv_lora_rank"),
        "attention.key_length": width,
        "attention.value_length": config.number("v_head_dim", default=config.head),
        "rope.dimension_count": rotary,
    }


def _llama(config: Config, _common: Hparams) -> Hparams:
    flags = {"attention_bias": True} if config.flag("qkv_bias", "bias") else {}
    return flags | {"expert_feed_forward_length": None, "rope.dimension_count": config.head}


def _glm4moe(config: Config, _common: Hparams) -> Hparams:
    further = config.number("num_nextn_predict_layers")
    return {
        "block_count": config.layers + further,
        "nextn_predict_layers": further or None,
        "attention_bias": config.flag("attention_bias"),
        "expert_gating_func": SIGMOID,
        "expert_shared_feed_forward_length": config.number("moe_intermediate_size")
        * config.number("n_shared_experts", default=1),
    }


def _granitemoe(config: Config, _common: Hparams) -> Hparams:
    return {"expert_shared_feed_forward_length": config.number("shared_intermediate_size") or None}


def _minimax_m2(config: Config, _common: Hparams) -> Hparams:
    return {
        "expert_feed_forward_length": config.need("intermediate_size"),
        "rope.dimension_count": config.number("rotary_dim") or None,
        "expert_gating_func": SIGMOID,
        "expert_shared_feed_forward_length": config.number("shared_intermediate_size") or None,
    }


def _ernie_moe(config: Config, _common: Hparams) -> Hparams:
    count = config.number("moe_num_shared_experts")
    return {
        "interleave_moe_layer_step": config.number("moe_layer_interval", default=1),
        "leading_dense_block_count": config.number("moe_layer_start_index"),
        "expert_shared_feed_forward_length": config.number("moe_intermediate_size") * count or None,
    }


def _hunyuan_moe(config: Config, _common: Hparams) -> Hparams:
    def first(name: str) -> int | None:
        value = config.get(name)
        found = value[0] if isinstance(value, list) and value else value
        return found if isinstance(found, int) else None

    return {
        "expert_feed_forward_length": first("moe_intermediate_size"),
        "expert_used_count": first("moe_topk"),
        "expert_shared_count": first("num_shared_expert"),
        "expert_shared_feed_forward_length": config.need("intermediate_size"),
    }


def _falcon(config: Config, _common: Hparams) -> Hparams:
    new = config.flag("new_decoder_architecture")
    kv = config.number("num_kv_heads", "n_head_kv", default=1) if new or not config.flag("multi_query") else 1
    return {
        "context_length": 2048,
        "feed_forward_length": 4 * config.width,
        "attention.head_count_kv": kv,
        "num_ln_in_parallel_attn": config.number("num_ln_in_parallel_attn", default=2 if new else 1),
        "tie_word_embeddings": False,
    }


def _four_times(config: Config, _common: Hparams) -> Hparams:
    """A feed-forward part of four times the width unless said."""
    return {"feed_forward_length": config.number("n_inner", "intermediate_size") or 4 * config.width}


def _starcoder(config: Config, common: Hparams) -> Hparams:
    return _four_times(config, common) | {"attention.head_count_kv": 1}


def _chatglm(config: Config, common: Hparams) -> Hparams:
    head = config.number("kv_channels", "attention_dim", "head_dim", default=config.width // config.heads)
    ratio = config.real("rope_ratio")
    return {
        "feed_forward_length": config.need("ffn_hidden_size", "intermediate_size"),
        "attention.head_count_kv": config.number(
            "multi_query_group_num", "num_key_value_heads", default=config.heads
        ),
        "rope.dimension_count": head // 2,
        "rope.freq_base": 10000.0 * ratio if ratio else common.get("rope.freq_base"),
    }


def _dbrx(config: Config, _common: Hparams) -> Hparams:
    attention, ffn = config.part("attn_config"), config.part("ffn_config")
    return {
        "feed_forward_length": ffn.get("ffn_hidden_size"),
        "expert_feed_forward_length": ffn.get("ffn_hidden_size"),
        "attention.head_count_kv": attention.get("kv_n_heads"),
        "rope.freq_base": attention.get("rope_theta"),
        "expert_count": ffn.get("moe_num_experts"),
        "expert_used_count": ffn.get("moe_top_k"),
    }


def _bert(config: Config, common: Hparams) -> Hparams:
    length = common.get("context_length")
    shift = 2 if config.get("model_type") in ("xlm-roberta", "roberta", "camembert") else 0
    return {
        "context_length": length - shift if isinstance(length, int) else None,
        "attention.causal": False,
        "tokenizer.ggml.token_type_count": config.number("type_vocab_size", default=1),
        "tie_word_embeddings": True,
    }


def _nomic(config: Config, common: Hparams) -> Hparams:
    found = _bert(config, common) | {"feed_forward_length": config.need("n_inner", "intermediate_size")}
    period = config.number("moe_every_n_layers")
    if period:
        found |= {"moe_every_n_layers": period, "expert_feed_forward_length": config.need("n_inner")}
    return found | {"context_length": 512 if period else 2048}


def _command_r(config: Config, common: Hparams) -> Hparams:
    return {"context_length": config.number("model_max_length") or common.get("context_length")}


def _mistral3(config: Config, _common: Hparams) -> Hparams:
    return {"attention.temperature_scale": config.rope.get("llama_4_scaling_beta")}


def _mistral4(config: Config, common: Hparams) -> Hparams:
    return latent(config, common) | _mistral3(config, common)


def _qwen3vl(config: Config, _common: Hparams) -> Hparams:
    layers = config.part("vision_config").get("deepstack_visual_indexes")
    return {"n_deepstack_layers": len(layers) if isinstance(layers, list) else None}


RULES: dict[str, Rule] = {
    **hf_hybrids.RULES,
    **hf_windows.RULES,
    "bailingmoe2": shared_width,
    "bert": _bert,
    "bloom": _four_times,
    "chatglm": _chatglm,
    "command-r": _command_r,
    "dbrx": _dbrx,
    "deepseek2": latent,
    "mistral3": _mistral3,
    "mistral4": _mistral4,
    "qwen3vl": _qwen3vl,
    "qwen3vlmoe": _qwen3vl,
    "deepseek32": _indexer,
    "ernie4_5-moe": _ernie_moe,
    "falcon": _falcon,
    "glm4moe": _glm4moe,
    "glm-dsa": _indexer,
    "gpt2": _four_times,
    "granitemoe": _granitemoe,
    "hunyuan-moe": _hunyuan_moe,
    "llama": _llama,
    "minicpm3": _minicpm3,
    "minimax-m2": _minimax_m2,
    "mpt": _four_times,
    "nomic-bert": _nomic,
    "nomic-bert-moe": _nomic,
    "phi2": _four_times,
    "qwen2moe": shared_expert,
}
