"""
Weights that a device cannot bind stay in RAM, and the estimate says how many.
"""

from benchmarks.truth.loads import spec
from llmprobe.estimation import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.estimate import Estimate
from llmprobe.facts.settings import Settings

R1 = Estimator(spec("deepseek-r1-671b"))
AMD = Hardware(devices=(Device(id="gpu0", backend="vulkan", driver="amd"),))
NVIDIA = Hardware(devices=(Device(id="gpu0", backend="vulkan"),))
DOWN = 2048 * 7168 * 256
"""The values of the down projections of one layer's experts."""


def _estimate(hardware: Hardware, **settings: object) -> Estimate:
    asked = Settings(**({"ctx_size": 4096} | settings))  # type: ignore[arg-type]
    return R1.estimate("Q4_K_M", asked, hardware, {})


def test_experts_beyond_two_gib_stay_in_ram_with_amds_driver() -> None:
    """
    27 layers have these in q6_K, 210 bytes for 256 values, which is 2.87 GiB each; in q4_K they have 1.97.
    """
    (warning,) = [one for one in _estimate(AMD).warnings if one.id == "warning.weights-too-large"]

    assert DOWN // 256 * 210 > 2 << 30 > DOWN // 256 * 144
    assert warning.values["largest"] == 2 << 30
    assert warning.values["tensors"] == 83_235_962_880 // (DOWN // 256 * 210)
    # The measured load leaves 83,235,962,880 bytes in plain memory.
    assert warning.values["bytes"] == 83_235_962_880


def test_nothing_is_said_where_all_is_bound_or_in_ram_anyway() -> None:
    """
    4 GiB are enough for each tensor; experts that are told to stay in RAM do so for that.
    """
    for hardware, settings in ((NVIDIA, {}), (AMD, {"n_cpu_moe": 99}), (AMD, {"gpu_layers": 0})):
        found = _estimate(hardware, **settings).warnings
        assert all(one.id != "warning.weights-too-large" for one in found)
