"""
Caches that a device cannot bind: llama.cpp ends on them, so they are refused, with the longest context that loads.
"""

import pytest

from benchmarks.accuracy_backends import measure_refusals
from benchmarks.truth.backends import KINDS
from benchmarks.truth.loads import spec
from llmprobe.estimation import Estimator
from llmprobe.estimation.memory.largest import CacheTooLargeError
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings

OLMO = Estimator(spec("olmo-2-13b-instruct"))
ROW = 2 * 5120
"""The bytes of one token's K in f16: 40 heads of 128 values."""


def _with(driver: str, *, backend: str = "vulkan") -> Hardware:
    return Hardware(devices=(Device(id="gpu0", backend=backend, driver=driver),))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_what_llama_cpp_refuses_or_ends_on_is_refused(kind: str) -> None:
    """
    Of the measured loads of each kind of device none that failed is estimated.
    """
    assert measure_refusals(kind)[1] == []


def test_the_longest_context_is_told_and_loads() -> None:
    """
    AMD's own driver binds 2 GiB: 209,715 rows of 10,240 bytes, so 209,664 cells, which are multiples of 256.
    """
    longest = (2 << 30) // ROW // 256 * 256
    with pytest.raises(CacheTooLargeError) as caught:
        OLMO.setup(Settings(ctx_size=262144), _with("amd"))

    assert caught.value.message.values == {
        "device": "gpu0",
        "layer": 0,
        "bytes": 262144 * ROW,
        "largest": 2 << 30,
    }
    assert caught.value.hint is not None
    assert caught.value.hint.values == {"ctx_size": longest}
    assert caught.value.beyond_bytes == 262144 * ROW - (2 << 30)
    assert OLMO.setup(Settings(ctx_size=longest), _with("amd")).settings.ctx_size == longest
    with pytest.raises(CacheTooLargeError):
        OLMO.setup(Settings(ctx_size=longest + 256), _with("amd"))


def test_slots_with_caches_of_their_own_share_the_context() -> None:
    """
    Two slots have as many cells each, rounded down to 256, and in one tensor.
    """
    with pytest.raises(CacheTooLargeError) as caught:
        OLMO.setup(Settings(ctx_size=262144, parallel=2), _with("amd"))

    assert caught.value.hint is not None
    assert caught.value.hint.values == {"ctx_size": 2 * ((2 << 30) // ROW // 2 // 256 * 256)}


@pytest.mark.parametrize(
    ("hardware", "changes"),
    [
        (_with(""), {}),
        (_with("wide"), {"ctx_size": 1048576}),
        (_with("amd"), {"kv_offload": False}),
        (_with("amd"), {"gpu_layers": 0}),
        (_with("amd"), {"cache_type_k": "q8_0", "cache_type_v": "q8_0"}),
        (_with("", backend="rocm"), {}),
        (_with("", backend="metal"), {"ctx_size": 1048576}),
    ],
)
def test_what_is_bound_or_lies_in_ram_is_not_refused(hardware: Hardware, changes: dict[str, object]) -> None:
    """
    Another driver, smaller types, the cache or the layers in RAM, another backend.
    """
    settings = Settings(**({"ctx_size": 262144} | changes))  # type: ignore[arg-type]

    assert OLMO.setup(settings, hardware).settings.ctx_size == settings.ctx_size
