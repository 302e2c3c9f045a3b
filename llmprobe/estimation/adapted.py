"""
A model with adapters: their tensors lie where the weights lie that they change, and the graph has a product more for
each.

Source: llama.cpp b11549, src/llama-adapter.cpp, src/llama-graph.cpp (build_lora_mm, build_cvec).
"""

from typing import TYPE_CHECKING

import msgspec

from llmprobe.facts.adapter import Adapter, AdapterInEstimate
from llmprobe.facts.estimate import Term
from llmprobe.model.archs._shared.adapters import adapter_tensors
from llmprobe.words.message import message

if TYPE_CHECKING:
    from llmprobe.estimation.estimator import Estimator
    from llmprobe.estimation.setup import Setup

Adapters = tuple[Adapter, ...]


def adapted(estimator: "Estimator", quant: str, adapters: Adapters) -> "Estimator":
    """
    The estimator of the model in one quantization with adapters; without any it is the model's own.

    Raises:
        RefusedError: an adapter was made for another model.
    """
    if not adapters:
        return estimator
    further = adapter_tensors(estimator.model, adapters, estimator.trunk)
    model = msgspec.structs.replace(
        estimator.model,
        tensors=(*estimator.typed_tensors(quant), *further),
        quant=quant,
        source="gguf",
    )
    return type(estimator)(model, estimator.profile)


def adapters_in_estimate(adapters: Adapters) -> tuple[AdapterInEstimate, ...]:
    """
    The adapters as an estimate names them.
    """
    return tuple(AdapterInEstimate(name=one.name, kind=one.kind, rank=one.rank) for one in adapters)


def adapter_terms(
    estimator: "Estimator", whole: "Estimator", quant: str, setup: "Setup", adapters: Adapters
) -> dict[str, tuple[Term, ...]]:
    """
    What the adapters take on each device: what the model takes with them less what it takes without.
    """
    if whole is estimator:
        return {}
    without = estimator.parts_weights(quant, setup)
    found: dict[str, tuple[Term, ...]] = {}
    for device, weights in whole.parts_weights(quant, setup).items():
        size = weights.total - without[device].total
        if size:
            how = message("term.adapters", names=tuple(adapter.name for adapter in adapters))
            found[device] = (Term(name="adapters", kind="adapter", bytes=size, how=how, basis="derived"),)
    return found
