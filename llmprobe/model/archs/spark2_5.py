"""
Spark X 2.5: a gate for each head of the attention, windows on three of four layers.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, decoder, heads
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import gate_heads
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.windows import windowed_cache

ARCHITECTURES = ("spark2_5",)
HF_CLASSES: dict[str, str] = {
    "Spark2_5ForCausalLM": "spark2_5",
}

PERIOD = 4


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.fused_qkv()
        inventory.weight("attn_gate", sizes.n_embd, sizes.heads(layer))
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn("gate up down")
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Two caches: every fourth layer sees the whole context unless the metadata says otherwise.
    """
    return windowed_cache(hparams, PERIOD)


def graph(g: Builder) -> None:
    """
    Build Spark X 2.5.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    residual = x
    x = normed = g.norm(x, "attn_norm", il)
    x = g.attention(il, *heads(g, il, x), output="")
    x = gate_heads(g, il, x, ops.unary("sigmoid", g.mm(il, "attn_gate", normed)))
    x, residual = g.crop(il, g.mm(il, "attn_output", x), residual)
    between = ops.like("add", x, residual)
    return ops.like("add", g.ffn(il, g.norm(between, "ffn_norm", il), "geglu"), between)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the window; how much of a head is turned is said for each kind of layer.
    """
    part = config.rope.get("partial_rotary_factor", 1.0)
    turned = int(config.head * part) if isinstance(part, int | float) else config.head
    return rules.window(config, common) | {"rope.dimension_count": turned}
