"""
Chameleon: Llama with norms for each head of queries and keys; images are words of its vocabulary.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("chameleon",)
HF_CLASSES: dict[str, str] = {
    "ChameleonForConditionalGeneration": "chameleon",
    "ChameleonForCausalLM": "chameleon",
}

IMAGE_WORDS = 8192
"""Words of images, whose scores are overwritten so that only text is written."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        for kind in ("weight", "bias"):
            inventory.add(f"attn_q_norm.{kind}", sizes.head_k(), sizes.heads(layer))
            inventory.add(f"attn_k_norm.{kind}", sizes.head_k(), sizes.kv_heads(layer))
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn()
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Chameleon; the norms stand before its parts, or after them where the metadata says so (``swin_norm``).
    """
    after = bool(g.hparams.get("swin_norm"))
    x = g.embed()
    for il in g.layers():
        x = _layer(g, il, x, after=after)
    x = g.norm(x, "output_norm")
    x.output = True
    hidden = ops.like("clamp", ops.leaf(F32, IMAGE_WORDS))
    x = ops.like("set", g.logits(x), hidden)
    x.output = True
    g.graph.expand(x)


def _layer(g: Builder, il: int, x: Node, *, after: bool) -> Node:
    residual = x
    x = x if after else g.norm(x, "attn_norm", il)
    q, k, v = g.qkv(il, x)
    if g.weight(il, "attn_q_norm.weight") is not None:
        q = g.norm(q, "attn_q_norm", il, kind="norm")
    if g.weight(il, "attn_k_norm.weight") is not None:
        k = g.norm(k, "attn_k_norm", il, kind="norm")
    x = g.attention(il, g.rope(q), g.rope(k), v)
    x, residual = g.crop(il, x, residual)
    x = g.norm(x, "attn_norm", il) if after else x
    x = between = ops.like("add", x, residual)
    x = g.ffn(il, x if after else g.norm(x, "ffn_norm", il))
    x = g.norm(x, "ffn_norm", il) if after else x
    return ops.like("add", x, between)


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read where the norms stand.
    """
    return {"swin_norm": config.flag("swin_norm")}
