"""
Granite's encoder of sound: a conformer that attends within blocks of frames, and queries that take from its windows.

Source: llama.cpp b11549, tools/mtmd/models/granite-speech.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, I32, Node
from llmprobe.model.projectors._encoder import Encoder
from llmprobe.model.projectors._family import Family
from llmprobe.model.projectors._sizes import Rule, number, numbers


def _speech(e: Encoder) -> Node:
    block = number(e.projector, "audio.chunk_size") or 1
    apart = e.input(block * block, kind=I32)
    blocks = -(-e.width // block)
    mask = e.input(block, block, 1, blocks) if e.width % block else None
    x = ops.cont(ops.transpose(e.input(e.width, e.height, 1, e.batch)))
    x = e.biased("a.input_projection", x)
    joined = numbers(e.projector, "audio.feature_layer")
    taken = x if 0 in joined else None
    for il in range(e.sizes.layers):
        x = _layer(e, il, x, apart, mask)
        if il + 1 in joined:
            taken = x if taken is None else _beside(taken, x)
        if il + 1 == e.sizes.layers // 2:
            middle = ops.like("soft_max", e.biased("a.enc_ctc_out", x))
            x = ops.like("add", x, e.biased("a.enc_ctc_out_mid", middle))
    return _queried(e, x if taken is None else _beside(taken, x))


def _beside(first: Node, second: Node) -> Node:
    return ops.make("concat", F32, (first.ne[0] + second.ne[0], *first.ne[1:]), first, second)


def _filled(x: Node, length: int) -> Node:
    """Up to a length that blocks divide."""
    return x if x.ne[1] == length else ops.make("pad", F32, (x.ne[0], length, x.ne[2], x.ne[3]), x)


def _layer(e: Encoder, il: int, x: Node, apart: Node, mask: Node | None) -> Node:
    x = _half_step(e, il, x, "")
    x = ops.like("add", x, _attended(e, il, e.norm(x, e.layer(il, "ln1")), apart, mask))
    x = ops.like("add", x, _convolved(e, il, e.norm(x, e.layer(il, "norm_conv"))))
    return e.norm(_half_step(e, il, x, "_1"), e.layer(il, "ln2"))


def _half_step(e: Encoder, il: int, residual: Node, suffix: str) -> Node:
    x = e.norm(residual, e.layer(il, f"ffn_norm{suffix}"))
    x = e.ffn(x, e.layer(il, f"ffn_up{suffix}"), e.layer(il, f"ffn_down{suffix}"), "silu")
    return ops.like("add", residual, ops.like("scale", x))


def _attended(e: Encoder, il: int, x: Node, apart: Node, mask: Node | None) -> Node:
    head, heads, frames = e.sizes.head, e.sizes.heads, x.ne[1]
    block = number(e.projector, "audio.chunk_size") or 1
    blocks = -(-frames // block)
    x = _filled(x, blocks * block)
    q, k, v = (
        ops.reshape(e.mm(e.layer(il, f"attn_{part}"), x), head, heads, block, blocks) for part in "qkv"
    )
    scores = ops.mul_mat(ops.cont(ops.permute(k, 0, 2, 1, 3)), ops.permute(q, 0, 2, 1, 3))
    places = ops.get_rows(e.need(e.layer(il, "attn_rel_pos_emb")), apart)
    places = ops.reshape(ops.reshape(places, head, block, block), head, block, 1, block)
    far = ops.mul_mat(places, ops.permute(q, 0, 1, 3, 2))
    far = ops.cont(ops.permute(far, 0, 2, 3, 1))
    more = [] if mask is None else [mask]
    shares = ops.like("soft_max", ops.like("add", scores, far), *more)
    x = ops.mul_mat(ops.cont(ops.permute(v, 1, 2, 0, 3)), shares)
    x = ops.cont(ops.permute(x, 0, 2, 1, 3), e.sizes.embd, blocks * block)
    if frames < blocks * block:
        x = ops.view(x, (e.sizes.embd, frames), (x.nb[1],))
    return e.biased(e.layer(il, "attn_out"), x)


def _convolved(e: Encoder, il: int, x: Node) -> Node:
    x = e.biased(e.layer(il, "conv_pw1"), x)
    half = x.ne[0] // 2
    gate = ops.unary("sigmoid", ops.view(x, (half, x.ne[1]), (x.nb[1],)))
    x = ops.cont(ops.transpose(ops.like("mul", ops.view(x, (half, x.ne[1]), (x.nb[1],)), gate)))
    around = number(e.projector, "audio.conv_kernel_size") // 2
    x = ops.make("pad", F32, (x.ne[0] + 2 * around, x.ne[1], 1, 1), x)
    kernel = e.need(e.layer(il, "conv_dw.weight"))
    x = ops.make("ssm_conv", F32, (x.ne[1], x.ne[0] - kernel.ne[0] + 1, 1, 1), x, kernel)
    x = ops.like("mul", x, e.need(e.layer(il, "conv_norm.weight")))
    x = ops.unary("silu", ops.like("add", x, e.need(e.layer(il, "conv_norm.bias"))))
    return e.biased(e.layer(il, "conv_pw2"), x)


def _queried(e: Encoder, x: Node) -> Node:
    """A few queries for each window of frames, in two layers, and the matrix to the language model."""
    window = number(e.projector, "audio.projector.window_size") or 1
    asked = window // (number(e.projector, "audio.projector.downsample_rate") or 1)
    windows = -(-x.ne[1] // window)
    x = ops.reshape(_filled(x, windows * window), x.ne[0], window, windows)
    queries = ops.reshape(e.norm(e.need("a.proj_query"), "a.proj_norm"), e.sizes.embd, asked, 1)
    queries = ops.make("repeat", F32, (e.sizes.embd, asked, windows, 1), queries)
    for il in range(2):
        name = f"a.proj_blk.{il}"
        for part, seen in (("self_attn", None), ("cross_attn", x)):
            found = _asked(e, f"{name}.{part}", queries, queries if seen is None else seen)
            queries = e.norm(ops.like("add", found, queries), f"{name}.{part}_norm")
        found = e.ffn(queries, f"{name}.ffn_up", f"{name}.ffn_down", "gelu")
        queries = e.norm(ops.like("add", found, queries), f"{name}.ffn_norm")
    return e.biased("a.proj_linear", ops.reshape(queries, e.sizes.embd, asked * windows))


def _asked(e: Encoder, name: str, queries: Node, seen: Node) -> Node:
    heads = number(e.projector, "audio.projector.head_count") or 1
    sources = (queries, seen, seen)
    q, k, v = (e.biased(f"{name}_{part}", source) for part, source in zip("qkv", sources, strict=True))
    q, k, v = (ops.reshape(each, e.sizes.embd // heads, heads, each.ne[1], each.ne[2]) for each in (q, k, v))
    return ops.reshape(e.attention(f"{name}_out", q, k, v), *queries.ne[:3])


FAMILIES = {"granite_speech": Family(rule=Rule(), build=_speech, seconds=30)}
