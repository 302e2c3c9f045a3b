"""
An estimate for an engine's program takes that program's defaults, and says them.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

import llmprobe
from llmprobe import engines
from llmprobe.engines import Engine
from llmprobe.facts.devices import Device
from llmprobe.facts.engine import Occasion, Profile
from llmprobe.facts.estimate import Estimate
from llmprobe.facts.machine import EngineOnMachine, Snapshot
from llmprobe.facts.settings import SettingsOptions
from llmprobe.tasks.defaults import Defaults, defaults_for
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import LLAMA_8B, machine
from tests.advise.machines import model as model_of

DESKTOP = Path(__file__).parents[2] / "fixtures" / "machines" / "linux-4090-64g" / "recording.json"
LLAMA = model_of("llama", LLAMA_8B)


def estimate(snapshot: Snapshot | None = None, **settings: Any) -> Estimate:
    model = llmprobe.load_model("qwen3-8b")
    return llmprobe.estimate(model, snapshot=snapshot or machine((23.0,)), **settings)


def test_a_plain_estimate_is_llama_server_with_one_slot() -> None:
    """
    Nothing is assumed in words where no program was named.
    """
    answer = estimate(ctx_size=8192)

    assert (answer.settings.parallel, answer.settings.ctx_size, answer.settings.outputs_max) == (1, 8192, 1)
    assert [note.id for note in answer.notes if note.id == "note.program-defaults"] == []


def test_naming_llama_server_changes_no_figure() -> None:
    """
    Its name only adds what it assumes, its own four slots among it.
    """
    plain, named = estimate(ctx_size=8192), estimate(ctx_size=8192, engine="llama-server")

    assert named.devices == plain.devices
    (note,) = [note for note in named.notes if note.id == "note.program-defaults"]
    assert (note.values["slots"], note.values["own_slots"], note.values["own_shared"]) == (1, 4, True)
    assert str(note).endswith("(its own default is 4 slots: -np 4, sharing one cache)")


@pytest.mark.parametrize(
    ("vram", "ctx_size", "batch"), [(11.0, 4096, 512), (23.0, 32768, 1024), (47.0, 40960, 2048)]
)
def test_ollama_goes_by_the_machine(vram: float, ctx_size: int, batch: int) -> None:
    """
    Context by VRAM, up to what the model knows, and the batch by the context; both are said.
    """
    answer = estimate(machine((vram,)), engine="ollama")
    settings = answer.settings

    assert (settings.ctx_size, settings.batch_size, settings.ubatch_size) == (ctx_size, batch, batch)
    assert (settings.parallel, settings.kv_unified, settings.outputs_max) == (1, False, 1)
    assert any(f"a context of {ctx_size}" in str(note) for note in answer.notes)


def test_what_was_asked_comes_before_ollamas_own() -> None:
    """
    A context and a micro-batch that are given are kept; slots have caches of their own.
    """
    settings = estimate(engine="ollama", ctx_size=16384, parallel=2, ubatch_size=256).settings

    assert (settings.ctx_size, settings.ctx_per_seq, settings.ubatch_size) == (16384, 8192, 256)


def test_lm_studio_takes_four_slots_and_one_cache() -> None:
    """
    Its defaults are 4096 tokens, shared by four, and a batch of 512.
    """
    settings = estimate(engine="lmstudio").settings

    assert (settings.ctx_size, settings.parallel, settings.kv_unified) == (4096, 4, True)
    assert (settings.batch_size, settings.ubatch_size) == (512, 512)


def test_an_older_build_needs_more() -> None:
    """
    For the same settings the compute buffer of b9000 is larger on the GPU. On the host a mask of 512 x 8,192 cells is
    twice as large, 8 MiB more, and two buffers of a batch are not there.
    """
    new, old = (estimate(ctx_size=8192, engine=f"llama-server@b{build}") for build in (11549, 9000))
    pairs = list(zip(new.devices, old.devices, strict=True))

    (now_host, old_host), (now_card, old_card) = pairs
    assert old_card.compute_bytes > now_card.compute_bytes
    batches = 2 * 512 * 4096 * 4
    assert abs(old_host.compute_bytes - now_host.compute_bytes - 512 * 8192 * 2 + batches) < 1 << 20
    assert any("build 9000 reserves" in str(note) for note in old.notes)


def test_ollama_without_known_devices_says_so() -> None:
    """
    Where devices are only assumed their memory is not known, and the smallest context is taken.
    """
    answer = llmprobe.estimate(llmprobe.load_model("qwen3-8b"), devices=1, engine="ollama")

    assert answer.settings.ctx_size == 4096
    context = message("engine.ollama-context", ctx_size=4096, vram_bytes=None)
    assert message("note.of-program", program="ollama", note=context) in answer.notes
    assert str(context).endswith("as with less than 23 GiB of VRAM: the VRAM is not known")


def test_a_recorded_desktop_is_one_of_32768_tokens() -> None:
    """
    The 24564 MiB of an RTX 4090 are more than 23 GiB.
    """
    assert estimate(llmprobe.probe(DESKTOP), engine="ollama").settings.ctx_size == 32768


def occasion(monkeypatch: pytest.MonkeyPatch, *devices: Device, **options: Any) -> Occasion:
    """
    The inputs from which Ollama fills in its defaults.
    """
    told: list[Occasion] = []

    def settled(known: Profile, _engine: Engine, given: Occasion) -> Profile:
        told.append(given)
        return known

    monkeypatch.setattr(engines, "settled", settled)
    snapshot = options.pop("snapshot", None)
    defaults_for(LLAMA, "Q4_K_M", devices, "ollama", snapshot, **options)
    return told[0]


def gpu(number: int, **facts: Any) -> Device:
    return Device(id=f"gpu{number}", pool=f"vram{number}", **facts)


def test_an_engine_is_told_of_the_devices_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Their memory in all, and the least that is free on one; the backend is that of the first.
    """
    here = machine((11.0, 23.0))
    told = occasion(
        monkeypatch,
        gpu(0, free_bytes=11 * GIB, compute_capability="8.9", backend="cuda"),
        gpu(1, free_bytes=23 * GIB, backend="vulkan"),
        snapshot=here,
    )

    assert (told.vram_total_bytes, told.vram_free_bytes) == (36 * GIB, 34 * GIB)
    assert (told.smallest_free_bytes, told.backend) == (11 * GIB, "cuda")
    assert told.compute_capabilities == ("8.9",)
    assert told.model == LLAMA


def test_what_is_unknown_of_one_device_is_unknown_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A sum of a part would be too small; the least of those that are known is still the least.
    """
    here = machine((11.0,))
    told = occasion(monkeypatch, gpu(0, free_bytes=11 * GIB), gpu(1), snapshot=here)

    assert (told.vram_total_bytes, told.vram_free_bytes) == (None, None)
    assert told.smallest_free_bytes == 11 * GIB


@pytest.mark.parametrize(("snapshot", "total"), [(machine(()), 0), (None, None)])
def test_a_machine_without_devices_has_no_vram(
    snapshot: Snapshot | None, total: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Zero is known of a machine, and nothing of devices that are only assumed.
    """
    told = occasion(monkeypatch, snapshot=snapshot)

    assert (told.vram_total_bytes, told.vram_free_bytes) == (total, None)
    assert (told.backend, told.smallest_free_bytes) == (None, None)


@pytest.mark.parametrize(
    ("ctx_size", "parallel", "per_slot"), [(0, None, 0), (8192, None, 8192), (8192, 1, 8192), (8192, 4, 2048)]
)
def test_an_engine_is_told_the_context_of_one_slot(
    ctx_size: int, parallel: int | None, per_slot: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What was asked for is over all slots.
    """
    assert occasion(monkeypatch, ctx_size=ctx_size, parallel=parallel).ctx_size == per_slot


def test_an_engine_is_told_its_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Not those of another engine on the machine.
    """
    seen = (
        EngineOnMachine(name="lmstudio", settings={"OLLAMA_NUM_PARALLEL": "9"}),
        EngineOnMachine(name="ollama", settings={"OLLAMA_NUM_PARALLEL": "2"}),
    )
    here = msgspec.structs.replace(machine(()), engines=seen)

    assert occasion(monkeypatch, snapshot=here).settings == {"OLLAMA_NUM_PARALLEL": "2"}
    assert occasion(monkeypatch, snapshot=machine(())).settings == {}


@pytest.mark.parametrize(
    ("program", "max_context", "given", "expected"),
    [
        ("llama-server", 8192, {}, (1, False, 0)),
        ("llama-server", 8192, {"parallel": 3}, (3, False, 0)),
        ("llama-server", 8192, {"ctx_size": 9000}, (1, False, 9000)),
        ("lmstudio", 131072, {}, (4, True, 4096)),
        ("lmstudio", 131072, {"parallel": 2}, (2, True, 4096)),
        ("lmstudio", 2048, {}, (4, True, 2048)),
        ("lmstudio", 2048, {"ctx_size": 3000}, (4, True, 3000)),
        ("lmstudio", None, {}, (4, True, 4096)),
        ("ollama", 131072, {}, (1, False, 4096)),
        ("ollama", 131072, {"parallel": 3}, (3, False, 12288)),
        ("ollama", 2048, {"parallel": 3}, (3, False, 6144)),
    ],
)
def test_the_context_is_over_all_slots(
    program: str, max_context: int | None, given: dict[str, Any], expected: tuple[int, bool, int]
) -> None:
    """
    Shared by them once, of their own each time; no longer than the model knows, unless it was asked for.
    """
    model = msgspec.structs.replace(LLAMA, max_context=max_context)
    found = defaults_for(model, "Q4_K_M", (), program, machine(()), **given)

    assert (found.parallel, found.kv_unified, found.ctx_size) == expected


@pytest.mark.parametrize(
    ("program", "parallel", "expected"),
    [
        (
            "llama-server",
            None,
            {"slots": 1, "shared": None, "per_slot": 1, "own_slots": 4, "own_shared": True},
        ),
        ("llama-server", 2, {"slots": 2, "shared": 0, "per_slot": 1, "own_slots": 4, "own_shared": True}),
        ("llama-server", 4, {"slots": 4, "shared": 0, "per_slot": 1, "own_slots": None, "own_shared": False}),
        (
            "llama-bench",
            None,
            {"slots": 1, "shared": None, "per_slot": 0, "own_slots": None, "own_shared": False},
        ),
        ("lmstudio", None, {"slots": 4, "shared": 1, "per_slot": 1, "own_slots": None, "own_shared": False}),
        ("ollama", 2, {"slots": 2, "shared": 0, "per_slot": 1, "own_slots": 1, "own_shared": False}),
    ],
)
def test_what_is_assumed_is_said(program: str, parallel: int | None, expected: dict[str, Any]) -> None:
    """
    The program's own slots where it is estimated with others, and whether slots share a cache where there are several.
    """
    first, *notes = defaults_for(LLAMA, "Q4_K_M", (), program, machine(()), parallel=parallel).assumed

    assert (first.id, first.values["program"]) == ("note.program-defaults", program)
    assert {name: first.values[name] for name in expected} == expected
    assert {note.id for note in notes} <= {"note.of-program"}


def test_nothing_is_assumed_in_words_of_no_program() -> None:
    """
    llama-server is the program all the same.
    """
    found = defaults_for(LLAMA, "Q4_K_M", (), None, machine(()))

    assert found.assumed == ()
    assert found.profile.program == "llama-server"


DEFAULTS = Defaults(
    profile=Profile(
        engine="new",
        program="new",
        batch_size=64,
        ubatch_size=32,
        flash_attn="off",
        mmap=False,
        kv_unified=True,
    ),
    parallel=2,
    kv_unified=False,
    ctx_size=4096,
    assumed=(),
)


def test_a_program_is_told_its_own_defaults() -> None:
    """
    Each where nothing else was given.
    """
    told = DEFAULTS.settings({}, LLAMA, 0)

    assert (told.batch_size, told.ubatch_size, told.flash_attn, told.mmap) == (64, 32, "off", False)
    assert (told.parallel, told.kv_unified, told.ctx_size) == (2, False, 4096)


def test_what_was_given_comes_before_the_programs_own() -> None:
    """
    But a context of 0 is none.
    """
    given: SettingsOptions = {"batch_size": 128, "flash_attn": "on", "kv_unified": True, "ctx_size": 8192}
    told = DEFAULTS.settings(given, LLAMA, 0)

    assert (told.batch_size, told.flash_attn, told.kv_unified, told.ctx_size) == (128, "on", True, 8192)
    assert DEFAULTS.settings({"ctx_size": 0}, LLAMA, 0).ctx_size == 4096


@pytest.mark.parametrize(
    ("given", "layers", "kept"),
    [
        ({}, 48, 0),
        ({"cpu_moe": True}, 48, 48),
        ({"cpu_moe": False}, 48, 0),
        ({"cpu_moe": False, "n_cpu_moe": 5}, 48, 5),
        ({"cpu_moe": True, "n_cpu_moe": 5}, 48, 48),
        ({"n_cpu_moe": 5}, 48, 5),
        ({"n_cpu_moe": 5}, 0, 0),
        ({"cpu_moe": True}, 0, 0),
    ],
)
def test_experts_are_kept_where_there_are_some(given: Any, layers: int, kept: int) -> None:
    """
    All of them or those of the first layers; a dense model has none.
    """
    assert DEFAULTS.settings(given, LLAMA, layers).n_cpu_moe == kept
