"""
Buffers in pasted logs of llama.cpp on several devices, or on one, of other backends than CUDA.
"""

import pytest

import llmprobe

MIB = 1 << 20


def test_five_radeons_share_the_cache_as_in_a_log() -> None:
    """
    Qwen2.5 32B at 32,768 cells on five MI50: 1664 MiB on four and 1536 on the last, that has the output layer as well;
    0.58 MiB of output on the host (https://github.com/ggml-org/llama.cpp/issues/12369).
    """
    estimate = llmprobe.estimate(
        llmprobe.load_model("qwen2.5-32b"),
        quant="Q4_K_M",
        ctx_size=32768,
        parallel=1,
        gpu_layers="all",
        devices=5,
        backend="rocm",
    )
    host, *radeons = estimate.devices
    assert [device.cache_bytes for device in radeons] == [1664 * MIB] * 4 + [1536 * MIB]
    assert host.cache_bytes == 0
    assert host.output_bytes / MIB == pytest.approx(0.58, abs=0.005)


def test_one_radeon_with_a_quantized_cache_as_in_a_log() -> None:
    """
    Qwen2.5 Coder 32B at 32,768 cells of q8_0 on an RX 7900 XTX: 4352 MiB
    (https://github.com/ggml-org/llama.cpp/issues/11337).
    """
    estimate = llmprobe.estimate(
        llmprobe.load_model("qwen2.5-coder-32b"),
        quant="Q4_K_S",
        ctx_size=32768,
        parallel=1,
        gpu_layers="all",
        cache_type_k="q8_0",
        cache_type_v="q8_0",
        flash_attn="on",
        devices=1,
        backend="rocm",
    )
    assert estimate.devices[1].cache_bytes == 4352 * MIB


def test_an_arc_has_weights_and_cache_as_in_a_log() -> None:
    """
    Llama 2 7B in Q4_0 on an Arc A770 by SYCL: model 3577, context 2048, and 70 on the host, in whole MiB
    (https://github.com/ggml-org/llama.cpp/pull/27968).
    """
    estimate = llmprobe.estimate(
        llmprobe.load_model("llama2-7b"),
        quant="Q4_0",
        ctx_size=4096,
        parallel=1,
        gpu_layers="all",
        devices=1,
        backend="sycl",
    )
    host, arc = estimate.devices
    assert (arc.weights_bytes // MIB, arc.cache_bytes // MIB, host.weights_bytes // MIB) == (3577, 2048, 70)
