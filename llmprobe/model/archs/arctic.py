"""
Arctic: a small dense part beside a mixture of experts on every layer.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, decoder, heads
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, router

ARCHITECTURES = ("arctic",)
HF_CLASSES: dict[str, str] = {
    "ArcticForCausalLM": "arctic",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn(width=inventory.sizes.n_embd)
        router(inventory)
        inventory.norm("ffn_norm_exps")
        expert_matrices(inventory)
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Arctic.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    The mixture reads what came in, beside attention and a dense part.
    """
    residual = x
    q, k, v = heads(g, il, g.norm(x, "attn_norm", il))
    x, residual = g.crop(il, g.attention(il, q, k, v), residual)
    between = ops.like("add", x, residual)
    dense = ops.like("add", g.ffn(il, g.norm(between, "ffn_norm", il)), between)
    x = g.moe(il, g.norm(residual, "ffn_norm_exps", il), Mixture())
    return ops.like("add", x, dense)


from_config = None
