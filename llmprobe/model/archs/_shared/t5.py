"""
What T5's encoder and decoder share: their tensors, layer by layer.
"""

from llmprobe.model.archs._shared.inventory import Inventory


def stack(inventory: Inventory, part: str, layers: int, *, crossing: bool = False) -> None:
    """
    Append the layers of one part (``enc.``, ``dec.``); with ``crossing`` they look at what the encoder made too.

    The first layer holds the biases of positions for all, or with ``relative_bias_per_layer`` (UMT5) each has its own.
    Whether there is a gate is said by ``ffn_gate``.
    """
    sizes = inventory.sizes
    gated = sizes.hparams.get("ffn_gate") is not False
    inventory.part = part
    for layer in range(layers):
        inventory.layer = layer
        inventory.norm("attn_norm")
        if layer == 0 or sizes.hparams.get("relative_bias_per_layer"):
            buckets = sizes.positive("attention.relative_buckets_count")
            inventory.weight("attn_rel_b", sizes.heads(), buckets)
        _attention(inventory, "attn")
        if crossing:
            inventory.norm("cross_attn_norm")
            _attention(inventory, "cross_attn")
        inventory.norm("ffn_norm")
        inventory.ffn("gate down up" if gated else "down up")
    inventory.layer, inventory.part = None, ""


def _attention(inventory: Inventory, name: str) -> None:
    sizes = inventory.sizes
    key, value = sizes.kv_heads() * sizes.head_k(), sizes.kv_heads() * sizes.head_v()
    inventory.weight(f"{name}_q", sizes.n_embd, key)
    inventory.weight(f"{name}_k", sizes.n_embd, key)
    inventory.weight(f"{name}_v", sizes.n_embd, value)
    inventory.weight(f"{name}_o", value, sizes.n_embd)
