"""
T5's encoder alone, which image models read their texts with.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.biased import feed_forward, position_bias, projected
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import I32, Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.t5 import stack

ARCHITECTURES = ("t5encoder",)
HF_CLASSES: dict[str, str] = {
    "T5EncoderModel": "t5encoder",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the encoder.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    stack(inventory, "enc.", inventory.sizes.n_layer)
    inventory.norm("enc.output_norm")
    return inventory.done()


caches = attention_cache
"""One cache over the whole context, which is made and not used."""


def graph(g: Builder) -> None:
    """
    Build the encoder.
    """
    x = g.embed()
    buckets = g.input("distances", I32, g.tokens, g.tokens)
    for il in g.layers():
        x = _layer(g, il, x, buckets)
    g.finish_hidden(g.norm(x, "enc.output_norm"))


def _layer(g: Builder, il: int, x: Node, buckets: Node) -> Node:
    residual = x
    q, k, v = projected(g, il, "enc.attn", g.norm(x, "enc.attn_norm", il))
    bias = position_bias(g, il, "enc.", buckets)
    x = g.attention(il, q, k, v, output="enc.attn_o", bias=bias, cached=False)
    x, residual = g.crop(il, x, residual)
    return feed_forward(g, il, "enc.", ops.like("add", x, residual))


from_config = rules.t5
