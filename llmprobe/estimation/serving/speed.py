"""
How fast a serving engine answers one request and many at once: what each step reads and computes, and waits for.

A step makes one token for every request. It reads the weights once (of experts those that some request needs), the
cache of every request, and waits for each layer's start and for the ranks to meet. Stages of a pipeline work on other
requests at the same time, where there are as many; between machines the values of each token go over the network, from
stage to stage, and the token comes back. The constants are assumptions that were fitted to nothing, and the range is as
wide.
"""

from __future__ import annotations

from llmprobe.estimation.serving.case import Case
from llmprobe.estimation.serving.stages import stages
from llmprobe.estimation.serving.weights import WIDE, rank_weights
from llmprobe.estimation.speed.shares import fp16_flops
from llmprobe.facts.estimate import Range
from llmprobe.facts.serving import Card, ServingSettings

READ, COMPUTED = 0.75, 0.45
"""The parts of a device's bandwidth and of its arithmetic that steps reach."""
LAYER_S, EXPERTS_LAYER_S = 40e-6, 110e-6
"""What a layer takes whatever its size: starting its kernels, and with experts sorting the tokens to them."""
EAGER_LAYER_S = 150e-6
"""What a layer takes besides where no graphs are: each of its kernels is started by Python. Assumed; with a slow
processor it is more (59 tokens/s became 26 on a GB10)."""
FAST_MEETING_S, SLOW_MEETING_S = 12e-6, 35e-6
"""One sum over all ranks with links between cards, and over PCIe."""
SLOWER, FASTER = 0.55, 1.35

HOP_S = Range(low=0.0001, likely=0.0005, high=0.002)
"""What it takes from a stage to one on another machine beside the bytes: a message by Gloo, one by NCCL. Assumed: a
round trip over Ethernet is 0.1 to 0.3 ms, and a hop is several."""


def generation(case: Case, settings: ServingSettings, users: int, cache_bytes: int) -> Range | None:
    """
    Tokens per second of so many requests together, each with ``cache_bytes`` of cache on a rank; None where the
    bandwidth of a device is not known.
    """
    steps = [step_seconds(case, settings, users, cache_bytes, hop) for hop in (HOP_S.low, HOP_S.high)]
    likely = step_seconds(case, settings, users, cache_bytes, HOP_S.likely)
    if likely is None or steps[0] is None or steps[1] is None:
        return None
    return Range(low=users / steps[1] * SLOWER, likely=users / likely, high=users / steps[0] * FASTER)


def step_seconds(
    case: Case, settings: ServingSettings, users: int, cache_bytes: int, hop_s: float = HOP_S.likely
) -> float | None:
    """
    The seconds in which each of so many requests gets one token: once through all stages, or, where more requests are
    under way than one stage takes at once, that of the slowest for all of them.
    """
    count = settings.pipeline_parallel_size
    batch = -(-users // count)
    times = [_stage_seconds(case, settings, stage, batch, cache_bytes) for stage in range(count)]
    known = [each for each in times if each is not None]
    if len(known) < count:
        return None
    around = sum(known)
    if case.network is not None:
        sent = batch * case.hidden * WIDE / case.network.bytes_per_s
        # The token comes back from the last stage to the first one.
        around += count * hop_s + (count - 1) * sent
    return max(around, min(users, count) * max(known))


def _stage_seconds(
    case: Case, settings: ServingSettings, stage: int, users: int, cache_bytes: int
) -> float | None:
    card = _card(case, settings, stage)
    if card.bandwidth_bytes_per_s is None:
        return None
    held = rank_weights(case, settings, stage)
    count, used = case.sizes.n_expert, case.experts_used
    share = 1 - (1 - used / count) ** users if count and used else 1.0
    read = held.layers + held.output + held.experts * share + users * cache_bytes
    if stage == settings.pipeline_parallel_size - 1 and not held.output:
        # Where the embedding is the output too, it is read for that.
        read += held.embedding
    seconds = read / (card.bandwidth_bytes_per_s * READ)
    flops = fp16_flops(card.name, card.bandwidth_bytes_per_s)
    part = _part(case, settings, stage)
    if flops is not None:
        active = (case.model.active_parameters or case.model.parameters) * part
        seconds = max(seconds, 2 * active * users / settings.tensor_parallel_size / (flops * COMPUTED))
    each = EXPERTS_LAYER_S if used else LAYER_S
    if settings.enforce_eager:
        each += EAGER_LAYER_S
    if settings.tensor_parallel_size > 1:
        each += 2 * (FAST_MEETING_S if case.linked else SLOW_MEETING_S)
    return seconds + part * case.layers * each


def prompt(case: Case, settings: ServingSettings) -> Range | None:
    """
    Tokens of a prompt per second, None where the arithmetic of a device is not known.
    """
    seconds = 0.0
    active = case.model.active_parameters or case.model.parameters
    for stage in range(settings.pipeline_parallel_size):
        card = _card(case, settings, stage)
        flops = fp16_flops(card.name, card.bandwidth_bytes_per_s)
        if flops is None:
            return None
        part = _part(case, settings, stage)
        seconds += 2 * active * part / (flops * COMPUTED * settings.tensor_parallel_size)
    if case.network is not None:
        hops = settings.pipeline_parallel_size - 1
        seconds += hops * case.hidden * WIDE / case.network.bytes_per_s
    return Range(low=0.4 / seconds, likely=1 / seconds, high=1.8 / seconds)


def _card(case: Case, settings: ServingSettings, stage: int) -> Card:
    """
    A device of a stage; all of one stage are alike.
    """
    return case.cards[min(stage * settings.tensor_parallel_size, len(case.cards) - 1)]


def _part(case: Case, settings: ServingSettings, stage: int) -> float:
    """
    The part of all layers that a stage has.
    """
    return len(stages(case.layers, settings.pipeline_parallel_size)[stage]) / max(1, case.layers)
