"""
How close the computed compute buffers come to the measured ones, per architecture.

    python -m benchmarks.accuracy_compute [--whole] [--step N] [--arch NAME]... [--misses N]

``--whole`` builds every layer instead of enough of each kind.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator

import msgspec

from benchmarks.truth.loads import MemoryCase, memory_cases, spec
from llmprobe.estimation import Estimator
from llmprobe.estimation.compute.buffers import (
    ComputeBytes,
    ComputeRequest,
)
from llmprobe.estimation.placement import host_experts
from llmprobe.estimation.settings import WITH_ENCODER, pooling_of
from llmprobe.facts.settings import ResolvedSettings, told
from llmprobe.model.archs import Sizes, graph_of

NEAR_SHARE = 0.01
NEAR_BYTES = 4 << 20


class Counts(msgspec.Struct):
    """
    Loads compared, those equal on every device, those within 1 % or 4 MiB, and the worst share of a device.
    """

    loads: int = 0
    equal: int = 0
    near: int = 0
    worst: float = 0.0


def request_of(case: MemoryCase, estimator: Estimator) -> ComputeRequest:
    """
    The request that stands for a measured load.
    """
    model, load = spec(case.model), case.told
    n_ctx = _padded(load.ctx_size or int(model.hparams["context_length"]))
    share = n_ctx if load.kv_unified else _padded(n_ctx // load.parallel)
    opened = case.hardware.devices
    used = opened[:1] if load.split_mode == "none" else opened
    devices = tuple(device.id for device in used)
    n_layer = Sizes(model.hparams).n_layer
    return ComputeRequest(
        architecture=model.architecture,
        hparams=model.hparams,
        tensors=estimator.typed_tensors(case.quant),
        layer_devices=_places(n_layer, devices, load.gpu_layers, load.tensor_split),
        settings=ResolvedSettings(
            **told(load)
            | {
                "engine": "llama.cpp",
                "devices": devices,
                "ctx_size": n_ctx if load.kv_unified else share * load.parallel,
                "ctx_per_seq": share,
                "outputs_max": 0
                if model.architecture in WITH_ENCODER
                else load.parallel
                if load.outputs_max is None
                else load.outputs_max,
                "gpu_layers": n_layer + 1 if load.gpu_layers is None else load.gpu_layers,
                "embeddings": bool(case.settings.get("embeddings")),
                "pooling": pooling_of(model),
            }
        ),
        host_experts=host_experts(load, case.hardware, n_layer),
    )


def _padded(cells: int) -> int:
    return -(-cells // 256) * 256


def _places(
    n_layer: int, devices: tuple[str, ...], asked: int | None, split: tuple[float, ...]
) -> tuple[str, ...]:
    count = n_layer + 1 if asked is None else min(asked, n_layer + 1)
    if not devices or not count:
        return ("host",) * (n_layer + 1)
    shares = split or (1.0,) * len(devices)
    ends = [sum(shares[: i + 1]) / sum(shares) for i in range(len(devices))]
    first = n_layer + 1 - count
    return tuple(
        "host"
        if layer < first
        else devices[next(i for i, end in enumerate(ends) if end > (layer - first) / count)]
        for layer in range(n_layer + 1)
    )


def compare(
    *, step: int = 1, whole: bool = False, names: tuple[str, ...] = ()
) -> Iterator[tuple[MemoryCase, ComputeBytes, float]]:
    """
    Yield every ``step``-th measured load, the answer to it, and the seconds that it took.
    """
    estimators: dict[str, Estimator] = {}
    for case in list(memory_cases(other_loads=True))[::step]:
        architecture = spec(case.model).architecture
        if case.settings.get("mtp_ctx") or graph_of(architecture) is None:
            continue
        if names and architecture not in names:
            continue
        if case.model not in estimators:
            estimators[case.model] = Estimator(spec(case.model))
        estimator = estimators[case.model]
        request = request_of(case, estimator)
        start = time.perf_counter()
        engine = estimator.compute_engine
        answer = engine.buffers_in_full(request) if whole else engine.buffers(request)
        yield case, answer, time.perf_counter() - start


def differences(case: MemoryCase, answer: ComputeBytes) -> dict[str, int]:
    """
    Return by how many bytes the answer is off on each device, without those where it is not.
    """
    found = {name: answer.bytes.get(name, 0) - sizes[2] for name, sizes in case.bytes.items()}
    return {name: size for name, size in found.items() if size}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--arch", action="append", default=[])
    parser.add_argument("--misses", type=int, default=0)
    args = parser.parse_args()
    counts: dict[str, Counts] = defaultdict(Counts)
    times = []
    for case, answer, seconds in compare(step=args.step, whole=args.whole, names=tuple(args.arch)):
        row = counts[spec(case.model).architecture]
        off = differences(case, answer)
        measured = {name: sizes[2] for name, sizes in case.bytes.items()}
        row.loads += 1
        row.equal += not off
        row.near += all(
            abs(size) <= max(NEAR_SHARE * measured[name], NEAR_BYTES) for name, size in off.items()
        )
        row.worst = max([row.worst, *(abs(size) / (measured[name] or 1) for name, size in off.items())])
        times.append(seconds)
        if off and args.misses > 0:
            args.misses -= 1
            print(case.model, case.settings, "measured", measured, "off by", off)
    print(f"{'architecture':18}{'loads':>6}{'equal':>8}{'near':>8}{'worst':>8}")
    for name, row in [*sorted(counts.items()), ("all", _total(counts))]:
        equal, near = 100 * row.equal / row.loads, 100 * row.near / row.loads
        print(f"{name:18}{row.loads:6}{equal:7.2f}%{near:7.2f}%{100 * row.worst:7.1f}%")
    times.sort()
    print(f"median {1e3 * times[len(times) // 2]:.2f} ms, all {sum(times):.0f} s")


def _total(counts: dict[str, Counts]) -> Counts:
    rows = counts.values()
    return Counts(
        loads=sum(row.loads for row in rows),
        equal=sum(row.equal for row in rows),
        near=sum(row.near for row in rows),
        worst=max(row.worst for row in rows),
    )


if __name__ == "__main__":
    main()
