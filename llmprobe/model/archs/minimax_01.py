"""
MiniMax Text 01 and M1: lightning attention, with ordinary attention on every eighth layer, and experts.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, decoder, heads
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.archs._building.state import load, states
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_width
from llmprobe.model.archs._shared.recurrent import hybrid_cache, recurrent_layers, uniform_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("minimax-01",)
HF_CLASSES: dict[str, str] = {
    "MiniMaxText01ForCausalLM": "minimax-01",
    "MiniMaxM1ForCausalLM": "minimax-01",
}

INTERVAL = 8


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    recurrent = frozenset(recurrent_layers(sizes, INTERVAL))
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        if layer in recurrent:
            _lightning(inventory)
        elif hparams.get("fuse_qkv"):
            inventory.fused_qkv()
        else:
            inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.experts(width=expert_width(sizes))
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The cache of the attention layers and the state of the others.
    """
    sizes = Sizes(hparams)
    recurrent = recurrent_layers(sizes, INTERVAL)
    state = uniform_state(recurrent, 0, sizes.heads() * sizes.head_k() ** 2)
    return hybrid_cache(hparams, (layer for layer in sizes.trunk if layer not in recurrent), state)


def _lightning(inventory: Inventory) -> None:
    sizes = inventory.sizes
    inner = sizes.heads(inventory.layer or 0) * sizes.head_k()
    inventory.norm("attn_norm_2", inner)
    inventory.weight("attn_qkv", sizes.n_embd, 3 * inner)
    inventory.weight("attn_gate", sizes.n_embd, inner)


def graph(g: Builder) -> None:
    """
    Build MiniMax 01.
    """
    decoder(g, Decoder(layer=_layer))


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read how often a layer attends to everything.
    """
    types = config.listed("attn_type_list")
    full = [layer for layer, kind in enumerate(types or ()) if kind == 1]
    return {
        "full_attention_interval": full[0] + 1 if full else 8,
        "rope.dimension_count": config.number("rotary_dim") or None,
    }


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    Lightning attention, or attention; what is added is the norm, scaled.
    """
    x = residual = g.norm(x, "attn_norm", il)
    x = _lightning_attention(g, il, x) if il in g.parts.state_of else g.attention(il, *heads(g, il, x))
    if il == g.last:
        x, _entered, residual = g.crop(il, x, x, residual)
    between = ops.like("add", x, ops.like("scale", residual))
    x = residual = g.norm(between, "ffn_norm", il)
    x = g.moe(il, x, Mixture())
    return ops.like("add", x, ops.like("scale", residual))


def _lightning_attention(g: Builder, il: int, x: Node) -> Node:
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
