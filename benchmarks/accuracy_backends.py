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


def quantity(kind: str, counts: Counts) -> Quantity:
    """
    Return what is claimed of a kind of device.
    """
    return Quantity(
        name=f"on {kind}",
        must="weights and caches equal to the byte in 99%, compute within 1% or 4 MiB in 97%, "
        "never lower than that",
        found=f"{percent(counts.weights_equal, counts.buffers)} and "
        f"{percent(counts.caches_equal, counts.buffers)} equal, compute "
        f"{percent(counts.compute_near, counts.buffers)} near, {counts.compute_equal:,} of "
        f"{counts.buffers:,} equal, {counts.compute_low} lower, {counts.loads:,} loads",
        held=min(counts.weights_equal, counts.caches_equal) >= 0.99 * counts.buffers
        and counts.compute_near >= 0.97 * counts.buffers
        and not counts.compute_low,
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
