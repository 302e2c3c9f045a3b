"""
A graph that is reservation again for other sizes answers as one that is built for them.
"""

import operator
from typing import Any

import msgspec
import pytest

from llmprobe.estimation import Estimator
from llmprobe.estimation.compute.replay import GraphCache
from llmprobe.estimation.compute.tape import Tape
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings
from llmprobe.model.loading import load

DEVICES = tuple(Device(id=f"gpu{i}", free_bytes=24 << 30) for i in range(2))
SETTINGS = tuple(
    Settings(ctx_size=ctx_size, ubatch_size=ubatch_size, parallel=parallel)
    for ctx_size, ubatch_size, parallel in (
        (4096, 512, 1),
        (8192, 512, 1),
        (32768, 512, 1),
        (512, 64, 1),
        (8192, 16, 1),
        (16384, 512, 4),
        (8192, 256, 4),
    )
)


@pytest.mark.parametrize(
    "name",
    [
        "llama-3.1-8b-instruct",
        "qwen3-30b-a3b",
        "gemma-3-27b-it",
        "gpt-oss-20b",
        "qwen3-next-80b-a3b-instruct",
        "glm-5.3-744b-a40b",
    ],
)
@pytest.mark.parametrize("layers", [None, 7])
def test_another_size_is_answered_as_by_a_new_graph(name: str, layers: int | None) -> None:
    """
    One estimator is asked for all settingss, and a new one for each.
    """
    model = load(name)
    hardware = Hardware(devices=DEVICES)
    asked = [msgspec.structs.replace(settings, gpu_layers=layers) for settings in SETTINGS]
    estimator = Estimator(model)
    replayed = [estimator.parts("Q4_K_M", settings, hardware).compute for settings in asked]
    anew = [Estimator(model).parts("Q4_K_M", settings, hardware).compute for settings in asked]
    assert replayed == anew


def test_another_micro_batch_builds_no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    One graph is played for all micro-batches, of as many tokens as a head has values among them.
    """
    built: list[GraphCache] = []
    anew = GraphCache._anew

    def counted(self: GraphCache, *args: Any, **options: Any) -> Any:
        built.append(self)
        return anew(self, *args, **options)

    monkeypatch.setattr(GraphCache, "_anew", counted)
    estimator = Estimator(load("llama-3.1-8b-instruct"))
    sizes = [
        estimator.parts("Q4_K_M", Settings(ctx_size=8192, ubatch_size=ubatch_size), Hardware()).compute.bytes
        for ubatch_size in (512, 128, 256, 1024, 2048)
    ]

    assert len(built) == 1
    assert len({size["host"] for size in sizes}) == len(sizes)


def test_a_tape_gives_what_was_computed_from_other_inputs() -> None:
    """
    A product and a rounded quotient, of 3 and 5 and then of 7 and 9.
    """
    tape = Tape((3, 5))
    a, b = tape.symbols()
    at = tape.number(a * b - (-a // 2))
    values = tape.replay((7, 9))
    assert values is not None
    assert values[at] == 7 * 9 + 4


def test_a_tape_refuses_inputs_that_compare_otherwise() -> None:
    """
    What was written for a number under 10 says nothing about 12.
    """
    tape = Tape((3,))
    (a,) = tape.symbols()
    assert a < 10
    assert tape.replay((9,)) is not None
    assert tape.replay((12,)) is None


def test_a_number_on_a_tape_counts_only_for_itself() -> None:
    """
    A number used as an index ties the tape to its value.
    """
    tape = Tape((3,))
    (a,) = tape.symbols()
    assert operator.index(a) == 3
    assert tape.replay((4,)) is None
