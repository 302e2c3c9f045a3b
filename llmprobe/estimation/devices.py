"""
What each device holds for one configuration, term by term, with what a second context adds.
"""

from typing import TYPE_CHECKING

import msgspec

from llmprobe.estimation import terms
from llmprobe.estimation.adapted import Adapters, adapted, adapter_terms
from llmprobe.estimation.draft_terms import draft_terms
from llmprobe.estimation.memory import overhead
from llmprobe.estimation.memory.quantized import BOUNDS
from llmprobe.estimation.placement import HOST
from llmprobe.estimation.projector.placed import projector_terms
from llmprobe.estimation.second import Draft, second_parts
from llmprobe.facts.devices import Hardware
from llmprobe.facts.estimate import DeviceEstimate, Term
from llmprobe.facts.settings import Settings

if TYPE_CHECKING:
    from llmprobe.estimation.estimator import Estimator
    from llmprobe.estimation.parts import Parts


def devices_of(
    estimator: "Estimator",
    quant: str,
    settings: Settings,
    hardware: Hardware,
    draft: Draft | None = None,
    adapters: Adapters = (),
) -> tuple[DeviceEstimate, ...]:
    """
    The host first, then each device that the model or its draft uses, ``adapters`` of the model with them.

    Raises:
        RefusedError: the settings do not go together for this model.
    """
    parts = estimator.parts(quant, settings, hardware)
    whole = adapted(estimator, quant, adapters)
    if whole is not estimator:
        parts = msgspec.structs.replace(parts, compute=whole.parts_of(quant, parts.setup).compute)
    beside = adapter_terms(estimator, whole, quant, parts.setup, adapters)
    second = second_parts(estimator, quant, settings, hardware, draft)
    placed = estimator.projectors.of(parts.setup)
    used = parts.setup.devices
    if second is not None:
        used = (*used, *(device for device in second.setup.devices if device not in used))
    weights = _weights(estimator, quant, parts)
    result = [
        terms.device_estimate(
            HOST,
            None,
            (
                *weights[HOST],
                *beside.get(HOST, ()),
                *_buffers(parts, HOST),
                terms.output_term(parts.output, estimator.n_vocab, parts.setup.settings),
                *draft_terms(second, HOST, draft),
                *projector_terms(placed, HOST),
                overhead.host_overhead(tuple(used)),
            ),
        )
    ]
    sums = estimator.sums_over_devices(parts.setup)
    for device in used:
        items = (
            *weights.get(device.id, ()),
            *beside.get(device.id, ()),
            *_buffers(parts, device.id),
            *draft_terms(second, device.id, draft),
            *projector_terms(placed, device.id),
            overhead.device_overhead(device, weights_on_host=parts.weights[HOST].multiplied > 0),
            *((sums,) if sums else ()),
        )
        result.append(terms.device_estimate(device.id, device.name, items))
    return tuple(result)


def _weights(estimator: "Estimator", quant: str, parts: "Parts") -> dict[str, tuple[Term, ...]]:
    low, high = (estimator.parts_weights(quant, parts.setup, bound) for bound in BOUNDS)
    known = estimator.recipe(quant) is None
    return {
        device: terms.weight_terms(
            weights,
            device,
            parts.setup,
            estimator.n_layer,
            None if known else (low[device], high[device]),
        )
        for device, weights in parts.weights.items()
    }


def _buffers(parts: "Parts", device: str) -> tuple[Term, ...]:
    return (
        *terms.cache_terms(parts.caches.get(device, ()), parts.setup.settings),
        *terms.expert_cache_terms(parts.experts, parts.setup, device),
        *terms.compute_terms(parts.compute, device, parts.setup),
    )
