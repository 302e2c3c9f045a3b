"""
Three, four and eight devices: what llama.cpp measured and allocated on each.
"""

from itertools import islice

import pytest

from benchmarks.accuracy_devices import measure, measure_refusals, of_split
from benchmarks.truth.devices import hybrid_cases
from benchmarks.truth.loads import spec
from llmprobe.estimation import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings


@pytest.mark.parametrize(("mode", "step"), [("layer", 9), ("tensor", 7)])
def test_every_buffer_of_several_devices_is_equal_to_the_byte(mode: str, step: int) -> None:
    """
    In a sample of the loads weights, caches and compute of each device are exact, measured and allocated.
    """
    counts = measure(islice(of_split(mode), 0, None, step))

    assert counts.differing == []
    assert counts.equal == counts.buffers > 200


def test_hybrid_models_are_exact_with_their_state_or_experts_on_the_host() -> None:
    """
    In a sample of the loads: blocks of nothing leave the allocator's list out of order, and a scan finds them.
    """
    counts = measure(islice(hybrid_cases(), 0, None, 29))

    assert counts.differing == []
    assert counts.equal == counts.buffers > 200


def test_what_llama_cpp_refuses_to_split_is_refused() -> None:
    """
    Rows on CUDA, and tensors of architectures that it does not split.
    """
    count, taken = measure_refusals()

    assert (taken, count > 30) == ([], True)


def test_people_are_told_what_a_load_takes_and_what_fit_counts() -> None:
    """
    With pipelining over three devices all but the first take 16 x width x micro-batch less than --fit measures.
    """
    hardware = Hardware(devices=tuple(Device(id=f"gpu{number}") for number in range(3)))
    model = spec("llama3.1-8b")
    _, first, *others = Estimator(model).devices("Q4_K_M", Settings(ctx_size=8192), hardware)

    assert [term.how.id for term in first.terms if term.kind == "compute"] == ["term.compute-as-llama-cpp"]
    for device in others:
        (term,) = (term for term in device.terms if term.kind == "compute")
        assert term.how.id == "term.compute-of-a-load"
        assert term.how.values["measured"] == term.bytes + 16 * 4096 * 512
