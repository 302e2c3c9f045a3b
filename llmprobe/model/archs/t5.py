"""
T5: an encoder, and a decoder that looks at what it made; both know distances instead of positions.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.biased import feed_forward, position_bias, projected
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, I32, Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.t5 import stack

ARCHITECTURES = ("t5",)
HF_CLASSES: dict[str, str] = {
    "T5ForConditionalGeneration": "t5",
    "T5WithLMHeadModel": "t5",
    "MT5ForConditionalGeneration": "t5",
    "UMT5ForConditionalGeneration": "t5",
    "UMT5Model": "t5",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model, the encoder's first.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    stack(inventory, "enc.", sizes.n_layer)
    stack(inventory, "dec.", sizes.number("decoder_block_count", sizes.n_layer), crossing=True)
    inventory.norm("enc.output_norm")
    if not sizes.tied:
        inventory.weight("output", sizes.n_embd, sizes.n_vocab)
    inventory.norm("dec.output_norm")
    return inventory.done()


caches = attention_cache
"""The decoder's cache, with as many layers as the encoder has."""


def graph(g: Builder) -> None:
    """
    Build the decoder, which is what memory is reserved for; the text that it looks at has the trained length.
    """
    x = g.embed()
    length = g.sizes.positive("context_length")
    encoded = g.input("encoded text", F32, g.sizes.n_embd, length)
    buckets = g.input("distances", I32, g.run.cells[0], g.tokens)
    # A decoder may have fewer layers than the encoder; the rows without results are dropped in its own last one.
    decoders = min(g.sizes.number("decoder_block_count", g.sizes.n_layer), g.sizes.n_layer)
    g.last = min(g.last, decoders - 1)
    for il in g.layers():
        if il < decoders:
            x = _layer(g, il, x, encoded, buckets)
    x = g.norm(x, "dec.output_norm")
    x.output = True
    x = g.logits(x)
    x.output = True
    g.graph.expand(x)


def _layer(g: Builder, il: int, x: Node, encoded: Node, buckets: Node) -> Node:
    residual = x
    q, k, v = projected(g, il, "dec.attn", g.norm(x, "dec.attn_norm", il))
    bias = position_bias(g, il, "dec.", buckets)
    x = residual = ops.like("add", g.attention(il, q, k, v, output="dec.attn_o", bias=bias), residual)
    q, k, v = projected(g, il, "dec.cross_attn", g.norm(x, "dec.cross_attn_norm", il), encoded)
    x = g.cross_attention(il, q, k, v, "dec.cross_attn_o")
    x, residual = g.crop(il, x, residual)
    return feed_forward(g, il, "dec.", ops.like("add", x, residual))


from_config = rules.t5
