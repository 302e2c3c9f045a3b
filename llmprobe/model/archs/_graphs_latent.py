"""
Graphs of models with latent attention, by architecture. Sources: llama.cpp b11549, src/models/deepseek2.cpp and others.
"""

from collections.abc import Callable
from functools import partial

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import decoder, feed_forward, routing
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, Node

_GLM_FLASH_LAYERS = (47, 48)
_GLM_VOCABULARY = 154880


def deepseek2_layer(g: Builder, il: int, x: Node, *, precise: bool = False, **_: object) -> Node:
    """
    Build a layer of DeepSeek 2 and 3. ``precise`` asks the experts' last product for sources in f32.
    """
    residual = x
    x = latent_attention(g, il, g.norm(x, "attn_norm", il))
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    sizes = g.sizes
    # Files of before the key: llama.cpp tells GLM-4.7 Flash by its depth and vocabulary.
    flash = sizes.n_layer in _GLM_FLASH_LAYERS and sizes.n_vocab == _GLM_VOCABULARY
    options = {**routing(g, otherwise="sigmoid" if flash else "softmax"), "precise": precise}
    return ops.like("add", feed_forward(g, il, x, moe=options, shared="plain"), between)


def latent_attention(g: Builder, il: int, x: Node) -> Node:
    """
    Build the attention: over the latent itself, or in the old form over the heads unfolded from it.
    """
    tokens, sizes, get = g.tokens, g.sizes, g.hparams.get
    count = sizes.heads(il)
    key = sizes.number("attention.key_length_mla", sizes.head_k())
    turned = sizes.n_rot
    plain = key - turned
    rank = int(g.hparams["attention.kv_lora_rank"])
    if g.weight(il, "attn_q.weight") is not None:
        q = g.mm(il, "attn_q", x)
    else:
        q = g.mm(il, "attn_q_b", g.norm(g.mm(il, "attn_q_a", x), "attn_q_a_norm", il))
    q = ops.reshape(q, key, count, tokens)
    both = g.mm(il, "attn_kv_a_mqa", x)
    row = 4 * (rank + turned)
    latent = ops.view(both, (rank, tokens), (row,))
    k_turned = g.rope(ops.view(both, (turned, 1, tokens), (row, row)))
    latent = g.norm(latent, "attn_kv_a_norm", il)
    temperature = None
    if get("attention.temperature_scale"):
        temperature = g.input("temperature", F32, 1, 1, tokens)
    if g.parts.layout.latent:
        q_plain = ops.view(q, (plain, count, tokens), (q.nb[1], q.nb[2]))
        q_turned = g.rope(ops.view(q, (turned, count, tokens), (q.nb[1], q.nb[2])))
        absorbed = ops.mul_mat(g.need(il, "attn_k_b.weight"), ops.permute(q_plain, 0, 2, 1, 3))
        query = ops.concat(ops.permute(absorbed, 0, 2, 1, 3), q_turned, 0)
        latent = ops.reshape(latent, rank, 1, tokens)
        if temperature is not None:
            query = ops.like("mul", query, temperature)
        k = ops.concat(latent, k_turned, 0)
        return g.latent_attention(il, query, k, latent, g.need(il, "attn_v_b.weight"))
    k, v = unfolded(g, il, latent, k_turned, plain)
    query = g.rope(q)
    if temperature is not None:
        query = ops.like("mul", query, temperature)
    return g.attention(il, query, k, v)


def unfolded(g: Builder, il: int, latent: Node, k_turned: Node, plain: int) -> tuple[Node, Node]:
    """
    Return keys and values of every head from the latent.
    """
    tokens, count, value = g.tokens, g.sizes.heads(il), g.sizes.head_v()
    kv = g.mm(il, "attn_kv_b", latent)
    row = 4 * (plain + value)
    k_plain = ops.view(kv, (plain, count, tokens), (row, row * count))
    v = ops.cont(ops.view(kv, (value, count, tokens), (row, row * count)))
    spread = ops.make("repeat", F32, (k_turned.ne[0], count, tokens, 1), k_turned)
    return ops.concat(k_plain, spread, 0), v


def minicpm3_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of MiniCPM 3, which scales what is added to the residual.
    """
    tokens, sizes = g.tokens, g.sizes
    residual = x
    x = g.norm(x, "attn_norm", il)
    rank, turned = int(g.hparams["attention.kv_lora_rank"]), sizes.n_rot
    factors = g.rope_factors(il)
    q = g.mm(il, "attn_q_b", g.norm(g.mm(il, "attn_q_a", x), "attn_q_a_norm", il))
    q = ops.reshape(q, sizes.head_k(), sizes.heads(il), tokens)
    both = g.mm(il, "attn_kv_a_mqa", x)
    latent = ops.view(both, (rank, tokens), (both.nb[1],))
    k_turned = ops.view(both, (turned, 1, tokens), (both.nb[1], both.nb[1]))
    latent = g.norm(latent, "attn_kv_a_norm", il)
    k, v = unfolded(g, il, latent, g.rope(k_turned, factors), sizes.head_k() - turned)
    x = g.attention(il, g.rope(q, factors), k, v)
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", ops.like("scale", x), residual)
    x = g.ffn(il, g.norm(between, "ffn_norm", il))
    return ops.like("add", ops.like("scale", x), between)


GRAPHS: dict[str, Callable[[Builder], None]] = {
    "deepseek2": partial(decoder, layer=deepseek2_layer),
    "mistral4": partial(decoder, layer=deepseek2_layer, precise=True),
    "minicpm3": partial(decoder, layer=minicpm3_layer, scale_input=True, scale_hidden=True),
}
"""Each architecture's function."""
