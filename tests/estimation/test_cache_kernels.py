"""
Types of K and V that a backend has no kernel for are slow.
"""

import pytest

from benchmarks.truth.loads import spec
from llmprobe import api
from llmprobe.estimation import Estimator
from llmprobe.estimation.cache_kernels import Reading, read_times, reading
from llmprobe.facts.backends import BackendName
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings

LLAMA = spec("llama3.1-8b")
LAYOUT = Estimator(LLAMA).layout


def _card(backend: BackendName = "cuda") -> Hardware:
    return Hardware(devices=(Device(id="gpu0", backend=backend, bandwidth_bytes_per_s=936_000_000_000),))


@pytest.mark.parametrize(
    ("backend", "k", "v", "how"),
    [
        ("cuda", "f16", "f16", "as it is"),
        ("cuda", "f32", "f16", "as it is"),
        ("cuda", "q8_0", "q8_0", "as it is"),
        ("cuda", "q8_0", "f16", "converted"),
        ("cuda", "q5_1", "q8_0", "converted"),
        ("rocm", "q5_0", "q5_0", "converted"),
        ("cuda", "iq4_nl", "q8_0", "on the CPU"),
        ("cuda", "iq4_nl", "f16", "off"),
        ("metal", "q5_1", "q5_1", "as it is"),
        ("metal", "q5_1", "q8_0", "on the CPU"),
        ("metal", "q8_0", "f16", "off"),
        ("sycl", "q8_0", "q4_0", "on the CPU"),
        ("vulkan", "q5_1", "q8_0", "as it is"),
        ("vulkan", "bf16", "f16", "off"),
    ],
)
def test_each_backend_has_its_pairs(backend: BackendName, k: str, v: str, how: Reading) -> None:
    """
    A quantized V puts flash attention on, whatever the kernels; without one it is left off where it may be.
    """
    assert reading(Settings(cache_type_k=k, cache_type_v=v), _card(backend), LAYOUT) == how


def test_without_flash_attention_or_gpu_there_is_nothing_to_convert() -> None:
    """
    The question is one of flash attention's kernels on a device.
    """
    mixed = Settings(cache_type_k="q8_0", cache_type_v="f16")

    assert reading(mixed, Hardware(), LAYOUT) == "as it is"
    assert reading(Settings(cache_type_k="q8_0", flash_attn="off"), _card(), LAYOUT) == "as it is"


def test_what_is_converted_is_written_and_read_again() -> None:
    """
    q8_0 takes 34 bytes for 32 values: beside f16 its half moves 4 bytes a value more, in q5_1 and q8_0 both do.
    """
    assert read_times("f16", "f16", "cuda") == 1.0
    assert read_times("q8_0", "f16", "cuda") == pytest.approx(1 + 4 / (34 / 32 + 2))
    assert read_times("q5_1", "q8_0", "cuda") == pytest.approx(1 + 8 / (24 / 32 + 34 / 32))


def test_attention_on_the_cpu_is_as_slow_as_over_a_cache_in_ram() -> None:
    """
    The processor reads what the card would have read.
    """
    settings = Settings(ctx_size=32768, cache_type_k="q5_1", cache_type_v="q8_0", flash_attn="on")
    host, card = Estimator(LLAMA).shares("Q4_K_M", settings, _card("metal"), ram_bandwidth=80_000_000_000)

    assert host.cache_bytes > 0
    assert card.cache_bytes == 0


def test_an_estimate_is_slower_with_types_that_are_converted() -> None:
    """
    At a full context, than with q8_0 for both.
    """
    model = api.load_model("llama3.1-8b")
    card = api.probe(gpus=("RTX 3090",), ram_bytes=64 << 30)
    mixed, same = (
        api.estimate(model, snapshot=card, ctx_size=65536, cache_type_k=kind, cache_type_v="q8_0")
        for kind in ("q5_1", "q8_0")
    )

    slow, fast = (one.speed.generation_at_full_context_tokens_per_s for one in (mixed, same))
    assert slow is not None
    assert fast is not None
    assert slow.likely < 0.7 * fast.likely
