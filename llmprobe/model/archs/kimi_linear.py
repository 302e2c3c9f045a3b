"""
Kimi Linear: delta attention, with latent attention on every fourth layer, experts beside a shared one.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, decoder, feed_forward
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.kda import Kda, kda
from llmprobe.model.archs._building.latent import cut_attention
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.kda import kda_hybrid_cache, kda_tensors
from llmprobe.model.archs._shared.latent import latent_attention
from llmprobe.model.archs._shared.parts import expert_matrices, is_dense, router, router_bias, shared_expert

ARCHITECTURES = ("kimi-linear",)
HF_CLASSES: dict[str, str] = {
    "KimiLinearModel": "kimi-linear",
    "KimiLinearForCausalLM": "kimi-linear",
}


_ROUTED = FeedForward(mixture=Mixture(gating=None), shared="plain")


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        if sizes.kv_heads(layer):
            latent_attention(inventory)
        else:
            kda_tensors(inventory, "ssm_f_a ssm_f_b", "ssm_g_a ssm_g_b")
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            router(inventory)
            expert_matrices(inventory)
            shared_expert(inventory)
            router_bias(inventory)
    inventory.output()
    return inventory.done()


caches = kda_hybrid_cache


def graph(g: Builder) -> None:
    """
    Build Kimi Linear.
    """
    decoder(g, Decoder(layer=_layer))


from_config = rules.delta_layers


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    Delta attention, or latent attention without positions.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    g.graph.expand(x)
    x = kda(g, il, x, Kda()) if il in g.parts.state_of else cut_attention(g, il, x)
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    x = feed_forward(g, il, x, _ROUTED)
    return ops.like("add", x, between)
