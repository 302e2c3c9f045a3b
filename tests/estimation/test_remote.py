"""
Devices behind rpc-servers: what llama.cpp measured on them, and what else holds of them.
"""

from itertools import islice

import pytest

from benchmarks.accuracy_devices import measure
from benchmarks.truth.loads import spec
from benchmarks.truth.remote import remote_cases
from llmprobe.estimation import Estimator
from llmprobe.facts.backends import BACKENDS, DRIVERS, kinds_apart, kinds_together
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings

MIB = 1 << 20
REMOTE = Device(id="rpc0", backend="rpc")
CARD = Device(id="gpu0")
MODEL = spec("llama3.1-8b")


def compute(settings: Settings, *devices: Device) -> tuple[dict[str, int], dict[str, int] | None]:
    buffers = Estimator(MODEL).parts("Q4_K_M", settings, Hardware(devices=devices)).compute
    return buffers.bytes, buffers.allocated_bytes


def test_every_buffer_of_remote_devices_is_equal_to_the_byte() -> None:
    """
    In a third of the loads, with one or two remote devices, alone and before or behind a card, and a remote processor.
    """
    counts = measure(islice(remote_cases(), 0, None, 3))

    assert counts.differing == []
    assert counts.equal == counts.buffers > 200


def test_a_first_attention_over_a_quantized_cache_has_copies_of_k_and_v() -> None:
    """
    llama3.1-8b has 1,024 values of K and of V per cell and layer. Over 65,536 cells the copies in f16 are 128 MiB each
    beside 4,096 values of 512 tokens; the truth was asked after a load with an f16 cache, so has none.
    """
    plain, same = compute(Settings(ctx_size=65536), REMOTE)
    later, first = compute(Settings(ctx_size=65536, cache_type_k="q8_0", cache_type_v="q8_0"), REMOTE)

    assert same is None
    assert abs(later["rpc0"] - plain["rpc0"]) < MIB
    assert first is not None
    attention = 4 * 4096 * 512 + 2 * 128 * MIB
    assert later["rpc0"] < attention < first["rpc0"] < attention + later["rpc0"]
    assert first["host"] == later["host"]


def test_a_remote_processor_makes_no_copies() -> None:
    """
    What a processor computes has no room behind its result.
    """
    served = Device(id="rpc0", backend="rpc", driver="cpu")
    later, first = compute(Settings(ctx_size=65536, cache_type_k="q8_0", cache_type_v="q8_0"), served)

    assert first == later


def test_weights_of_the_host_are_not_sent_over_the_network() -> None:
    """
    With experts or layers on the host a card's buffer has room for a copy of the largest weight, a remote one has not:
    the output matrix alone is 410 MiB in Q6_K.
    """
    half = Settings(ctx_size=4096, gpu_layers=16)
    card, _ = compute(half, CARD)
    remote, _ = compute(half, REMOTE)

    assert remote["rpc0"] < card["gpu0"]
    assert remote["host"] > card["host"]


def test_kinds_of_devices_have_one_name_together() -> None:
    """
    Equal ones that of each, others all of them in order; the way back needs the number of equal ones.
    """
    assert kinds_together(["cuda", "cuda"]) == "cuda"
    assert kinds_together(["rpc", "vulkan-radv", "rpc"]) == "rpc+vulkan-radv+rpc"
    assert kinds_apart("cuda", 2) == ("cuda", "cuda")
    assert kinds_apart("rpc+vulkan-radv+rpc", 3) == ("rpc", "vulkan-radv", "rpc")


@pytest.mark.parametrize("kind", [f"rpc-{name}" if name else "rpc" for name in BACKENDS["rpc"].drivers])
def test_a_remote_device_has_no_host_memory_and_no_limit(kind: str) -> None:
    """
    Nothing of the client is pinned for it, and it is believed to bind any tensor.
    """
    assert DRIVERS[kind].host_align is None
    assert DRIVERS[kind].largest is None


@pytest.mark.parametrize(
    ("local", "driver", "model"),
    [("vulkan", "", "deepseek-v2-lite"), ("metal", "", "llama3.1-8b"), ("sycl", "", "granite-4.0-h-tiny")],
)
def test_remote_devices_stand_beside_those_of_every_backend(local: str, driver: str, model: str) -> None:
    """
    The card's own weights are the same bytes whether the other layers are on a remote device or on a card like it.
    """
    import msgspec

    from llmprobe.facts.backends import BackendName

    own = Device(id="gpu1", backend=msgspec.convert(local, BackendName), driver=driver)
    other = msgspec.structs.replace(own, id="gpu0")
    settings = Settings(ctx_size=4096, tensor_split=(1.0, 1.0))
    estimator = Estimator(spec(model))
    both = estimator.parts("Q4_K_M", settings, Hardware(devices=(other, own)))
    mixed = estimator.parts("Q4_K_M", settings, Hardware(devices=(REMOTE, own)))

    assert mixed.weights["gpu1"] == both.weights["gpu1"]
    assert mixed.caches["gpu1"] == both.caches["gpu1"]
    assert mixed.compute.bytes["gpu1"] > 0
    assert mixed.compute.basis == "derived"
