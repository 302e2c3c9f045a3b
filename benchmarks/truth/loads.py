"""
The measured allocations of ``fixtures/truth``, read back into settings and hardware.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from benchmarks.truth.models import has_graph, models, tables
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import Settings
from llmprobe.units import GIB

OTHER_LOADS = frozenset({"load_mtp", "mtp_ctx", "lazy_mode", "embeddings"})
"""Settings of loads that the estimator does not speak of: draft heads, tensors read late, pooled outputs."""


class MemoryCase(msgspec.Struct, frozen=True):
    """
    One measured load. ``bytes`` are weights, cache and compute by device; ``settings`` what it was asked for.
    """

    model: str
    quant: str
    told: Settings
    hardware: Hardware
    bytes: dict[str, tuple[int, int, int]]
    output: int
    settings: dict[str, Any]


class RefusedCase(msgspec.Struct, frozen=True):
    """
    One load that llama.cpp refused, and its words.
    """

    model: str
    quant: str
    told: Settings
    hardware: Hardware
    words: str


def measured_models() -> tuple[str, ...]:
    """
    Return the names of the models that were loaded, in the order of the table.
    """
    return tuple(name for content in _contents() for name in content["models"] if has_graph(name))


def memory_cases(*models: str, other_loads: bool = False) -> Iterator[MemoryCase]:
    """
    Yield every measured load of some models, or of all, in the order of the table.
    """
    for content in _contents():
        for model in models or content["models"]:
            if not has_graph(model):
                continue
            for row in content["models"].get(model, ()):
                case = case_of(content, model, row)
                if other_loads or not OTHER_LOADS & case.settings.keys():
                    yield case


def case_of(content: dict[str, Any], model: str, row: list[int]) -> MemoryCase:
    """
    Return the load of a row of a table.
    """
    index, *numbers, output = row
    settings = content["defaults"] | content["settings"][index]
    names = ["host", *(f"gpu{number}" for number in range(settings["devices"]))]
    measured = {
        name: (numbers[3 * at], numbers[3 * at + 1], numbers[3 * at + 2]) for at, name in enumerate(names)
    }
    return MemoryCase(
        model, settings["quant"], _told(settings), _hardware(settings), measured, output, settings
    )


def refused_cases() -> Iterator[RefusedCase]:
    """
    Yield every load that llama.cpp refused.
    """
    for content in _contents():
        yield from refused_of(content)


def refused_of(content: dict[str, Any]) -> Iterator[RefusedCase]:
    """
    Yield the loads of a table that llama.cpp refused.
    """
    for model, index, words in content["refused"]:
        settings = content["defaults"] | content["settings"][index]
        if has_graph(model):
            yield RefusedCase(model, settings["quant"], _told(settings), _hardware(settings), words)


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
def _contents() -> tuple[dict[str, Any], ...]:
    return tuple(tables("memory.json"))


def _told(settings: dict[str, Any]) -> Settings:
    names = settings.keys() & set(Settings.__struct_fields__) - {"tensor_split"}
    return Settings(tensor_split=tuple(settings["tensor_split"]), **{name: settings[name] for name in names})


def _hardware(settings: dict[str, Any]) -> Hardware:
    free = settings["device_gib"] * GIB if "device_gib" in settings else None
    return Hardware(
        devices=tuple(Device(id=f"gpu{number}", free_bytes=free) for number in range(settings["devices"]))
    )
