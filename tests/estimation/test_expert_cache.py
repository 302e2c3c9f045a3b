"""
The cache of experts: how many fit a budget, what that takes, and where llama.cpp refuses it.
"""

import pytest

from benchmarks.accuracy_devices import measure
from benchmarks.truth.devices import experts_cases
from llmprobe.errors import RefusedError
from llmprobe.estimation import Estimator
from llmprobe.estimation.memory.expert_cache import ExpertCache
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings
from tests.advise.machines import LLAMA_8B, QWEN3_30B, model

SPARSE = model("qwen3moe", QWEN3_30B)
EXPERT = 2 * 2048 * 768
"""The bytes of one matrix of an expert in F16; it has three, in each of 48 layers 128 experts, 8 for a token."""

MIB = 1 << 20


def _gpus(count: int) -> Hardware:
    return Hardware(devices=tuple(Device(id=f"gpu{number}") for number in range(count)))


def _cache(mib: int, count: int = 1, **settings: object) -> ExpertCache:
    told = Settings(ctx_size=4096, n_cpu_moe=48, moe_cache_mib=mib, **settings)  # type: ignore[arg-type]
    return Estimator(SPARSE).parts("F16", told, _gpus(count)).experts


def test_every_measured_buffer_is_equal_to_the_byte() -> None:
    """
    Loads with a cache of experts, and with dense feed-forward weights on the host.
    """
    counts = measure(list(experts_cases())[::4])

    assert counts.differing == []
    assert counts.equal == counts.buffers > 500


def test_a_budget_pays_for_one_slot_more_than_it_counts() -> None:
    """
    900 MiB are 100 matrices of three: 99 slots, and the one behind the last.
    """
    cache = _cache(900)

    assert cache.bytes["gpu0"] == 100 * 3 * EXPERT == 900 * MIB
    assert set(cache.slots.values()) == {99}
    assert len(cache.slots) == 48


def test_the_host_keeps_a_table_for_each_layer() -> None:
    """
    Four bytes for each of 128 experts in 48 layers.
    """
    assert _cache(900).bytes["host"] == 48 * 4 * 128


def test_no_budget_gets_more_than_all_experts() -> None:
    """
    48 layers of 128 experts and one slot.
    """
    assert _cache(100_000).bytes["gpu0"] == (48 * 128 + 1) * 3 * EXPERT


def test_two_devices_share_the_budget_as_they_share_the_layers() -> None:
    """
    Three to one: 675 and 225 MiB, 75 and 25 matrices of three.
    """
    cache = _cache(900, 2, tensor_split=(3.0, 1.0))

    assert (cache.bytes["gpu0"], cache.bytes["gpu1"]) == (675 * MIB, 225 * MIB)


def test_layers_on_the_host_are_not_cached() -> None:
    """
    Of 48 layers and the output 20 are on the device.
    """
    assert sorted(_cache(900, gpu_layers=20).slots) == list(range(29, 48))


def test_without_experts_on_the_host_there_is_nothing_to_cache() -> None:
    """
    All of them are on the device already.
    """
    parts = Estimator(SPARSE).parts("F16", Settings(ctx_size=4096, moe_cache_mib=900), _gpus(1))

    assert parts.experts.bytes == {}


def test_a_cache_ends_pipelining() -> None:
    """
    Even where nothing is cached: two devices take what they take one after the other.
    """
    estimator = Estimator(SPARSE)
    plain, cached = (
        estimator.parts("F16", Settings(ctx_size=4096, moe_cache_mib=mib), _gpus(2)).compute.bytes
        for mib in (0, 900)
    )

    assert cached["gpu1"] < plain["gpu1"]


def test_small_micro_batches_read_the_cache_and_copy_no_experts() -> None:
    """
    With 32 tokens the device needs no room for all experts of a layer, with 64 it does.
    """
    estimator = Estimator(SPARSE)

    def compute(ubatch_size: int) -> int:
        told = Settings(ctx_size=4096, n_cpu_moe=48, moe_cache_mib=3000, ubatch_size=ubatch_size)
        return estimator.parts("F16", told, _gpus(1)).compute.bytes["gpu0"]

    assert compute(32) < 128 * EXPERT < compute(64)


@pytest.mark.parametrize(
    ("settings", "devices", "sparse", "what"),
    [
        (Settings(n_cpu_moe=48, moe_cache_mib=72), 1, True, "error.expert-cache-too-small"),
        (Settings(n_cpu_moe=48, moe_cache_mib=900), 0, True, "error.expert-cache-without-devices"),
        (Settings(moe_cache_mib=900), 1, False, "error.expert-cache-without-experts"),
        (Settings(moe_cache_mib=900, split_mode="tensor"), 2, True, "error.expert-cache-in-tensor-split"),
    ],
)
def test_what_llama_cpp_refuses_is_refused(settings: Settings, devices: int, sparse: bool, what: str) -> None:
    """
    A budget below the experts of one token (8 and the slot behind them), no GPU, a dense model, split tensors.
    """
    spec = SPARSE if sparse else model("llama", LLAMA_8B)
    with pytest.raises(RefusedError) as caught:
        Estimator(spec).parts("F16", settings, _gpus(devices))

    assert caught.value.message.id == what
