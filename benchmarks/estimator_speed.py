"""
How long two thousand configurations of one model take, when only the numbers are asked for.
"""

from time import perf_counter

from llmprobe.estimate import Estimator
from llmprobe.facts.plan import Device, Placement, Workload
from tests.estimate.truth import spec

QUANTS = ("Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")
CONTEXTS = (4096, 8192, 16384, 32768, 65536)


def measure(name: str = "llama3.3-70b") -> tuple[int, float]:
    """
    Return how many configurations were computed, and the seconds they took with the estimator's own making.
    """
    model = spec(name)
    devices = (Device(id="gpu0", free_bytes=24 << 30),)
    start = perf_counter()
    estimator = Estimator(model)
    count = 0
    for quant in QUANTS:
        for ctx_size in CONTEXTS:
            for layers in range(estimator.total_layers):
                workload = Workload(ctx_size=ctx_size)
                estimator.totals(quant, workload, Placement(devices=devices, gpu_layers=layers))
                count += 1
    return count, perf_counter() - start


if __name__ == "__main__":
    configurations, seconds = measure()
    print(f"{configurations} configurations in {seconds:.2f} s")
