"""
StableLM: norms with biases; the 12B runs attention and feed-forward part side by side.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, Heads, decoder, heads
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("stablelm",)
HF_CLASSES: dict[str, str] = {
    "StableLmForCausalLM": "stablelm",
    "StableLMEpochForCausalLM": "stablelm",
    "LlavaStableLMEpochForCausalLM": "stablelm",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; ``use_qkv_bias`` and ``qk_layernorm`` are as in its configuration.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm", bias=True)
        inventory.qkv(bias=bool(hparams.get("use_qkv_bias")))
        inventory.attn_output()
        if hparams.get("qk_layernorm"):
            inventory.weight("attn_q_norm", sizes.head_k(), sizes.heads(layer))
            inventory.weight("attn_k_norm", sizes.head_k(), sizes.kv_heads(layer))
        if not hparams.get("use_parallel_residual"):
            inventory.norm("ffn_norm", bias=True)
        inventory.ffn()
    inventory.bias("output_norm", sizes.n_embd)
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build StableLM.
    """
    decoder(g, Decoder(norm="norm", layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    The feed-forward part reads the attention's norm where it has none of its own.
    """
    residual = x
    x = normed = g.norm(x, "attn_norm", il, kind="norm")
    normed_heads = g.weight(il, "attn_q_norm.weight") is not None
    q, k, v = heads(g, il, x, Heads(norms="before" if normed_heads else ""), "norm")
    x, residual, normed = g.crop(il, g.attention(il, q, k, v), residual, normed)
    between = ops.like("add", x, residual)
    own = g.weight(il, "ffn_norm.weight") is not None
    x = g.ffn(il, g.norm(between, "ffn_norm", il, kind="norm") if own else normed)
    return ops.like("add", x, between)


from_config = None
