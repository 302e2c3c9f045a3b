"""
Types of K and V that a backend has no kernel for are slow.
"""

import pytest

from benchmarks.truth.loads import spec
from llmprobe import api
from llmprobe.estimation import Estimator
from llmprobe.estimation.cache_kernels import Reading, converted_times, reading
from llmprobe.facts.backends import BackendName
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings, Switch

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
    assert converted_times("f16", "f16") == 1.0
    assert converted_times("q8_0", "f16") == pytest.approx(1 + 4 / (34 / 32 + 2))
    assert converted_times("q5_1", "q8_0") == pytest.approx(1 + 8 / (24 / 32 + 34 / 32))


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
    At a full context, than with f16 for both; and so it is where every head unpacks q8_0 for itself.
    """
    model = api.load_model("llama3.1-8b")
    card = api.probe(gpus=("RTX 3090",), ram_bytes=64 << 30)
    mixed, same, plain = (
        api.estimate(model, snapshot=card, ctx_size=65536, cache_type_k=k, cache_type_v=v)
        for k, v in (("q5_1", "q8_0"), ("q8_0", "q8_0"), ("f16", "f16"))
    )

    slow, unpacked, fast = (one.speed.generation_at_full_context_tokens_per_s for one in (mixed, same, plain))
    assert slow is not None
    assert unpacked is not None
    assert fast is not None
    assert max(slow.likely, unpacked.likely) < 0.8 * fast.likely


@pytest.mark.parametrize(
    ("backend", "kind", "flash", "single"),
    [
        ("cuda", "q8_0", "on", 1.0),
        ("rocm", "q4_0", "on", 1.0),
        ("cuda", "f16", "on", 0.0),
        ("cuda", "bf16", "on", 0.0),
        ("cuda", "q5_1", "on", 0.0),
        ("cuda", "f16", "off", 1.0),
        ("vulkan", "q8_0", "on", 0.0),
        ("metal", "q8_0", "on", 0.0),
        ("metal", "f16", "off", 0.0),
    ],
)
def test_heads_unpack_a_quantized_cache_one_by_one(
    backend: BackendName, kind: str, flash: Switch, single: float
) -> None:
    """
    CUDA's vector kernel computes a token's attention over quantized types, and no kernel shares what it reads without
    flash attention; the bytes of the cache are what it stores, but where it is converted.
    """
    settings = Settings(ctx_size=32768, cache_type_k=kind, cache_type_v=kind, flash_attn=flash)
    estimator = Estimator(LLAMA)
    card = next(share for share in estimator.shares("Q4_K_M", settings, _card(backend)) if share.layers)
    stored = sum(size for _, size in estimator.caches(settings, _card(backend))["gpu0"])

    assert card.single_operations == single * card.attention_operations > -1
    assert card.attention_operations == 4 * 32 * 128 * 32768 * 32
    assert card.cache_bytes == round(stored * (converted_times(kind, kind) if kind == "q5_1" else 1))


def test_wide_heads_are_converted_also_where_the_vector_kernel_has_the_types() -> None:
    """
    Gemma 4 26B's five global layers have heads of 512 values, wider than it takes: half their q8_0 values are written
    as f16 and read, which moves 4 bytes for each of 34 / 32; the windows of 1,024 tokens and the batch behind them are
    unpacked.
    """
    estimator = Estimator(api.load_model("gemma-4-26b-a4b-it"))
    settings = Settings(ctx_size=131072, cache_type_k="q8_0", cache_type_v="q8_0", flash_attn="on")
    card = next(share for share in estimator.shares("Q4_K_M", settings, _card()) if share.layers)
    stored = sum(size for _, size in estimator.caches(settings, _card())["gpu0"])
    windows = 25 * 4 * 16 * 256 * 1536

    assert card.single_operations == windows
    assert card.attention_operations == windows + 5 * 4 * 16 * 512 * 131072
    part = windows / card.attention_operations
    assert card.cache_bytes == round(stored * (1 + 4 / (34 / 32) * (1 - part)))


def test_a_latent_cache_is_for_no_vector_kernel() -> None:
    """
    Its heads have 576 values, and 20 of GLM 4.7 Flash are two tiles of 16 to a matrix kernel.
    """
    settings = Settings(ctx_size=4096, flash_attn="on")
    card = next(
        share
        for share in Estimator(api.load_model("glm-4.7-flash")).shares("Q4_K_M", settings, _card())
        if share.layers
    )

    assert (card.latent_heads, card.single_operations) == (20, 0)
    assert card.attention_operations == 47 * 2 * 20 * (576 + 576) * 4096
