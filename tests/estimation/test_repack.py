"""
What a processor keeps in another order is stored once more where the embedding is the output matrix too.
"""

import pytest

from llmprobe.estimation.memory.roster import Roster
from llmprobe.estimation.memory.weights import WeightTable
from llmprobe.estimation.placement import HOST, Span
from llmprobe.facts.model import Tensor
from llmprobe.facts.processor import cpu_kind

ROWS, COLUMNS = 1024, 512
NORM = Tensor("output_norm.weight", (COLUMNS,), None, "f32")
BLOCK_BYTES = {"q4_K": (256, 144), "q6_K": (256, 210), "q8_0": (32, 34), "q4_1": (32, 20)}


@pytest.mark.parametrize(
    ("kind", "cpu", "again"),
    [
        ("q4_K", "x86", True),
        ("q4_K", "arm", True),
        ("q6_K", "x86", False),
        ("q6_K", "arm", True),
        ("q8_0", "x86", False),
        ("q8_0", "arm", True),
        ("q4_1", "arm", False),
    ],
)
def test_a_tied_embedding_is_stored_again_where_the_processor_reorders_its_type(
    kind: str, cpu: str, again: bool
) -> None:
    """
    AVX2 reorders q4_K and neither q6_K nor q8_0, ARM's dot products all three.
    """
    tensors = (Tensor("token_embd.weight", (COLUMNS, ROWS), None, kind), NORM)
    table = WeightTable(Roster(tensors, {"block_count": 1}), tensors)
    weights = table.place((Span(HOST, 0, 2),), {}, cpu=cpu)
    values, size = BLOCK_BYTES[kind]

    assert weights[HOST].output - COLUMNS * 4 == (ROWS * COLUMNS // values * size if again else 0)


@pytest.mark.parametrize(
    ("machine", "kind"),
    [("x86_64", "x86"), ("AMD64", "x86"), ("aarch64", "arm"), ("arm64", "arm"), ("ARM64", "arm")],
)
def test_the_kind_of_processor_follows_the_name_of_the_machine(machine: str, kind: str) -> None:
    """
    Linux, macOS and Windows name the same processors differently.
    """
    assert cpu_kind(machine) == kind
