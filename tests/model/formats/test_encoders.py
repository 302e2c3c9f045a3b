"""
Encoders of images and sound by their configuration alone.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.model.formats import hf_config
from llmprobe.model.formats.published.encoders import encoder_parameters
from llmprobe.model.from_catalog import named

SIGLIP = {"hidden_size": 1152, "intermediate_size": 4304, "patch_size": 14}
QWEN3_VL: dict[str, Any] = {
    "architectures": ["Qwen3VLForConditionalGeneration"],
    "model_type": "qwen3_vl",
    "tie_word_embeddings": False,
    "text_config": {
        "model_type": "qwen3_vl_text",
        "dtype": "bfloat16",
        "hidden_size": 4096,
        "intermediate_size": 12288,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 151936,
        "max_position_embeddings": 262144,
        "rope_theta": 5000000,
        "rms_norm_eps": 1e-6,
    },
    "vision_config": {
        "deepstack_visual_indexes": [8, 16, 24],
        "depth": 27,
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_heads": 16,
        "out_hidden_size": 4096,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "num_position_embeddings": 2304,
    },
}


@pytest.mark.parametrize(
    ("values", "width", "gib"),
    [
        # 30.74 GiB of Kimi VL A3B less 29.87 of its language model, as vLLM 0.19 loads them.
        (
            {"vision_config": {**SIGLIP, "num_hidden_layers": 27, "merge_kernel_size": [2, 2]}},
            2048,
            0.83,
        ),
        # 5.54 GiB of Granite Vision 3.3 2B less 4.73.
        (
            {
                "projector_hidden_act": "gelu",
                "vision_config": {**SIGLIP, "num_hidden_layers": 27, "image_size": 384},
            },
            2048,
            0.80,
        ),
        # Whisper's encoder of 32 layers, 637 million numbers.
        (
            {"audio_config": {"d_model": 1280, "encoder_layers": 32, "encoder_ffn_dim": 5120}},
            0,
            1.18,
        ),
    ],
)
def test_encoders_that_were_loaded(values: dict[str, Any], width: int, gib: float) -> None:
    """
    Two bytes a number, to a twentieth.
    """
    found = encoder_parameters(values, width)

    assert found is not None
    assert found * 2 / (1 << 30) == pytest.approx(gib, rel=0.05)


def test_glms_encoder_has_a_gated_part_behind_it() -> None:
    """
    GLM-4.1V 9B: 10.29 billion numbers, 9.40 of them in the language model.
    """
    part = {"model_type": "glm4v", "depth": 24, "hidden_size": 1536, "intermediate_size": 13696}
    more = {"image_size": 336, "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2}
    found = encoder_parameters({"vision_config": {**part, **more, "out_hidden_size": 4096}}, 4096)

    assert found == pytest.approx(0.89e9, rel=0.02)


def test_a_configuration_counts_as_the_catalog_does() -> None:
    """
    The tower of Qwen3 VL 8B with what leads from it into four layers, to a percent.
    """
    projector = named("qwen3-vl-8b", None).projector
    assert projector is not None

    found = hf_config.spec(msgspec.json.encode(QWEN3_VL), "model")

    known = sum(tensor.elements for tensor in projector.tensors)
    assert found.encoder_parameters == pytest.approx(known, rel=0.01)


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"hidden_size": 1152},
        {"hidden_size": "1152", "num_hidden_layers": 27, "intermediate_size": 4304},
        {"hidden_size": 1152, "num_hidden_layers": 10**9, "intermediate_size": 4304},
        {"hidden_size": 10**9, "num_hidden_layers": 27, "intermediate_size": 4304},
        {"hidden_size": True, "num_hidden_layers": 27, "mlp_ratio": float("nan")},
    ],
)
def test_what_describes_no_encoder(part: dict[str, Any]) -> None:
    """
    Sizes that are missing, of another kind, or larger than any.
    """
    assert encoder_parameters({"vision_config": part}, 4096) is None
