"""
How fast a serving engine answers one request and many at once: what each step reads and computes, and waits for.

A step makes one token for every request. It reads the weights once (of experts those that some request needs), the
cache of every request, and waits for each layer's start and for the ranks to meet. Stages of a pipeline work on other
requests at the same time, where there are as many; between machines the values of each token go over the network, from
stage to stage, and the token comes back. The constants are assumptions, moved with 84 published speeds in view
(``benchmarks.accuracy_serving_speed``), and the range is as wide as these differ.
"""

from __future__ import annotations

import msgspec

from llmprobe.estimation.serving.case import Case
from llmprobe.estimation.serving.weights import WIDE, rank_weights
from llmprobe.estimation.speed.network import further
from llmprobe.estimation.speed.shares import fp16_flops
from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.estimate import Range
from llmprobe.facts.serving import Card, ServingSettings

READ, COMPUTED = 0.75, 0.45
"""The parts of a device's bandwidth and of its arithmetic that steps reach."""
LAYER_S = Range(low=30e-6, likely=45e-6, high=140e-6)
"""What a layer takes whatever its size: starting its kernels. Most on large chips with small models."""
EXPERTS_LAYER_S = Range(low=70e-6, likely=110e-6, high=200e-6)
"""The same with experts: tokens are sorted to them besides."""
UNPACKED_LAYER_S = Range(low=90e-6, likely=200e-6, high=330e-6)
"""With experts in fewer than eight bits that a card does not compute as they are: kernels by Marlin or Triton."""
REQUEST_S = Range(low=0, likely=10e-6, high=50e-6)
"""What each request takes in a step whatever it reads: its place in the batch, and sampling its token."""
EAGER_LAYER_S = 150e-6
"""What a layer takes besides where no graphs are: each of its kernels is started by Python. Assumed; with a slow
processor it is more (59 tokens/s became 26 on a GB10)."""
FAST_MEETING_S, SLOW_MEETING_S = 12e-6, 35e-6
"""One sum over all ranks with links between cards, and over PCIe."""
SLOWER, FASTER = 0.55, 1.35
_EIGHT, _BLACKWELL = 8, (10, 0)

HOP_S = Range(low=0.0001, likely=0.0005, high=0.002)
"""What it takes from a stage to one on another machine beside the bytes: a message by Gloo, one by NCCL. Assumed: a
round trip over Ethernet is 0.1 to 0.3 ms, and a hop is several."""


class Pace(msgspec.Struct, frozen=True):
    """
    One end of the range of what takes its time whatever the size: seconds of a hop, and the part of the way from the
    likely seconds of a layer to the least (-1) or the most (1).
    """

    hop_s: float
    end: int = 0

    def of(self, seconds: Range) -> float:
        """This end of a range."""
        return (seconds.likely, seconds.high, seconds.low)[self.end]


FAST, USUAL, SLOW = Pace(HOP_S.low, -1), Pace(HOP_S.likely), Pace(HOP_S.high, 1)


def generation(case: Case, settings: ServingSettings, users: int, cache_bytes: int) -> Range | None:
    """
    Tokens per second of so many requests together, each with ``cache_bytes`` of cache on a rank; None where the
    bandwidth of a device is not known.
    """
    fast, likely, slow = (
        step_seconds(case, settings, users, cache_bytes, pace) for pace in (FAST, USUAL, SLOW)
    )
    if fast is None or likely is None or slow is None:
        return None
    return Range(low=users / slow * SLOWER, likely=users / likely, high=users / fast * FASTER)


def step_seconds(
    case: Case, settings: ServingSettings, users: int, cache_bytes: int, pace: Pace = USUAL
) -> float | None:
    """
    The seconds in which each of so many requests gets one token: once through all stages, or, where more requests are
    under way than one stage takes at once, that of the slowest for all of them.
    """
    count = settings.pipeline_parallel_size
    batch = -(-users // count)
    times = [_stage_seconds(case, settings, stage, batch, cache_bytes, pace) for stage in range(count)]
    known = [each for each in times if each is not None]
    if len(known) < count:
        return None
    around = sum(known)
    if case.network is not None:
        sent = batch * case.hidden * WIDE / case.network.bytes_per_s
        # The token comes back from the last stage to the first one.
        around += count * max(0.0, pace.hop_s + further(case.network)) + (count - 1) * sent
    return max(around, min(users, count) * max(known))


def _stage_seconds(
    case: Case, settings: ServingSettings, stage: int, users: int, cache_bytes: int, pace: Pace
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
    reached = BACKENDS[card.backend].torch_share
    seconds = read / (card.bandwidth_bytes_per_s * READ * reached)
    flops = fp16_flops(card.name, card.bandwidth_bytes_per_s)
    part = _part(case, settings, stage)
    if flops is not None:
        active = (case.model.active_parameters or case.model.parameters) * part
        computed = flops * COMPUTED * reached * settings.tensor_parallel_size
        seconds = max(seconds, 2 * active * users / computed)
    each = pace.of(_layer_s(case, card))
    if settings.enforce_eager:
        each += EAGER_LAYER_S
    if settings.tensor_parallel_size > 1:
        each += 2 * (FAST_MEETING_S if case.linked else SLOW_MEETING_S)
    return seconds + part * case.layers * each + users * pace.of(REQUEST_S)


def _layer_s(case: Case, card: Card) -> Range:
    """
    What a layer takes whatever its size.
    """
    if not case.experts_used:
        return LAYER_S
    packing = None if case.scheme is None else case.scheme.experts or case.scheme.packing
    if case.scheme is None or packing is None or packing.bits >= _EIGHT or case.scheme.method == "mlx":
        return EXPERTS_LAYER_S
    computed = card.capability is not None and card.capability >= _BLACKWELL
    return EXPERTS_LAYER_S if computed else UNPACKED_LAYER_S


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
        reached = COMPUTED * BACKENDS[card.backend].torch_share
        seconds += 2 * active * part / (flops * reached * settings.tensor_parallel_size)
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
    return len(case.stages(settings.pipeline_parallel_size)[stage]) / max(1, case.layers)
