"""
Speed is never silent: on every machine that was recorded and every device of the table a text model has figures.
"""

import pytest

import llmprobe
from llmprobe.errors import UsageError
from llmprobe.facts.estimate import Estimate
from llmprobe.facts.machine import Snapshot
from llmprobe.machine import gpu_table
from llmprobe.units import GIB
from tests.machine_fixtures import FOLDER, MACHINES

MODELS = {name: llmprobe.load_model(name) for name in ("qwen3-8b", "gpt-oss-120b")}
NAMES = sorted({row.name for row in gpu_table.rows()})


def _told(found: Estimate) -> list[str]:
    """
    The figures that an estimate of a text model lacks.
    """
    speed = found.speed
    figures = {
        "generation": speed.generation_tokens_per_s,
        "generation, full": speed.generation_at_full_context_tokens_per_s,
        "prompt": speed.prompt_tokens_per_s,
        "prompt, full": speed.prompt_at_full_context_tokens_per_s,
        "first token": speed.time_to_first_token_s,
    }
    return [
        name
        for name, figure in figures.items()
        if figure is None or not 0 < figure.low <= figure.likely <= figure.high
    ]


def _lacking(snapshot: Snapshot, model: str) -> list[str]:
    found = llmprobe.estimate(MODELS[model], quant="Q4_K_M", ctx_size=8192, snapshot=snapshot)
    return _told(found)


@pytest.mark.parametrize("name", MACHINES)
def test_a_recorded_machine_has_every_figure(name: str) -> None:
    """
    Also where parts lie in RAM whose rate nobody knows.
    """
    snapshot = llmprobe.probe(FOLDER / name / "recording.json")

    assert {model: _lacking(snapshot, model) for model in MODELS} == {key: [] for key in MODELS}


@pytest.mark.parametrize("name", NAMES)
def test_a_device_of_the_table_has_every_figure(name: str) -> None:
    """
    With 64 GiB of RAM beside it, or of its own.
    """
    try:
        snapshot = llmprobe.probe(gpus=name, ram_bytes=64 * GIB)
    except UsageError:
        pytest.skip("sold in other sizes")
    (device,) = snapshot.accelerators
    if device.bandwidth_bytes_per_s is None:
        pytest.skip("of unknown bandwidth")

    assert _lacking(snapshot, "gpt-oss-120b") == []
