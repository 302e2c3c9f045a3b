"""
Graphs of seldom met architectures against what llama.cpp reserved for small made-up models.

Loaded by llama.cpp b11549 on a CPU without repacking: f32, 1,024 cells, one row of logits (encoders: 512 rows).
"""

from typing import Any

import pytest

from llmprobe.estimation.compute.buffers import ComputeEngine, ComputeRequest
from llmprobe.facts.model import Tensor
from llmprobe.facts.settings import Pooling, ResolvedSettings
from llmprobe.model import archs

_SIZES = {
    "block_count": 5,
    "embedding_length": 256,
    "feed_forward_length": 512,
    "attention.head_count": 8,
    "attention.head_count_kv": 4,
    "context_length": 8192,
    "attention.layer_norm_rms_epsilon": 1e-6,
    "rope.dimension_count": 32,
    "vocab_size": 512,
}
_MIXTURE = {
    "expert_count": 16,
    "expert_used_count": 4,
    "expert_feed_forward_length": 128,
    "expert_shared_count": 1,
    "expert_shared_feed_forward_length": 128,
    "leading_dense_block_count": 1,
    "expert_gating_func": 2,
}
_WIDE_MIXTURE = _MIXTURE | {"expert_feed_forward_length": 512}
_FULL_HEADS = {"attention.head_count_kv": 8}
_WINDOW = {"attention.sliding_window": 128, "block_count": 8}
_ENCODER = {"pooling_type": 1, "attention.causal": False}
_BIASED = {"attention.max_alibi_bias": 8.0, "attention.head_count_kv": 8}

MEASURED: dict[str, tuple[dict[str, Any], tuple[int, float], tuple[int, float]]] = {
    "arctic": (_WIDE_MIXTURE | {"feed_forward_length": 512}, (299, 15.58), (324, 21.51)),
    "baichuan": ({"block_count": 32}, (1001, 6.52), (1161, 21.51)),
    "bailingmoe": (
        _MIXTURE | {"expert_weights_norm": True, "expert_weights_scale": 1.0},
        (289, 6.52),
        (314, 21.51),
    ),
    "bitnet": ({}, (184, 6.52), (209, 21.51)),
    "codeshell": ({}, (200, 4.52), (225, 21.51)),
    "cohere2moe": (_MIXTURE | _WINDOW | {"logit_scale": 0.5}, (388, 8.85), (428, 25.59)),
    "dbrx": (_WIDE_MIXTURE | {"attention.clamp_kqv": 8.0}, (259, 15.52), (284, 21.01)),
    "deci": (
        {
            "attention.head_count": [8, 8, 0, 8, 8],
            "attention.head_count_kv": [4, 0, 0, 4, 4],
            "feed_forward_length": [512, 512, 512, 512, 512],
        },
        (120, 6.52),
        (135, 21.51),
    ),
    "dots1": (_MIXTURE | _FULL_HEADS, (268, 6.52), (293, 22.01)),
    "eurobert": (_ENCODER, (146, 5.51), (161, 12.01)),
    "exaone-moe": (_MIXTURE | _WINDOW, (432, 8.28), (472, 23.52)),
    "grok": (_MIXTURE, (356, 21.51), (356, 21.51)),
    "hunyuan_vl": ({"rope.dimension_sections": [4, 4, 4, 4]}, (184, 6.52), (209, 21.52)),
    "hy_v3": (
        _MIXTURE | {"expert_weights_norm": True, "expert_weights_scale": 2.0},
        (292, 6.52),
        (317, 21.51),
    ),
    "jais": (_BIASED, (180, 6.52), (205, 23.01)),
    "jina-bert-v3": (_ENCODER | {"tokenizer.ggml.token_type_count": 1}, (164, 4.01), (179, 11.51)),
    "llada-moe": (_MIXTURE | {"attention.causal": False}, (239, 6.51), (254, 12.01)),
    "maincoder": ({}, (184, 6.52), (209, 21.51)),
    "minimax-m2": (
        _WIDE_MIXTURE
        | {"expert_shared_count": 0, "expert_shared_feed_forward_length": 0, "leading_dense_block_count": 0},
        (289, 15.52),
        (314, 21.51),
    ),
    "modern-bert": (_FULL_HEADS | _ENCODER | {"attention.sliding_window": 128}, (131, 6.51), (146, 14.51)),
    "mpt": (_BIASED, (139, 5.02), (164, 23.01)),
    "muse-glimmer": (
        _WINDOW
        | {"logit_scale": 0.5, "final_logit_softcapping": 30.0, "attention.sliding_window_pattern": 4},
        (346, 7.28),
        (386, 23.52),
    ),
    "neo-bert": (_ENCODER, (131, 6.01), (146, 11.51)),
    "olmoe": (_WIDE_MIXTURE | _FULL_HEADS, (259, 15.52), (284, 22.01)),
    "openelm": ({}, (179, 6.52), (204, 21.01)),
    "orion": ({}, (175, 6.52), (200, 21.51)),
    "plamo": ({}, (155, 6.52), (180, 21.51)),
    "plamo3": (
        _WINDOW | {"attention.sliding_window_pattern": [True, True, True, False, True, True, True, False]},
        (297, 7.28),
        (337, 23.02),
    ),
    "qwen": (_FULL_HEADS | {"feed_forward_length": 1024}, (159, 6.52), (184, 21.51)),
    "refact": ({}, (154, 6.52), (179, 21.01)),
    "rnd1": (_MIXTURE | {"attention.causal": False}, (264, 6.51), (279, 12.01)),
    "smallthinker": (_MIXTURE | _WINDOW, (414, 8.53), (454, 24.02)),
    "step35": (
        _MIXTURE
        | _WINDOW
        | {"attention.sliding_window_pattern": [False, True, True, True, False, True, True, True]},
        (484, 8.28),
        (524, 23.52),
    ),
    "xverse": ({}, (164, 6.52), (189, 21.51)),
}
"""What a model has besides the usual; then nodes and MiB with flash attention, and without."""


POOLINGS: tuple[Pooling, ...] = ("none", "mean", "cls", "last", "rank")


@pytest.mark.parametrize("flash", ["auto", "off"])
@pytest.mark.parametrize("name", MEASURED)
def test_the_graph_is_the_one_that_llama_cpp_builds(name: str, flash: Any) -> None:
    """
    The number of nodes and the size of the buffer are those that llama.cpp prints.
    """
    extra, on, off = MEASURED[name]
    hparams = {**_SIZES, **extra}
    family = archs.get(name)
    assert family is not None
    layers = hparams["block_count"] + 1
    encoder = "pooling_type" in extra
    answer = ComputeEngine().buffers_in_full(
        ComputeRequest(
            architecture=name,
            hparams=hparams,
            tensors=tuple(Tensor(t.name, t.shape, t.layer, "f32") for t in family.tensors(hparams)),
            layer_devices=("host",) * layers,
            settings=ResolvedSettings(
                engine="llama.cpp",
                ctx_size=1024,
                ctx_per_seq=1024,
                batch_size=512 if encoder else 2048,
                flash_attn=flash,
                outputs_max=1,
                gpu_layers=0,
                embeddings=encoder,
                pooling=POOLINGS[extra.get("pooling_type", 0)],
            ),
        )
    )
    found = (answer.nodes, round(answer.bytes["host"] / 2**20, 2))
    assert found == (off if flash == "off" else on)
