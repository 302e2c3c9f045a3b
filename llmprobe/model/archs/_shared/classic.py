"""
The layer of GPT-2, which several families kept.
"""

from llmprobe.model.archs._shared.inventory import Inventory


def classic_layer(inventory: Inventory, *, bias: bool = True) -> None:
    """
    Append a layer with queries, keys and values in one matrix, norms before both parts, and no gate.
    """
    inventory.norm("attn_norm", bias=bias)
    inventory.fused_qkv(bias=bias)
    inventory.attn_output(bias=bias)
    inventory.norm("ffn_norm", bias=bias)
    inventory.ffn("down up", bias=bias)
