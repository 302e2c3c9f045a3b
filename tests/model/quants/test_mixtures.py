"""
The type that each tensor gets in a file type, beside what llama-quantize wrote.
"""

import pytest

from benchmarks.accuracy_quants import measure, sample
from benchmarks.truth.models import models, quant_cases
from llmprobe.errors import RefusedError
from llmprobe.facts.model import Tensor
from llmprobe.model.quants import Inventory, assign, total_bytes, typed


def test_types_and_bytes_are_those_of_llama_quantize() -> None:
    """
    In every nineteenth measured case each tensor has its measured type, and the bytes are equal.
    """
    counts = measure(sample(19))

    assert counts.differing == []
    assert counts.cases > 250


def test_every_measured_file_type_is_known() -> None:
    """
    The sample above can't miss a file type for want of its name.
    """
    model = models()["llama3.2-1b"]
    names = {case.file_type for case in quant_cases()}

    assert all(len(assign(model.tensors, model.architecture, model.hparams, name)) for name in names)


def test_published_gpt_oss_keeps_its_experts() -> None:
    """
    The F16 file of gpt-oss-20b that is published has MXFP4 experts, 13,779,630,336 bytes of tensors
    (llama-bench's model_size of gpt-oss-20b-F16.gguf).
    """
    model = models()["gpt-oss-20b"]
    types = assign(model.tensors, model.architecture, model.hparams, "F16", published="MXFP4")

    assert total_bytes(model.tensors, types) == 13_779_630_336


def test_a_row_that_fits_no_block_is_refused() -> None:
    """
    llama-quantize has no fallback for q1_0, so a row of 576 values can't be made.
    """
    model = models()["smollm2-135m"]

    with pytest.raises(RefusedError, match="576"):
        assign(model.tensors, model.architecture, model.hparams, "Q1_0")


def test_other_hyper_parameters_give_other_types() -> None:
    """
    What is kept from an earlier question is not used for the same tensors of another model.
    """
    model = models()["mixtral-8x7b"]
    dense = {key: value for key, value in model.hparams.items() if not key.startswith("expert_")}
    as_mixture = assign(model.tensors, model.architecture, model.hparams, "Q4_K_M")
    as_dense = assign(model.tensors, model.architecture, dense, "Q4_K_M")

    assert as_mixture != as_dense


def test_asking_again_gives_what_is_kept() -> None:
    """
    A search that asks for the same file type of the same tensors pays once.
    """
    model = models()["llama3.1-8b"]
    inventory = Inventory(model.tensors, model.architecture, model.hparams)
    first = inventory.types("q4_k_m")

    assert inventory.types("Q4_K_M") is first


def test_typed_tensors_carry_their_types() -> None:
    """
    ``typed`` changes nothing but the type.
    """
    tensor = Tensor("blk.3.attn_q.weight", (4096, 4096), 3)

    assert typed((tensor,), ("q4_K",)) == (Tensor("blk.3.attn_q.weight", (4096, 4096), 3, "q4_K"),)
