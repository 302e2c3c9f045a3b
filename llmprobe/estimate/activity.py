"""
What one generated token makes each device read: the weights that are active, and by which layers.

The embedding is a table of which one row is read. Of the experts of a layer the router picks a few, so on
average that part of their bytes is read. The rest of the weights is read whole.
"""

from llmprobe.estimate.estimator import Estimator
from llmprobe.estimate.placement import HOST, spans, used_devices
from llmprobe.estimate.speed import Share
from llmprobe.facts.plan import Placement, Workload


def shares(
    estimator: Estimator,
    quant: str,
    workload: Workload,
    placement: Placement,
    *,
    ram_bandwidth_bytes_per_s: int | None,
) -> tuple[Share, ...]:
    """
    Return what the host and each device in use do for one token. The host's bandwidth is that of the RAM.
    """
    parts = estimator.parts(quant, workload, placement)
    held = {span.device: span.stop - span.start for span in parts.spans}
    host = parts.weights[HOST]
    read = host.layers + _active(estimator, host.experts) + host.output
    if HOST in held and estimator.is_tied and not host.output and parts.spans[-1].device == HOST:
        read += estimator.embedding_bytes(quant)
    result = [
        Share(
            device=HOST,
            backend="cpu",
            bandwidth_bytes_per_s=ram_bandwidth_bytes_per_s,
            active_bytes=read,
            layers=held.get(HOST, 0) + _layers_with_experts_on_host(estimator, placement),
        )
    ]
    for device in used_devices(placement):
        weights = parts.weights[device.id]
        result.append(
            Share(
                device=device.id,
                backend=device.backend,
                bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
                active_bytes=weights.layers + _active(estimator, weights.experts) + weights.output,
                layers=held.get(device.id, 0),
            )
        )
    return tuple(result)


def _active(estimator: Estimator, expert_bytes: int) -> int:
    """
    Return the part of the experts' bytes that a token reads on average.
    """
    if not expert_bytes:
        return 0
    return expert_bytes * estimator.expert_used_count // estimator.expert_count


def _layers_with_experts_on_host(estimator: Estimator, placement: Placement) -> int:
    """
    Return how many layers on devices go back to the host for their experts.
    """
    first_on_device = next(
        (span.start for span in spans(placement, estimator.n_layer) if span.device != HOST), None
    )
    if first_on_device is None:
        return 0
    return sum(first_on_device <= layer < placement.n_cpu_moe for layer in estimator.moe_layers)
