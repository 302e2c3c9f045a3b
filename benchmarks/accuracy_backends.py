"""
How close the buffers on other backends than CUDA come to what llama.cpp asks for.

    python -m benchmarks.accuracy_backends [KIND]... [--step N] [--model NAME]... [--misses N]
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from benchmarks.accuracy_table import Quantity, percent
from benchmarks.truth.backends import KINDS, backend_cases, backend_refusals
from benchmarks.truth.loads import MemoryCase, spec
from llmprobe.errors import RefusedError
from llmprobe.estimation import Estimator

NAMES = {
    "metal": "Metal",
    "vulkan": "Vulkan, NVIDIA's driver",
    "vulkan-radv": "Vulkan, RADV (AMD)",
    "rocm": "ROCm",
    "sycl": "SYCL",
    "metal-noblas": "Metal, built without BLAS",
    "metal-nomm": "Metal, without matrix units",
    "vulkan-amdwin": "Vulkan, AMD's own driver",
    "vulkan-intel": "Vulkan, Intel with a range of 1 GiB",
    "vulkan-64bit": "Vulkan, with 64-bit indices",
    "vulkan-nosubgroup": "Vulkan, without shuffles",
    "vulkan-igpu": "Vulkan, integrated graphics",
    "vulkan-large": "Vulkan, caches with very large tensors",
}
"""What each kind of device is called in a table."""

NEAR_SHARE = 0.01
NEAR_BYTES = 4 << 20


class Counts(msgspec.Struct):
    """
    Buffers compared (of the host and of each device), and how many are equal to the byte; of the compute buffers also
    those within 1 % or 4 MiB, and those that were told lower than that.
    """

    loads: int = 0
    buffers: int = 0
    weights_equal: int = 0
    caches_equal: int = 0
    compute_equal: int = 0
    compute_near: int = 0
    compute_low: int = 0
    refused: int = 0
    differing: list[str] = []


def measure(cases: Iterable[MemoryCase]) -> Counts:
    """
    Compare measured loads; those of one model should follow each other.
    """
    counts = Counts()
    model, estimator = "", None
    for case in cases:
        if estimator is None or case.model != model:
            model, estimator = case.model, Estimator(spec(case.model))
        _compare(case, estimator, counts)
    return counts


def measure_refusals(kind: str) -> tuple[int, list[str]]:
    """
    Return how many loads llama.cpp refused on a kind of device, and those of them that we do not refuse.
    """
    count, taken = 0, []
    for case in backend_refusals(kind):
        count += 1
        try:
            Estimator(spec(case.model)).parts(case.quant, case.told, case.hardware)
        except RefusedError:
            continue
        taken.append(f"{case.model} {case.told.ctx_size}: {case.words}")
    return count, taken


def _compare(case: MemoryCase, estimator: Estimator, counts: Counts) -> None:
    counts.loads += 1
    try:
        parts = estimator.parts(case.quant, case.told, case.hardware)
    except RefusedError as error:
        counts.refused += 1
        counts.differing.append(f"{case.model} {_told(case)}: refused ({error.message.id})")
        return
    for device, (weights, cache, compute) in case.bytes.items():
        ours = parts.compute.bytes.get(device, 0)
        off = {
            "weights": parts.weights[device].total - weights,
            "cache": sum(size for _, size in parts.caches[device]) - cache,
            "compute": ours - compute,
        }
        counts.buffers += 1
        counts.weights_equal += not off["weights"]
        counts.caches_equal += not off["cache"]
        counts.compute_equal += not off["compute"]
        near = abs(off["compute"]) <= max(NEAR_SHARE * compute, NEAR_BYTES)
        counts.compute_near += near
        counts.compute_low += not near and off["compute"] < 0
        for name, by in off.items():
            if by:
                measured = {"weights": weights, "cache": cache, "compute": compute}[name]
                counts.differing.append(
                    f"{case.model} {_told(case)}: {name} of {device} {by:+} of {measured}"
                )


def _told(case: MemoryCase) -> str:
    plain = msgspec.structs.replace(case, settings={})
    words = {
        name: value
        for name, value in msgspec.structs.asdict(plain.told).items()
        if value != getattr(type(plain.told)(), name)
    }
    return f"{case.quant} {words}"


def quantity(kind: str) -> Quantity:
    """
    The claim about a kind of device.
    """
    counts, (refused, taken) = measure(backend_cases(kind)), measure_refusals(kind)
    return claimed(kind, counts, refused, len(taken))


def claimed(kind: str, counts: Counts, refused: int, taken: int) -> Quantity:
    """
    Return whether what was found holds the bars: of loads that llama.cpp ``refused`` some were ``taken``.
    """
    exact = min(counts.weights_equal, counts.caches_equal)
    return Quantity(
        name=f"on {NAMES[kind]}",
        must="weights and caches equal to the byte in 99%, compute within 1% or 4 MiB in 97%, "
        "never lower than that; what fails is refused",
        found=f"{exact:,} of {counts.buffers:,} equal in {counts.loads:,} loads, compute "
        f"{counts.compute_near:,} near ({percent(counts.compute_near, counts.buffers)}), "
        f"{counts.compute_equal:,} equal, {counts.compute_low} lower; {refused - taken} of {refused} refused",
        held=exact >= 0.99 * counts.buffers > 0
        and counts.compute_near >= 0.97 * counts.buffers
        and not (counts.compute_low or counts.refused or taken),
    )


def printed(kinds: Sequence[str], found: Sequence[Counts]) -> str:
    """
    Return a table of what was compared.
    """
    lines = [
        f"{'kind':18}{'loads':>6}{'buffers':>8}{'weights':>9}{'caches':>9}{'equal':>9}{'near':>9}{'lower':>7}"
    ]
    for kind, counts in zip(kinds, found, strict=True):
        shares = [
            percent(part, counts.buffers)
            for part in (
                counts.weights_equal,
                counts.caches_equal,
                counts.compute_equal,
                counts.compute_near,
            )
        ]
        columns = "".join(f"{share:>9}" for share in shares)
        lines.append(f"{kind:18}{counts.loads:6}{counts.buffers:8}{columns}{counts.compute_low:7}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--misses", type=int, default=0)
    args = parser.parse_args()
    kinds, found = args.kinds or list(KINDS), []
    for kind in kinds:
        start = time.perf_counter()
        cases = list(backend_cases(kind))[:: args.step]
        found.append(measure(case for case in cases if not args.model or case.model in args.model))
        seconds = time.perf_counter() - start
        for line in found[-1].differing[: args.misses]:
            print(kind, line)
        refused, taken = measure_refusals(kind)
        lines = Counter(line.split(": ", 1)[1] for line in taken)
        print(f"{kind}: {refused - len(taken)} of {refused} refused, {seconds:.1f} s", dict(lines) or "")
    print(printed(kinds, found))


if __name__ == "__main__":
    main()
