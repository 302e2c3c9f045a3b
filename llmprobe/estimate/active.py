"""
What one token reads of the weights, device by device: the ground of every speed figure.
"""

from llmprobe.estimate.placement import HOST, Span
from llmprobe.estimate.speed import Share
from llmprobe.estimate.weights import WeightTable
from llmprobe.facts.plan import Device, Placement


def active_shares(
    table: WeightTable,
    parts: tuple[Span, ...],
    devices: tuple[Device, ...],
    placement: Placement,
    *,
    used_experts: float,
    ram_bandwidth: int | None,
) -> tuple[Share, ...]:
    """
    Return the bytes that each device reads for one token and the layers it runs: the host's first.

    ``used_experts`` is the share of the experts that a token uses. Of an embedding one row is read.
    """
    backends = {device.id: device.backend for device in devices}
    weights = table.place(parts, dict(backends), n_cpu_moe=placement.n_cpu_moe, repack=False)
    spans = {part.device: part for part in parts}
    result = []
    for device in (HOST, *backends):
        own = weights[device]
        part = spans.get(device)
        layers = min(part.stop, table.n_layer) - part.start if part is not None else 0
        read = own.layers + int(own.experts * used_experts) + own.output
        if device == HOST:
            read += table.row_bytes
            if part is not None:
                layers = min(max(part.stop, placement.n_cpu_moe), table.n_layer)
                if part.stop > table.n_layer and table.tied:
                    read += table.input_bytes
            elif backends:
                layers = min(placement.n_cpu_moe, table.n_layer) if own.experts else 0
        result.append(
            Share(
                device=device,
                backend="cpu" if device == HOST else backends[device],
                bandwidth_bytes_per_s=ram_bandwidth
                if device == HOST
                else next(used.bandwidth_bytes_per_s for used in devices if used.id == device),
                active_bytes=read,
                layers=layers,
            )
        )
    return tuple(result)
