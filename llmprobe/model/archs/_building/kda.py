"""
Delta attention with a decay for each channel in a graph, as Kimi Linear has it and those who followed.

Sources: llama.cpp b11549, src/models/kimi-linear.cpp, kimi-k3.cpp, glm5-next.cpp, bailingmoe3.cpp.
"""

import msgspec

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.archs._building.state import delta_net, kept_states, load, states


class Kda(msgspec.Struct, frozen=True, kw_only=True):
    """
    How the gates are made: the matrices of the decay and of the output, one after the other.

    ``negated`` changes the sign of a bounded decay before its sigmoid, ``by_sequence`` reads the output's gate from
    the input cut into sequences.
    """

    decay: tuple[str, ...] = ("ssm_f_a", "ssm_f_b")
    output: tuple[str, ...] = ("ssm_g_a", "ssm_g_b")
    negated: bool = True
    by_sequence: bool = True


def kda(g: Builder, il: int, x: Node, how: Kda) -> Node:
    """
    Build the attention, from the normalized input to its output matrix.
    """
    count, tokens = g.run.sequences, g.tokens
    steps = tokens // count
    number, head = g.sizes.heads(il), g.sizes.positive("kda.head_dim")
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
    gate = ops.reshape(_decay(g, il, x, how), head, number, steps, count)
    beta = ops.reshape(g.mm(il, "ssm_beta", x), 1, number, steps, count)
    beta = ops.unary("sigmoid", beta)
    old = ops.reshape(load(g, state), head, head, number, count)
    q, k = (ops.like("scale", ops.like("rms_norm", part)) for part in (q, k))
    out = ops.cont(delta_net(g, state, q, k, v, gate, beta, old))
    if how.by_sequence:
        x = ops.reshape(ops.reshape(x, x.ne[0], steps, count), x.ne[0], tokens)
    gate = ops.reshape(_through(g, il, x, how.output), head, number, tokens)
    out = g.norm(ops.reshape(out, head, number, tokens), "ssm_norm", il)
    out = ops.like("mul", out, ops.unary("sigmoid", gate))
    return g.mm(il, "attn_output", ops.cont(out, inner, tokens))


def _through(g: Builder, il: int, x: Node, names: tuple[str, ...]) -> Node:
    for name in names:
        x = g.mm(il, name, x)
    return x


def _decay(g: Builder, il: int, x: Node, how: Kda) -> Node:
    """
    The decay of each channel: of a softplus, or of a sigmoid where it has a lower bound.
    """
    number, head = g.sizes.heads(il), g.sizes.positive("kda.head_dim")
    gate = ops.like("add", _through(g, il, x, how.decay), g.need(il, "ssm_dt.bias"))
    rate = ops.reshape(g.need(il, "ssm_a"), 1, number, 1)
    if g.hparams.get("kda.gate_lower_bound") is None:
        gate = ops.reshape(ops.unary("softplus", gate), head, number, g.tokens)
        return ops.like("mul", gate, rate)
    gate = ops.like("mul", ops.reshape(gate, head, number, g.tokens), rate)
    if how.negated:
        gate = ops.like("scale", gate)
    return ops.like("scale", ops.unary("sigmoid", gate))


def _convolved(g: Builder, il: int, name: str, x: Node, kept: Node, rolling: Node, head: int) -> Node:
    count = g.run.sequences
    steps, inner = g.tokens // count, x.ne[0]
    weight = g.need(il, f"ssm_conv1d_{name}.weight")
    kernel = weight.ne[0]
    rows = (4 * (kernel - 1), 4 * rolling.ne[0])
    old = ops.view(kept, (kernel - 1, inner, count), rows)
    window = ops.concat(old, ops.transpose(ops.reshape(x, inner, steps, count)), 0)
    for _ in range(kept_states(g, steps)):
        last = ops.view(window, (kernel - 1, inner, count), (window.nb[1], window.nb[2]))
        g.graph.expand(ops.cpy(last, ops.view(rolling, (kernel - 1, inner, count), rows)))
    weight = ops.reshape(weight, kernel, inner)
    x = ops.make("ssm_conv", F32, (inner, steps, count, 1), window, weight)
    x = ops.unary("silu", ops.reshape(x, inner, g.tokens))
    return ops.reshape(x, head, inner // head, steps, count)
