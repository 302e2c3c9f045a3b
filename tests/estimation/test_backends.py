"""
Buffers on other backends than CUDA against those that llama.cpp asked for.
"""

import pytest

from benchmarks.accuracy_backends import measure
from benchmarks.truth.backends import KINDS, backend_cases

EACH = 16
"""Loads of each kind, spread over its table; ``make accuracy-check`` compares all of them."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_buffer_is_equal(kind: str) -> None:
    """
    In a sample of the loads weights, caches and compute of host and device are those of llama.cpp, to the byte.
    """
    cases = list(backend_cases(kind))
    counts = measure(cases[:: len(cases) // EACH])

    assert counts.differing == []
    assert counts.loads >= EACH


def test_every_kind_has_loads() -> None:
    """
    The table has loads of each kind that is read, and of no other.
    """
    assert all(next(backend_cases(kind), None) is not None for kind in KINDS)
