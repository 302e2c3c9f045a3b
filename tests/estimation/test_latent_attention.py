"""
Generation behind many tokens of a model with a latent cache, as llama.cpp's own pull requests measured it.
"""

import pytest

import llmprobe

DEPTH = 32768


def at_depth(device: str, model: str, quant: str = "Q4_0") -> tuple[float, float, float]:
    """
    Tokens per second with a cache of that many tokens, everything on one device: low, likely, high.
    """
    machine = llmprobe.probe(gpus=[device], ram="64GiB")
    estimate = llmprobe.estimate(
        llmprobe.load_model(model), quant=quant, snapshot=machine, ctx_size=DEPTH, parallel=1, gpu_layers=99
    )
    found = estimate.speed.generation_at_full_context_tokens_per_s
    assert found is not None
    return found.low, found.likely, found.high


@pytest.mark.parametrize(
    ("device", "measured"),
    [
        ("V100 32GB", 89.23),  # ggml-org/llama.cpp#17505
        ("RTX 3090", 156.74),  # ggml-org/llama.cpp#19057
    ],
)
def test_sixteen_heads_at_once_are_as_fast_as_they_were_measured(device: str, measured: float) -> None:
    """
    DeepSeek V2 Lite has 16 heads, in 27 layers of 576 values; it was 38 and 40 tokens/s without the kernels' own rate.
    """
    low, likely, high = at_depth(device, "deepseek-v2-lite")

    assert low <= measured <= high
    assert likely == pytest.approx(measured, rel=0.15)


@pytest.mark.parametrize(("device", "measured"), [("RTX 3090", 77.70), ("RTX 5090", 126.0)])
def test_twenty_heads_are_two_tiles(device: str, measured: float) -> None:
    """
    GLM 4.7 Flash in Q2_K (ggml-org/llama.cpp#19092) was told 19 and 20 tokens/s by runs without flash attention.
    """
    low, likely, high = at_depth(device, "glm-4.7-flash", "Q2_K")

    assert low <= measured <= high
    assert likely == pytest.approx(measured, rel=0.2)
