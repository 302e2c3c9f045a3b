"""
Tensor overrides (``-ot PATTERN=CPU``) as far as they are estimated: those that keep all experts of layers on the host.

Source: llama.cpp b11549, common/arg.cpp (commas part overrides, the first ``=`` a pattern from its buffer) and
src/llama-model-loader.cpp (a pattern is searched for in a tensor's name).
"""

import re
from collections.abc import Iterable

from llmprobe.errors import UsageError
from llmprobe.estimation.memory.weights import EXPERTS
from llmprobe.facts.model import ModelSpec

_HINT = r"such as -ot 'blk\.(0|1)\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU', or --n-cpu-moe N for the first N layers"


def expert_layers(model: ModelSpec, overrides: Iterable[str]) -> tuple[int, ...]:
    """
    Return the layers whose experts these overrides keep on the host.

    Raises:
        UsageError: one is no override, or moves anything else than all experts of layers.
    """
    experts = {
        one.name: one.layer for one in model.tensors if one.layer is not None and EXPERTS.search(one.name)
    }
    moved: set[str] = set()
    for override in (part for text in overrides for part in text.split(",")):
        moved |= _moved(model, override, experts)
    layers = {experts[name] for name in moved}
    left = sorted(name for name, layer in experts.items() if layer in layers and name not in moved)
    if left:
        raise UsageError(
            f"the tensor overrides leave {left[0]} where it is: only all experts of a layer together are estimated",
            hint=_HINT,
        )
    return tuple(sorted(layers))


def _moved(model: ModelSpec, override: str, experts: dict[str, int]) -> set[str]:
    pattern, is_one, place = override.partition("=")
    if not is_one or not pattern:
        raise UsageError(f"{override!r} is no tensor override", hint=_HINT)
    if place != "CPU":
        raise UsageError(
            f"-ot {override} puts tensors on {place or 'nothing'}: only CPU is estimated",
            hint=_HINT,
        )
    try:
        found = {one.name for one in model.tensors if re.search(pattern, one.name)}
    except re.error as error:
        raise UsageError(f"-ot {pattern} is no pattern: {error}", hint=_HINT) from None
    if not found:
        raise UsageError(f"-ot {override} matches no tensor of {model.name}", hint=_HINT)
    others = sorted(found - experts.keys())
    if others:
        raise UsageError(f"-ot {override} moves {others[0]}: only experts are estimated", hint=_HINT)
    return found
