"""
Nemotron Super and Ultra, DeciLM: Llama with attention or feed-forward parts left out of some layers.
"""

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, Heads, decoder, heads
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.words.message import message

ARCHITECTURES = ("deci",)
HF_CLASSES: dict[str, str] = {"DeciLMForCausalLM": "deci"}

ROUNDED_TO = 256
"""Inner widths are multiples of this."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; heads without any of K and V mark attention replaced by one matrix.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        heads, kv_heads, n_ff = sizes.heads(layer), sizes.kv_heads(layer), sizes.ff(layer)
        if heads:
            inventory.norm("attn_norm")
        if kv_heads:
            inventory.qkv()
            inventory.attn_output()
        elif heads:
            inventory.weight("attn_output", sizes.n_embd, sizes.n_embd)
        if n_ff:
            inventory.norm("ffn_norm")
            inventory.ffn()
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


caches = attention_cache
"""
One cache over the whole context. Layers without heads of K and V are in it: they keep nothing, but with flash attention
switched off V has the widest layer's row in every layer.
"""


def graph(g: Builder) -> None:
    """
    Build DeciLM.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    Attention may be one matrix or missing, and so may be the feed-forward part.
    """
    sizes = g.sizes
    residual = x
    attends = bool(sizes.heads(il))
    if attends:
        x = g.norm(x, "attn_norm", il)
        if sizes.kv_heads(il):
            q, k, v = heads(g, il, x, Heads(factors=True))
            x = g.attention(il, q, k, v)
        else:
            x = g.mm(il, "attn_output", x)
    if not sizes.ff(il):
        return residual
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual) if attends else x
    return ops.like("add", g.ffn(il, g.norm(between, "ffn_norm", il)), between)


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read what each layer has: heads in groups, or one matrix for them, or none; a width as a multiple of the model's.
    """
    blocks = config.listed("block_configs")
    if blocks is None:
        raise ModelError(message("config.lacks", keys=("block_configs",)))
    attention = [block["attention"] for block in blocks]
    factors = [block["ffn"].get("ffn_mult") or 0 for block in blocks]
    grouped = [part.get("n_heads_in_group") for part in attention]
    return {
        "attention.head_count": [
            config.heads if group or part.get("replace_with_linear") else 0
            for group, part in zip(grouped, attention, strict=True)
        ],
        "attention.head_count_kv": [config.heads // group if group else 0 for group in grouped],
        "feed_forward_length": [
            -(-int(2 * factor * config.width / 3) // ROUNDED_TO) * ROUNDED_TO for factor in factors
        ],
    }
