"""
Grok 1 and 2: a mixture of experts, norms before and after each part.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, decoder, heads
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_width

ARCHITECTURES = ("grok",)
HF_CLASSES: dict[str, str] = {
    "GrokForCausalLM": "grok",
    "Grok1ForCausalLM": "grok",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.

    Where the experts' width is one of its own (Grok 2), a dense feed-forward part runs beside them.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("attn_output_norm")
        inventory.norm("ffn_norm")
        if sizes.ff(layer) != expert_width(sizes, layer):
            inventory.ffn()
        inventory.experts()
        inventory.norm("layer_output_norm")
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Grok: embeddings and logits are scaled even where the metadata does not say so.
    """
    scale_input = not g.hparams.get("embedding_scale")
    decoder(g, Decoder(layer=_layer, scale_input=scale_input, scale_logits=True, cap_logits=None))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    Where the model has a dense part, it is averaged with the mixture.
    """
    residual = x
    q, k, v = heads(g, il, g.norm(x, "attn_norm", il))
    x, residual = g.crop(il, g.attention(il, q, k, v, cap=True), residual)
    between = ops.like("add", g.norm(x, "attn_output_norm", il), residual)
    inner = g.norm(between, "ffn_norm", il)
    x = g.moe(il, inner, Mixture(activation="geglu"))
    if g.weight(il, "ffn_up.weight") is not None:
        x = ops.like("scale", ops.like("add", g.ffn(il, inner, "geglu"), x))
    last = "layer_output_norm" if g.weight(il, "layer_output_norm.weight") else "post_ffw_norm"
    return ops.like("add", g.norm(x, last, il), between)


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the scales of the embedding and of the output.
    """
    return {
        "embedding_scale": config.real("embedding_multiplier_scale"),
        "logit_scale": config.real("output_multiplier_scale"),
        "final_logit_softcapping": config.real("final_logit_softcapping"),
    }
