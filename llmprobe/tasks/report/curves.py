"""
Memory against context: each choice, placed as it is, at other contexts.
"""

from collections.abc import Iterator
from typing import Any

from llmprobe.advise.contexts import sizes
from llmprobe.errors import RefusedError
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Recommendation
from llmprobe.facts.report import Curve, CurvePoint, TotalOfDevice
from llmprobe.facts.settings import SettingsOptions
from llmprobe.tasks.estimate import estimate
from llmprobe.tasks.setting import with_devices


def curves(model: ModelSpec, snapshot: Snapshot, answer: Recommendation) -> Iterator[Curve]:
    """
    Yield the curve of each choice; what llama.cpp refuses at a context is left out.
    """
    for place, choice in enumerate(answer.choices):
        machine, settings = with_devices(snapshot, used(choice)), settings_of(choice)
        found = []
        for size in sizes(model, choice.ctx_size):
            try:
                found.append(_at(model, machine, choice.quant, {**settings, "ctx_size": size}))
            except RefusedError:
                continue
        yield Curve(choice=place, quant=choice.quant, points=tuple(found))


def _at(model: ModelSpec, machine: Snapshot, quant: str, settings: dict[str, Any]) -> CurvePoint:
    said = estimate(model, snapshot=machine, quant=quant, **settings)
    return CurvePoint(
        ctx_size=said.settings.ctx_size,
        fits=said.fits,
        devices=tuple(TotalOfDevice(id=one.id, total_bytes=one.total_bytes) for one in said.devices),
        tokens_per_s=said.speed.generation_at_full_context_tokens_per_s,
    )


def used(choice: Choice) -> tuple[str, ...]:
    """
    The devices that a choice uses beside the host.
    """
    return tuple(one.id for one in choice.devices if one.id != "host")


def settings_of(choice: Choice) -> dict[str, Any]:
    """
    The settings of a choice as ``estimate`` is given them.
    """
    given = {name: getattr(choice, name) for name in SettingsOptions.__annotations__ if hasattr(choice, name)}
    layers = "|".join(map(str, choice.cpu_moe_layers))
    if layers:
        given["override_tensor"] = (rf"blk\.({layers})\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU",)
    return given
