"""
What Vulkan computes, in which order, and what its drivers change.
"""

import pytest

from llmprobe.estimation.compute import vulkan_order
from llmprobe.estimation.compute.assignment import assign
from llmprobe.estimation.compute.scheduler import schedule
from llmprobe.estimation.compute.vulkan import VulkanRules
from llmprobe.facts.backends import DRIVERS
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F16, F32, I32, Graph, Node
from llmprobe.model.quants.types import TYPES

RULES = VulkanRules(DRIVERS["vulkan"])


def _product(rows: int) -> Node:
    return ops.mul_mat(ops.leaf(F16, 1024, rows), ops.leaf(F32, 1024, 8))


@pytest.mark.parametrize(
    ("driver", "rows", "expected"),
    [
        ("vulkan-amd", 1 << 20, True),
        ("vulkan-amd", (1 << 20) + 1, False),
        ("vulkan", (1 << 20) + 1, True),
        ("vulkan", 1 << 21, False),
        ("vulkan-wide", 1 << 24, True),
        ("vulkan-intel", 1 << 19, True),
        ("vulkan-intel", (1 << 19) + 1, False),
    ],
)
def test_a_tensor_beyond_what_is_bound_is_not_computed_with(driver: str, rows: int, expected: bool) -> None:
    """
    Rows of 2 KiB: 2 GiB are the most of AMD's own driver, less than 4 of NVIDIA's, 1 of some of Intel's.
    """
    assert VulkanRules(DRIVERS[driver]).supports(_product(rows), 0) is expected


@pytest.mark.parametrize(
    ("kinds", "head", "expected"),
    [
        (("f16", "f16"), 128, True),
        (("q5_0", "iq4_nl"), 104, True),
        (("bf16", "bf16"), 128, True),
        (("bf16", "f16"), 128, False),
        (("f16", "f16"), 100, False),
        (("q4_K", "f16"), 256, False),
    ],
)
def test_attention_takes_any_mixture_but_of_bf16(kinds: tuple[str, str], head: int, expected: bool) -> None:
    """
    Heads are multiples of 8; a device without shuffles attends to nothing.
    """
    q = ops.leaf(F32, head, 8, 8, 1)
    k, v = (ops.leaf(TYPES[kind], head, 256, 8, 1) for kind in kinds)
    node = ops.flash_attn(q, k, v, ops.leaf(F16, 256, 8), None)

    assert RULES.attends(node) is RULES.supports(node, 0) is expected
    assert not VulkanRules(DRIVERS["vulkan-old"]).attends(node)


def test_experts_in_full_precision_are_computed_by_the_processor() -> None:
    """
    Only products without experts may ask for it.
    """
    product = ops.mul_mat_id(ops.leaf(F16, 64, 64, 4), ops.leaf(F32, 64, 1, 8), ops.leaf(I32, 2, 8))
    assert RULES.supports(product, 0)
    product.tag = "f32 source"
    assert not RULES.supports(product, 0)


def test_what_waits_for_nothing_moves_up_and_pairs_stay_together() -> None:
    """
    A norm keeps its weight's product behind it; the second norm with its own comes before what waits for the first.
    """
    x, weight = ops.leaf(F32, 64, 8), ops.leaf(F32, 64)
    graph = Graph()
    chains = []
    for _ in range(2):
        norm = ops.like("rms_norm", x)
        scaled = ops.like("mul", norm, weight)
        product = ops.mul_mat(ops.leaf(F16, 64, 64), scaled)
        graph.expand(product)
        chains.append((norm, scaled, product))
    nodes = graph.nodes
    vulkan_order.optimize(nodes, 0, len(nodes), lambda node, until: None)

    (a, a_scaled, a_product), (b, b_scaled, b_product) = chains
    assert nodes == [a, a_scaled, b, b_scaled, a_product, b_product]


def test_the_choice_of_experts_keeps_what_it_reads() -> None:
    """
    Until the scale behind it: the scores that its first operation reads, among others.
    """
    scores = ops.leaf(F32, 8, 4)
    chances = ops.like("soft_max", scores)
    chosen = ops.top_k(chances, 2)
    weights = ops.get_rows(ops.reshape(chances, 1, 8, 4), chosen)
    scaled = ops.like("scale", weights)
    graph = Graph()
    graph.nodes = [chances, weights.src[0], chosen.src[0], chosen, weights, scaled]
    kept: list[tuple[Node, Node]] = []
    vulkan_order.optimize(graph.nodes, 0, 6, lambda node, until: kept.append((node, until)))

    assert (scores, scaled) in kept
    assert all(until is scaled for _, until in kept)


def test_host_memory_has_the_alignment_of_the_driver() -> None:
    """
    An input of 4 bytes takes a page of 4,096 bytes beside RADV, and 64 beside NVIDIA's driver.
    """
    for driver, expected in (("vulkan-radv", 4096), ("vulkan", 64)):
        one = ops.leaf(F32, 1)
        one.input = True
        graph = Graph()
        graph.expand(ops.like("scale", one))
        graph.leafs = [one]
        sizes: list[int] = []

        def number(size: int, sizes: list[int] = sizes) -> int:
            sizes.append(size)
            return len(sizes) - 1

        rules = (VulkanRules(DRIVERS[driver]),)
        assign(graph, rules, op_offload=True)
        schedule(graph, rules, number, copies=1)
        assert expected in sizes
