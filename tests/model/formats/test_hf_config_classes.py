"""
Configurations of classes that llama.cpp's converter takes, and the parameters that their models have.

Most counts are those of the tensors that llama.cpp was measured with; the others are published by the makers.
"""

import json
from typing import Any

import pytest

from llmprobe.model import archs
from llmprobe.model.formats import hf_config

SLIDES = ["sliding_attention"] * 3 + ["full_attention"]

MEASURED: dict[str, tuple[str, dict[str, Any], int]] = {
    "orion-14b": (
        "OrionForCausalLM",
        {
            "hidden_size": 5120,
            "intermediate_size": 15360,
            "num_hidden_layers": 40,
            "num_attention_heads": 40,
            "num_key_value_heads": 40,
            "vocab_size": 84608,
            "max_sequence_length": 4096,
        },
        14_498_703_360,
    ),
    "plamo-13b": (
        "PlamoForCausalLM",
        {
            "hidden_size": 5120,
            "intermediate_size": 13824,
            "num_hidden_layers": 40,
            "num_attention_heads": 40,
            "vocab_size": 50432,
        },
        11_369_395_200,
    ),
    "qwen-7b": (
        "QWenLMHeadModel",
        {
            "hidden_size": 4096,
            "intermediate_size": 22016,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "kv_channels": 128,
            "vocab_size": 151936,
            "seq_length": 8192,
        },
        7_721_324_544,
    ),
    "refact-1.6b": (
        "GPTRefactForCausalLM",
        {"n_embd": 2048, "n_layer": 32, "n_head": 32, "n_positions": 4096, "vocab_size": 49216},
        1_585_842_176,
    ),
    "xverse-7b": (
        "XverseForCausalLM",
        {
            "hidden_size": 4096,
            "intermediate_size": 10880,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "vocab_size": 100534,
        },
        7_249_514_496,
    ),
    "codeshell-7b": (
        "CodeShellForCausalLM",
        {
            "n_embd": 4096,
            "n_layer": 42,
            "n_head": 32,
            "num_query_groups": 8,
            "n_positions": 8192,
            "vocab_size": 70144,
        },
        # Biases of queries, keys and values, which the measured file lacks.
        7_975_100_416 + 42 * (4096 + 2 * 1024),
    ),
    "jais-13b": (
        "JAISLMHeadModel",
        {
            "n_embd": 5120,
            "n_layer": 40,
            "n_head": 40,
            "n_inner": 13653,
            "n_positions": 2048,
            "vocab_size": 84992,
        },
        13_455_970_960,
    ),
    "llada-moe-7b-a1b": (
        "LLaDAMoEModelLM",
        {
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 16,
            "num_attention_heads": 16,
            "num_key_value_heads": 16,
            "vocab_size": 157184,
            "num_experts": 64,
            "num_experts_per_tok": 8,
            "expert_intermediate_size": 1024,
        },
        7_356_880_896,
    ),
    "rnd1-base-0910": (
        "RND1",
        {
            "hidden_size": 2048,
            "intermediate_size": 6144,
            "num_hidden_layers": 48,
            "num_attention_heads": 32,
            "num_key_value_heads": 4,
            "head_dim": 128,
            "vocab_size": 151936,
            "num_experts": 128,
            "num_experts_per_tok": 8,
            "moe_intermediate_size": 768,
        },
        30_532_122_624,
    ),
    "ling-lite": (
        "BailingMoeForCausalLM",
        {
            "hidden_size": 2048,
            "intermediate_size": 5632,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 4,
            "vocab_size": 126464,
            "num_experts": 64,
            "num_experts_per_tok": 6,
            "moe_intermediate_size": 1408,
            "num_shared_experts": 2,
            "first_k_dense_replace": 0,
        },
        16_801_974_272,
    ),
    "arctic-480b": (
        "ArcticForCausalLM",
        {
            "hidden_size": 7168,
            "intermediate_size": 4864,
            "num_hidden_layers": 35,
            "num_attention_heads": 56,
            "num_key_value_heads": 8,
            "vocab_size": 32000,
            "num_local_experts": 128,
            "num_experts_per_tok": 2,
        },
        478_584_608_768,
    ),
    "bitnet-b1.58-3b": (
        "BitnetForCausalLM",
        {
            "hidden_size": 3200,
            "intermediate_size": 8640,
            "num_hidden_layers": 26,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "vocab_size": 32002,
        },
        3_324_387_840,
    ),
    "cogvlm-chat-17b": (
        "CogVLMForCausalLM",
        {
            "hidden_size": 4096,
            "intermediate_size": 11008,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "vocab_size": 32000,
            "vision_config": {},
        },
        13_214_420_992,
    ),
    "deepseek-ocr": (
        "DeepseekOCRForCausalLM",
        {
            "vision_config": {},
            "language_config": {
                "architectures": ["DeepseekV2ForCausalLM"],
                "hidden_size": 1280,
                "intermediate_size": 6848,
                "num_hidden_layers": 12,
                "num_attention_heads": 10,
                "num_key_value_heads": 10,
                "vocab_size": 129280,
                "n_routed_experts": 64,
                "num_experts_per_tok": 6,
                "moe_intermediate_size": 896,
                "n_shared_experts": 2,
                "first_k_dense_replace": 1,
                "kv_lora_rank": None,
                "qk_rope_head_dim": 0,
            },
        },
        2_934_734_080,
    ),
    "eurobert-210m": (
        "EuroBertModel",
        {
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "num_key_value_heads": 12,
            "vocab_size": 128256,
        },
        211_766_016,
    ),
    "embeddinggemma-2": (
        "EmbeddingGemma2Model",
        {
            "text_config": {
                "hidden_size": 512,
                "intermediate_size": 2048,
                "num_hidden_layers": 24,
                "num_attention_heads": 4,
                "num_key_value_heads": 2,
                "num_global_key_value_heads": 1,
                "head_dim": 256,
                "global_head_dim": 512,
                "sliding_window": 512,
                "hidden_size_per_layer_input": 512,
                "embedding_dim": 768,
                "vocab_size": 262144,
                "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * 4,
            }
        },
        271_002_648,
    ),
    "granite-swash-2b": (
        "GraniteSWAForCausalLM",
        {
            "hidden_size": 2560,
            "intermediate_size": 8192,
            "num_hidden_layers": 24,
            "num_attention_heads": 20,
            "num_key_value_heads": 4,
            "vocab_size": 100352,
            "sliding_window": 512,
            "layer_types": SLIDES * 6,
            "tie_word_embeddings": True,
        },
        2_144_463_840,
    ),
    "granite-switch-3b": (
        "GraniteSwitchForCausalLM",
        {
            "hidden_size": 2560,
            "intermediate_size": 512,
            "shared_intermediate_size": 8192,
            "num_hidden_layers": 41,
            "num_attention_heads": 40,
            "num_key_value_heads": 8,
            "vocab_size": 100352,
            "num_adapters": 6,
            "max_lora_rank": 32,
        },
        3_838_650_880,
    ),
    "hunyuan-ocr-1b": (
        "HunYuanVLForConditionalGeneration",
        {
            "hidden_size": 1024,
            "intermediate_size": 3584,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 120818,
            "tie_word_embeddings": True,
            "rope_scaling": {"type": "xdrope", "xdrope_section": [16, 16, 16, 16]},
        },
        539_010_048,
    ),
    "maincoder-1b": (
        "MaincoderForCausalLM",
        {
            "hidden_size": 1536,
            "intermediate_size": 4096,
            "num_hidden_layers": 32,
            "num_attention_heads": 16,
            "num_key_value_heads": 4,
            "head_dim": 96,
            "vocab_size": 151936,
            "tie_word_embeddings": True,
        },
        1_026_203_136,
    ),
    "jina-embeddings-v3": (
        "XLMRobertaModel",
        {
            "model_type": "xlm-roberta",
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "vocab_size": 250002,
            "max_position_embeddings": 8194,
            "type_vocab_size": 1,
            "lora_adaptations": ["a"],
        },
        558_314_496,
    ),
    "jina-embeddings-v2-base-en": (
        "JinaBertForMaskedLM",
        {
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "vocab_size": 30528,
            "max_position_embeddings": 8192,
            "type_vocab_size": 2,
        },
        136_777_728,
    ),
    "llama-embed-nemotron-8b": (
        "LlamaBidirectionalModel",
        {
            "hidden_size": 4096,
            "intermediate_size": 14336,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 128256,
            "rope_scaling": {"rope_type": "llama3", "factor": 8.0},
        },
        7_504_924_736,
    ),
    "muse-glimmer-30b": (
        "MuseGlimmerForConditionalGeneration",
        {
            "vision_config": {},
            "text_config": {
                "hidden_size": 6656,
                "intermediate_size": 19968,
                "num_hidden_layers": 52,
                "num_attention_heads": 32,
                "num_key_value_heads": 2,
                "head_dim": 128,
                "vocab_size": 202048,
                "sliding_window": 2048,
                "layer_types": SLIDES * 13,
                "output_multiplier": 1.0,
                "final_logit_softcapping": 30.0,
            },
        },
        27_854_794_240,
    ),
    "neobert": (
        "NeoBERTLMHead",
        {
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 28,
            "num_attention_heads": 12,
            "vocab_size": 30522,
            "max_length": 4096,
        },
        221_665_536,
    ),
    "openelm-270m": (
        "OpenELMForCausalLM",
        {
            "model_dim": 1280,
            "num_transformer_layers": 16,
            "head_dim": 64,
            "num_query_heads": [12] * 5 + [16] * 7 + [20] * 4,
            "num_kv_heads": [3] * 5 + [4] * 7 + [5] * 4,
            "ffn_multipliers": [
                0.5,
                0.73,
                0.97,
                1.2,
                1.43,
                1.67,
                1.9,
                2.13,
                2.37,
                2.6,
                2.83,
                3.07,
                3.3,
                3.53,
                3.77,
                4.0,
            ],
            "ffn_dim_divisor": 256,
            "max_context_length": 2048,
            "rope_freq_constant": 10000,
            "share_input_output_layers": True,
            "vocab_size": 32000,
        },
        271_527_168,
    ),
    "plamo-3-8b": (
        "Plamo3ForCausalLM",
        {
            "hidden_size": 4096,
            "intermediate_size": 16384,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 4,
            "head_dim": 128,
            "vocab_size": 100000,
            "window_size": 2048,
            "sliding_window_pattern": 8,
            "tie_word_embeddings": True,
        },
        8_060_547_072,
    ),
    "rwkv6-world-1.6b": (
        "Rwkv6ForCausalLM",
        {
            "hidden_size": 2048,
            "attention_hidden_size": 2048,
            "intermediate_size": None,
            "num_hidden_layers": 24,
            "head_size": 64,
            "rescale_every": 6,
            "vocab_size": 65536,
        },
        1_599_873_024,
    ),
    "rwkv7-world-1.5b": (
        "RWKV7ForCausalLM",
        {
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 24,
            "head_dim": 64,
            "decay_low_rank_dim": None,
            "a_low_rank_dim": None,
            "v_low_rank_dim": None,
            "gate_low_rank_dim": None,
            "norm_eps": 1e-05,
            "vocab_size": 65536,
        },
        1_527_799_808,
    ),
    "qrwkv6-7b-instruct": (
        "RWKV6Qwen2ForCausalLM",
        {
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152064,
            "lora_rank_tokenshift": 64,
            "lora_rank_decay": 128,
        },
        8_065_895_936,
    ),
    "smallthinker-4b-a0.6b": (
        "SmallThinkerForCausalLM",
        {
            "hidden_size": 1536,
            "num_hidden_layers": 32,
            "num_attention_heads": 12,
            "num_key_value_heads": 2,
            "head_dim": 128,
            "vocab_size": 151936,
            "moe_num_primary_experts": 32,
            "moe_num_active_primary_experts": 4,
            "moe_ffn_hidden_size": 768,
            "sliding_window_layout": [0] * 32,
            "tie_word_embeddings": True,
        },
        4_035_085_824,
    ),
    "talkie-13b": (
        "TalkieForCausalLM",
        {
            "hidden_size": 5120,
            "intermediate_size": 13696,
            "num_hidden_layers": 40,
            "num_attention_heads": 40,
            "head_dim": 128,
            "vocab_size": 65536,
        },
        13_280_216_760,
    ),
    "mamba-2.8b": (
        "MambaForCausalLM",
        {"d_model": 2560, "n_layer": 64, "vocab_size": 50277},
        2_768_345_600,
    ),
    "mamba2-2.7b": (
        "Mamba2ForCausalLM",
        {"d_model": 2560, "n_layer": 64, "vocab_size": 50277},
        2_702_599_680,
    ),
}
PUBLISHED: dict[str, tuple[str, dict[str, Any], int]] = {
    "dots.llm1": (
        "Dots1ForCausalLM",
        {
            "hidden_size": 4096,
            "intermediate_size": 10944,
            "num_hidden_layers": 62,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "vocab_size": 152064,
            "n_routed_experts": 128,
            "num_experts_per_tok": 6,
            "moe_intermediate_size": 1408,
            "n_shared_experts": 2,
            "first_k_dense_replace": 1,
        },
        142_774_381_696,
    ),
    "bge-reranker-v2-m3": (
        "XLMRobertaForSequenceClassification",
        {
            "model_type": "xlm-roberta",
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "vocab_size": 250002,
            "max_position_embeddings": 8194,
            "type_vocab_size": 1,
            "id2label": {"0": "LABEL_0"},
        },
        # The two rows of positions that RoBERTa does not use are left out.
        567_755_777 - 2 * 1024,
    ),
    "distilbert": (
        "DistilBertModel",
        {
            "model_type": "distilbert",
            "dim": 768,
            "hidden_dim": 3072,
            "n_layers": 6,
            "n_heads": 12,
            "vocab_size": 30522,
            "max_position_embeddings": 512,
        },
        66_362_880,
    ),
    "modernbert-base": (
        "ModernBertForMaskedLM",
        {
            "hidden_size": 768,
            "intermediate_size": 1152,
            "num_hidden_layers": 22,
            "num_attention_heads": 12,
            "vocab_size": 50368,
            "max_position_embeddings": 8192,
            "local_attention": 128,
            "global_attn_every_n_layers": 3,
        },
        149_014_272,
    ),
    "falcon-mamba-7b": (
        "FalconMambaForCausalLM",
        {
            "model_type": "falcon_mamba",
            "hidden_size": 4096,
            "intermediate_size": 8192,
            "num_hidden_layers": 64,
            "state_size": 16,
            "conv_kernel": 4,
            "time_step_rank": 256,
            "vocab_size": 65024,
            "tie_word_embeddings": False,
        },
        7_272_665_088,
    ),
    "baichuan2-7b": (
        "BaichuanForCausalLM",
        {
            "hidden_size": 4096,
            "intermediate_size": 11008,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "vocab_size": 125696,
            "model_max_length": 4096,
        },
        7_505_973_248,
    ),
}


@pytest.mark.parametrize("name", [*MEASURED, *PUBLISHED])
def test_a_configuration_gives_the_parameters_of_its_model(name: str) -> None:
    """
    They are those of the measured or published tensors, and the graph of the architecture is known.
    """
    kind, values, parameters = (MEASURED | PUBLISHED)[name]
    spec = hf_config.spec(json.dumps({"architectures": [kind]} | values).encode(), name)

    assert spec.parameters == parameters
    assert archs.graph_of(spec.architecture) is not None


def _read(name: str, **changed: Any) -> Any:
    kind, values, _ = (MEASURED | PUBLISHED)[name]
    return hf_config.spec(json.dumps({"architectures": [kind]} | values | changed).encode(), name)


def test_a_state_needs_no_heads() -> None:
    """
    RWKV and Mamba have no attention, and the converter gives them a context of 2^20 tokens.
    """
    for name in ("rwkv6-world-1.6b", "rwkv7-world-1.5b", "qrwkv6-7b-instruct", "mamba-2.8b", "mamba2-2.7b"):
        spec = _read(name)

        assert spec.hparams["attention.head_count"] == 0
        assert spec.max_context == 1048576


def test_the_vocabulary_of_a_mamba_is_padded() -> None:
    """
    To a multiple of what its configuration says, else of 8 rows for the first Mamba and of 16 for the second.
    """
    rows = [
        _read(name, **more).hparams["vocab_size"]
        for name in ("mamba-2.8b", "mamba2-2.7b")
        for more in ({}, {"pad_vocab_size_multiple": 64})
    ]

    assert rows == [50280, 50304, 50288, 50304]


def test_a_file_of_the_first_mambas_names_a_kind_of_layer_instead_of_a_class() -> None:
    """
    state-spaces/mamba2-2.7b has ``ssm_cfg`` and no ``architectures``.
    """
    values = {"d_model": 2560, "n_layer": 64, "vocab_size": 50277, "ssm_cfg": {"layer": "Mamba2"}}

    assert hf_config.spec(json.dumps(values).encode(), "mamba2").architecture == "mamba2"


def test_falcon_mamba_norms_what_the_first_mamba_does_not() -> None:
    """
    Its step, B and C are normed, which the metadata say and no tensor shows.
    """
    assert _read("falcon-mamba-7b").hparams["ssm.dt_b_c_rms"] is True
    assert _read("mamba-2.8b").hparams["ssm.dt_b_c_rms"] is False


def test_the_layers_for_further_tokens_are_in_the_file_and_not_counted() -> None:
    """
    Hunyuan 3 keeps one more layer with the output of its experts; a model's parameters are those of the others.
    """
    values = {
        "hidden_size": 4096,
        "intermediate_size": 13312,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 120832,
        "num_experts": 192,
        "num_experts_per_tok": 8,
        "moe_intermediate_size": 1536,
        "num_shared_experts": 1,
        "first_k_dense_replace": 1,
        "num_nextn_predict_layers": 1,
    }
    spec = hf_config.spec(json.dumps({"architectures": ["HYV3ForCausalLM"]} | values).encode(), "hy3")
    experts = 3 * 4096 * 1536 * 193
    attention = 4096 * 128 * (64 + 8 + 8 + 64)
    small = 4096 * 192 + 192 + 2 * 4096 + 2 * 128

    assert spec.file_parameters - spec.parameters == experts + attention + small + 2 * 4096 * 4096 + 3 * 4096
    assert spec.hparams["block_count"] == 81
    assert spec.notes[0].id != "model.next-n-left-out"


def test_a_reranker_has_a_head_for_its_labels() -> None:
    """
    BERT's is one matrix; RoBERTa and its kin have a square one before it. Without labels there are two classes.
    """
    sizes = {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6, "num_attention_heads": 12}
    more = {"vocab_size": 30522, "max_position_embeddings": 512, "type_vocab_size": 2}
    values = {"architectures": ["BertForSequenceClassification"]} | sizes | more
    spec = hf_config.spec(json.dumps(values).encode(), "reranker")

    assert {t.name: t.shape for t in spec.tensors if t.name.startswith("cls")} == {
        "cls.output.weight": (384, 2),
        "cls.output.bias": (2,),
    }
    assert [t.shape for t in _read("bge-reranker-v2-m3").tensors if t.name == "cls.weight"] == [(1024, 1024)]


def test_the_text_part_is_found_under_each_of_its_names() -> None:
    """
    The converter renames the parts of InternVL, GLM-ASR, Qwen Omni, DeepSeek OCR and LFM Audio.
    """
    text = {
        "architectures": ["Qwen2ForCausalLM"],
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "vocab_size": 320,
    }
    text |= {"num_attention_heads": 4, "intermediate_size": 128}
    for part in ({"llm_config": text}, {"lm_config": text}, {"language_config": text}, {"lfm": text}):
        values = {"architectures": ["SomethingNew"], "vision_config": {}} | part

        assert hf_config.spec(json.dumps(values).encode(), "vl").architecture == "qwen2"
    nested = {"architectures": ["SomethingNew"], "thinker_config": {"text_config": text}}

    assert hf_config.spec(json.dumps(nested).encode(), "omni").architecture == "qwen2"
