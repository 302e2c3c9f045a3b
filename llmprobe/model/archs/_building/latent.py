"""
Latent attention in a graph, as DeepSeek 2 has it and those who followed.

Source: llama.cpp b11549, src/models/deepseek2.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, Node


def latent_attention(g: Builder, il: int, x: Node) -> Node:
    """
    Build the attention: over the latent itself, or in the old form over the heads unfolded from it.
    """
    tokens, sizes, get = g.tokens, g.sizes, g.hparams.get
    count = sizes.heads(il)
    key = sizes.number("attention.key_length_mla", sizes.head_k())
    turned = sizes.n_rot
    plain = key - turned
    rank = g.sizes.positive("attention.kv_lora_rank")
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


def cut_attention(g: Builder, il: int, x: Node, *, rope: bool = False, output: str = "attn_output") -> Node:
    """
    Build the attention over the latent where queries are cut straight from the rows of their matrix, up to the output
    matrix where that has a name.

    Source: llama.cpp b11549, src/models/kimi-linear.cpp, kimi-k3.cpp, bailingmoe3.cpp.
    """
    tokens, sizes = g.tokens, g.sizes
    count, turned = sizes.heads(il), sizes.n_rot
    key = sizes.number("attention.key_length_mla", sizes.head_k())
    rank = g.sizes.positive("attention.kv_lora_rank")
    if g.weight(il, "attn_q.weight") is not None:
        q = g.mm(il, "attn_q", x)
    else:
        q = g.mm(il, "attn_q_b", g.norm(g.mm(il, "attn_q_a", x), "attn_q_a_norm", il))
    both = g.mm(il, "attn_kv_a_mqa", x)
    row = 4 * (rank + turned)
    rows = (4 * key, 4 * key * count)
    plain, q_turned = (
        ops.view(q, (key - turned, count, tokens), rows),
        ops.view(q, (turned, count, tokens), rows),
    )
    k_turned = ops.view(both, (turned, 1, tokens), (row, row))
    if rope:
        q_turned, k_turned = g.rope(q_turned), g.rope(k_turned)
    latent = g.norm(ops.view(both, (rank, tokens), (row,)), "attn_kv_a_norm", il)
    absorbed = ops.mul_mat(g.need(il, "attn_k_b.weight"), ops.permute(plain, 0, 2, 1, 3))
    query = ops.concat(ops.permute(absorbed, 0, 2, 1, 3), q_turned, 0)
    latent = ops.reshape(latent, rank, 1, tokens)
    k = ops.concat(latent, k_turned, 0)
    return g.latent_attention(il, query, k, latent, g.need(il, "attn_v_b.weight"), output=output)


def unfolded(g: Builder, il: int, latent: Node, k_turned: Node, plain: int) -> tuple[Node, Node]:
    """
    Keys and values of every head from the latent.
    """
    tokens, count, value = g.tokens, g.sizes.heads(il), g.sizes.head_v()
    kv = g.mm(il, "attn_kv_b", latent)
    row = 4 * (plain + value)
    k_plain = ops.view(kv, (plain, count, tokens), (row, row * count))
    v = ops.cont(ops.view(kv, (value, count, tokens), (row, row * count)))
    spread = ops.make("repeat", F32, (k_turned.ne[0], count, tokens, 1), k_turned)
    return ops.concat(k_plain, spread, 0), v
