"""
The measured allocations of ``fixtures/truth/memory.json``, read back into settings and hardware.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from benchmarks.truth.models import TRUTH, models
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import Settings

OTHER_LOADS = frozenset({"load_mtp", "mtp_ctx", "lazy_mode", "embeddings"})
"""Settings of loads that the estimator does not speak of: draft heads, tensors read late, pooled outputs."""

_UNKNOWN_TO_THE_TABLE = frozenset({"cpu_moe_layers", "tensor_split", "mmap"})


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
                _told(settings),
                _hardware(settings),
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
def _content() -> dict[str, Any]:
    content: dict[str, Any] = msgspec.json.decode((TRUTH / "memory.json").read_bytes())
    return content


def _told(settings: dict[str, Any]) -> Settings:
    names = set(Settings.__struct_fields__) - _UNKNOWN_TO_THE_TABLE
    return Settings(tensor_split=tuple(settings["tensor_split"]), **{name: settings[name] for name in names})


def _hardware(settings: dict[str, Any]) -> Hardware:
    return Hardware(devices=tuple(Device(id=f"gpu{number}") for number in range(settings["devices"])))
