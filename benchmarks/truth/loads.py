"""
The measured allocations of ``fixtures/truth/memory.json``, read back into workloads and placements.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from benchmarks.truth.models import TRUTH, models
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import Device, Placement, Workload

OTHER_LOADS = frozenset({"load_mtp", "mtp_ctx", "lazy_mode", "embeddings"})
"""Settings of loads that the estimator does not speak of: draft heads, tensors read late, pooled outputs."""

_WORKLOAD = ("ctx_size", "parallel", "batch_size", "ubatch_size", "cache_type_k", "cache_type_v")
_FLAGS = ("flash_attn", "kv_unified", "swa_full", "outputs_max")


class MemoryCase(msgspec.Struct, frozen=True):
    """
    One measured load. ``bytes`` are weights, cache and compute by device; ``settings`` what it was asked for.
    """

    model: str
    quant: str
    workload: Workload
    placement: Placement
    bytes: dict[str, tuple[int, int, int]]
    output: int
    settings: dict[str, Any]


class RefusedCase(msgspec.Struct, frozen=True):
    """
    One load that llama.cpp refused, and its words.
    """

    model: str
    quant: str
    workload: Workload
    placement: Placement
    words: str


def measured_models() -> tuple[str, ...]:
    """
    Return the names of the models that were loaded, in the order of the table.
    """
    return tuple(_content()["models"])


def memory_cases(*models: str, other_loads: bool = False) -> Iterator[MemoryCase]:
    """
    Yield every measured load of some models, or of all, in the order of the table.
    """
    content = _content()
    for model in models or content["models"]:
        rows = content["models"][model]
        for index, *numbers, output in rows:
            settings = content["defaults"] | content["settings"][index]
            if not other_loads and OTHER_LOADS & settings.keys():
                continue
            names = ["host", *(f"gpu{number}" for number in range(settings["devices"]))]
            measured = {
                name: (numbers[3 * at], numbers[3 * at + 1], numbers[3 * at + 2])
                for at, name in enumerate(names)
            }
            yield MemoryCase(
                model,
                settings["quant"],
                _workload(settings),
                _placement(settings),
                measured,
                output,
                settings,
            )


def refused_cases() -> Iterator[RefusedCase]:
    """
    Yield every load that llama.cpp refused.
    """
    content = _content()
    for model, index, words in content["refused"]:
        settings = content["defaults"] | content["settings"][index]
        yield RefusedCase(model, settings["quant"], _workload(settings), _placement(settings), words)


@cache
def spec(name: str) -> ModelSpec:
    """
    Return a measured model as the estimator takes it.
    """
    model = models()[name]
    parameters = sum(tensor.elements for tensor in model.tensors)
    return ModelSpec(
        id=name,
        name=name,
        architecture=model.architecture,
        hparams=model.hparams,
        tensors=model.tensors,
        parameters=parameters,
        file_parameters=parameters,
    )


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = msgspec.json.decode((TRUTH / "memory.json").read_bytes())
    return content


def _workload(settings: dict[str, Any]) -> Workload:
    return Workload(**{name: settings[name] for name in (*_WORKLOAD, *_FLAGS)})


def _placement(settings: dict[str, Any]) -> Placement:
    return Placement(
        devices=tuple(Device(id=f"gpu{number}") for number in range(settings["devices"])),
        gpu_layers=settings["gpu_layers"],
        n_cpu_moe=settings["n_cpu_moe"],
        split_mode=settings["split_mode"],
        tensor_split=tuple(settings["tensor_split"]),
        kv_offload=settings["kv_offload"],
        op_offload=settings["op_offload"],
        repack=settings["repack"],
    )
