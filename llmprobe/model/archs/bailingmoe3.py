"""
Ling 3: delta attention, with latent attention on every sixth layer whose heads each have a gate.

Sources: llama.cpp b11549, src/models/bailingmoe3.cpp, conversion/bailingmoe3.py.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, decoder, feed_forward
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.kda import Kda, kda
from llmprobe.model.archs._building.latent import cut_attention
from llmprobe.model.archs._building.next_token import next_token_graph
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.kda import kda_hybrid_cache, kda_tensors
from llmprobe.model.archs._shared.latent import latent_cache
from llmprobe.model.archs._shared.parts import is_dense, mixture

ARCHITECTURES = ("bailingmoe3",)
SNAPSHOTS = ARCHITECTURES
HF_CLASSES: dict[str, str] = {
    "BailingMoeV3ForCausalLM": "bailingmoe3",
    "BailingMoeV3VLForConditionalGeneration": "bailingmoe3",
}

_DELTA = Kda(decay=("ssm_f_a",), output=("ssm_g_a",), negated=False, by_sequence=False)
_ROUTED = FeedForward(mixture=Mixture(gating=None, norm=None), shared="plain")
_PARTS = "gate up down"


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
            _latent(inventory)
        else:
            kda_tensors(inventory, "ssm_f_a", "ssm_g_a")
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn(_PARTS)
        else:
            mixture(inventory, _PARTS, biased=True)
        if layer not in sizes.trunk:
            inventory.weight("nextn.eh_proj", 2 * sizes.n_embd, sizes.n_embd)
            inventory.norm("nextn.enorm")
            inventory.norm("nextn.hnorm")
            inventory.norm("layer_output_norm")
    inventory.output()
    return inventory.done()


caches = kda_hybrid_cache


def _latent(inventory: Inventory) -> None:
    sizes, n_embd = inventory.sizes, inventory.sizes.n_embd
    heads, turned = sizes.heads(inventory.layer or 0), sizes.n_rot
    q_rank, rank = sizes.number("attention.q_lora_rank", 0), sizes.number("attention.kv_lora_rank", 0)
    key = sizes.number("attention.key_length_mla", sizes.head_k())
    value = sizes.number("attention.value_length_mla", sizes.head_v())
    if q_rank:
        inventory.weight("attn_q_a", n_embd, q_rank)
        inventory.norm("attn_q_a_norm", q_rank)
        inventory.weight("attn_q_b", q_rank, heads * key)
    else:
        inventory.weight("attn_q", n_embd, heads * key)
    inventory.weight("attn_kv_a_mqa", n_embd, rank + turned)
    inventory.norm("attn_kv_a_norm", rank)
    inventory.weight("attn_k_b", key - turned, rank, heads)
    inventory.weight("attn_v_b", rank, value, heads)
    inventory.weight("attn_gate", n_embd, heads)
    inventory.weight("attn_output", heads * value, n_embd)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read which layers attend to everything, and the delta attention of the others. Values keep the size of a head.
    """
    every, head = config.need("layer_group_size"), config.need("head_dim")
    whole = config.layers // every * every
    full = [int((layer + 1) % every == 0 or layer >= whole) for layer in range(config.layers)]
    further = config.number("num_nextn_predict_layers")
    return rules.latent(config, common) | {
        "block_count": config.layers + further,
        "nextn_predict_layers": further or None,
        "attention.head_count_kv": full + [1] * further,
        "attention.value_length": head,
        "kda.head_dim": head,
        "kda.gate_lower_bound": config.real("kda_lower_bound"),
        "ssm.conv_kernel": config.need("short_conv_kernel_size"),
        "expert_gating_func": rules.SIGMOID,
        "expert_shared_feed_forward_length": config.number("moe_shared_expert_intermediate_size") or None,
    }


def graph(g: Builder) -> None:
    """
    Build Ling 3.
    """
    decoder(g, Decoder(layer=_layer))


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more, which attends.
    """
    next_token_graph(g, _layer)


draft_caches = latent_cache


def _layer(g: Builder, il: int, x: Node) -> Node:
    residual = x
    x = g.norm(x, "attn_norm", il)
    x = kda(g, il, x, _DELTA) if il in g.parts.state_of else _attend(g, il, x)
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = feed_forward(g, il, g.norm(between, "ffn_norm", il), _ROUTED)
    return ops.like("add", x, between)


def _attend(g: Builder, il: int, x: Node) -> Node:
    count, tokens = g.sizes.heads(il), g.tokens
    attended = cut_attention(g, il, x, rope=True, output="")
    width = attended.ne[0]
    gate = ops.unary("sigmoid", ops.reshape(g.mm(il, "attn_gate", x), 1, count, tokens))
    heads = ops.like("mul", ops.reshape(attended, width // count, count, tokens), gate)
    return g.mm(il, "attn_output", ops.cont(heads, width, tokens))
