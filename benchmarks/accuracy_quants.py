"""
How often the quantizer's rules give what llama-quantize gave: types per tensor, bytes per file.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from benchmarks.truth.models import QuantCase, models, quant_cases, types_of
from llmprobe.errors import RefusedError
from llmprobe.model.quants import assign, total_bytes


class Counts(msgspec.Struct):
    """
    Cases and tensors compared, how many agree, and the largest relative error of a file's bytes.
    """

    cases: int = 0
    cases_equal: int = 0
    tensors: int = 0
    tensors_equal: int = 0
    worst_bytes: float = 0.0
    differing: list[str] = []


def sample(step: int) -> Iterator[QuantCase]:
    """
    Yield every ``step``-th measured case.
    """
    return islice(quant_cases(), 0, None, step)


def measure(cases: Iterable[QuantCase]) -> Counts:
    """
    Compare measured cases. A refusal counts as equal where llama-quantize refuses too.
    """
    counts = Counts()
    for case in cases:
        model = models()[case.model]
        counts.cases += 1
        try:
            types = assign(
                model.tensors, model.architecture, model.hparams, case.file_type, imatrix=case.imatrix
            )
        except RefusedError:
            types = None
        if types is None or case.types is None:
            equal = types is None and case.types is None
        else:
            expected = types_of(model.tensors, case.types)
            counts.tensors += len(types)
            counts.tensors_equal += sum(
                expected[tensor.name] == kind for tensor, kind in zip(model.tensors, types, strict=True)
            )
            found = total_bytes(model.tensors, types)
            counts.worst_bytes = max(counts.worst_bytes, abs(found / case.total_bytes - 1))
            equal = found == case.total_bytes
        counts.cases_equal += equal
        if not equal:
            counts.differing.append(f"{case.model} {case.file_type}{' imatrix' * case.imatrix}")
    return counts
