"""
The public functions: what the command line does, for programs.
"""

import importlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

import llmprobe
from llmprobe.errors import ModelError, UsageError
from llmprobe.facts.settings import Settings, SettingsOptions
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import machine

DESKTOP = Path(__file__).parent.parent / "fixtures" / "machines" / "linux-4090-64g" / "recording.json"


def test_the_public_functions_are_those_of_the_package() -> None:
    """
    Everything in ``__all__`` is bound to a function, also where a subpackage has the same name, and nothing else is.
    """
    importlib.import_module("llmprobe.estimation.estimator")

    assert [
        name
        for name in llmprobe.__all__
        if not name.startswith("_") and not callable(getattr(llmprobe, name))
    ] == []
    with pytest.raises(AttributeError, match="no attribute 'prob'"):
        _ = llmprobe.prob


def test_a_recording_is_probed_estimated_and_advised_on() -> None:
    """
    The four functions work together, as the documentation shows them.
    """
    snapshot = llmprobe.probe(replay=DESKTOP)
    model = llmprobe.load_model("llama3-70b")
    estimate = llmprobe.estimate(model, quant="Q4_K_M", ctx_size=8192, gpu_layers=43, snapshot=snapshot)
    answer = llmprobe.recommend(model, snapshot, ctx_size=8192)

    assert snapshot.this_machine is False
    assert (estimate.fits, estimate.layers.offloaded) == (True, 43)
    assert answer.choices[0].quant == "Q4_K_M"


def test_the_longest_context_fits() -> None:
    """
    ``ctx_size="max"`` is answered with a context that fits, in whole cells, no longer than the model knows.
    """
    model = llmprobe.load_model("llama3-8b")
    best = llmprobe.recommend(model, llmprobe.probe(DESKTOP), ctx_size="max").choices[0]

    assert best.fits
    assert best.ctx_size == 8192


def test_a_file_of_another_engine_has_its_own_defaults() -> None:
    """
    llama-bench reserves outputs for the whole micro-batch, llama-server one row for each slot.
    """
    model = llmprobe.load_model("llama3-8b")
    server, bench = (
        llmprobe.estimate(model, devices=1, ctx_size=8192, engine=engine)
        for engine in ("llama-server", "llama-bench")
    )

    assert server.settings.outputs_max == 1
    assert sum(d.compute_bytes for d in bench.devices) > sum(d.compute_bytes for d in server.devices)


def test_all_experts_can_be_kept_on_the_cpu() -> None:
    """
    ``cpu_moe`` leaves no experts on the GPU: it holds a small part of the weights.
    """
    model = llmprobe.load_model("qwen3-30b-a3b")
    host, gpu = llmprobe.estimate(model, devices=1, ctx_size=8192, cpu_moe=True).devices

    assert gpu.weights_bytes < 2 * GIB < host.weights_bytes


@pytest.mark.parametrize(
    "settings",
    [
        {"gpu_layers": -1},
        {"n_cpu_moe": -1},
        {"ctx_size": -1},
        {"parallel": 0},
        {"quant": "Q9"},
        {"engine": "abacus"},
        {"backend": "opencl"},
        {"cache_type_k": "q9"},
        {"devices": -1},
        {"tensor_split": (1, 2)},
        {"tensor_split": "1,2"},
        {"tensor_split": (-1,)},
        {"tensor_split": (float("nan"),)},
        {"flash_attn": "maybe"},
        {"split_mode": "rows"},
        {"ctx_size": "8k"},
        {"ctx_size": 8192.5},
        {"gpu_layers": True},
        {"gpu_layers": "most"},
        {"cache_type_k": 8},
        {"kv_unified": "yes"},
        {"outputs_max": -1},
        {"override_tensor": 5},
        {"gpu_layer": 5},
        {"devices": "two"},
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    """
    Programs get the same one-sentence error as people, whichever setting is wrong.
    """
    model = llmprobe.load_model("llama3-8b")

    with pytest.raises(UsageError):
        llmprobe.estimate(model, **{"devices": 1, **settings})


@pytest.mark.parametrize("model", ["qwen3-8b", b"qwen3-8b", None, 5])
def test_a_name_is_no_model_yet(model: Any) -> None:
    """
    Who passes a name instead of a loaded model is told to load it, before anything is probed.
    """
    with pytest.raises(UsageError) as estimated:
        llmprobe.estimate(model)
    with pytest.raises(UsageError) as recommended:
        llmprobe.recommend(model)

    expected = message("error.not-a-model", given=type(model).__name__)
    assert (estimated.value.message, recommended.value.message) == (expected, expected)
    assert estimated.value.hint == message("hint.load-the-model")


@pytest.mark.parametrize("quant", [5, b"Q4_K_M"])
def test_a_quantization_is_text(quant: Any) -> None:
    """
    Another kind of value is refused in one sentence.
    """
    with pytest.raises(UsageError) as refused:
        llmprobe.estimate(llmprobe.load_model("qwen3-8b"), quant=quant, devices=1)

    assert refused.value.message == message("error.quant-unknown", quant=str(quant))


@pytest.mark.parametrize(
    "wishes",
    [
        {"priority": "fast"},
        {"reserve_bytes": -1},
        {"reserve_bytes": "1GiB"},
        {"top": -1},
        {"top": 0},
        {"parallel": 0},
        {"ctx_size": "8k"},
        {"ctx_size": -1},
        {"min_speed": "quick"},
        {"min_speed": float("nan")},
        {"engine": "abacus"},
        {"quants": "Q9"},
        {"cache_type_k": "q9"},
    ],
)
def test_a_wish_that_cannot_be_is_refused(wishes: dict[str, Any]) -> None:
    """
    Each is one error of usage, never a raw one.
    """
    with pytest.raises(UsageError):
        llmprobe.recommend(llmprobe.load_model("qwen3-8b"), machine((23.0,)), **wishes)


@pytest.mark.parametrize("timeout_s", [-1, 0, float("inf"), float("nan"), "long", True])
def test_a_timeout_that_cannot_be_is_refused(timeout_s: Any) -> None:
    """
    It is refused before anything is asked, by every function that has one.
    """
    for ask in (llmprobe.probe, llmprobe.record, llmprobe.watch):
        with pytest.raises(UsageError):
            ask(timeout_s=timeout_s)


def test_what_is_plainly_meant_is_accepted() -> None:
    """
    One GPU or quantization as text, and "all" layers.
    """
    one = llmprobe.probe(gpus="RTX 4090", ram_bytes=64 * GIB)
    model = llmprobe.load_model("qwen3-8b")
    every = llmprobe.estimate(model, snapshot=one, ctx_size=4096, gpu_layers="all")

    assert one.accelerators == llmprobe.probe(gpus=["RTX 4090"], ram_bytes=64 * GIB).accelerators
    assert every.settings.gpu_layers == every.layers.total
    assert {choice.quant for choice in llmprobe.recommend(model, one, quants="Q8_0").choices} == {"Q8_0"}


def test_the_options_are_the_settings() -> None:
    """
    Programs can set everything that an engine is told but mmap and what a draft head reads, and experts in the ways of
    llama.cpp's options.
    """
    ways = {"cpu_moe"}

    assert set(SettingsOptions.__annotations__) - ways == set(Settings.__struct_fields__) - {
        "mmap",
        "cpu_moe_layers",
        "read_layers",
    }


def test_a_context_that_llama_cpp_rounds_is_noted_everywhere() -> None:
    """
    100000 tokens become 100096, in an estimate and in a recommendation.
    """
    model, rounded = (
        llmprobe.load_model("qwen3-8b"),
        message("note.context-rounded", ctx_size=100096, requested=100000, multiple=256),
    )
    estimate = llmprobe.estimate(model, devices=1, ctx_size=100000)
    answer = llmprobe.recommend(model, machine((23.0,)), ctx_size=100000)

    assert (estimate.settings.ctx_size, answer.choices[0].ctx_size) == (100096, 100096)
    assert rounded in estimate.notes
    assert rounded in answer.notes


@pytest.mark.parametrize("source", ["gguf", "catalog"])
def test_a_file_has_one_quantization(source: str) -> None:
    """
    Another one than the file's, or than the name's, is not answered with the file's as if nothing had been said.
    """
    known = llmprobe.load_model("llama3-8b", "Q4_K_M")
    model = msgspec.structs.replace(known, source=source)
    machine = llmprobe.probe(gpus=("RTX 4090",), ram_bytes=GIB)

    with pytest.raises(UsageError, match=r"is Q4_K_M, but --quant requests Q8_0"):
        llmprobe.recommend(model, machine, quants=("Q4_K_M", "q8_0"))


@pytest.mark.parametrize("text", ["qwen", "llama", "gemma", "mistral", "deepseek", "phi"])
def test_models_begin_with_the_one_that_would_be_loaded(text: str) -> None:
    """A name of many is listed with what it is taken for in front, once, as the command line has it."""
    listed = llmprobe.models(text)

    assert listed[0].name == llmprobe.load_model(text).name
    assert len({entry.id for entry in listed}) == len(listed) > 1


def test_models_of_no_name_are_all_and_of_an_unknown_one_none() -> None:
    """The error of a name that nothing has is that of ``load_model``."""
    assert len(llmprobe.models()) > len(llmprobe.models("llama"))

    with pytest.raises(ModelError) as loaded:
        llmprobe.load_model("lamma")
    with pytest.raises(ModelError) as listed:
        llmprobe.models("lamma")
    assert (listed.value.message, listed.value.hint) == (loaded.value.message, loaded.value.hint)


class Nothing:
    """
    No record of ours, and nothing that any function takes.
    """


QWEN = llmprobe.load_model("qwen3-0.6b")
HERE = machine((24,))
CALLS: dict[str, Any] = {
    "recommend": lambda value: llmprobe.recommend(QWEN, value),
    "recommend model": lambda value: llmprobe.recommend(value, HERE),
    "recommend engine": lambda value: llmprobe.recommend(QWEN, HERE, engine=value),
    "recommend quants": lambda value: llmprobe.recommend(QWEN, HERE, quants=value),
    "recommend type k": lambda value: llmprobe.recommend(QWEN, HERE, cache_type_k=value),
    "recommend type v": lambda value: llmprobe.recommend(QWEN, HERE, cache_type_v=value),
    "recommend idle": lambda value: llmprobe.recommend(QWEN, HERE, assume_idle=value),
    "recommend explain": lambda value: llmprobe.recommend(QWEN, HERE, explain=value),
    "estimate": lambda value: llmprobe.estimate(QWEN, snapshot=value),
    "estimate engine": lambda value: llmprobe.estimate(QWEN, snapshot=HERE, engine=value),
    "estimate backend": lambda value: llmprobe.estimate(QWEN, backend=value),
    "estimate explain": lambda value: llmprobe.estimate(QWEN, snapshot=HERE, explain=value),
    "load_model": llmprobe.load_model,
    "load_model snapshot": lambda value: llmprobe.load_model("qwen3-0.6b", snapshot=value),
    "models": llmprobe.models,
    "files": lambda value: llmprobe.files(value, QWEN),
    "files model": lambda value: llmprobe.files(llmprobe.recommend(QWEN, HERE), value),
    "probe replay": lambda value: llmprobe.probe(value),
    "probe gpus": lambda value: llmprobe.probe(gpus=value, ram_bytes=GIB),
    "probe ram": lambda value: llmprobe.probe(gpus="RTX 4090", ram_bytes=value),
    "probe folders": lambda value: llmprobe.probe(model_folders=value),
    "probe wake": lambda value: llmprobe.probe(wake=value),
    "record": lambda value: llmprobe.record(timeout_s=value),
}


@pytest.mark.parametrize(
    "value",
    [Nothing(), [1], b"x", 10**400, float("nan")],
    ids=["object", "list", "bytes", "number", "nan"],
)
@pytest.mark.parametrize("call", CALLS)
def test_what_is_of_another_kind_is_refused_in_words(call: str, value: Any) -> None:
    """
    Every function says what it wants instead, before it asks anything; no error of Python comes through.
    """
    with pytest.raises(UsageError) as refused:
        CALLS[call](value)

    assert str(refused.value)


def test_half_a_hypothetical_machine_is_refused() -> None:
    """
    GPUs need RAM, and a recording is not mixed with either.
    """
    from llmprobe import api

    with pytest.raises(UsageError):
        api.probe(gpus=["RTX 4090"])
    with pytest.raises(UsageError):
        api.probe(DESKTOP, ram_bytes=GIB)


def test_a_machine_without_memory_is_refused() -> None:
    """
    The error speaks of memory, not of a parameter that only programs know.
    """
    with pytest.raises(UsageError) as refused:
        llmprobe.probe(gpus=["RTX 4090"], ram_bytes=0)

    assert refused.value.message == message("error.ram-zero")


def test_the_experts_of_two_layers_can_be_kept_by_name() -> None:
    """
    As recommend prints it: two forty-eighths of all experts are the host's then.
    """
    model = llmprobe.load_model("qwen3-30b-a3b")
    pattern = r"blk\.(3|40)\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU"
    found = llmprobe.estimate(model, devices=1, ctx_size=8192, override_tensor=(pattern,))
    everything = llmprobe.estimate(model, devices=1, ctx_size=8192)

    assert found.settings.cpu_moe_layers == (3, 40)
    assert "experts of layers 3 and 40" in [str(term.how) for term in found.devices[0].terms]
    assert found.devices[1].weights_bytes < everything.devices[1].weights_bytes


@pytest.mark.parametrize(
    ("settings", "name"), [({"n_cpu_moe": 5}, "--n-cpu-moe"), ({"cpu_moe": True}, "--cpu-moe")]
)
def test_a_setting_for_experts_that_there_are_not_is_said(settings: dict[str, Any], name: str) -> None:
    """
    A dense model has none to keep on the CPU.
    """
    found = llmprobe.estimate(llmprobe.load_model("qwen3-8b"), devices=1, ctx_size=4096, **settings)

    assert message("note.no-experts-to-keep", option=name, model="Qwen3 8B") in found.notes


def test_a_setting_for_experts_that_there_are_is_not_spoken_of() -> None:
    """
    A mixture has them.
    """
    found = llmprobe.estimate(llmprobe.load_model("qwen3-30b-a3b"), devices=1, ctx_size=4096, n_cpu_moe=5)

    assert [note.id for note in found.notes if note.id == "note.no-experts-to-keep"] == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ctx_size": 100, "parallel": 64}, True),
        ({"ctx_size": 8192, "parallel": 4}, False),
        ({"ctx_size": 0, "parallel": 3}, False),
        ({"ctx_size": 8192, "parallel": 3, "kv_unified": True}, False),
    ],
)
def test_an_estimate_says_where_another_context_is_in_force(settings: dict[str, Any], *, said: bool) -> None:
    """
    Slots that do not divide what was asked for into whole multiples of 256 take more.
    """
    found = llmprobe.estimate(llmprobe.load_model("qwen3-8b"), devices=1, **settings)

    assert any(note.id.startswith("note.context-rounded") for note in found.notes) == said


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        (None, ("llama.cpp does not load the architecture mllama; Ollama loads it: --engine ollama",)),
        ("ollama", ()),
    ],
)
def test_what_an_engine_does_not_load_is_warned_of(engine: str | None, expected: tuple[str, ...]) -> None:
    """
    Of a file as of the catalog's model, as a file has no notes of the catalog.
    """
    model = msgspec.structs.replace(llmprobe.load_model("llama3.2-vision"), source="gguf", notes=())
    found = llmprobe.estimate(model, devices=1, ctx_size=4096, engine=engine, mmproj="none")

    assert tuple(map(str, found.warnings)) == expected


def test_an_estimate_takes_no_more_devices_than_llama_cpp() -> None:
    """
    Of 20 that are there it uses 16.
    """
    many = machine((8,) * 20)
    found = llmprobe.estimate(llmprobe.load_model("qwen3-8b"), snapshot=many, ctx_size=4096)

    assert len(found.settings.devices) == 16
