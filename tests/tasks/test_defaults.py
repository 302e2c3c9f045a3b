"""
An estimate for an engine's program takes that program's defaults, and says them.
"""

from pathlib import Path
from typing import Any

import pytest

import llmprobe
from llmprobe.facts.estimate import Estimate
from llmprobe.facts.machine import Snapshot
from llmprobe.words.message import message
from tests.advise.machines import machine

DESKTOP = Path(__file__).parent.parent / "fixtures" / "machines" / "linux-4090-64g" / "recording.json"


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
    For the same settings the compute buffer of b9000 is larger, on the GPU and on the host.
    """
    new, old = (estimate(ctx_size=8192, engine=f"llama-server@b{build}") for build in (11549, 9000))
    pairs = list(zip(new.devices, old.devices, strict=True))

    assert [before.compute_bytes > now.compute_bytes for now, before in pairs] == [True, True]
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
