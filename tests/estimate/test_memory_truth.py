"""
Weights, caches and refusals against what llama.cpp was measured to do. The benchmark compares all of them.
"""

from benchmarks.accuracy_memory import Counts, measure

SAMPLE = 20


def test_weights_and_caches_are_equal_to_the_byte() -> None:
    """
    In every twentieth measured load the weights, caches and output buffers of all devices are exact.
    """
    counts = measure(SAMPLE)
    equal = (counts.weights_equal, counts.caches_equal, counts.output_equal)
    assert (equal, counts.differing) == ((counts.loads,) * 3, Counts().differing)


def test_what_llama_cpp_refuses_is_refused() -> None:
    """
    Every measured refusal is one of ours.
    """
    counts = measure(10**9)
    assert (counts.refused_equal, counts.refused > 0) == (counts.refused, True)
