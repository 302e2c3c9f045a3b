"""
MiniCPM 3: latent attention in its older form, longrope factors.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.latent import unfolded
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.latent import latent_attention

ARCHITECTURES = ("minicpm3",)
HF_CLASSES: dict[str, str] = {
    "MiniCPM3ForCausalLM": "minicpm3",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        latent_attention(inventory)
        inventory.norm("ffn_norm")
        inventory.ffn()
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


caches = attention_cache
"""One cache of the unfolded keys and values."""


def graph(g: Builder) -> None:
    """
    Build MiniCPM 3.
    """
    decoder(g, Decoder(layer=_layer, scale_input=True, scale_hidden=True))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    What is added to the residual is scaled.
    """
    tokens, sizes = g.tokens, g.sizes
    residual = x
    x = g.norm(x, "attn_norm", il)
    rank, turned = g.sizes.positive("attention.kv_lora_rank"), sizes.n_rot
    factors = g.rope_factors(il)
    q = g.mm(il, "attn_q_b", g.norm(g.mm(il, "attn_q_a", x), "attn_q_a_norm", il))
    q = ops.reshape(q, sizes.head_k(), sizes.heads(il), tokens)
    both = g.mm(il, "attn_kv_a_mqa", x)
    latent = ops.view(both, (rank, tokens), (both.nb[1],))
    k_turned = ops.view(both, (turned, 1, tokens), (both.nb[1], both.nb[1]))
    latent = g.norm(latent, "attn_kv_a_norm", il)
    k, v = unfolded(g, il, latent, g.rope(k_turned, factors), sizes.head_k() - turned)
    x = g.attention(il, g.rope(q, factors), k, v)
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", ops.like("scale", x), residual)
    x = g.ffn(il, g.norm(between, "ffn_norm", il))
    return ops.like("add", ops.like("scale", x), between)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the latent attention in its older form; the output is tied.
    """
    rotary = config.need("qk_rope_head_dim")
    width = config.need("qk_nope_head_dim") + rotary
    return rules.tied(config, common) | {
        "attention.q_lora_rank": config.number("q_lora_rank") or None,
        "attention.kv_lora_rank": config.need("kv_lora_rank"),
        "attention.key_length": width,
        "attention.value_length": config.number("v_head_dim", default=config.head),
        "rope.dimension_count": rotary,
    }
