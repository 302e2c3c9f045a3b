"""
How often weights, caches and output buffers are what llama.cpp asked for, to the byte and on every device.
"""

from collections import Counter

import msgspec

from llmprobe.errors import RefusedError
from llmprobe.estimate import Estimator
from llmprobe.model import archs
from tests.estimate.truth import memory_cases, refused_cases, spec


class Counts(msgspec.Struct):
    """
    Loads compared and those equal on every device; ``unknown`` are loads of architectures without a family.
    """

    loads: int = 0
    weights_equal: int = 0
    caches_equal: int = 0
    output_equal: int = 0
    unknown: int = 0
    refused: int = 0
    refused_equal: int = 0
    differing: Counter[str] = msgspec.field(default_factory=Counter)


def measure(step: int = 1) -> Counts:
    """
    Compare every ``step``-th measured load, and every refusal.
    """
    counts = Counts()
    estimators: dict[str, Estimator] = {}
    for case in list(memory_cases())[::step]:
        if archs.get(spec(case.model).architecture) is None:
            counts.unknown += 1
            continue
        estimator = estimators.setdefault(case.model, Estimator(spec(case.model)))
        weights = estimator.weights(case.quant, case.placement)
        caches = estimator.caches(case.workload, case.placement)
        weights_equal = {name: part.total for name, part in weights.items()} == {
            name: case.bytes[name][0] for name in weights
        }
        caches_equal = {name: sum(size for _, size in parts) for name, parts in caches.items()} == {
            name: case.bytes[name][1] for name in caches
        }
        counts.loads += 1
        counts.weights_equal += weights_equal
        counts.caches_equal += caches_equal
        counts.output_equal += estimator.output_bytes(case.workload) == case.output
        if not (weights_equal and caches_equal):
            counts.differing[case.model] += 1
    for refused in refused_cases():
        if archs.get(spec(refused.model).architecture) is None:
            continue
        counts.refused += 1
        try:
            Estimator(spec(refused.model)).caches(refused.workload, refused.placement)
        except RefusedError:
            counts.refused_equal += 1
        else:
            counts.differing[f"{refused.model} refuses: {refused.words}"] += 1
    return counts


if __name__ == "__main__":
    print(measure())
