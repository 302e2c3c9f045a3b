"""
A projector in an estimate: terms of its own, on the right device, counted in totals and in what must fit.
"""

from typing import Unpack

import pytest

import llmprobe
from llmprobe.errors import RefusedError, UsageError
from llmprobe.estimation import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.estimate import DeviceEstimate, Estimate
from llmprobe.facts.settings import Settings, SettingsOptions

GPU = Hardware(devices=(Device(id="gpu0"), Device(id="gpu1")))
MIB = 1 << 20
WEIGHTS, COMPUTE, INPUTS = 857_715_840, 127_139_840, 9_633_792
"""Gemma 3 27B's on CUDA, as llama.cpp b11549 reports them."""


def gemma(engine: str | None = None, **settings: Unpack[SettingsOptions]) -> Estimate:
    """
    Gemma 3 27B on two CUDA devices.
    """
    spec = llmprobe.load_model("gemma-3-27b")
    settings["ctx_size"] = 4096
    return llmprobe.estimate(spec, quant="Q4_K_M", engine=engine, devices=2, **settings)


def of(estimate: Estimate, device: str) -> DeviceEstimate:
    """
    One device of an estimate.
    """
    found = estimate.device(device)
    assert found is not None
    return found


def test_a_projector_lies_on_the_first_device_with_inputs_on_the_host() -> None:
    """
    Weights and buffer are those that llama.cpp reports, on the first GPU only, and are in the totals.
    """
    answer = gemma()

    assert of(answer, "gpu0").projector_bytes == WEIGHTS + COMPUTE
    assert of(answer, "gpu1").projector_bytes == 0
    assert of(answer, "host").projector_bytes == INPUTS
    for device in answer.devices:
        assert device.total_bytes == sum(term.bytes for term in device.terms)
    assert answer.projector is not None
    assert (answer.projector.device, answer.projector.image_size) == ("gpu0", 896)


def test_without_a_projector_nothing_else_changes() -> None:
    """
    ``--mmproj none`` takes away the projector's bytes and nothing more.
    """
    full, bare = gemma(), gemma(mmproj="none")

    assert bare.projector is None
    for before, after in zip(full.devices, bare.devices, strict=True):
        assert after.projector_bytes == 0
        assert before.total_bytes - after.total_bytes == before.projector_bytes


def test_a_projector_in_ram() -> None:
    """
    ``--no-mmproj-offload`` keeps all of it in RAM; its buffer there is that of the processor.
    """
    answer = gemma(mmproj_offload=False)

    assert of(answer, "gpu0").projector_bytes == 0
    assert abs(of(answer, "host").projector_bytes - (857_714_112 + COMPUTE)) < MIB / 16
    assert answer.projector is not None
    assert answer.projector.device == "host"


def test_programs_that_read_no_images_load_no_projector() -> None:
    """
    llama-bench has no projector.
    """
    assert gemma(engine="llama-bench").projector is None
    assert gemma(engine="ollama").projector is not None


def test_what_the_largest_image_adds_must_fit() -> None:
    """
    With a budget for the first image alone the answer is "no": the range of the buffer is counted.
    """
    estimator = Estimator(llmprobe.load_model("qwen3-vl-8b"))
    settings = Settings(ctx_size=4096)
    devices = estimator.devices("Q4_K_M", settings, GPU)
    budgets = {"ram": 1 << 40, "vram0": devices[1].total_bytes, "vram1": 1 << 40}
    answer = estimator.estimate("Q4_K_M", settings, GPU, budgets)

    assert answer.projector is not None
    assert answer.projector.largest_image_bytes > 300 * MIB
    assert answer.fits is False
    (buffer,) = (term for term in devices[1].terms if term.name == "projector-compute")
    assert buffer.high_bytes is not None
    assert answer.missing_bytes == buffer.high_bytes - buffer.bytes


def test_the_search_counts_the_largest_image() -> None:
    """
    The totals that a search goes by have the projector after the largest image.
    """
    estimator = Estimator(llmprobe.load_model("qwen3-vl-8b"))
    with_it, without = Settings(ctx_size=4096), Settings(ctx_size=4096, mmproj="none")
    seen = estimator.estimate("Q4_K_M", with_it, GPU)
    assert seen.projector is not None
    apart = {
        name: estimator.without_compute("Q4_K_M", with_it, GPU)[name] - size
        for name, size in estimator.without_compute("Q4_K_M", without, GPU).items()
    }

    added = seen.projector.compute_bytes + seen.projector.largest_image_bytes
    assert apart["gpu0"] + apart["host"] == seen.projector.weights_bytes + added
    assert apart["gpu1"] == 0


def test_limits_of_an_image_are_settings() -> None:
    """
    ``--image-max-tokens`` bounds the image where its size is dynamic; contradicting limits are refused.
    """
    spec = llmprobe.load_model("qwen3-vl-8b")
    small = llmprobe.estimate(spec, devices=1, ctx_size=4096, image_max_tokens=1024)
    assert small.projector is not None
    assert (small.projector.image_size, small.projector.largest_image_size) == (1024, 1024)
    with pytest.raises(RefusedError):
        llmprobe.estimate(spec, devices=1, ctx_size=4096, image_max_tokens=4, image_min_tokens=9)
    with pytest.raises(UsageError):
        llmprobe.estimate(spec, devices=1, image_max_tokens=-1)


def test_a_model_that_reads_text_has_no_projector() -> None:
    """
    Nothing is loaded beside a text model, and nothing is said of it.
    """
    answer = llmprobe.estimate(llmprobe.load_model("llama3-8b"), devices=1, ctx_size=4096)

    assert answer.projector is None
    assert all(device.projector_bytes == 0 for device in answer.devices)


def test_compute_of_the_language_model_is_its_own() -> None:
    """
    The projector's buffer is apart from the model's: both are reserved by themselves.
    """
    estimator = Estimator(llmprobe.load_model("gemma-3-27b"))
    settings = Settings(ctx_size=4096)
    one = Hardware(devices=GPU.devices[:1])
    compute = estimator.parts("Q4_K_M", settings, one).compute.bytes

    found = {device.id: device.compute_bytes for device in estimator.devices("Q4_K_M", settings, one)}
    assert found == compute
