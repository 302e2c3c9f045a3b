"""
CogVLM, its text part: a second set of matrices in every layer for the tokens of images.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("cogvlm",)
HF_CLASSES: dict[str, str] = {
    "CogVLMForCausalLM": "cogvlm",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the text part, those for images among them.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        query = sizes.heads(layer) * sizes.head_k()
        inventory.norm("attn_norm")
        inventory.weight("attn_qkv", sizes.n_embd, 3 * query)
        inventory.weight("attn_output", query, sizes.n_embd)
        inventory.weight("vis_attn_qkv", sizes.n_embd, 3 * query)
        inventory.weight("vis_attn_output", query, sizes.n_embd)
        inventory.norm("ffn_norm")
        inventory.ffn("gate down up")
        for part in ("gate", "down", "up"):
            shape = (sizes.n_embd, sizes.ff(layer))
            inventory.weight(f"vis_{part}", *(shape[::-1] if part == "down" else shape))
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build the layers with the matrices for text; the last layer computes every row.
    """
    x = g.embed(mixes=False)
    for il in g.layers():
        x = _layer(g, il, x)
    g.finish(x)


def _layer(g: Builder, il: int, x: Node) -> Node:
    residual = x
    q, k, v = g.qkv(il, g.norm(x, "attn_norm", il))
    between = ops.like("add", g.attention(il, g.rope(q), g.rope(k), v), residual)
    return ops.like("add", g.ffn(il, g.norm(between, "ffn_norm", il)), between)


from_config = None
