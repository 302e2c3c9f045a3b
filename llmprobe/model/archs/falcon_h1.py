"""
Falcon H1: attention and Mamba 2 side by side in every layer.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops, state
from llmprobe.model.archs._building.blocks import Decoder, decoder, heads
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.recurrent import hybrid_cache, mamba2, ssm_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("falcon-h1",)
HF_CLASSES: dict[str, str] = {
    "FalconH1ForCausalLM": "falcon-h1",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; the converter leaves the ending off the norm of the feed-forward part.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        mamba2(inventory, normed=False)
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("attn_norm")
        inventory.add("ffn_norm", inventory.sizes.n_embd)
        inventory.ffn()
    if not inventory.sizes.tied:
        inventory.weight("output", inventory.sizes.n_embd, inventory.sizes.n_vocab)
    inventory.norm("output_norm")
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The cache and the state of every layer.
    """
    sizes = Sizes(hparams)
    return hybrid_cache(hparams, sizes.trunk, ssm_state(sizes, sizes.trunk))


def graph(g: Builder) -> None:
    """
    Build Falcon H1.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    Attention and Mamba read norms of their own, and are added.
    """
    residual = x
    attended = g.attention(il, *heads(g, il, g.norm(x, "attn_norm", il)))
    mixed = state.mamba2(g, il, g.norm(x, "attn_norm", il))
    x = ops.like("add", attended, mixed)
    between = ops.like("add", x, residual)
    if il == g.last:
        x, between = g.crop(il, x, between)
    x = g.ffn(il, g.norm(between, "ffn_norm", il))
    return ops.like("add", x, between)


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the Mamba part.
    """
    return {
        "ssm.conv_kernel": config.number("mamba_d_conv", default=4),
        "ssm.inner_size": config.need("mamba_d_ssm"),
        "ssm.state_size": config.number("mamba_d_state", default=128),
        "ssm.time_step_rank": config.need("mamba_d_ssm") // config.need("mamba_d_head"),
        "ssm.group_count": config.number("mamba_n_groups", default=1),
    }
