"""
How fast a serving engine answers one request and many at once: what each step reads and computes, and waits for.

A step makes one token for every request. It reads the weights once (of experts those that some request needs), the
cache of every request, and waits for each layer's start and for the ranks to meet. The constants are assumptions that
were fitted to nothing, and the range is as wide.
"""

from __future__ import annotations

from llmprobe.estimation.serving.case import Case, RankWeights
from llmprobe.estimation.speed.shares import fp16_flops
from llmprobe.facts.estimate import Range
from llmprobe.facts.serving import ServingSettings

READ, COMPUTED = 0.75, 0.45
"""The parts of a device's bandwidth and of its arithmetic that steps reach."""
LAYER_S, EXPERTS_LAYER_S = 40e-6, 110e-6
"""What a layer takes whatever its size: starting its kernels, and with experts sorting the tokens to them."""
FAST_MEETING_S, SLOW_MEETING_S = 12e-6, 35e-6
"""One sum over all ranks with links between cards, and over PCIe."""
SLOWER, FASTER = 0.55, 1.35


def step_seconds(
    case: Case, settings: ServingSettings, held: RankWeights, users: int, cache_bytes: int
) -> float | None:
    """
    The seconds of one step for so many requests, each with ``cache_bytes`` of cache on a rank; None where the bandwidth
    of the devices is not known.
    """
    card = case.cards[0]
    if card.bandwidth_bytes_per_s is None:
        return None
    count, used = case.sizes.n_expert, case.experts_used
    share = 1 - (1 - used / count) ** users if count and used else 1.0
    read = held.layers + held.output + held.experts * share + users * cache_bytes
    # Where the embedding is the output too, it is read for that.
    read += held.embedding if not held.output else 0
    seconds = read / (card.bandwidth_bytes_per_s * READ)
    flops = fp16_flops(card.name, card.bandwidth_bytes_per_s)
    if flops is not None:
        active = case.model.active_parameters or case.model.parameters
        seconds = max(seconds, 2 * active * users / settings.world_size / (flops * COMPUTED))
    layers = -(-case.layers // settings.pipeline_parallel_size)
    each = EXPERTS_LAYER_S if used else LAYER_S
    if settings.tensor_parallel_size > 1:
        each += 2 * (FAST_MEETING_S if _linked(case) else SLOW_MEETING_S)
    # One request goes through the stages one after the other.
    return (seconds + layers * each) * settings.pipeline_parallel_size


def generation(seconds: float | None, users: int) -> Range | None:
    """
    Tokens per second of all requests together, with bounds.
    """
    if seconds is None:
        return None
    likely = users / seconds
    return Range(low=likely * SLOWER, likely=likely, high=likely * FASTER)


def prompt(case: Case, settings: ServingSettings) -> Range | None:
    """
    Tokens of a prompt per second, None where the arithmetic of the devices is not known.
    """
    card = case.cards[0]
    flops = fp16_flops(card.name, card.bandwidth_bytes_per_s)
    if flops is None:
        return None
    active = case.model.active_parameters or case.model.parameters
    likely = flops * COMPUTED * settings.tensor_parallel_size / (2 * active)
    return Range(low=likely * 0.4, likely=likely, high=likely * 1.8)


def _linked(case: Case) -> bool:
    """
    Whether the cards are taken to have links of their own: those of data centres from Ampere on.
    """
    capability = case.cards[0].capability
    return capability in ((8, 0), (9, 0), (10, 0), (10, 3))
