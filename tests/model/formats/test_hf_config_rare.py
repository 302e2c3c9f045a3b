"""
Configurations of seldom met models, and the parameters that these have.
"""

import json
from typing import Any

import pytest

from llmprobe.model import archs
from llmprobe.model.formats import hf_config

QWEN_SIZES = {
    "hidden_size": 2048,
    "num_hidden_layers": 48,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "vocab_size": 151936,
}
SLIDES = ["sliding_attention"] * 3 + ["full_attention"]

CONFIGURATIONS: dict[str, tuple[str, dict[str, Any], int]] = {
    "jais-2-8b": (
        "Jais2ForCausalLM",
        {
            "hidden_size": 3328,
            "intermediate_size": 26624,
            "num_hidden_layers": 32,
            "num_attention_heads": 26,
            "num_key_value_heads": 26,
            "head_dim": 128,
            "vocab_size": 150272,
        },
        8_090_401_280,
    ),
    "openpangu-embedded-7b": (
        "PanguEmbeddedForCausalLM",
        {
            "hidden_size": 4096,
            "intermediate_size": 12800,
            "num_hidden_layers": 34,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "vocab_size": 153376,
        },
        8_030_887_936,
    ),
    "paddleocr-vl-0.9b": (
        "PaddleOCRVLForConditionalGeneration",
        {
            "hidden_size": 1024,
            "intermediate_size": 3072,
            "num_hidden_layers": 18,
            "num_attention_heads": 16,
            "num_key_value_heads": 2,
            "head_dim": 128,
            "vocab_size": 103424,
            "vision_config": {},
        },
        466_654_208,
    ),
    "grovemoe": (
        "GroveMoeForCausalLM",
        QWEN_SIZES
        | {
            "intermediate_size": 6144,
            "moe_intermediate_size": 768,
            "num_experts": 128,
            "num_experts_per_tok": 8,
        },
        32_948_041_728,
    ),
    "maple": (
        "MapleForCausalLM",
        QWEN_SIZES
        | {
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 2,
            "intermediate_size": 1024,
            "moe_intermediate_size": 1024,
            "num_experts": 112,
            "num_experts_per_tok": 4,
            "sliding_window": 513,
            "layer_types": SLIDES * 7,
        },
        20_623_123_456,
    ),
    "spark-x2.5-4b": (
        "Spark2_5ForCausalLM",
        {
            "hidden_size": 2560,
            "intermediate_size": 9216,
            "num_hidden_layers": 36,
            "num_attention_heads": 16,
            "num_key_value_heads": 4,
            "head_dim": 256,
            "vocab_size": 131072,
            "sliding_window": 512,
            "layer_types": SLIDES * 9,
            "tie_word_embeddings": True,
        },
        3_828_963_840,
    ),
    "plm-1.8b": (
        "PLMForCausalLM",
        {
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 32,
            "num_attention_heads": 16,
            "kv_lora_rank": 512,
            "qk_nope_head_dim": 128,
            "qk_rope_head_dim": 64,
            "v_head_dim": 128,
            "vocab_size": 151936,
        },
        1_825_458_176,
    ),
    "nanbeige-4.2-3b": (
        "NanbeigeForCausalLM",
        {
            "hidden_size": 3072,
            "intermediate_size": 10752,
            "num_hidden_layers": 22,
            "num_attention_heads": 48,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "num_loops": 2,
            "vocab_size": 166144,
        },
        4_169_800_704,
    ),
    "chameleon-7b": (
        "ChameleonForConditionalGeneration",
        {
            "hidden_size": 4096,
            "intermediate_size": 11008,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "vocab_size": 65536,
        },
        7_013_666_816,
    ),
    "plamo-2-1b": (
        "Plamo2ForCausalLM",
        {
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 16,
            "num_attention_heads": 32,
            "num_key_value_heads": 4,
            "hidden_size_per_head": 128,
            "mamba_num_heads": 32,
            "mamba_d_state": 64,
            "vocab_size": 100000,
        },
        1_371_153_152,
    ),
    "k2-horizon-36b-a4b": (
        "K2HorizonForCausalLM",
        QWEN_SIZES
        | {
            "intermediate_size": 8192,
            "vocab_size": 250112,
            "layernorm_num_groups": 2,
            "num_experts": 100,
            "num_experts_per_tok": 8,
            "num_shared_experts": 1,
            "moe_intermediate_size": 768,
            "mlp_only_layers": [0, 1, 2, 40],
            "mova_num_experts": 64,
            "mova_num_experts_per_tok": 4,
        },
        26_515_457_236,
    ),
    "hrm-text-1b": (
        "HrmTextForCausalLM",
        {
            "hidden_size": 1536,
            "intermediate_size": 4096,
            "num_hidden_layers": 16,
            "num_attention_heads": 12,
            "num_key_value_heads": 12,
            "head_dim": 128,
            "H_cycles": 2,
            "L_cycles": 3,
            "vocab_size": 151808,
        },
        1_447_822_848,
    ),
    "flan-t5-large": (
        "T5ForConditionalGeneration",
        {
            "d_model": 1024,
            "d_ff": 2816,
            "d_kv": 64,
            "num_layers": 24,
            "num_decoder_layers": 24,
            "num_heads": 16,
            "relative_attention_num_buckets": 32,
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
            "vocab_size": 32128,
        },
        783_150_080,
    ),
    "t5-v1.1-xxl-encoder": (
        "T5EncoderModel",
        {
            "d_model": 4096,
            "d_ff": 10240,
            "d_kv": 64,
            "num_layers": 24,
            "num_heads": 64,
            "relative_attention_num_buckets": 32,
            "feed_forward_proj": "gated-gelu",
            "vocab_size": 32128,
        },
        4_762_310_656,
    ),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration_gives_the_parameters_of_the_model(name: str) -> None:
    """
    They are those of the tensors that llama.cpp was measured with.
    """
    kind, values, parameters = CONFIGURATIONS[name]
    spec = hf_config.spec(json.dumps({"architectures": [kind]} | values).encode(), name)

    assert spec.parameters == parameters
    assert archs.graph_of(spec.architecture) is not None


def test_t5_without_a_gate_has_two_matrices() -> None:
    """
    The first T5 has a plain feed-forward part in every layer of both stacks, and a tied output.
    """
    kind, values, _ = CONFIGURATIONS["flan-t5-large"]
    plain = values | {"feed_forward_proj": "relu", "tie_word_embeddings": True}
    spec = hf_config.spec(json.dumps({"architectures": [kind]} | plain).encode(), "t5")

    assert not [tensor.name for tensor in spec.tensors if "ffn_gate" in tensor.name]
    assert spec.parameters == 783_150_080 - 48 * 1024 * 2816 - 1024 * 32128
