"""
PLM: keys and values unfolded from a latent, a feed-forward part without a gate.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("plm",)
HF_CLASSES: dict[str, str] = {
    "PLMForCausalLM": "plm",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    rank = sizes.positive("attention.kv_lora_rank")
    inventory.embedding()
    for layer in inventory.layers():
        heads = sizes.heads(layer)
        unfolded = heads * (sizes.head_k() - sizes.n_rot + sizes.head_v())
        inventory.norm("attn_norm")
        inventory.weight("attn_q", sizes.n_embd, heads * sizes.head_k())
        inventory.weight("attn_kv_a_mqa", sizes.n_embd, rank + sizes.n_rot)
        inventory.norm("attn_kv_a_norm", rank)
        inventory.weight("attn_kv_b", rank, unfolded)
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn("down up")
    inventory.output(always_tied=True)
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build PLM, which llama.cpp runs without flash attention only.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    residual = x
    x = g.attention(il, *_heads(g, il, g.norm(x, "attn_norm", il)))
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    return ops.like("add", g.ffn(il, g.norm(between, "ffn_norm", il), "relu_sqr"), between)


def _heads(g: Builder, il: int, x: Node) -> tuple[Node, Node, Node]:
    """
    Queries, keys and values; the end of a key is turned, and the same for all heads. Values are rows, not heads.
    """
    sizes, tokens = g.sizes, g.tokens
    count, key, value, turned = sizes.heads(il), sizes.head_k(), sizes.head_v(), sizes.n_rot
    rank, plain = sizes.positive("attention.kv_lora_rank"), key - turned
    q = ops.reshape(g.mm(il, "attn_q", x), key, count, tokens)
    both = g.mm(il, "attn_kv_a_mqa", x)
    row = both.nb[1]
    latent = ops.view(both, (rank, tokens), (row,))
    k_turned = ops.view(both, (turned, 1, tokens), (row, row))
    unfolded = g.mm(il, "attn_kv_b", g.norm(latent, "attn_kv_a_norm", il))
    head = 4 * (plain + value)
    k_plain = ops.view(unfolded, (plain, count, tokens), (head, head * count))
    v = ops.cont(ops.view(unfolded, (value, count, tokens), (head, head * count)))
    v = ops.view(v, (value * count, tokens), (4 * value * count,))
    q, k_turned = g.rope(q), g.rope(k_turned)
    each = ops.make("repeat", F32, (turned, count, tokens, 1), k_turned)
    return q, ops.concat(k_plain, each, 0), v


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the latent and the two parts of a key.
    """
    rotary = config.need("qk_rope_head_dim")
    return {
        "attention.kv_lora_rank": config.need("kv_lora_rank"),
        "attention.key_length": config.need("qk_nope_head_dim") + rotary,
        "attention.value_length": config.need("v_head_dim"),
        "rope.dimension_count": rotary,
        "tie_word_embeddings": True,
    }
