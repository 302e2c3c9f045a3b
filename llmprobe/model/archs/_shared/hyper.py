"""
Tensors of hyper-connections: what mixes several residual streams into one before a part of a layer, and back after it.

Source: llama.cpp b11549, src/models/deepseek4.cpp.
"""

from llmprobe.model.archs._shared.inventory import Inventory


def hyper_connection(inventory: Inventory, parts: str = "attn ffn") -> None:
    """
    Append the mixing of one layer: a matrix, its base and its scales, before attention and feed-forward part.
    """
    count = inventory.sizes.number("hyper_connection.count", 0)
    for part in parts.split():
        inventory.weight(f"hc_{part}_fn", count * inventory.sizes.n_embd, (2 + count) * count)
        inventory.weight(f"hc_{part}_base", (2 + count) * count)
        inventory.weight(f"hc_{part}_scale", 3)


def hyper_head(inventory: Inventory) -> None:
    """
    Append the mixing after the last layer.
    """
    count = inventory.sizes.number("hyper_connection.count", 0)
    inventory.weight("output_hc_fn", count * inventory.sizes.n_embd, count)
    inventory.weight("output_hc_base", count)
    inventory.weight("output_hc_scale", 1)
