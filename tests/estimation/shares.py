"""
What devices and a processor do for one token of an 8B at Q4_K_M, as the tests of speed take it.
"""

import msgspec

from llmprobe.estimation.speed.parts import Share
from llmprobe.facts.processor import Processor

GB = 1_000_000_000
GPU = Share(
    device="gpu0",
    name="NVIDIA GeForce RTX 4090",
    backend="cuda",
    bandwidth_bytes_per_s=1008 * GB,
    compute_capability="8.9",
    active_bytes=5 * GB,
    layers=32,
    kernels=288,
    cache_bytes=4 * GB,
    parameters=8 * GB,
    resident_bytes=5 * GB,
    flops=330_300 * GB,
)
HOST = Share(device="host", backend="cpu", bandwidth_bytes_per_s=90 * GB, active_bytes=2048, layers=0)
HALF = msgspec.structs.replace(
    HOST, active_bytes=5 * GB, layers=16, kernels=144, parameters=4 * GB, resident_bytes=5 * GB
)
CORES = Processor(threads=16, vectors=True)
