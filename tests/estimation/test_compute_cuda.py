"""
What CUDA computes, what it copies weights for, and what it wants beside a result.
"""

from typing import Any

import pytest

from llmprobe.estimation.compute.cuda import CudaRules, attention_kernel
from llmprobe.estimation.memory.stored import stored_bytes
from llmprobe.facts.model import Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F16, F32, I32, Node
from llmprobe.model.quants.types import TYPES

RULES = CudaRules((0, 1))
Q4 = TYPES["q4_0"]
Q8 = TYPES["q8_0"]
BF16 = TYPES["bf16"]


def attention(
    head: int = 128,
    value: int | None = None,
    *,
    tokens: int = 512,
    heads: int = 8,
    kv_heads: int = 4,
    cells: int = 1024,
    kinds: tuple[str, str] = ("f16", "f16"),
    alibi: bool = False,
    sequences: int = 1,
) -> Node:
    """
    An attention of so many tokens over so many cells.
    """
    value = head if value is None else value
    q = ops.leaf(F32, head, tokens, heads, sequences)
    k = ops.leaf(TYPES[kinds[0]], head, cells, kv_heads, sequences)
    v = ops.leaf(TYPES[kinds[1]], value, cells, kv_heads, sequences)
    return ops.flash_attn(q, k, v, ops.leaf(F16, cells, tokens), None, alibi=alibi)


@pytest.mark.parametrize(
    ("fields", "kernel"),
    [
        ({}, "mma"),
        ({"head": 40}, "mma"),
        ({"head": 72, "tokens": 1}, "mma"),
        ({"head": 64}, "mma"),
        ({"head": 100}, ""),
        ({"head": 128, "value": 64}, ""),
        ({"head": 192, "value": 128, "heads": 32}, "mma"),
        ({"head": 192, "value": 192, "heads": 32}, ""),
        ({"head": 192, "value": 128, "heads": 28}, ""),
        ({"head": 320, "value": 256, "heads": 128, "kv_heads": 4}, "mma"),
        ({"head": 320, "value": 256, "heads": 64, "kv_heads": 4}, ""),
        ({"head": 512}, "mma"),
        ({"head": 512, "heads": 4}, ""),
        ({"head": 512, "heads": 12}, ""),
        ({"head": 576, "value": 512}, "mma"),
        ({"head": 576, "value": 512, "cells": 1000}, ""),
        ({"head": 576, "value": 512, "alibi": True}, ""),
        ({"kinds": ("iq4_nl", "f16")}, ""),
        ({"kinds": ("f16", "iq4_nl")}, ""),
        ({"kinds": ("q8_0", "q5_1")}, "mma"),
        ({"tokens": 1}, "vector"),
        ({"tokens": 2}, "mma"),
        ({"tokens": 1, "sequences": 2}, "mma"),
        ({"tokens": 1, "head": 80}, "mma"),
        ({"tokens": 1, "head": 64}, "vector"),
        ({"tokens": 1, "cells": 1000}, "mma"),
        ({"tokens": 1, "heads": 16}, "vector"),
        ({"tokens": 1, "heads": 20, "cells": 8192}, "mma"),
        ({"tokens": 1, "heads": 20, "cells": 7936}, "vector"),
        ({"tokens": 1, "heads": 16, "cells": 8192}, "vector"),
        ({"tokens": 1, "heads": 20, "head": 256}, "mma"),
        ({"tokens": 1, "heads": 16, "head": 256}, "vector"),
        ({"tokens": 2, "kinds": ("q8_0", "q8_0")}, "vector"),
        ({"tokens": 2, "kinds": ("f16", "q8_0")}, "vector"),
        ({"tokens": 3, "kinds": ("q8_0", "q8_0")}, "mma"),
        ({"tokens": 1, "heads": 4, "sequences": 2}, "vector"),
        ({"tokens": 1, "heads": 4, "cells": 8192, "head": 256}, "vector"),
        ({"tokens": 1, "heads": 20, "head": 256, "alibi": True}, "vector"),
    ],
)
def test_which_kernel_computes_an_attention(fields: dict[str, Any], kernel: str) -> None:
    """
    By the sizes of the heads, how many share one of K and V, the cells, the types and how many tokens there are.
    """
    node = attention(**fields)

    assert attention_kernel(node) == kernel
    assert RULES.supports(node, 0) is (kernel != "")


def test_a_stride_that_is_not_aligned_is_not_grouped() -> None:
    """
    Each row of K must begin at a multiple of 16 bytes, and a mask is one for all heads.
    """
    odd, masked = attention(576, 512), attention()
    k = odd.src[1]
    k.nb = (k.nb[0], k.nb[1] + 8, k.nb[2], k.nb[3])
    masked.src = (*masked.src[:3], ops.leaf(F16, 1024, 512, 2))

    assert (attention_kernel(odd), attention_kernel(masked)) == ("", "")


CELLS, HEADS = 1024, 4
COPY = 2 * 128 * CELLS * HEADS
"""An f16 copy of K or of V."""

RESULT = 4 * 128 * 512 * 8


@pytest.mark.parametrize(
    ("kinds", "tokens", "copies"),
    [
        (("f16", "f16"), 512, 0),
        (("q8_0", "q8_0"), 512, 2),
        (("q8_0", "f16"), 512, 1),
        (("f16", "q8_0"), 512, 1),
        (("f32", "f32"), 512, 2),
        (("q8_0", "q8_0"), 1, 0),
        (("f32", "f32"), 1, 2),
        (("f16", "f32"), 1, 1),
        (("bf16", "bf16"), 512, 2),
    ],
)
def test_a_quantized_cache_is_copied_to_f16(kinds: tuple[str, str], tokens: int, copies: int) -> None:
    """
    Where the kernel does not read it as it is: the one for few tokens reads all but f32.
    """
    node = attention(kinds=kinds, tokens=tokens)

    assert RULES.alloc_size(node) == RESULT // 512 * tokens + copies * COPY


def test_a_cache_whose_values_are_its_keys_is_copied_once() -> None:
    """
    Latent attention reads V from K.
    """
    node = attention(576, 512, kinds=("q8_0", "q8_0"))
    q, k, _, mask = node.src
    node.src = (q, k, ops.view(k, (512, CELLS, HEADS), k.nb[1:]), mask)
    result = 4 * 512 * 512 * 8

    assert RULES.alloc_size(node) == result + 2 * 576 * CELLS * HEADS


def test_an_odd_result_is_padded_before_copies() -> None:
    """
    A copy begins at a multiple of 128 bytes.
    """
    node = attention(40, kinds=("q8_0", "q8_0"), tokens=1, heads=3, kv_heads=3)
    copy = 2 * 40 * CELLS * 3

    assert RULES.alloc_size(node) == 512 + copy + copy


@pytest.mark.parametrize(
    ("op", "shape", "wanted"),
    [
        ("get_rows", (8, 99, 99, 99), False),
        ("mul_mat", (8, 32, 1, 1), True),
        ("mul_mat", (8, 31, 9, 9), False),
        ("mul_mat_id", (8, 1, 32, 1), True),
        ("mul_mat_id", (8, 99, 31, 9), False),
        ("rope", (8, 1, 32, 1), True),
        ("rope", (8, 99, 31, 9), False),
        ("add", (8, 4, 4, 2), True),
        ("add", (99, 31, 1, 1), False),
    ],
)
def test_weights_are_copied_for_32_tokens(op: str, shape: tuple[int, int, int, int], *, wanted: bool) -> None:
    """
    Of each operation by the dimension that counts them; a row of a table is never worth it.
    """
    assert RULES.wants(ops.make(op, F32, shape)) is wanted


@pytest.mark.parametrize(
    ("kind", "shape", "host", "expected"),
    [
        ("f16", (100, 3), False, 640),
        ("f16", (100, 3), True, 608),
        ("q4_0", (512, 2), False, 640),
        ("q4_0", (512, 2), True, 576),
        ("q4_0", (320, 2), False, 512),
        ("q4_0", (320, 2), True, 384),
    ],
)
def test_a_copy_of_a_weight_is_padded(kind: str, shape: tuple[int, ...], host: bool, expected: int) -> None:
    """
    Rows of 512 values on a device; then 128 bytes there and 32 on the host.
    """
    assert stored_bytes(Tensor("copy", shape, None, kind), "host" if host else "cuda") == expected


def test_what_lies_on_another_device_is_not_computed_here() -> None:
    """
    What lies on the host may be copied.
    """
    weight = ops.leaf(F16, 64, 64)
    product = ops.mul_mat(weight, ops.leaf(F32, 64, 8))
    supported = []
    for place in (-1, 0, 1, 2):
        weight.buffer = place
        supported.append((RULES.supports(product, 0), RULES.supports(product, 1)))

    assert supported == [(True, True), (True, False), (False, True), (True, True)]


def strided(node: Node) -> Node:
    """
    The same with gaps between the elements of a row.
    """
    node.nb = (2 * node.nb[0], *node.nb[1:])
    return node


def tagged(node: Node, tag: str) -> Node:
    node.tag = tag
    return node


X = ops.leaf(F32, 64, 8)


@pytest.mark.parametrize(
    ("node", "supported"),
    [
        (ops.mul_mat(ops.leaf(F16, 64, 64), ops.leaf(F16, 64, 8)), True),
        (ops.mul_mat(ops.leaf(Q4, 64, 64), ops.leaf(F16, 64, 8)), False),
        (ops.mul_mat(ops.leaf(Q4, 64, 64), X), True),
        (ops.mul_mat(strided(ops.leaf(F16, 64, 64)), X), False),
        (ops.mul_mat(ops.leaf(F16, 64, 64), strided(ops.leaf(F32, 64, 8))), False),
        (tagged(ops.mul_mat(ops.leaf(F16, 64, 64), X), "f32 source"), False),
        (ops.get_rows(ops.leaf(TYPES["iq4_nl"], 256, 9), ops.leaf(I32, 3)), True),
        (ops.get_rows(ops.leaf(TYPES["mxfp4"], 288, 9), ops.leaf(I32, 3)), False),
        (ops.get_rows(ops.leaf(TYPES["tq1_0"], 256, 9), ops.leaf(I32, 3)), False),
        (ops.get_rows(ops.leaf(Q4, 288, 9), ops.leaf(I32, 3)), True),
        (ops.set_rows(ops.leaf(Q8, 64, 9), X, ops.leaf(I32, 8)), True),
        (ops.set_rows(ops.leaf(F16, 64, 9), ops.leaf(F16, 64, 8), ops.leaf(I32, 8)), True),
        (ops.set_rows(ops.leaf(Q8, 64, 9), ops.leaf(F16, 64, 8), ops.leaf(I32, 8)), False),
        (ops.set_rows(ops.leaf(TYPES["q6_K"], 256, 9), ops.leaf(F32, 256, 8), ops.leaf(I32, 8)), False),
        (ops.cpy(X, ops.leaf(BF16, 64, 8)), True),
        (ops.cpy(X, ops.leaf(Q4, 64, 8)), True),
        (ops.cpy(X, ops.leaf(TYPES["q6_K"], 256, 2)), False),
        (ops.cpy(ops.leaf(Q4, 64, 8), X), True),
        (ops.cpy(ops.leaf(I32, 64, 8), X), True),
        (ops.cpy(ops.leaf(TYPES["iq4_nl"], 64, 8), X), False),
        (ops.cpy(ops.leaf(Q4, 64, 8), ops.leaf(Q4, 64, 8)), True),
        (ops.cpy(ops.leaf(Q4, 64, 8), ops.leaf(Q8, 64, 8)), False),
        (ops.cpy(strided(ops.leaf(Q4, 64, 8)), ops.leaf(Q4, 64, 8)), False),
        (ops.cpy(ops.leaf(Q4, 64, 8), strided(ops.leaf(Q4, 64, 8))), False),
        (ops.like("rms_norm", X), True),
        (ops.like("rms_norm", strided(ops.leaf(F32, 64, 8))), False),
        (ops.glu("swiglu", ops.leaf(F32, 64, 8)), True),
        (ops.glu("swiglu", strided(ops.leaf(F32, 64, 8))), False),
        (ops.like("rope", X), True),
        (ops.like("rope", strided(ops.leaf(F32, 64, 8))), False),
        (ops.like("add", X, X), True),
        (ops.like("add", X, ops.leaf(F16, 64, 8)), True),
        (ops.like("mul", X, ops.leaf(BF16, 64, 8)), False),
        (ops.like("div", ops.leaf(I32, 64, 8), X), False),
        (ops.like("scale", ops.leaf(BF16, 64, 8)), True),
        (ops.like("scale", ops.leaf(F16, 64, 8)), False),
        (ops.like("repeat", ops.leaf(F16, 64, 8)), True),
        (ops.like("repeat", ops.leaf(I32, 64, 8)), False),
        (ops.like("ssm_conv", ops.leaf(F32, 4, 256)), True),
        (ops.like("ssm_conv", ops.leaf(F32, 4, 200)), False),
        (ops.like("anything", ops.leaf(I32, 1)), True),
    ],
)
def test_what_a_device_computes(node: Node, *, supported: bool) -> None:
    """
    By types, gaps and sizes; an operation without a rule is computed everywhere.
    """
    assert RULES.supports(node, 0) is supported


@pytest.mark.parametrize(
    ("state", "decay", "groups", "supported"),
    [
        ((128, 64, 8), 1, 1, True),
        ((256, 16, 8), 1, 1, True),
        ((64, 64, 8), 1, 1, False),
        ((128, 60, 8), 1, 1, False),
        ((16, 1, 128), 16, 1, True),
        ((16, 1, 100), 16, 1, False),
        ((16, 2, 128), 16, 1, False),
        ((32, 1, 128), 16, 1, False),
        ((16, 1, 128), 16, 2, False),
    ],
)
def test_which_states_are_scanned(
    state: tuple[int, ...], decay: int, groups: int, *, supported: bool
) -> None:
    """
    Mamba 2 with one decay for each head, and Mamba with sixteen states.
    """
    node = ops.make(
        "ssm_scan",
        F32,
        (8, 1, 1, 1),
        ops.leaf(F32, *state),
        X,
        X,
        ops.leaf(F32, decay, 8),
        ops.leaf(F32, 16, groups),
    )

    assert RULES.supports(node, 0) is supported
