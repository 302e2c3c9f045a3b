"""
LFM 2, dense and mixture of experts: short convolutions, with attention on some layers.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, decoder, feed_forward, heads
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._building.state import convolve, kept_states, load, states
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout, sliding_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, is_dense, query_key_norms, router, router_bias
from llmprobe.model.archs._shared.recurrent import attention_layers, hybrid_cache, uniform_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("lfm2", "lfm2moe")
SNAPSHOTS = ARCHITECTURES
HF_CLASSES: dict[str, str] = {
    "Lfm2ForCausalLM": "lfm2",
    "LFM2ForCausalLM": "lfm2",
    "Lfm2VlForConditionalGeneration": "lfm2",
    "Lfm2MoeForCausalLM": "lfm2moe",
    "Lfm2Model": "lfm2",
    "Lfm2BidirectionalModel": "lfm2",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; the norm after the last layer has the name of the embedding's.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    kernel = sizes.number("shortconv.l_cache", 0)
    inventory.embedding()
    inventory.norm("token_embd_norm")
    for layer in inventory.layers():
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            router(inventory)
            expert_matrices(inventory)
            router_bias(inventory)
        inventory.norm("attn_norm")
        if sizes.kv_heads(layer):
            query_key_norms(inventory)
            inventory.qkv()
            inventory.attn_output()
        else:
            inventory.weight("shortconv.conv", kernel, sizes.n_embd)
            inventory.weight("shortconv.in_proj", sizes.n_embd, 3 * sizes.n_embd)
            inventory.weight("shortconv.out_proj", sizes.n_embd, sizes.n_embd)
    if not sizes.tied:
        inventory.weight("output", sizes.n_embd, sizes.n_vocab)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The cache of the attention layers, and what the convolutions of the others remember.

    With a window in the metadata all attention layers have it.
    """
    sizes = Sizes(hparams)
    attention = attention_layers(sizes)
    rolling = sizes.n_embd * (sizes.number("shortconv.l_cache", 1) - 1)
    state = uniform_state((layer for layer in sizes.trunk if layer not in attention), rolling, 0)
    if sizes.number("attention.sliding_window", 0):
        slides = tuple(layer in attention for layer in sizes.layers)
        near = sliding_cache(hparams, slides).kv[1]
        return CacheLayout(kv=(near,), state=state)
    return hybrid_cache(hparams, attention, state)


def graph(g: Builder) -> None:
    """
    Build LFM 2.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    A short convolution or attention.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    if il in g.parts.state_of:
        x = _short_convolution(g, il, x)
    else:
        x = g.attention(il, *heads(g, il, x, Heads(norms="before")))
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", residual, x)
    x = g.norm(between, "ffn_norm", il)
    return ops.like("add", between, feed_forward(g, il, x, FeedForward(mixture=Mixture(gating=None))))


def _short_convolution(g: Builder, il: int, x: Node) -> Node:
    count = g.run.sequences
    steps, width = g.tokens // count, g.sizes.n_embd
    kept = g.sizes.positive("shortconv.l_cache") - 1
    mixed = g.mm(il, "shortconv.in_proj", ops.reshape(x, x.ne[0], steps, count))
    rows = (mixed.nb[1], mixed.nb[2])
    b, c, x = (ops.view(mixed, (width, steps, count), rows) for _ in range(3))
    bx = ops.transpose(ops.like("mul", b, x))
    rolling, _ = states(g, il)
    window = ops.concat(ops.reshape(load(g, rolling), kept, width, count), bx, 0)
    for _ in range(kept_states(g, steps)):
        last = ops.view(window, (kept, window.ne[1], window.ne[2]), (window.nb[1], window.nb[2]))
        g.graph.expand(ops.cpy(last, ops.view(rolling, (kept * width, count), (rolling.nb[1],))))
    y = ops.like("mul", c, convolve(g, il, window, "shortconv.conv.weight"))
    y = g.mm(il, "shortconv.out_proj", y)
    return ops.reshape(y, y.ne[0], steps * count)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read which layers attend, the convolutions, and a width that is rounded; the output is tied.
    """
    kv = common["attention.head_count_kv"]
    width = config.need("block_ff_dim", "intermediate_size")
    if config.flag("block_auto_adjust_ff_dim") and not common.get("expert_count"):
        width = int(2 * width / 3 * (config.real("block_ffn_dim_multiplier") or 1.0))
        multiple = config.number("block_multiple_of", default=256)
        width = -(-width // multiple) * multiple
    found: Hparams = {
        "feed_forward_length": width,
        "attention.head_count_kv": [kv if yes else 0 for yes in rules.attention_layers(config)],
        "shortconv.l_cache": config.need("conv_L_cache"),
        "tie_word_embeddings": config.flag("tie_embedding", "tie_word_embeddings", default=True),
    }
    return found | ({"expert_gating_func": rules.SIGMOID} if common.get("expert_count") else {})
