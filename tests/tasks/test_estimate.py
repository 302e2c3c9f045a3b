"""
An estimate: which quantization it is of, on which devices, and what is said beside it.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.facts.estimate import Estimate
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.remote import RpcDevice, RpcServer
from llmprobe.source import rpc_server
from llmprobe.tasks import estimate as task
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, QWEN3_30B, machine, model

LLAMA = model("llama", LLAMA_8B)
MOE = model("qwen3moe", QWEN3_30B)
TWO = machine((23.0, 11.0))


def estimated(spec: ModelSpec = LLAMA, **settings: Any) -> Estimate:
    given: dict[str, Any] = {"snapshot": TWO, "ctx_size": 4096}
    return task.estimate(spec, **(given | settings))


@pytest.mark.parametrize(
    ("wanted", "own", "published", "expected"),
    [
        ("q8_0", None, None, "Q8_0"),
        ("q8_0", None, "MXFP4", "Q8_0"),
        (None, None, "MXFP4", "MXFP4"),
        (None, None, None, "Q4_K_M"),
    ],
)
def test_an_estimate_is_of_the_nearest_quantization(
    wanted: str | None, own: str | None, published: str | None, expected: str
) -> None:
    """
    What was asked for, what the file has, what the model is published in, and Q4_K_M.
    """
    spec = msgspec.structs.replace(MOE, quant=own, published_quant=published)

    assert estimated(spec, quant=wanted).model.quant == expected


def test_the_quantization_of_a_file_is_its_own() -> None:
    """
    It counts before the one that the model is published in.
    """
    import llmprobe

    file = msgspec.structs.replace(llmprobe.load_model("qwen3-8b", "Q5_K_M"), published_quant="MXFP4")

    assert file.quant == "Q5_K_M"
    assert estimated(file).model.quant == "Q5_K_M"


def test_remote_devices_come_first_and_have_their_own_budget() -> None:
    """
    Of three equal devices the remote one has the first layers; what does not fit there does not fit.
    """
    plain = estimated(quant="Q4_K_M")
    answer = estimated(quant="Q4_K_M", rpc=["10.0.0.2:50052=24GiB"], tensor_split=(1, 1, 1))
    host, first, *_ = answer.devices

    assert [one.id for one in answer.devices] == ["host", "rpc0", "gpu0", "gpu1"]
    assert (first.budget_bytes, answer.fits) == (24 << 30, True)
    assert 0.3 < first.weights_bytes / (plain.model.tensor_bytes - host.weights_bytes) < 0.37
    assert "warning.rpc-open" in [one.id for one in answer.warnings]
    assert "note.rpc-device" in [one.id for one in answer.notes]
    assert answer.speed.generation_tokens_per_s is None
    small = estimated(quant="Q4_K_M", rpc=["10.0.0.2:50052=1GiB"], tensor_split=(1, 1, 1))
    assert small.fits is False
    assert not any("rpc" in one.id for one in (*plain.notes, *plain.warnings))


def test_a_server_whose_size_is_not_given_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Its devices have what it says is free; on a processor that is not known, and whether it fits neither.
    """
    answers = {"cuda": (20 << 30, 24 << 30, 128), "cpu": (64 << 30, 64 << 30, 32)}
    asked = []

    def ask(host: str, port: int) -> RpcServer:
        asked.append((host, port))
        free, total, align = answers[host]
        device = RpcDevice(free_bytes=free, total_bytes=total, align=align, largest_bytes=None)
        return RpcServer(outcome="ok", version=(8, 0, 0), devices=(device,))

    monkeypatch.setattr(rpc_server, "ask", ask)
    card = estimated(quant="Q4_K_M", rpc=["cuda:50052"])
    processor = estimated(quant="Q4_K_M", rpc=["cpu:50052"])

    assert asked == [("cuda", 50052), ("cpu", 50052)]
    assert (card.devices[1].budget_bytes, card.fits) == (20 << 30, True)
    assert (processor.devices[1].budget_bytes, processor.fits) == (None, None)
    assert "note.rpc-all-memory" in {one.id for one in processor.notes}


def test_a_server_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    No estimate is made of what nobody told.
    """
    monkeypatch.setattr(rpc_server, "ask", lambda _host, _port: RpcServer(outcome="refused"))

    with pytest.raises(LlmprobeError) as raised:
        estimated(quant="Q4_K_M", rpc=["box:50052"])

    assert raised.value.message == message("error.rpc-refused", address="box:50052")


def test_layers_are_split_by_what_is_free_on_remote_devices_too() -> None:
    """
    A remote device with nearly all of the memory gets nearly all of the layers.
    """
    answer = estimated(quant="Q4_K_M", rpc=["10.0.0.2:50052=900GiB"])
    _, first, *own = answer.devices

    assert first.weights_bytes > 9 * sum(one.weights_bytes for one in own)


@pytest.mark.parametrize(
    ("options", "devices", "fits"),
    [
        ({}, ["host", "gpu0", "gpu1"], True),
        ({"devices": 1}, ["host", "gpu0"], None),
        ({"devices": 0}, ["host"], None),
        ({"backend": "vulkan"}, ["host", "gpu0"], None),
        ({"backend": "cpu"}, ["host"], None),
        ({"backend": "metal", "devices": 3}, ["host", "gpu0", "gpu1", "gpu2"], None),
    ],
)
def test_devices_are_those_of_the_machine_or_assumed(
    options: dict[str, Any], devices: list[str], fits: bool | None
) -> None:
    """
    Where some are assumed nothing of the machine counts, so whether it fits is unknown.
    """
    found = estimated(**options)

    assert [one.id for one in found.devices] == devices
    assert found.fits is fits
    assert found.this_machine is False


def test_without_a_machine_this_one_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    And no other is where one is given, or devices are assumed.
    """
    asked: list[int] = []

    def probe() -> Any:
        asked.append(1)
        return TWO

    monkeypatch.setattr(task, "probe", probe)
    task.estimate(LLAMA, snapshot=TWO, ctx_size=4096)
    task.estimate(LLAMA, devices=1, ctx_size=4096)
    task.estimate(LLAMA, backend="cpu", ctx_size=4096)
    assert asked == []
    found = task.estimate(LLAMA, ctx_size=4096)

    assert asked == [1]
    assert [one.id for one in found.devices] == ["host", "gpu0", "gpu1"]


@pytest.mark.parametrize(("split", "refused"), [((1,), False), ((3, 1), False), ((1, 1, 1), True)])
def test_a_split_has_a_share_for_each_device_at_most(split: tuple[int, ...], *, refused: bool) -> None:
    """
    A share for a device that is not there is an error with both counts.
    """
    if not refused:
        assert estimated(tensor_split=split).settings.tensor_split == split
        return
    with pytest.raises(UsageError) as raised:
        estimated(tensor_split=split)

    assert raised.value.message == message("error.tensor-split-too-long", given=3, devices=2)
    assert raised.value.hint == message("hint.tensor-split")


def test_an_estimate_is_by_the_settings_of_its_program() -> None:
    """
    The context and the slots that were given are its own over theirs.
    """
    found = estimated(engine="lmstudio", ctx_size=8192, parallel=2).settings

    assert (found.ctx_size, found.parallel, found.batch_size, found.kv_unified) == (8192, 2, 512, True)


def test_a_model_of_embeddings_has_no_speed_of_generation() -> None:
    """
    It writes nothing, which is said instead of a number.
    """
    encoder = model("llama", LLAMA_8B | {"attention.causal": False, "pooling_type": 1})

    assert estimated().speed.generation_tokens_per_s is not None
    assert estimated(encoder).speed.generation_tokens_per_s is None


@pytest.mark.parametrize("spec", [LLAMA, MOE], ids=lambda one: str(one.architecture))
@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({}, None),
        ({"n_cpu_moe": 0}, None),
        ({"cpu_moe": False}, None),
        ({"n_cpu_moe": 5}, "--n-cpu-moe"),
        ({"cpu_moe": True}, "--cpu-moe"),
        ({"cpu_moe": True, "n_cpu_moe": 5}, "--cpu-moe"),
    ],
)
def test_experts_that_there_are_not_cannot_be_kept(
    settings: dict[str, Any], option: str | None, spec: ModelSpec
) -> None:
    """
    A dense model says so by the option that was given; a mixture keeps them.
    """
    notes = [note for note in estimated(spec, **settings).notes if note.id == "note.no-experts-to-keep"]
    wrong = option is not None and spec is LLAMA

    assert notes == ([message("note.no-experts-to-keep", option=option, model="Test llama")] if wrong else [])


def test_all_experts_are_those_of_every_layer() -> None:
    """
    As many as the model has layers.
    """
    assert estimated(MOE, cpu_moe=True).settings.n_cpu_moe == 48
    assert estimated(MOE, n_cpu_moe=5).settings.n_cpu_moe == 5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ctx_size": 0}, False),
        ({"ctx_size": 4096, "parallel": 4}, False),
        ({"ctx_size": 1000}, True),
        ({"ctx_size": 1000, "parallel": 4}, True),
    ],
)
def test_a_context_that_is_rounded_is_said(settings: dict[str, Any], *, said: bool) -> None:
    """
    By slot, to multiples of 256 tokens; one that was not asked for is nobody's wish.
    """
    notes = [note.id for note in estimated(**settings).notes]

    assert any(note.startswith("note.context-rounded") for note in notes) is said


def test_what_is_known_of_a_model_comes_first() -> None:
    """
    Then what its program assumes, then what of the settings is not as they were given.
    """
    spec = msgspec.structs.replace(LLAMA, notes=(message("model.from-catalog"),))
    notes = [note.id for note in estimated(spec, engine="llama-bench", ctx_size=1000, n_cpu_moe=5).notes]

    assert notes[:2] == ["model.from-catalog", "note.program-defaults"]
    assert notes.index("note.context-rounded") < notes.index("note.no-experts-to-keep")


@pytest.mark.parametrize(("engine", "said"), [(None, True), ("lmstudio", True), ("ollama", False)])
def test_an_architecture_that_a_program_refuses_is_warned_of(engine: str | None, *, said: bool) -> None:
    """
    With the engine that loads it.
    """
    spec = msgspec.structs.replace(LLAMA, architecture="solar")
    warnings = [one for one in estimated(spec, engine=engine).warnings if one.id == "warning.not-loaded"]

    assert bool(warnings) is said
    for one in warnings:
        assert one.values["instead"] == (message("nearest.engine-has-architecture", engine="ollama"),)


@pytest.mark.parametrize(
    ("layers", "rate", "said"), [(10, None, True), (10, 90e9, False), ("all", None, False)]
)
def test_what_a_speed_from_ram_rests_on_is_said(layers: Any, rate: float | None, said: bool) -> None:
    """
    Where the machine does not tell the rate, and only where weights are read from RAM.
    """
    found = task.estimate(
        model("llama", LLAMA_8B),
        snapshot=machine((24,), ram_bandwidth=rate),
        gpu_layers=layers,
        ctx_size=4096,
    )
    notes = [one for one in found.notes if one.id == "note.ram-bandwidth-assumed"]

    assert bool(notes) is said
    assert all(one.values["bytes_per_s"] == 50_000_000_000 for one in notes)
