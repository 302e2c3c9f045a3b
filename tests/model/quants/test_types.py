"""
Blocks and bytes of the types of tensors, beside the gguf package.
"""

import gguf
import pytest

from llmprobe.errors import UsageError
from llmprobe.model.quants import TYPES, ggml_type, row_bytes, tensor_bytes


# gguf 0.19 still has the layout that q8_1 had before its sum became 16-bit; the file format never holds it
@pytest.mark.parametrize("kind", [name for name in TYPES if name not in ("q8_1", "q1_0", "q2_0")])
def test_blocks_are_those_of_the_gguf_package(kind: str) -> None:
    """
    Number, block and bytes of a type agree with the reference package for GGUF files.
    """
    reference = gguf.GGMLQuantizationType(TYPES[kind].id)

    assert reference.name.lower() == kind.lower()
    assert gguf.GGML_QUANT_SIZES[reference] == (TYPES[kind].block, TYPES[kind].block_bytes)


def test_a_row_is_whole_blocks() -> None:
    """
    A row of 4096 values in q4_K is 16 blocks of 144 bytes.
    """
    assert row_bytes("q4_K", 4096) == 16 * 144


def test_a_stack_of_experts_counts_every_matrix() -> None:
    """
    All dimensions beyond the row multiply.
    """
    assert tensor_bytes((2880, 2880, 32), "mxfp4") == 2880 // 32 * 17 * 2880 * 32


def test_a_type_is_found_in_any_case() -> None:
    """
    ``-ctk Q8_0`` and ``q4_k`` are names of types.
    """
    assert [ggml_type("Q8_0").name, ggml_type("q4_k").name] == ["q8_0", "q4_K"]


def test_an_unknown_type_is_a_usage_error() -> None:
    """
    A name that ggml does not know is refused with the names that it knows.
    """
    with pytest.raises(UsageError, match="q9_0") as caught:
        ggml_type("q9_0")

    assert "q8_0" in str(caught.value.hint)
