"""
What a longer context costs: each row is the first choice of a recommendation for that context.
"""

from typing import Any

import msgspec
import pytest

import llmprobe
from llmprobe.advise.contexts import sizes
from llmprobe.facts.machine import Snapshot
from tests.advise.machines import LLAMA_8B, QWEN3_30B, machine, model

DENSE, SPARSE = model("llama", LLAMA_8B), model("qwen3moe", QWEN3_30B)


def rows(spec: Any, snapshot: Snapshot, **wishes: Any) -> tuple[Any, ...]:
    return llmprobe.recommend(spec, snapshot, quants="Q4_K_M", table=True, **wishes).contexts


@pytest.mark.parametrize(
    ("longest", "asked", "expected"),
    [
        (131072, 8192, (4096, 8192, 16384, 32768, 65536, 131072)),
        (40960, 8192, (4096, 8192, 16384, 32768, 40960)),
        (40960, 10000, (4096, 8192, 10000, 16384, 32768, 40960)),
        (2048, 2048, (2048,)),
        (4096, 8192, (4096, 8192)),
        (None, 8192, (4096, 8192)),
    ],
)
def test_contexts_are_doubled_up_to_the_longest(
    longest: int | None, asked: int, expected: tuple[int, ...]
) -> None:
    """
    From 4k to what the model was trained for, with the one that was asked for.
    """
    assert sizes(msgspec.structs.replace(DENSE, max_context=longest), asked) == expected


@pytest.mark.parametrize(("spec", "vram"), [(DENSE, 6.0), (SPARSE, 8.0)])
def test_a_row_is_what_recommend_says(spec: Any, vram: float) -> None:
    """
    Layers, experts, cache, bytes and speeds of every row are those of the first choice for its context.
    """
    snapshot = machine((vram,), ram_gib=30)
    for row in rows(spec, snapshot, ctx_size=4096):
        (choice,) = llmprobe.recommend(spec, snapshot, quants="Q4_K_M", ctx_size=row.ctx_size, top=1).choices
        host, *devices = choice.devices
        experts = choice.n_cpu_moe + len(choice.cpu_moe_layers)

        assert row.fits
        assert (row.quant, row.gpu_layers, row.host_experts) == (choice.quant, choice.gpu_layers, experts)
        assert (row.cache_type_k, row.cache_type_v) == (choice.cache_type_k, choice.cache_type_v)
        assert row.host_bytes == host.total_bytes
        assert row.device_bytes == sum(device.total_bytes for device in devices)
        assert row.generation_tokens_per_s == choice.speed.generation_tokens_per_s
        full = choice.speed.generation_at_full_context_tokens_per_s
        assert row.generation_at_full_context_tokens_per_s == full


def test_a_context_that_does_not_fit_is_a_row_that_says_so() -> None:
    """
    An 8B model in 8 GiB of RAM has room for a short context, and none for 131072 tokens (16 GiB in f16).
    """
    found = {row.ctx_size: row for row in rows(DENSE, machine((), ram_gib=8), ctx_size=4096)}

    assert found[4096].fits
    assert not found[131072].fits
    assert found[131072].quant is found[131072].generation_tokens_per_s is None


def test_only_what_is_asked_for_is_searched() -> None:
    """
    Without the wish there is no table.
    """
    assert llmprobe.recommend(DENSE, machine((24.0,)), ctx_size=4096).contexts == ()
