"""
The estimator as its callers use it: devices, budgets, refusals, documents.
"""

import msgspec
import pytest

from benchmarks.truth.loads import spec
from llmprobe.estimation import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.estimate import Estimate
from llmprobe.facts.settings import Settings
from llmprobe.facts.wire import decode, encode
from llmprobe.units import GIB
from llmprobe.words.message import message

GPU = Device(id="gpu0", compute_capability="8.9")
ALL = Hardware(devices=(GPU,))
LLAMA = Estimator(spec("llama3.1-8b"))
QWEN = Estimator(spec("qwen3-30b-a3b"))


@pytest.mark.parametrize(
    ("settings", "gib"),
    [
        (Settings(ctx_size=131072), 10.609375),
        (Settings(ctx_size=131072, parallel=4, kv_unified=True), 11.828125),
    ],
)
def test_sliding_windows_keep_a_long_context_small(settings: Settings, gib: float) -> None:
    """
    Gemma 3 27B keeps 10.6 GiB for 131072 tokens, 11.8 with the four slots of llama-server on one cache.
    """
    host, gpu = Estimator(spec("gemma3-27b")).devices("Q4_K_M", settings, ALL)
    assert (host.cache_bytes, gpu.cache_bytes / GIB) == (0, gib)


def test_a_device_is_the_sum_of_its_terms() -> None:
    """
    Nothing is counted that is not named.
    """
    for device in LLAMA.devices("Q4_K_M", Settings(ctx_size=8192, gpu_layers=10), ALL):
        assert device.total_bytes == sum(term.bytes for term in device.terms)


def test_totals_are_those_of_the_devices() -> None:
    """
    The numbers for a search are the same as those with words.
    """
    settings = Settings(ctx_size=8192, parallel=2)
    exact = LLAMA.totals("Q6_K", settings, ALL, exact=True)
    assert exact == {device.id: device.total_bytes for device in LLAMA.devices("Q6_K", settings, ALL)}


def test_totals_for_a_search_are_not_less() -> None:
    """
    Where layers stay on the host the search's figure is that of the largest such placement.
    """
    settings = Settings(ctx_size=8192, gpu_layers=17)
    exact = LLAMA.totals("Q4_K_M", settings, ALL, exact=True)
    found = LLAMA.totals("Q4_K_M", settings, ALL)
    assert all(found[name] >= size for name, size in exact.items())


def test_without_budgets_nobody_knows_whether_it_fits() -> None:
    """
    ``fits`` is None where a budget is unknown and nothing known is exceeded.
    """
    assert LLAMA.estimate("Q4_K_M", Settings(ctx_size=8192), ALL, {"ram": 64 * GIB}).fits is None


def test_what_fits_lacks_nothing() -> None:
    """
    Every pool is known and large enough.
    """
    found = LLAMA.estimate("Q4_K_M", Settings(ctx_size=8192), ALL, {"ram": 64 * GIB, "vram0": 24 * GIB})
    assert (found.fits, found.missing_bytes) == (True, 0)


def test_what_is_missing_is_said_in_bytes() -> None:
    """
    A budget of 1 GiB on the device lacks all that is beyond it.
    """
    found = LLAMA.estimate("Q4_K_M", Settings(ctx_size=8192), ALL, {"ram": 64 * GIB, "vram0": GIB})
    gpu = found.device("gpu0")
    assert gpu is not None
    assert (found.fits, found.missing_bytes) == (False, gpu.total_bytes - GIB)


def test_devices_of_one_pool_must_fit_it_together() -> None:
    """
    Unified memory is counted once: host and device add up.
    """
    shared = Hardware(devices=(Device(id="gpu0", backend="metal", pool="ram"),))
    devices = LLAMA.devices("Q4_K_M", Settings(ctx_size=8192), shared)
    together = sum(device.total_bytes for device in devices)
    found = LLAMA.estimate("Q4_K_M", Settings(ctx_size=8192), shared, {"ram": together - 1})
    assert (found.fits, found.missing_bytes) == (False, 1)


def test_what_a_device_and_its_pool_lack_is_counted_once() -> None:
    """
    Where both are too small, what the larger of the two shortfalls needs makes up for the other.
    """
    shared = Hardware(devices=(Device(id="gpu0", backend="metal", pool="ram"),))
    settings = Settings(ctx_size=8192)
    host, gpu = LLAMA.devices("Q4_K_M", settings, shared)
    both = host.total_bytes + gpu.total_bytes
    pool = LLAMA.estimate("Q4_K_M", settings, shared, {"ram": both - 9, "gpu0": gpu.total_bytes - 4})
    own = LLAMA.estimate("Q4_K_M", settings, shared, {"ram": both - 4, "gpu0": gpu.total_bytes - 9})

    assert (pool.missing_bytes, own.missing_bytes) == (9, 9)


def test_a_device_may_have_less_than_its_pool() -> None:
    """
    The working set of an accelerator limits it within memory that is large enough for both.
    """
    shared = Hardware(devices=(Device(id="gpu0", backend="metal", pool="ram"),))
    found = LLAMA.estimate("Q4_K_M", Settings(ctx_size=8192), shared, {"ram": 64 * GIB, "gpu0": GIB})
    assert found.fits is False


def test_a_context_beyond_the_trained_one_is_a_warning() -> None:
    """
    It can be run, so it is not an error.
    """
    found = LLAMA.estimate("Q4_K_M", Settings(ctx_size=262144), ALL)
    assert found.warnings == (message("warning.beyond-trained-context", ctx_size=262144, trained=131072),)


def test_an_estimate_survives_its_document() -> None:
    """
    What is written as JSON is read back as the same record.
    """
    found = QWEN.estimate("Q4_K_M", Settings(ctx_size=8192), ALL, explain=True)
    assert decode(encode(found), Estimate) == found


def test_the_number_that_keeps_all_experts_on_the_host() -> None:
    """
    It counts the layers up to the last with experts, the dense ones before them too.
    """
    estimator = Estimator(spec("deepseek-v2-lite"))
    moved = estimator.weights("Q4_K_M", Settings(n_cpu_moe=estimator.moe_layers), ALL)
    assert (estimator.moe_layers, moved["host"].experts > 0, moved["gpu0"].experts) == (27, True, 0)


def test_a_token_reads_only_the_experts_that_it_uses() -> None:
    """
    With everything on the device a token reads 8 of 128 experts and all the rest but the embedding.
    """
    _, gpu = QWEN.shares("Q4_K_M", Settings(ctx_size=512), ALL)
    weights = QWEN.weights("Q4_K_M", Settings(), ALL)["gpu0"]
    assert gpu.active_bytes == weights.layers + weights.experts * 8 // 128 + weights.output


def test_the_processor_reads_the_tied_embedding_as_output() -> None:
    """
    Alone, it multiplies with the embedding, whose row it also looks up.
    """
    estimator = Estimator(spec("llama3.2-1b"))
    (host,) = estimator.shares("Q8_0", Settings(ctx_size=512), Hardware())
    assert estimator.tensor_bytes("Q8_0") <= host.active_bytes < estimator.tensor_bytes("Q8_0") * 1.001


def test_an_unknown_architecture_is_estimated_with_a_warning() -> None:
    """
    A file of a new architecture still has weights and heads.
    """
    model = msgspec.structs.replace(spec("llama3.1-8b"), architecture="brand-new")
    found = Estimator(model).estimate("Q4_K_M", Settings(ctx_size=512), Hardware())
    assert found.warnings == (message("warning.architecture-unknown", architecture="brand-new"),)


def test_the_rule_of_thumb_stands_beside_the_exact_figure() -> None:
    """
    ``explain`` adds what the multiplication says, and why it differs.
    """
    found = QWEN.estimate("Q4_K_M", Settings(ctx_size=8192), ALL, explain=True)
    thumb = found.rule_of_thumb
    assert thumb is not None
    assert (thumb.f16_bytes, thumb.exact_bytes) == (2 * QWEN.model.parameters, found.total_bytes)
    assert message("thumb.experts", experts=128, used=8) in thumb.why


def test_only_a_model_that_pools_what_it_reads_both_ways_generates_nothing() -> None:
    """
    An encoder with a pooling type makes vectors; a diffusion model reads both ways too and writes text.
    """
    encoder = spec("bge-m3")
    unpooled = {name: value for name, value in encoder.hparams.items() if name != "pooling_type"}

    assert not Estimator(encoder).generates
    assert Estimator(msgspec.structs.replace(encoder, hparams=unpooled)).generates
    assert LLAMA.generates


def test_the_rule_of_thumb_is_the_usual_multiplication() -> None:
    """
    Two bytes per parameter, 20 to 50% on top, and 0.6 bytes for four bits.
    """
    thumb = LLAMA.estimate("Q4_K_M", Settings(ctx_size=8192), ALL, explain=True).rule_of_thumb
    parameters = LLAMA.model.parameters

    assert thumb is not None
    assert thumb.f16_bytes == 2 * parameters
    assert thumb.with_overhead_low_bytes == int(2.4 * parameters)
    assert thumb.with_overhead_high_bytes == 3 * parameters
    assert thumb.four_bit_bytes == int(0.6 * parameters)


def test_the_parameters_of_a_token_are_where_its_bytes_are() -> None:
    """
    Each device multiplies its part of the weights of the layers, which are 6,979,321,856 of an 8B: all but embedding
    and output.
    """
    settings = Settings(ctx_size=8192, gpu_layers=20)
    host, gpu = LLAMA.shares("Q4_K_M", settings, ALL)
    assert host.parameters is not None
    assert gpu.parameters is not None
    active = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336)
    assert abs(host.parameters + gpu.parameters - active) <= 1
    assert host.layers == 13
    assert 0.39 < host.parameters / active < 0.42
