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
from llmprobe.words.message import Message, message

_EXAMPLE = r"-ot 'blk\.(0|1)\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU'"


def expert_layers(model: ModelSpec, overrides: Iterable[str]) -> tuple[int, ...]:
    """
    The layers whose experts these overrides keep on the host.

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
        raise _refused(message("error.override-leaves-experts", tensor=left[0]))
    return tuple(sorted(layers))


def _moved(model: ModelSpec, override: str, experts: dict[str, int]) -> set[str]:
    pattern, is_one, place = override.partition("=")
    if not is_one or not pattern:
        raise _refused(message("error.override-not-readable", given=override))
    if place != "CPU":
        raise _refused(message("error.override-not-to-cpu", given=override, buffer=place or None))
    try:
        found = {one.name for one in model.tensors if re.search(pattern, one.name)}
    except re.error as error:
        raise _refused(message("error.override-no-pattern", given=pattern, reason=str(error))) from None
    if not found:
        raise _refused(message("error.override-matches-nothing", given=override, model=model.name))
    others = sorted(found - experts.keys())
    if others:
        raise _refused(message("error.override-moves-others", given=override, tensor=others[0]))
    return found


def _refused(what: Message) -> UsageError:
    return UsageError(what, hint=message("hint.override", example=_EXAMPLE))
