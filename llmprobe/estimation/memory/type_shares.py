"""
Which part of the weights that a token is multiplied with is in each type: what a mixture of types loses follows it.
"""

from collections import defaultdict
from collections.abc import Mapping
from math import prod

from llmprobe.estimation.memory.roster import EXPERTS, is_input
from llmprobe.estimation.memory.stored import kind_of
from llmprobe.estimation.memory.weights import WeightTable

_WHOLE_NUMBERS = frozenset({"i8", "i16", "i32", "i64"})


def type_shares(table: WeightTable, used_experts: float) -> Mapping[str, float]:
    """
    The share of each type, together 1; of experts the part ``used_experts`` counts, as no token meets the others.

    Vectors are left out, and an embedding that is looked up only; a tied one is the output matrix too.
    """
    found: dict[str, float] = defaultdict(float)
    for tensor in table.loaded:
        kind = kind_of(tensor)
        if kind in _WHOLE_NUMBERS or len(tensor.shape) < 2:
            continue
        if is_input(tensor.name) and not _is_output(table, tensor.name):
            continue
        elements = prod(tensor.shape)
        found[kind] += elements * (used_experts if EXPERTS.search(tensor.name) else 1)
    total = sum(found.values())
    return {kind: count / total for kind, count in found.items()}


def _is_output(table: WeightTable, name: str) -> bool:
    return table.tied and name == "token_embd.weight"
