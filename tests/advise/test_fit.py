"""
Placements are held against llama.cpp's own fitter; `make accuracy` goes through all of its answers.
"""

from collections import Counter

from benchmarks import accuracy_fit


def test_no_fewer_layers_than_the_engines_own_fitter() -> None:
    """
    On the GPUs and with the margin of the fitter, at least as many layers and experts are put on the GPUs.
    """
    answer = accuracy_fit.measure(step=7)

    assert answer["fewer"] == []
    assert answer["counts"]["equal"] > 20
    assert Counter(answer["counts"]).total() == 44
