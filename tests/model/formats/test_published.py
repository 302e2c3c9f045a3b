"""
The weights as they are published: sizes by hand and from logs, what is left out, and the GGUF files made from them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from llmprobe.facts.model import Folder
from llmprobe.model.formats import hf_config
from llmprobe.model.formats.safetensors import Stored, Weights

CONFIGS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "fixtures" / "configs.json").read_text(encoding="utf-8")
)
GIB = 1 << 30
QWEN3_8B: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "torch_dtype": "bfloat16",
}
QWEN25_14B = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_size": 5120,
    "intermediate_size": 13824,
    "num_hidden_layers": 48,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "vocab_size": 152064,
    "torch_dtype": "float16",
}
LLAMA_70B = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "torch_dtype": "bfloat16",
}
DEEPSEEK_4 = {
    "architectures": ["DeepseekV4ForCausalLM"],
    "hidden_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "head_dim": 128,
    "qk_rope_head_dim": 64,
    "q_lora_rank": 128,
    "o_groups": 2,
    "o_lora_rank": 64,
    "sliding_window": 128,
    "compress_ratios": [0, 4],
    "index_n_heads": 4,
    "index_head_dim": 64,
    "index_topk": 16,
    "hc_mult": 4,
    "moe_intermediate_size": 256,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "vocab_size": 512,
    "torch_dtype": "bfloat16",
}
BLOCKS = {"quant_method": "fp8", "weight_block_size": [128, 128]}

# A layer of 8 matrices of 256 by 256 (grouped heads aside), an embedding and an output of 512 rows.
SIDE, ROWS, LAYERS, MATRICES = 256, 512, 2, 7
TINY: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": SIDE,
    "intermediate_size": SIDE,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "vocab_size": ROWS,
    "torch_dtype": "bfloat16",
}
SQUARE = SIDE * SIDE
NORMS = 2 * (2 * LAYERS + 1) * SIDE
TABLE = 2 * ROWS * SIDE
PACKED = LAYERS * MATRICES
GROUPS = SQUARE // 128


def of(values: dict[str, Any], beside: dict[str, Any] | None = None, **more: Any) -> Folder:
    text = None if beside is None else json.dumps(beside).encode()
    found = hf_config.spec(json.dumps(values | more).encode(), "x", quantization=text).folder
    assert found is not None
    return found


def compressed(kind: str, ignore: list[str] | None = None, **weights: Any) -> dict[str, Any]:
    return {
        "quant_method": "compressed-tensors",
        "format": kind,
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
        "ignore": ["lm_head"] if ignore is None else ignore,
    }


@pytest.mark.parametrize(
    ("values", "quantization", "logged_gib"),
    [
        (QWEN3_8B, None, 15.2683),
        (QWEN3_8B, BLOCKS, 8.80),
        (QWEN25_14B, {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}, 9.38),
        (
            LLAMA_70B,
            compressed("float-quantized", num_bits=8, type="float", strategy="channel", symmetric=True),
            67.7229,
        ),
    ],
)
def test_the_size_is_what_vllm_logged(
    values: dict[str, Any], quantization: dict[str, Any] | None, logged_gib: float
) -> None:
    """
    VLLM's "model loading took" has small buffers beside the weights: at most a hundredth more.
    """
    size = of(values, **({} if quantization is None else {"quantization_config": quantization})).bytes

    assert size is not None
    assert 0.99 < size / GIB / logged_gib <= 1.0


@pytest.mark.parametrize(
    ("layers", "experts", "total"), [(24, 32, 13_761_264_768), (36, 128, 65_248_815_744)]
)
def test_the_size_of_experts_in_mxfp4_is_that_of_the_published_index(
    layers: int, experts: int, total: int
) -> None:
    """
    ``total_size`` in the index of openai/gpt-oss-20b and openai/gpt-oss-120b.
    """
    kinds = ["sliding_attention", "full_attention"] * (layers // 2)
    values = CONFIGS["gpt-oss-20b"] | {"num_hidden_layers": layers, "num_local_experts": experts}
    found = of(values, layer_types=kinds, torch_dtype="bfloat16")

    assert (found.bytes, found.gguf, found.gguf_type) == (total, "kept", "MXFP4")
    assert found.left_out == ("embedding", "output", "attention", "routers")


@pytest.mark.parametrize(
    ("quantization", "matrix_bytes", "output_bytes"),
    [
        # 4 bits, and for every 128 numbers a scale of 16 bits and an offset of 4.
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, SQUARE // 2 + GROUPS * 20 // 8, TABLE),
        # The same, and the group of each of the 256 columns in 32 bits.
        (
            {"quant_method": "gptq", "bits": 4, "group_size": 128},
            SQUARE // 2 + GROUPS * 20 // 8 + SIDE * 4,
            TABLE,
        ),
        # One group for a whole column of 256 numbers.
        (
            {"quant_method": "gptq", "bits": 8, "group_size": -1},
            SQUARE + SIDE * 24 // 8 + SIDE * 4,
            TABLE,
        ),
        (
            {"quant_method": "auto-round", "bits": 4, "group_size": 128},
            SQUARE // 2 + GROUPS * 20 // 8 + SIDE * 4,
            TABLE,
        ),
        (BLOCKS, SQUARE + 4 * 4, TABLE),
        ({"quant_method": "fp8"}, SQUARE + 4, TABLE),
        ({"quant_method": "fbgemm_fp8"}, SQUARE + SIDE * 4, TABLE),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, SQUARE // 2 + SQUARE // 64 * 4, TABLE),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True},
            SQUARE // 2 + SQUARE // 64 + SQUARE // 64 // 256 * 4,
            TABLE,
        ),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, SQUARE + SIDE * 4, TABLE),
        (
            {
                "quant_method": "hqq",
                "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}},
            },
            SQUARE // 2 + SQUARE // 64 * 4,
            TABLE,
        ),
        ({"quant_method": "exl2", "bits": 4.0, "head_bits": 6}, SQUARE // 2, ROWS * SIDE * 6 // 8),
        ({"quant_method": "exl3", "bits": 3.0, "head_bits": 8}, SQUARE * 3 // 8, ROWS * SIDE),
        (
            {
                "quant_method": "quark",
                "global_quant_config": {"weight": {"dtype": "fp8_e4m3", "qscheme": "per_tensor"}},
                "exclude": ["lm_head"],
            },
            SQUARE + 4,
            TABLE,
        ),
        (
            {
                "quant_method": "torchao",
                "quant_type": {"default": {"_type": "Int4WeightOnlyConfig", "_data": {"group_size": 128}}},
            },
            SQUARE // 2 + GROUPS * 4,
            TABLE,
        ),
        (
            compressed(
                "pack-quantized", num_bits=4, type="int", strategy="group", group_size=128, symmetric=True
            ),
            SQUARE // 2 + GROUPS * 2,
            TABLE,
        ),
        (
            compressed(
                "pack-quantized", num_bits=4, type="int", strategy="group", group_size=128, symmetric=False
            ),
            SQUARE // 2 + GROUPS * 20 // 8,
            TABLE,
        ),
        (compressed("nvfp4-pack-quantized", num_bits=4, type="float"), SQUARE // 2 + SQUARE // 16, TABLE),
        (compressed("mxfp4-pack-quantized", num_bits=4, type="float"), SQUARE // 2 + SQUARE // 32, TABLE),
        (
            compressed(
                "int-quantized", ignore=[], num_bits=8, type="int", strategy="channel", symmetric=True
            ),
            SQUARE + SIDE * 2,
            ROWS * SIDE + ROWS * 2,
        ),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, SQUARE // 2 + SQUARE // 16, TABLE),
        ({"quant_method": "bitnet"}, SQUARE // 4 + 4, TABLE),
    ],
    ids=lambda value: str(value.get("format") or value["quant_method"]) if isinstance(value, dict) else "",
)
def test_a_format_has_its_own_bits_in_every_matrix(
    quantization: dict[str, Any], matrix_bytes: int, output_bytes: int
) -> None:
    """
    Norms and the embedding stay in 16 bits.
    """
    found = of(TINY, quantization_config=quantization)

    assert found.bytes == NORMS + TABLE + PACKED * matrix_bytes + output_bytes
    assert found.basis == "derived"


def test_mlx_quantizes_the_embedding_too_and_modules_in_their_own_width() -> None:
    """
    A module that is false stays as it is.
    """
    own = {"model.layers.0.mlp.down_proj": {"group_size": 64, "bits": 8}, "lm_head": False}
    found = of(TINY, quantization={"group_size": 64, "bits": 4} | own)
    four, eight = SQUARE // 2 + SQUARE // 64 * 4, SQUARE + SQUARE // 64 * 4

    assert found.bytes == NORMS + 2 * four + TABLE + (PACKED - 1) * four + eight
    assert (found.format, found.engines) == ("MLX 4-bit, groups of 64", ("MLX", "LM Studio"))


@pytest.mark.parametrize(
    ("entry", "matrices"),
    [
        ("model.layers.0.self_attn.q_proj", 1),
        ("model.language_model.layers.0.self_attn.q_proj", 1),
        ("self_attn", 4 * LAYERS),
        ("layers.1", MATRICES),
        ("re:.*self_attn.*", 4 * LAYERS),
        (r"re:.*mlp\.(gate|up)_proj$", 2 * LAYERS),
        (r"re:model\.layers\.1\..*", MATRICES),
        ("model.layers.0*", MATRICES),
        ("*.down_proj", LAYERS),
        ("gate", 0),
        ("self_attn.q", 0),
        ("vision_tower", 0),
    ],
)
def test_what_is_left_out_is_found_by_name_part_glob_and_expression(entry: str, matrices: int) -> None:
    """
    A whole module, a part of the path to it, or what a pattern means.
    """
    plain = of(TINY, quantization_config={"quant_method": "fp8"}).bytes
    found = of(TINY, quantization_config={"quant_method": "fp8", "modules_to_not_convert": [entry]})

    assert plain is not None
    assert found.bytes == plain + matrices * (2 * SQUARE - SQUARE - 4)
    assert found.understood


@pytest.mark.parametrize("entry", ["re:(a+)+$", "re:[", "re:" + "x" * 400, "re:(?=x)y"])
def test_an_expression_that_could_run_for_ever_is_not_run(entry: str) -> None:
    """
    It is said that the list was not understood, and the size is an assumption.
    """
    found = of(TINY, quantization_config={"quant_method": "fp8", "ignored_layers": [entry]})

    assert (found.understood, found.basis) == (False, "assumed")


def test_the_file_beside_the_configuration_says_what_it_does_not() -> None:
    """
    ModelOpt's ``hf_quant_config.json``; without a method in the configuration its producer is the method.
    """
    beside = {
        "producer": {"name": "modelopt"},
        "quantization": {"quant_algo": "FP8", "exclude_modules": ["lm_head"]},
    }
    found = of(TINY, beside)

    assert found.format == "FP8 (ModelOpt)"
    assert found.bytes == NORMS + 2 * TABLE + PACKED * (SQUARE + 4)


def test_layers_may_have_algorithms_of_their_own() -> None:
    """
    ModelOpt names each quantized module; the others stay as they are.
    """
    layers = {
        "model.layers.0.mlp.up_proj": {"quant_algo": "NVFP4"},
        "model.layers.0.mlp.down_proj": {"quant_algo": "FP8"},
    }
    said = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": layers}
    found = of(TINY, quantization_config=said)

    assert (
        found.bytes == NORMS + 2 * TABLE + (PACKED - 2) * 2 * SQUARE + SQUARE // 2 + SQUARE // 16 + SQUARE + 4
    )
    assert (found.gguf, found.gguf_type) == ("kept", "NVFP4")


@pytest.mark.parametrize(
    ("quantization", "gguf"),
    [
        ({"quant_method": "awq"}, "refused"),
        ({"quant_method": "gptq", "bits": 4}, "dequantized"),
        ({"quant_method": "gptq", "bits": 3}, "refused"),
        (BLOCKS, "dequantized"),
        ({"quant_method": "bitnet"}, "dequantized"),
        ({"quant_method": "fbgemm_fp8"}, "refused"),
        ({"quant_method": "bitsandbytes"}, "refused"),
        ({"quant_method": "auto-round"}, "refused"),
        ({"quant_method": "mxfp4"}, "refused"),
        ({"quant_method": "quark"}, "refused"),
        ({"quant_method": "brand-new"}, "refused"),
        ({"bits": 4, "group_size": 64}, "refused"),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "dequantized"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "kept"),
        ({"quant_method": "modelopt", "quant_algo": "W4A8_AWQ"}, "refused"),
        (compressed("nvfp4-pack-quantized", num_bits=4), "kept"),
        (compressed("mxfp4-pack-quantized", num_bits=4), "refused"),
        (compressed("pack-quantized", num_bits=4, strategy="group", group_size=32), "dequantized"),
        (compressed("pack-quantized", num_bits=4, strategy="channel"), "refused"),
        (compressed("float-quantized", num_bits=8, strategy="channel"), "dequantized"),
        (compressed("float-quantized", num_bits=8, strategy="tensor"), "refused"),
        (compressed("marlin-24", num_bits=4, strategy="group"), "refused"),
        (
            compressed("pack-quantized", num_bits=4, strategy="group")
            | {"config_groups": {"a": {"weights": {}}, "b": {"weights": {}}}},
            "refused",
        ),
    ],
)
def test_the_converter_reads_some_formats_and_refuses_the_others(
    quantization: dict[str, Any], gguf: str
) -> None:
    """
    b11549 unpacks FP8, GPTQ, BitNet and some of compressed-tensors, and keeps NVFP4; everything else it refuses.
    """
    assert of(TINY, quantization_config=quantization).gguf == gguf


def test_an_unknown_width_is_unknown() -> None:
    """
    A format that nobody here knows has a name, and no size and no engine.
    """
    found = of(TINY, quantization_config={"quant_method": "brand-new", "bits": 4})

    assert (found.format, found.bytes, found.engines, found.basis) == ("brand-new", None, (), "assumed")


def test_files_that_are_there_have_their_own_size() -> None:
    """
    The sum of what their headers list, in the width of each type.
    """
    shapes = {
        "model.layers.0.self_attn.q_proj.qweight": Stored("I32", (8, 64)),
        "model.layers.0.self_attn.q_proj.scales": Stored("F16", (1, 64)),
        "model.embed_tokens.weight": Stored("BF16", (ROWS, SIDE)),
    }
    weights = Weights(names=frozenset(shapes), shapes=shapes)
    spec = hf_config.spec(
        json.dumps(TINY | {"quantization_config": {"quant_method": "awq"}}).encode(), "x", weights=weights
    )

    assert spec.folder is not None
    assert (spec.folder.bytes, spec.folder.basis) == (8 * 64 * 4 + 64 * 2 + ROWS * SIDE * 2, "exact")
    assert Weights(names=frozenset("a"), shapes={"a": Stored("Q9", (1,))}).stored_bytes is None


def test_experts_of_four_bits_stay_so_where_the_converter_knows_them() -> None:
    """
    DeepSeek 4 names the type of its experts; elsewhere MXFP4 in compressed-tensors is refused.
    """
    found = of(DEEPSEEK_4, quantization_config=BLOCKS, expert_dtype="fp4")

    assert (found.gguf, found.gguf_type) == ("kept", "MXFP4")
    assert of(DEEPSEEK_4, quantization_config=BLOCKS).gguf == "dequantized"
