"""
Graphs of models with linear attention or a sparse one, by architecture. Sources: llama.cpp b11549, src/models/.
"""

from collections.abc import Callable, Hashable
from functools import partial

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import decoder, feed_forward, heads, routing, scaled_routing
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F16, F32, I32, I64, Node
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._building.state import delta_net, load, states


def kimi_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of Kimi Linear: delta attention, or latent attention without positions.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    g.graph.expand(x)
    x = _kimi_delta(g, il, x) if il in g.parts.state_of else _kimi_latent(g, il, x)
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    x = feed_forward(g, il, x, moe=routing(g, norm=True), shared="plain")
    return ops.like("add", x, between)


def _kimi_delta(g: Builder, il: int, x: Node) -> Node:
    count, tokens = g.run.sequences, g.tokens
    steps = tokens // count
    number, head = g.sizes.heads(il), int(g.hparams["kda.head_dim"])
    inner = number * head
    rolling, state = states(g, il)
    kept = load(g, rolling)
    if g.weight(il, "attn_qkv.weight") is not None:
        both = g.mm(il, "attn_qkv", x)
        entered = [ops.cont(ops.view(both, (inner, tokens), (both.nb[1],))) for _ in range(3)]
    else:
        entered = [g.mm(il, f"attn_{name}", x) for name in "qkv"]
    q, k, v = (
        _convolved(g, il, name, part, kept, rolling, head) for name, part in zip("qkv", entered, strict=True)
    )
    gate = g.mm(il, "ssm_f_b", g.mm(il, "ssm_f_a", x))
    gate = ops.unary("softplus", ops.like("add", gate, g.need(il, "ssm_dt.bias")))
    gate = ops.reshape(gate, head, number, tokens)
    gate = ops.like("mul", gate, ops.reshape(g.need(il, "ssm_a"), 1, number, 1))
    gate = ops.reshape(gate, head, number, steps, count)
    beta = ops.reshape(g.mm(il, "ssm_beta", x), 1, number, steps, count)
    beta = ops.unary("sigmoid", beta)
    x = ops.reshape(x, x.ne[0], steps, count)
    old = ops.reshape(load(g, state), head, head, number, count)
    q, k = (ops.like("scale", ops.like("rms_norm", part)) for part in (q, k))
    out = ops.cont(delta_net(g, state, q, k, v, gate, beta, old))
    flat = ops.reshape(x, x.ne[0], tokens)
    gate = g.mm(il, "ssm_g_b", g.mm(il, "ssm_g_a", flat))
    gate = ops.reshape(gate, head, number, tokens)
    out = g.norm(ops.reshape(out, head, number, tokens), "ssm_norm", il)
    out = ops.like("mul", out, ops.unary("sigmoid", gate))
    return g.mm(il, "attn_output", ops.cont(out, inner, tokens))


def _convolved(g: Builder, il: int, name: str, x: Node, kept: Node, rolling: Node, head: int) -> Node:
    count = g.run.sequences
    steps, inner = g.tokens // count, x.ne[0]
    weight = g.need(il, f"ssm_conv1d_{name}.weight")
    kernel = weight.ne[0]
    rows = (4 * (kernel - 1), 4 * rolling.ne[0])
    old = ops.view(kept, (kernel - 1, inner, count), rows)
    window = ops.concat(old, ops.transpose(ops.reshape(x, inner, steps, count)), 0)
    last = ops.view(window, (kernel - 1, inner, count), (window.nb[1], window.nb[2]))
    g.graph.expand(ops.cpy(last, ops.view(rolling, (kernel - 1, inner, count), rows)))
    weight = ops.reshape(weight, kernel, inner)
    x = ops.make("ssm_conv", F32, (inner, steps, count, 1), window, weight)
    x = ops.unary("silu", ops.reshape(x, inner, g.tokens))
    return ops.reshape(x, head, inner // head, steps, count)


def _kimi_latent(g: Builder, il: int, x: Node) -> Node:
    tokens, sizes = g.tokens, g.sizes
    count, turned = sizes.heads(il), sizes.n_rot
    key = sizes.number("attention.key_length_mla", sizes.head_k())
    rank = int(g.hparams["attention.kv_lora_rank"])
    q = g.mm(il, "attn_q", x)
    both = g.mm(il, "attn_kv_a_mqa", x)
    row = 4 * (rank + turned)
    k_turned = ops.view(both, (turned, 1, tokens), (row, row))
    latent = g.norm(ops.view(both, (rank, tokens), (row,)), "attn_kv_a_norm", il)
    rows = (4 * key, 4 * key * count)
    plain = ops.view(q, (key - turned, count, tokens), rows)
    q_turned = ops.view(q, (turned, count, tokens), rows)
    absorbed = ops.mul_mat(g.need(il, "attn_k_b.weight"), ops.permute(plain, 0, 2, 1, 3))
    query = ops.concat(ops.permute(absorbed, 0, 2, 1, 3), q_turned, 0)
    latent = ops.reshape(latent, rank, 1, tokens)
    k = ops.concat(latent, k_turned, 0)
    return g.latent_attention(il, query, k, latent, g.need(il, "attn_v_b.weight"))


def minimax_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of MiniMax 01: lightning attention, or attention; what is added is the norm, scaled.
    """
    x = residual = g.norm(x, "attn_norm", il)
    x = _lightning(g, il, x) if il in g.parts.state_of else g.attention(il, *heads(g, il, x))
    if il == g.last:
        x, _entered, residual = g.crop(il, x, x, residual)
    between = ops.like("add", x, ops.like("scale", residual))
    x = residual = g.norm(between, "ffn_norm", il)
    x = g.moe(il, x, scale=scaled_routing(g))
    return ops.like("add", x, ops.like("scale", residual))


def _lightning(g: Builder, il: int, x: Node) -> Node:
    count, number, head = g.run.sequences, g.sizes.heads(il), g.sizes.head_k()
    steps = g.tokens // count
    slopes = g.input("slopes", F32, number)
    decays = [g.input(f"{name} decay", F32, 1, number, steps, count) for name in "qk"]
    diagonal = g.input("diagonal decay", F32, steps, steps, number, count)
    rolling, state = states(g, il)
    g.graph.expand(load(g, rolling))
    slope = ops.like("scale", slopes)
    x = ops.reshape(x, x.ne[0], steps, 1, count)
    mixed = ops.reshape(ops.unary("silu", g.mm(il, "attn_qkv", x)), 3 * head, number, steps, count)
    q, k, v = (ops.view(mixed, (head, number, steps, count), mixed.nb[1:]) for _ in range(3))
    old = ops.reshape(load(g, state), head, head, number, count)
    q_decay, k_decay, diagonal = (ops.unary("exp", ops.like("scale", decay)) for decay in (*decays, diagonal))
    beyond = ops.mul_mat(old, ops.permute(ops.like("mul", q, q_decay), 0, 2, 1, 3))
    scores = ops.mul_mat(ops.permute(k, 0, 2, 1, 3), ops.permute(q, 0, 2, 1, 3))
    scores = ops.like("mul", scores, diagonal)
    values = ops.cont(ops.permute(v, 1, 2, 0, 3))
    out = ops.like("add", beyond, ops.mul_mat(values, scores))
    g.graph.expand(out)
    block = ops.reshape(ops.unary("exp", ops.like("scale", slope)), 1, 1, number)
    keys = ops.cont(ops.permute(ops.like("mul", k, k_decay), 1, 2, 0, 3))
    new = ops.like("add", ops.like("mul", old, block), ops.mul_mat(keys, values))
    g.graph.expand(ops.cpy(new, ops.view(state, (state.ne[0] * count,))))
    out = ops.cont(ops.permute(out, 0, 2, 1, 3))
    out = ops.reshape(out, out.ne[0] * out.ne[1], out.ne[2], 1, out.ne[3])
    out = g.norm(out, "attn_norm_2", il)
    out = ops.like("mul", ops.unary("sigmoid", g.mm(il, "attn_gate", x)), out)
    out = g.mm(il, "attn_output", out)
    return ops.reshape(out, out.ne[0], g.tokens)


def indexed_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of DeepSeek 3.2 or GLM-5: an indexer says which cells the latent attention looks at.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    tokens, sizes = g.tokens, g.sizes
    count, turned = sizes.heads(il), sizes.n_rot
    key = sizes.number("attention.key_length_mla", sizes.head_k())
    rank = int(g.hparams["attention.kv_lora_rank"])
    low = g.norm(g.mm(il, "attn_q_a", x), "attn_q_a_norm", il)
    if (1, il) in g.parts.caches_of:
        g.chosen = _index(g, il, x, low)
    q = g.mm(il, "attn_q_b", low)
    rows = (4 * key, 4 * key * count)
    plain = ops.view(q, (key - turned, count, tokens), rows)
    q_turned = g.rope(ops.view(q, (turned, count, tokens), rows))
    both = g.mm(il, "attn_kv_a_mqa", x)
    row = 4 * (rank + turned)
    k_turned = g.rope(ops.view(both, (turned, 1, tokens), (row, row)))
    latent = g.norm(ops.view(both, (rank, tokens), (row,)), "attn_kv_a_norm", il)
    absorbed = ops.mul_mat(g.need(il, "attn_k_b.weight"), ops.permute(plain, 0, 2, 1, 3))
    query = ops.concat(ops.permute(absorbed, 0, 2, 1, 3), q_turned, 0)
    latent = ops.reshape(latent, rank, 1, tokens)
    k = ops.concat(latent, k_turned, 0)
    x = g.latent_attention(il, query, k, latent, g.need(il, "attn_v_b.weight"), narrow=_narrowed(g))
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    return ops.like("add", feed_forward(g, il, x, moe=routing(g), shared="plain"), between)


def _index(g: Builder, il: int, x: Node, low: Node) -> Node:
    """
    Return the cells that the indexer chooses for each token.
    """
    tokens, run = g.tokens, g.run
    count, width = (
        int(g.hparams["attention.indexer.head_count"]),
        int(g.hparams["attention.indexer.key_length"]),
    )
    q = ops.reshape(g.mm(il, "indexer.attn_q_b", low), width, count, tokens)
    q = g.rope(q)
    k = g.norm(g.mm(il, "indexer.attn_k", x), "indexer.k_norm", il, kind="norm")
    k = g.rope(ops.reshape(k, width, 1, tokens))
    size = 64
    while width % (2 * size) == 0:
        size *= 2
    rotation = g.input("indexer rotation", F32, size, size)
    q, k = ops.mul_mat(rotation, q), ops.mul_mat(rotation, k)
    cells, streams = run.cells[1], run.streams
    home = run.places[il] if run.cache_on_device else run.host
    cache = g.memory(f"indexer {il}", run.kind_k, home, width, cells, streams)
    g.graph.expand(g.store(cache, k, g.input("indexer ids", I64, tokens)))
    weights = g.mm(il, "indexer.proj", x)
    row = cache.nb[1]
    keys = ops.view(cache, (width, 1, cells, streams), (row, row, row * cells))
    per = tokens // streams
    q = ops.view(q, (width, count, per, streams), (q.nb[1], q.nb[2], q.nb[3] // streams))
    shape = (count, per, weights.ne[2], streams)
    weights = ops.view(weights, shape, (weights.nb[1], weights.nb[2] // streams, weights.nb[3] // streams))
    weights = ops.like("scale", weights)
    mask = g.input("indexer mask", F16, cells, per, 1, streams)
    score = ops.make("lightning_indexer", F32, (cells, per, 1, streams), q, keys, weights, mask)
    most = min(cells, int(g.hparams["attention.indexer.top_k"]))
    return ops.cont(ops.make("top_k", I32, (most, *score.ne[1:]), score))


def _narrowed(g: Builder) -> Callable[[Node], Node]:
    """
    Return how a mask is narrowed to the chosen cells.
    """

    def narrow(mask: Node) -> Node:
        chosen = g.chosen
        assert chosen is not None
        every = ops.like("fill", mask)
        ne, nb = every.ne, every.nb
        every = ops.view(every, (1, ne[0], ne[1], ne[3]), (nb[0], nb[1], nb[2]))
        top = chosen.ne
        ids = ops.view(
            chosen, (top[0], top[1], top[3], 1), (chosen.nb[1], chosen.nb[2], top[3] * chosen.nb[3])
        )
        zeros = ops.like("fill", ops.leaf(F32, 1, top[0], top[1], top[3]))
        seen = ops.set_rows(every, zeros, ids)
        seen = ops.view(seen, (ne[0], ne[1], 1, ne[3]), (seen.nb[2], seen.nb[3], seen.nb[3]))
        return ops.like("add", seen, mask)

    return narrow


GRAPHS: dict[str, Callable[[Builder], None]] = {
    "kimi-linear": partial(decoder, layer=kimi_layer),
    "minimax-01": partial(decoder, layer=minimax_layer),
    "deepseek32": partial(decoder, layer=indexed_layer),
    "glm-dsa": partial(decoder, layer=indexed_layer),
}
"""Each architecture's function."""

VARIANTS: dict[str, Callable[[Parts, int], Hashable]] = {
    # Each layer's zeros are allocated before everything else, so that no layer can stand for another.
    "deepseek32": lambda _, il: il,
    "glm-dsa": lambda _, il: il,
}
"""What tells two layers apart that have the same tensors and caches."""
