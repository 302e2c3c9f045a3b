"""
What a search knows of a kind of placement without another graph.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.estimation import Estimator
from llmprobe.estimation.compute.replay import GraphCache
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings
from tests.advise.machines import LLAMA_8B, model

HARDWARE = Hardware(devices=tuple(Device(id=f"gpu{number}", free_bytes=24 << 30) for number in range(2)))
SETTINGS = Settings(ctx_size=4096)
WIDE = model("llama", LLAMA_8B)
NARROW = model(
    "llama",
    LLAMA_8B | {"embedding_length": 4080, "attention.head_count": 85, "attention.head_count_kv": 85},
)
"""Heads of 4096 / 32 = 128 values, and of 4080 / 85 = 48, of which CUDA has a kernel for the first alone."""


@pytest.mark.parametrize(("spec", "on"), [(WIDE, True), (NARROW, False)])
def test_bounds_say_whether_attention_is_one_operation(spec: Any, *, on: bool) -> None:
    """
    As the exact buffers of a placement of this kind do, however the layers are shared.
    """
    split = msgspec.structs.replace(SETTINGS, tensor_split=(3.0, 1.0))

    assert Estimator(spec).attends("Q4_K_M", split, HARDWARE) is on
    assert Estimator(spec).parts("Q4_K_M", split, HARDWARE).compute.flash_attn is on


def test_no_graph_is_made_where_the_bounds_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A search has them by then.
    """
    estimator = Estimator(WIDE)
    estimator.compute_bounds("Q4_K_M", SETTINGS, HARDWARE)
    made: list[object] = []
    monkeypatch.setattr(GraphCache, "_anew", lambda *_, **__: made.append(1))

    assert estimator.attends("Q4_K_M", SETTINGS, HARDWARE)
    assert made == []


def test_a_rough_estimator_asks_a_graph() -> None:
    """
    Its bounds cost none, and know nothing of kernels.
    """
    assert Estimator(WIDE, rough=True).attends("Q4_K_M", SETTINGS, HARDWARE)
    assert not Estimator(NARROW, rough=True).attends("Q4_K_M", SETTINGS, HARDWARE)
