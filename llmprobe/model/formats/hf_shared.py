"""
A Hugging Face configuration in GGUF's words: what rules of several architectures share.

Source: llama.cpp b11549, conversion/deepseek.py and bailingmoe.py.
"""

from collections.abc import Callable

from llmprobe.facts.model import Hparams
from llmprobe.model.formats.hf_values import Config

Rule = Callable[[Config, Hparams], Hparams]
"""Takes a configuration and what is common in it, and returns what an architecture adds or says otherwise."""

SIGMOID = 2


def latent(config: Config, common: Hparams) -> Hparams:
    """
    Return what attention over a latent vector needs, in the form of DeepSeek and those who followed it.
    """
    latent, rotary = config.number("kv_lora_rank", default=512), config.need("qk_rope_head_dim")
    dense = config.number("first_k_dense_replace", default=0 if common.get("expert_count") else config.layers)
    return {
        "attention.head_count_kv": 1,
        "attention.q_lora_rank": config.number("q_lora_rank") or None,
        "attention.kv_lora_rank": latent,
        "attention.key_length": latent + rotary,
        "attention.value_length": latent,
        "attention.key_length_mla": config.need("qk_nope_head_dim") + rotary,
        "attention.value_length_mla": config.need("v_head_dim"),
        "rope.dimension_count": rotary,
        "leading_dense_block_count": dense,
        "rope.scaling.original_context_length": None,
    }


def shared_width(config: Config, common: Hparams) -> Hparams:
    """
    Return the width of the shared experts where each is as wide as the others.
    """
    own = common.get("expert_shared_feed_forward_length")
    count = config.number("num_shared_experts", "n_shared_experts")
    return {
        "expert_shared_feed_forward_length": own or config.number("moe_intermediate_size") * count or None,
        "expert_gating_func": SIGMOID,
    }


def shared_expert(_config: Config, common: Hparams) -> Hparams:
    """
    Return that there is one shared expert where its width is said.
    """
    return {"expert_shared_count": 1 if common.get("expert_shared_feed_forward_length") else None}
