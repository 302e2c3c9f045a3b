"""
Compute buffers are those that llama.cpp was measured to reserve. The benchmark compares all loads.
"""

import msgspec
import pytest

from benchmarks.accuracy_compute import compare, differences, request_of
from benchmarks.truth.loads import memory_cases, spec
from llmprobe.estimation import Estimator
from llmprobe.estimation.compute.buffers import ComputeBytes, ComputeEngine, ComputeRequest
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.units import MIB

SAMPLE = 307
GIB = 1 << 30


def _request(model: str, **changes: object) -> ComputeRequest:
    """A full offload of a measured model to one device, changed."""
    case = next(
        case
        for case in memory_cases(model)
        if len(case.hardware.devices) == 1 and case.told.gpu_layers is None
    )
    request = request_of(case, Estimator(spec(model)))
    told = {name: changes.pop(name) for name in tuple(changes) if name in ResolvedSettings.__struct_fields__}
    settings = msgspec.structs.replace(request.settings, **told)
    return msgspec.structs.replace(request, settings=settings, **changes)


def compute_buffers(request: ComputeRequest) -> ComputeBytes:
    """The answer of a new engine."""
    return ComputeEngine().buffers(request)


def _two_devices(model: str, **changes: object) -> ComputeRequest:
    """The first half of a model on one device, the rest on another."""
    layers = int(spec(model).hparams["block_count"]) + 1
    places = ("gpu0",) * (layers // 2) + ("gpu1",) * (layers - layers // 2)
    return _request(model, devices=("gpu0", "gpu1"), layer_devices=places, **changes)


@pytest.mark.parametrize("whole", [False, True])
def test_compute_buffers_are_equal_to_the_byte(whole: bool) -> None:
    """
    In a sample of the measured loads the buffers of all devices are exact, with a few layers built and with all.
    """
    off = {
        f"{case.model} {case.settings}": differences(case, answer)
        for case, answer, _ in compare(step=SAMPLE, whole=whole)
    }
    assert {load: sizes for load, sizes in off.items() if sizes} == {}


@pytest.mark.parametrize("model", ["llama3.1-8b", "gemma3-4b", "qwen3-30b-a3b", "gpt-oss-20b"])
@pytest.mark.parametrize("host_layers", [0, 1, 5, 6])
def test_a_few_layers_stand_for_all(model: str, host_layers: int) -> None:
    """
    Building enough layers of each kind gives the buffers of the whole model, wherever the model is cut.
    """
    base = _request(model)
    places = ("host",) * host_layers + base.layer_devices[host_layers:]
    request = msgspec.structs.replace(base, layer_devices=places)
    assert compute_buffers(request).bytes == ComputeEngine().buffers_in_full(request).bytes


@pytest.mark.parametrize("model", ["llama3.1-8b", "qwen3-30b-a3b"])
def test_a_load_that_allocates_takes_less_on_the_last_device(model: str) -> None:
    """
    With pipelining llama.cpp's measuring forgets where nodes were put, which costs four rows in four copies.
    """
    answer = compute_buffers(_two_devices(model, ubatch_size=256))
    width = int(spec(model).hparams["embedding_length"])
    assert answer.allocated_bytes == {**answer.bytes, "gpu1": answer.bytes["gpu1"] - 16 * width * 256}


def test_a_load_on_one_device_allocates_what_is_measured() -> None:
    """
    Without pipelining there is no second figure.
    """
    assert compute_buffers(_request("llama3.1-8b")).allocated_bytes is None


def test_a_quantized_value_cache_puts_flash_attention_on() -> None:
    """
    ``auto`` does not look for a kernel if values are quantized: there is no other way to read them.
    """
    answer = compute_buffers(_request("llama3.1-8b", cache_type_v="q8_0"))
    assert answer.flash_attn is True


def test_layers_that_read_the_cache_of_others_turn_flash_attention_off() -> None:
    """
    Of Gemma 3n on the host, norms of 8 heads by 4 sequences go to the device, attention with them, unless it is told.
    """
    model = "gemma3n-e4b"
    host = ("host",) * (int(spec(model).hparams["block_count"]) + 1)
    one, four = (
        compute_buffers(_request(model, layer_devices=host, parallel=count, kv_unified=True)).flash_attn
        for count in (1, 4)
    )
    assert (one, four) == (True, False)


def test_an_unknown_graph_is_an_assumption_with_a_range() -> None:
    """
    Without the architecture's graph the answer is a bound: from half of it to twice, and 64 MiB for what it lacks.
    """
    answer = compute_buffers(_request("llama3.1-8b", architecture="unheard-of"))
    assert answer.basis == "assumed"
    assert answer.bytes["gpu0"] > 0
    assert answer.low_bytes == {name: size // 2 for name, size in answer.bytes.items()}
    assert answer.high_bytes == {name: 2 * size + 64 * MIB for name, size in answer.bytes.items()}


def test_larger_batches_need_larger_buffers() -> None:
    """
    Twice the tokens at a time need more on the device.
    """
    small, large = (
        compute_buffers(_request("llama3.1-8b", ubatch_size=rows)).bytes["gpu0"] for rows in (512, 1024)
    )
    assert small < large


def test_limited_outputs_save_the_logits_of_the_others() -> None:
    """
    One row of logits instead of 512 saves most of what a vocabulary of 128,256 would take.
    """
    all_rows = compute_buffers(_request("llama3.1-8b", outputs_max=0)).bytes["gpu0"]
    one_row = compute_buffers(_request("llama3.1-8b", outputs_max=1)).bytes["gpu0"]
    assert (all_rows > 128256 * 512 * 4, one_row < GIB // 4) == (True, True)
