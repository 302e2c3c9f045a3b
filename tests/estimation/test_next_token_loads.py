"""
Second contexts that draft with a model's own layer, beside what llama-server b11549 logged on the processor.

The models are small ones of zeros in the shapes of GLM 5, DeepSeek 3.2 and Nemotron 3, with 49,152 words: no published
one of these architectures was measured with its next-token layer.
"""

from typing import Any

import pytest

from llmprobe.estimation import Estimator
from llmprobe.facts.devices import Hardware
from llmprobe.facts.estimate import DeviceEstimate
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import Settings
from llmprobe.model import archs

MIB = 1 << 20
COMMON = {
    "nextn_predict_layers": 1,
    "context_length": 8192,
    "embedding_length": 512,
    "vocab_size": 49152,
    "expert_count": 8,
    "expert_used_count": 2,
    "expert_feed_forward_length": 256,
    "expert_shared_count": 1,
    "expert_gating_func": 2,
    "expert_weights_scale": 1.0,
    "expert_weights_norm": True,
    "attention.head_count": 8,
    "rope.dimension_count": 64,
}
GLM_5 = COMMON | {
    "block_count": 5,
    "leading_dense_block_count": 1,
    "feed_forward_length": 1024,
    "attention.head_count_kv": 1,
    "attention.key_length": 576,
    "attention.value_length": 512,
    "attention.kv_lora_rank": 512,
    "attention.q_lora_rank": 256,
    "attention.key_length_mla": 256,
    "attention.value_length_mla": 256,
    "attention.indexer.head_count": 8,
    "attention.indexer.key_length": 128,
    "attention.indexer.top_k": 256,
}
DEEPSEEK_32 = GLM_5 | {"attention.key_length_mla": 192, "attention.value_length_mla": 128}
NEMOTRON_3 = COMMON | {
    "block_count": 7,
    "expert_shared_feed_forward_length": 512,
    "feed_forward_length": [0, 256, 0, 256, 0, 256, 256],
    "attention.head_count_kv": [0, 0, 0, 0, 2, 0, 2],
    "attention.key_length": 64,
    "attention.value_length": 64,
    "ssm.conv_kernel": 4,
    "ssm.inner_size": 1024,
    "ssm.state_size": 128,
    "ssm.time_step_rank": 16,
    "ssm.group_count": 8,
}


def in_ram(architecture: str, hparams: dict[str, Any]) -> DeviceEstimate:
    """
    What a small model in F16 takes on the processor with three drafted tokens and 1024 cells.
    """
    family = archs.get(architecture)
    assert family is not None
    tensors = family.tensors(hparams)
    count = sum(tensor.elements for tensor in tensors)
    small = ModelSpec(
        id="small",
        name="small",
        architecture=architecture,
        hparams=hparams,
        tensors=tensors,
        parameters=count,
        file_parameters=count,
    )
    settings = Settings(ctx_size=1024, spec_type=("draft-mtp",), spec_draft_n_max=3)
    (host,) = Estimator(small).devices("F16", settings, Hardware(devices=()))
    return host


@pytest.mark.parametrize(
    ("architecture", "hparams", "cache", "compute", "drafted"),
    [
        # caches of the model, its compute buffer; cache and compute buffer of the second context, all in MiB
        ("glm-dsa", GLM_5, 4.50 + 1.00, 31.08, (1.12, 25.51)),
        ("deepseek32", DEEPSEEK_32, 4.50 + 1.00, 30.08, (1.12, 24.51)),
        ("nemotron_h_moe", NEMOTRON_3, 0.50 + 4.28, 27.08, (0.50, 5.01)),
    ],
)
def test_a_layer_for_a_further_token_is_as_llama_server_logs_it(
    architecture: str, hparams: dict[str, Any], cache: float, compute: float, drafted: tuple[float, float]
) -> None:
    """
    Each figure is the one of the log, which has two digits behind the point.
    """
    host = in_ram(architecture, hparams)
    terms = {term.name: term.bytes / MIB for term in host.terms}

    assert host.cache_bytes / MIB == pytest.approx(cache, abs=0.01)
    assert host.compute_bytes / MIB == pytest.approx(compute, abs=0.005)
    assert terms["draft-cache"] == pytest.approx(drafted[0], abs=0.0051)
    assert terms["draft-compute"] == pytest.approx(drafted[1], abs=0.005)
