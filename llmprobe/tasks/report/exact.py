"""
Choices that the axes alone do not make: with shares of cards, on fewer of them, with further layers' experts in RAM.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from llmprobe.facts.recommendation import Choice
from llmprobe.facts.report import AxisName, Cell, Exact
from llmprobe.facts.settings import Settings, told
from llmprobe.tasks.report.curves import settings_of, used
from llmprobe.tasks.report.stops import Stops, body, cache_types, projector_of

_FOLLOWS = ("outputs_max", "kv_unified")
"""What the engine works out of other settings."""


def exact(found: Stops, choices: Sequence[Choice], devices: Sequence[str]) -> Iterator[Exact]:
    """
    Yield what must be told beside the axes at the place of each choice, where that is anything: also which devices,
    where these are not the ``devices`` that an engine uses by itself.
    """
    for place, choice in enumerate(choices):
        values = _values(found, choice)
        if any(value not in found.values[name] for name, value in values.items()):
            continue
        settings: dict[str, Any] = told(Settings()) | found.base
        for name, value in values.items():
            settings |= body(name, value, found).get("settings", {})
        if settings.get("gpu_layers") == "all":
            settings["gpu_layers"] = choice.total_layers
        further = {
            name: value
            for name, value in settings_of(choice).items()
            if name not in _FOLLOWS and value != settings.get(name, ())
        }
        if not devices:
            further.pop("gpu_layers", None)
        alone = None if set(used(choice)) == set(devices) else used(choice)
        if further or alone is not None:
            yield Exact(choice=place, values=values, settings=further, use_devices=alone)


def _values(found: Stops, choice: Choice) -> dict[AxisName, Cell]:
    """
    Where the axes stand at a choice.
    """
    every: dict[AxisName, Cell] = {
        "quant": choice.quant,
        "ctx_size": choice.ctx_size,
        "gpu_layers": choice.gpu_layers,
        "n_cpu_moe": choice.n_cpu_moe,
        "cache_types": cache_types(choice),
        "parallel": choice.parallel,
        "projector": projector_of(choice),
        "draft": "none",
    }
    return {name: every[name] for name in found.values}
