"""
Dots 3 Note: latent attention in two sizes, over a window or over the tokens that an indexer chooses, with a gate for
each head, and experts beside a shared one.

Sources: llama.cpp b11549, src/models/dots3note.cpp, src/llama-kv-cache-dsa-iswa.cpp, conversion/dots3.py.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import indexed, ops
from llmprobe.model.archs._building.blocks import Decoder, decoder, feed_forward, slides
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import ROUTED, gate_heads
from llmprobe.model.archs._building.indexed import Latent
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout, KvCache, KvLayer
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.indexer import indexer_cache, indexer_tensors
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture, next_token
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("dots3note",)
HF_CLASSES: dict[str, str] = {
    "Dots3NoteForCausalLM": "dots3note",
    "Dots3NoteForConditionalGeneration": "dots3note",
    "Dots3NoteTextForCausalLM": "dots3note",
}

_INDEXER = 1


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; a layer that predicts the next token slides and is dense.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        _attention(inventory)
        inventory.norm("ffn_norm")
        if layer in sizes.trunk and not _slides(sizes, layer):
            indexer_tensors(inventory)
        if layer not in sizes.trunk or is_dense(sizes, layer):
            inventory.ffn()
        else:
            mixture(inventory, biased=True)
        if layer not in sizes.trunk:
            next_token(inventory)
            inventory.weight("nextn.embed_tokens", sizes.n_embd, sizes.n_vocab)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The latent and the indexer's keys of the layers that see everything, and the latent of those with a window.
    """
    sizes = Sizes(hparams)
    full = tuple(layer for layer in sizes.trunk if not _slides(sizes, layer))
    near = tuple(layer for layer in sizes.trunk if _slides(sizes, layer))
    window = sizes.number("attention.sliding_window", 0)
    return CacheLayout(
        kv=(
            KvCache(_keys(full, sizes.head_k())),
            indexer_cache(sizes, full),
            KvCache(_keys(near, sizes.head_k(slides=True)), window, "sliding-window"),
        ),
        latent=True,
    )


def _keys(layers: tuple[int, ...], width: int) -> tuple[KvLayer, ...]:
    return tuple(KvLayer(layer=layer, k=width, v=0, head_k=width, head_v=0) for layer in layers)


def _slides(sizes: Sizes, layer: int) -> bool:
    pattern = sizes.flags("attention.sliding_window_pattern")
    return pattern is not None and (layer >= len(pattern) or pattern[layer])


def _latent(sizes: Sizes, *, near: bool) -> Latent:
    suffix = "_swa" if near else ""
    return Latent(
        key=sizes.number(f"attention.key_length_mla{suffix}", sizes.head_k()),
        rank=sizes.number(f"attention.kv_lora_rank{suffix}", 0),
    )


def _attention(inventory: Inventory) -> None:
    sizes, n_embd, layer = inventory.sizes, inventory.sizes.n_embd, inventory.layer or 0
    near = layer not in sizes.trunk or _slides(sizes, layer)
    latent, heads, turned = _latent(sizes, near=near), sizes.heads(layer), sizes.n_rot
    value = sizes.number("attention.value_length_mla_swa" if near else "attention.value_length_mla", 0)
    low = sizes.number("attention.q_lora_rank", 0)
    inventory.norm("attn_norm")
    inventory.norm("attn_q_a_norm", low)
    inventory.norm("attn_kv_a_norm", latent.rank)
    inventory.norm("attn_k_norm", turned)
    inventory.weight("attn_q_a", n_embd, low)
    inventory.weight("attn_q_b", low, heads * latent.key)
    inventory.weight("attn_kv_a_mqa", n_embd, latent.rank + turned)
    inventory.weight("attn_k_b", latent.key - turned, latent.rank, heads)
    inventory.weight("attn_v_b", latent.rank, value, heads)
    inventory.weight("attn_output", heads * value, n_embd)
    inventory.weight("attn_gate", n_embd, heads)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read both sizes of the attention, which layers slide, and the indexer.
    """
    near = [kind == "sliding_attention" for kind in config.listed("layer_types") or []]
    all_heads, near_heads = config.need("num_attention_heads"), config.need("swa_num_attention_heads")
    rank, turned = config.need("swa_kv_lora_rank"), config.need("swa_qk_rope_head_dim")
    return rules.latent(config, common) | {
        "attention.head_count": [near_heads if one else all_heads for one in near],
        "attention.sliding_window": config.need("sliding_window_size"),
        "attention.sliding_window_pattern": near,
        "attention.kv_lora_rank_swa": rank,
        "attention.key_length_swa": rank + turned,
        "attention.value_length_swa": rank,
        "attention.key_length_mla_swa": config.need("swa_qk_nope_head_dim") + turned,
        "attention.value_length_mla_swa": config.need("swa_v_head_dim"),
        "attention.indexer.head_count": config.need("index_n_heads"),
        "attention.indexer.key_length": config.need("index_head_dim"),
        "attention.indexer.top_k": config.need("index_topk"),
        "attention.indexer.types": [not one for one in near],
        "expert_gating_func": rules.SIGMOID,
    }


def graph(g: Builder) -> None:
    """
    Build Dots 3 Note.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    residual = x
    x = g.norm(x, "attn_norm", il)
    low = g.norm(g.mm(il, "attn_q_a", x), "attn_q_a_norm", il)
    near, narrow = slides(g, il), None
    if not near:
        g.chosen = indexed.chosen(g, il, x, low)
        narrow = indexed.narrowed(g)
    sizes = _latent(g.sizes, near=near)
    attended = indexed.attention(g, il, x, low, sizes=sizes, narrow=narrow, output="")
    gate = ops.unary("sigmoid", g.mm(il, "attn_gate", x))
    x = g.mm(il, "attn_output", gate_heads(g, il, attended, gate))
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    return ops.like("add", feed_forward(g, il, g.norm(between, "ffn_norm", il), ROUTED), between)
