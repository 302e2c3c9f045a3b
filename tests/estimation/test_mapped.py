"""
Ranges of a mapped file: for a GPU of a Mac and for the processor beside it.
"""

from itertools import islice

import msgspec

from benchmarks.accuracy_mapped import measure
from benchmarks.truth.loads import spec
from benchmarks.truth.mapped import mapped_cases
from llmprobe.estimation import Estimator
from llmprobe.estimation.memory.mapped import mapped
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.estimate import Estimate
from llmprobe.facts.settings import Settings

MAC = Hardware(devices=(Device(id="gpu0", backend="metal", pool="ram"),), cpu="arm")
MODEL = spec("llama3.2-1b")


def estimated(budget: int, **settings: bool | int) -> Estimate:
    told = Settings(ctx_size=4096, **settings)  # type: ignore[arg-type]
    return Estimator(MODEL).estimate("Q4_K_M", told, MAC, {"ram": 64 << 30, "gpu0": budget})


def test_every_range_is_equal_to_the_byte() -> None:
    """
    In half of the loads, with all layers on the GPU and with some, and what the processor keeps in another order.
    """
    counts = measure(islice(mapped_cases(), 0, None, 2))

    assert counts.differing == []
    assert counts.ranges_equal == counts.ranges == 3 * counts.loads == 132


def test_one_layer_of_a_tied_model_spans_the_whole_file() -> None:
    """
    The output matrix is the embedding, the first of the file, and the last layer stands at its end.
    """
    estimator = Estimator(MODEL)
    setup = estimator.setup(Settings(ctx_size=4096, gpu_layers=2), MAC)
    tensors = estimator.typed_tensors("Q4_K_M")
    found = mapped(estimator.table("Q4_K_M"), tensors, setup.spans, cpu="arm")
    none = mapped(estimator.table("Q4_K_M"), tensors, setup.spans, cpu="arm", repack=False)

    assert found.device > 0.99 * estimator.tensor_bytes("Q4_K_M")
    assert none.repacked == 0 < found.repacked
    assert none.host >= found.host


def test_a_span_beyond_the_budget_is_warned_of() -> None:
    """
    Half of the layers fit a budget that the span of the file does not; with all layers, without mmap or with a larger
    budget nothing is said.
    """
    half = estimated(64 << 30, gpu_layers=8).devices[1]
    tight = half.total_bytes + (64 << 20)
    (warning,) = (one for one in estimated(tight, gpu_layers=8).warnings if one.id == "warning.mapped-span")

    missing, span = (msgspec.convert(warning.values[name], int) for name in ("missing_bytes", "span_bytes"))
    assert warning.values["weights_bytes"] == half.weights_bytes
    assert span == half.weights_bytes + missing + (64 << 20)
    assert span > 0.99 * Estimator(MODEL).tensor_bytes("Q4_K_M")
    for budget, settings in (
        (64 << 30, {"gpu_layers": 8}),
        (tight, {"gpu_layers": 8, "mmap": False}),
        (tight, {}),
    ):
        ids = [one.id for one in estimated(budget, **settings).warnings]
        assert "warning.mapped-span" not in ids
