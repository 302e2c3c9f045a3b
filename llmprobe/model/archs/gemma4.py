"""
Gemma 4: two sizes of heads, layers that share a cache, embeddings per layer in the small ones, experts in one.

Source: llama.cpp b11549, src/models/gemma4.cpp, src/llama-model.cpp (create_memory).
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._building.per_layer import layer_rows, per_layer, plane, shared_cache
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout, sliding_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_width
from llmprobe.model.archs._shared.per_layer import layer_embedding, model_embeddings, own_cache_only
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("gemma4",)
HF_CLASSES: dict[str, str] = {
    "Gemma4ForCausalLM": "gemma4",
    "Gemma4ForConditionalGeneration": "gemma4",
    "Gemma4UnifiedForConditionalGeneration": "gemma4",
}
OUTPUT_FIRST = True
READS_LATE = True

PERIOD = 6


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.

    Layers that share a cache have no keys and values of their own unless the file keeps them all the same
    (``kv_weights_in_shared_layers``); with ``attention_k_eq_v`` full layers take keys for values.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    slides = sliding_layers(sizes, PERIOD)
    own = sizes.n_layer - sizes.number("attention.shared_kv_layers", 0)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        _attention(
            inventory,
            slides=slides[layer],
            keys=layer < own or bool(hparams.get("kv_weights_in_shared_layers")),
            values=slides[layer] or not hparams.get("attention_k_eq_v"),
        )
        inventory.norm("post_attention_norm")
        inventory.weight("layer_output_scale", 1)
        inventory.norm("ffn_norm")
        inventory.ffn("gate up down")
        inventory.norm("post_ffw_norm")
        if sizes.n_expert:
            _experts(inventory)
        layer_embedding(inventory)
    model_embeddings(inventory)
    inventory.output(always_tied=True)
    inventory.weight("rope_freqs", sizes.head_k() // 2)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The cache of the layers that see the whole context and that of the sliding ones.

    The last ``attention.shared_kv_layers`` layers read what earlier ones keep.
    """
    sizes = Sizes(hparams)
    shared = sizes.number("attention.shared_kv_layers", 0)
    return own_cache_only(sliding_cache(hparams, sliding_layers(sizes, PERIOD)), sizes.n_layer - shared)


def rope_layers(hparams: Hparams) -> tuple[int, ...]:
    """
    The layers that use the rotary factors: those that see the whole context.
    """
    slides = sliding_layers(Sizes(hparams), PERIOD)
    return tuple(layer for layer, sliding in enumerate(slides) if not sliding)


def _attention(inventory: Inventory, *, slides: bool, keys: bool, values: bool) -> None:
    sizes, layer = inventory.sizes, inventory.layer or 0
    head_k, head_v = sizes.head_k(slides=slides), sizes.head_v(slides=slides)
    inventory.weight("attn_q", sizes.n_embd, sizes.heads(layer) * head_k)
    if keys:
        inventory.weight("attn_k", sizes.n_embd, sizes.kv_heads(layer) * head_k)
    if keys and values:
        inventory.weight("attn_v", sizes.n_embd, sizes.kv_heads(layer) * head_v)
    inventory.attn_output(slides=slides)
    inventory.norm("attn_q_norm", head_k)
    if keys:
        inventory.norm("attn_k_norm", head_k)


def _experts(inventory: Inventory) -> None:
    sizes = inventory.sizes
    width = expert_width(sizes)
    inventory.weight("ffn_gate_inp", sizes.n_embd, sizes.n_expert)
    inventory.add("ffn_gate_inp.scale", sizes.n_embd)
    inventory.norm("pre_ffw_norm_2")
    inventory.norm("post_ffw_norm_1")
    inventory.norm("post_ffw_norm_2")
    inventory.weight("ffn_gate_up_exps", sizes.n_embd, 2 * width, sizes.n_expert)
    inventory.weight("ffn_down_exps", width, sizes.n_embd, sizes.n_expert)
    inventory.add("ffn_down_exps.scale", sizes.n_expert)


def graph(g: Builder) -> None:
    """
    Build Gemma 4.
    """
    rows = None
    if "per_layer_token_embd.weight" in g.parts.outside:
        rows = layer_rows(g)
        g.graph.expand(rows)
    x = g.embed(scaled=True)
    if rows is not None:
        count = g.sizes.n_layer
        rows = ops.like("scale", rows)
        rows = per_layer(g, x, ops.reshape(rows, rows.ne[0] // count, count, g.tokens))
    for il in g.layers():
        x = _layer(g, il, x, rows)
    g.finish(x, cap=bool(g.hparams.get("final_logit_softcapping")))


from_config = rules.gemma4


def _layer(g: Builder, il: int, x: Node, rows: Node | None) -> Node:
    residual = x
    x = _attend(g, il, g.norm(x, "attn_norm", il))
    x, residual = g.crop(il, x, residual)
    attended = ops.like("add", g.norm(x, "post_attention_norm", il), residual)
    if g.weight(il, "ffn_gate_inp.weight") is not None:
        x = _mixture(g, il, attended)
    else:
        x = g.ffn(il, g.norm(attended, "ffn_norm", il), "geglu")
    x = ops.like("add", g.norm(x, "post_ffw_norm", il, pin=False), attended)
    if rows is not None:
        entered = x
        x = ops.unary("gelu", g.mm(il, "inp_gate", x))
        (own,) = g.crop(il, plane(rows))
        x = g.mm(il, "proj", ops.like("mul", x, own))
        x = ops.like("add", entered, g.norm(x, "post_norm", il))
    scale = g.weight(il, "layer_output_scale.weight")
    return x if scale is None else ops.like("mul", x, scale)


def _attend(g: Builder, il: int, x: Node) -> Node:
    tokens, sizes = g.tokens, g.sizes
    head = g.need(il, "attn_q_norm.weight").ne[0]
    count, kv_count = sizes.heads(il), sizes.kv_heads(il)
    slides = head == sizes.head_k(slides=True) != sizes.head_k()
    factors = None if slides else g.own(il, "rope_freqs.weight")
    source = shared_cache(g, il, slides=slides)
    fused = None
    if g.weight(il, "attn_qkv.weight") is not None:
        fused = g.mm(il, "attn_qkv", x)
        q = ops.cont(ops.view(fused, (head * count, tokens), (fused.nb[1],)))
    else:
        q = g.mm(il, "attn_q", x)
    q = g.rope(g.norm(ops.reshape(q, head, count, tokens), "attn_q_norm", il), factors)
    if source != il:
        return g.attention(il, q, None, None, cache=source)
    if fused is not None:
        k, v = (ops.cont(ops.view(fused, (head * kv_count, tokens), (fused.nb[1],))) for _ in range(2))
    else:
        k = g.mm(il, "attn_k", x)
        v = g.mm(il, "attn_v", x) if g.weight(il, "attn_v.weight") is not None else k
    k, v = (ops.reshape(part, head, kv_count, tokens) for part in (k, v))
    k = g.rope(g.norm(k, "attn_k_norm", il), factors)
    return g.attention(il, q, k, ops.like("rms_norm", v))


def _mixture(g: Builder, il: int, x: Node) -> Node:
    dense = g.ffn(il, g.norm(x, "ffn_norm", il), "geglu")
    dense = g.norm(dense, "post_ffw_norm_1", il)
    entered = g.norm(x, "pre_ffw_norm_2", il)
    scores = ops.like("scale", ops.like("rms_norm", x))
    scores = ops.like("mul", scores, g.need(il, "ffn_gate_inp.scale"))
    scores = g.mm(il, "ffn_gate_inp", scores)
    mixture = Mixture(activation="geglu", scale=False, expert_scales=True)
    routed = g.moe(il, entered, mixture, scores)
    return ops.like("add", dense, g.norm(routed, "post_ffw_norm_2", il))
