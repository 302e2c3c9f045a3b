"""
All that one configuration takes, by part and device, before it is put into words.
"""

import msgspec

from llmprobe.estimation.compute.buffers import ComputeBytes
from llmprobe.estimation.memory.expert_cache import NO_CACHE, ExpertCache
from llmprobe.estimation.memory.kv_cache import CachePart
from llmprobe.estimation.memory.weights import DeviceWeights
from llmprobe.estimation.setup import Setup

Caches = dict[str, tuple[tuple[CachePart, int], ...]]
"""The caches of each device and their bytes there."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the devices of one configuration hold, without overhead. ``output`` is the host's buffer for logits,
    ``experts`` the cache of experts.
    """

    setup: Setup
    weights: dict[str, DeviceWeights]
    caches: Caches
    compute: ComputeBytes
    output: int
    experts: ExpertCache = NO_CACHE
