"""
What a search knows of a kind of placement without another graph.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.estimation import Estimator
from llmprobe.estimation.compute.buffers import ComputeBytes
from llmprobe.estimation.compute.replay import GraphCache
from llmprobe.estimation.compute.search_bounds import ComputeBounds
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings
from llmprobe.words.message import message
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


LAYERS = 10


class Computed:
    """
    Buffers of a model of ten layers, as many bytes as layers lie on the device, and the placements that were asked for.
    """

    def __init__(self, *copies: int | None) -> None:
        self.asked: list[tuple[str, int | None, int]] = []
        self._copies = copies

    def __call__(self, quant: str, settings: Settings, hardware: Hardware) -> ComputeBytes:
        self.asked.append((quant, settings.gpu_layers, settings.n_cpu_moe))
        layers = LAYERS + 1 if settings.gpu_layers is None else settings.gpu_layers
        return ComputeBytes(
            bytes={"host": 1, "gpu0": layers},
            basis="derived",
            how=message("test"),
            flash_attn=True,
            by_quant=settings.gpu_layers in self._copies,
        )


def test_placements_of_a_kind_have_one_bound() -> None:
    """
    However many layers lie on the device, two at the least, the larger of half of them and all; one layer alone, and
    experts on the host, are kinds of their own.
    """
    computed = Computed()
    bounds = ComputeBounds(LAYERS, computed)
    card = Hardware(devices=HARDWARE.devices[:1])
    found = [
        bounds.of("Q4_K_M", Settings(gpu_layers=layers), card)["gpu0"] for layers in (2, 7, 10, 11, 0, 1)
    ]

    assert found == [10, 10, 10, 11, 0, 1]
    assert computed.asked == [("Q4_K_M", layers, 0) for layers in (5, 10, None, 0, 1)]

    for experts in (1, 9):
        bounds.of("Q4_K_M", Settings(gpu_layers=7, n_cpu_moe=experts), card)
    assert computed.asked[5:] == [("Q4_K_M", 5, 10), ("Q4_K_M", 10, 5)]


@pytest.mark.parametrize(("copies", "asked"), [((5,), 4), ((5, 10), 4), ((), 2)])
def test_bounds_with_copied_weights_are_those_of_a_quantization(copies: tuple[int, ...], asked: int) -> None:
    """
    One of the two placements that copies is enough; each quantization is then asked for once, else one for all.
    """
    computed = Computed(*copies)
    bounds = ComputeBounds(LAYERS, computed)
    card = Hardware(devices=HARDWARE.devices[:1])
    for quant in ("Q4_K_M", "Q8_0", "Q4_K_M", "Q8_0"):
        bounds.of(quant, Settings(gpu_layers=7), card)

    assert len(computed.asked) == asked
