"""
Experts of any layers on the host, against what llama.cpp says that it takes.

The figures are those of ``llama-fit-params`` (llama.cpp b11549, one slot): it keeps the experts of the last layers of a
device on the host, which no ``--n-cpu-moe`` says, and prints what each device then holds in MiB.
"""

import pytest

from benchmarks.truth.loads import spec
from llmprobe.engines.llamacpp import PROFILES
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings
from llmprobe.units import MIB

ROWS = [
    ("deepseek-r1-671b", 4096, 4, (), range(59, 62), (11257,)),
    ("deepseek-r1-671b", 8192, 3, (), range(60, 62), (11140,)),
    ("deepseek-r1-671b", 4096, 62, (5.0, 57.0), range(6, 62), (18421, 15816)),
    ("glm-4.5-air", 4096, 21, (), range(27, 47), (3027,)),
    ("glm-4.5-air", 8192, 18, (), range(30, 47), (3055,)),
    ("llama4-scout", 4096, 4, (), range(46, 49), (3032,)),
    ("llama4-scout", 8192, 3, (), range(47, 49), (2959,)),
    ("llama4-scout", 8192, 34, (), range(16, 49), (7087,)),
]


@pytest.mark.parametrize(("model", "ctx_size", "gpu_layers", "split", "layers", "used_mib"), ROWS)
def test_experts_of_any_layers_can_stay_on_the_host(
    model: str,
    ctx_size: int,
    gpu_layers: int,
    split: tuple[float, ...],
    layers: range,
    used_mib: tuple[int, ...],
) -> None:
    """
    With the experts of these layers on the host each device holds what llama.cpp says, to the MiB.
    """
    devices = tuple(Device(id=f"gpu{at}", compute_capability="8.9") for at in range(len(used_mib)))
    settings = Settings(
        ctx_size=ctx_size, gpu_layers=gpu_layers, cpu_moe_layers=tuple(layers), tensor_split=split
    )
    estimator = Estimator(spec(model), PROFILES["llama-bench"])
    parts = estimator.parts("Q4_K_M", settings, Hardware(devices=devices))
    measured = [
        parts.weights[one.id].total
        + sum(size for _, size in parts.caches[one.id])
        + parts.compute.bytes[one.id]
        for one in devices
    ]
    found = tuple(size // MIB for size in measured)

    assert found == used_mib
