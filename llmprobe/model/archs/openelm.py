"""
OpenELM: heads and feed-forward width of every layer its own, tied embeddings.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import query_key_norms

ARCHITECTURES = ("openelm",)
HF_CLASSES: dict[str, str] = {}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.fused_qkv()
        query_key_norms(inventory)
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn()
    inventory.output(always_tied=True)
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build OpenELM.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    The merged matrix's result is cut into heads before queries, keys and values.
    """
    sizes = g.sizes
    residual = x
    x = g.mm(il, "attn_qkv", g.norm(x, "attn_norm", il))
    count, kv_count, width = sizes.heads(il), sizes.kv_heads(il), sizes.head_k()
    x = ops.reshape(x, width, count + 2 * kv_count, g.tokens)
    q, k, v = (ops.view(x, (width, some, g.tokens), x.nb[1:3]) for some in (count, kv_count, kv_count))
    q, k = g.rope(g.norm(q, "attn_q_norm", il)), g.rope(g.norm(k, "attn_k_norm", il))
    x, residual = g.crop(il, g.attention(il, q, k, v), residual)
    between = ops.like("add", residual, x)
    return ops.like("add", g.ffn(il, g.norm(between, "ffn_norm", il)), between)


from_config = None
