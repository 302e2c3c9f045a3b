"""
PLaMo 2: Mamba layers and attention in turn, norms before and after each part, fused matrices.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops, state
from llmprobe.model.archs._building.blocks import Decoder, Heads, decoder, heads
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.recurrent import Ssm, attention_layers, hybrid_cache, ssm_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("plamo2",)
HF_CLASSES: dict[str, str] = {
    "Plamo2ForCausalLM": "plamo2",
    "PLaMo2ForCausalLM": "plamo2",
}

STEP_PARTS, NARROWEST_STEP = 16, 64
"""The step of a scan comes from so many parts of the width, but at least from so many values."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; layers without heads of K and V are Mamba.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        if sizes.kv_heads(layer):
            inventory.fused_qkv()
            inventory.weight("attn_q_norm", sizes.head_k(), sizes.heads(layer))
            inventory.weight("attn_k_norm", sizes.head_k(), sizes.kv_heads(layer))
            inventory.attn_output()
        else:
            _mamba_tensors(inventory)
        inventory.add("post_attention_norm", sizes.n_embd)
        inventory.norm("ffn_norm")
        inventory.ffn("down")
        inventory.ffn("up", width=2 * sizes.ff(layer))
        inventory.add("post_ffw_norm", sizes.n_embd)
    inventory.output()
    return inventory.done()


def _mamba_tensors(inventory: Inventory) -> None:
    n_embd, ssm = inventory.sizes.n_embd, Ssm(inventory.sizes)
    step = max(NARROWEST_STEP, n_embd // STEP_PARTS)
    inventory.weight("ssm_in", n_embd, 2 * ssm.inner)
    inventory.weight("ssm_conv1d", ssm.kernel, ssm.inner)
    inventory.weight("ssm_x", ssm.inner, step + 2 * ssm.state)
    inventory.weight("ssm_dt", step, ssm.rank)
    inventory.bias("ssm_dt", ssm.rank)
    inventory.add("ssm_a", ssm.rank)
    inventory.add("ssm_d", ssm.rank)
    inventory.weight("ssm_out", ssm.inner, n_embd)
    inventory.add("ssm_dt_norm", step)
    inventory.add("ssm_b_norm", ssm.state)
    inventory.add("ssm_c_norm", ssm.state)


def caches(hparams: Hparams) -> CacheLayout:
    """
    The cache of the attention layers and the state of the others.
    """
    sizes = Sizes(hparams)
    recurrent = (layer for layer in sizes.trunk if not sizes.kv_heads(layer))
    return hybrid_cache(hparams, attention_layers(sizes), ssm_state(sizes, recurrent))


def graph(g: Builder) -> None:
    """
    Build PLaMo 2.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    residual = x
    x = g.norm(x, "attn_norm", il)
    x = _mamba(g, il, x) if il in g.parts.state_of else _attend(g, il, x)
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", g.norm(x, "post_attention_norm", il), residual)
    x = g.ffn(il, g.norm(between, "ffn_norm", il), "swiglu*")
    return ops.like("add", g.norm(x, "post_ffw_norm", il), between)


def _attend(g: Builder, il: int, x: Node) -> Node:
    return g.attention(il, *heads(g, il, x, Heads(norms="before")))


def _mamba(g: Builder, il: int, x: Node) -> Node:
    """
    A Mamba layer with heads and without groups: every head reads the same B and C.
    """
    count = g.run.sequences
    steps = g.tokens // count
    ssm = Ssm(g.sizes)
    inner, width, kernel, many = ssm.inner, ssm.state, ssm.kernel, g.sizes.positive("ssm.time_step_rank")
    head = inner // many
    rolling, kept_states = state.states(g, il)
    conv = ops.reshape(state.load(g, rolling), kernel - 1, inner, count)
    zx = g.mm(il, "ssm_in", ops.reshape(x, x.ne[0], steps, count))
    zx = ops.cont(ops.permute(zx, 0, 2, 1, 3), 2 * head, many, steps, count)
    x = ops.cont(ops.view(zx, (head, many, steps, count), zx.nb[1:]), inner, steps, count)
    z = ops.view(zx, (head, many, steps, count), zx.nb[1:])
    window = ops.concat(conv, ops.transpose(x), 0)
    last = ops.view(window, (kernel - 1, inner, count), (window.nb[1], window.nb[2]))
    g.graph.expand(ops.cpy(last, ops.view(rolling, ((kernel - 1) * inner * count,))))
    x = ops.unary("silu", state.convolve(g, il, window))
    mixed = g.mm(il, "ssm_x", x)
    rows = (mixed.nb[1], mixed.nb[2])
    b, c = (ops.view(mixed, (width, steps, count), rows) for _ in range(2))
    dt = ops.view(mixed, (g.need(il, "ssm_dt.weight").ne[0], steps, count), rows)
    b, c, dt = g.norm(b, "ssm_b_norm", il), g.norm(c, "ssm_c_norm", il), g.norm(dt, "ssm_dt_norm", il)
    dt = g.biased(il, "ssm_dt", dt)
    a = ops.reshape(state.decay(g, il), 1, many)
    x = ops.view(x, (head, many, steps, count))
    b, c = (ops.view(part, (width, 1, steps, count), (4 * width, part.nb[1], part.nb[2])) for part in (b, c))

    def scan(kept: Node, ids: Node) -> Node:
        kept = ops.reshape(kept, width, head, many, kept.ne[1])
        return state.ssm_scan(kept, x, dt, a, b, c, ids)

    y = state.load(g, kept_states, scan)
    size = inner * width * count
    g.graph.expand(ops.cpy(ops.view(y, (size,)), ops.view(kept_states, (size,))))
    y = ops.view(y, (head, many, steps, count))
    y = ops.like("add", y, ops.like("mul", x, ops.reshape(g.need(il, "ssm_d"), 1, many)))
    y = ops.glu("swiglu", ops.cont(z), y)
    x = g.mm(il, "ssm_out", ops.view(y, (inner, steps, count), (y.nb[2], y.nb[3])))
    return ops.reshape(x, x.ne[0], steps * count)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read which layers attend, and the sizes that the configuration may leave to its class; the output is tied.
    """
    step, layers = config.number("mamba_step", default=2), config.layers
    last, middle = layers - 1, step // 2
    attends = [layer == last if layers <= middle else layer % step == middle for layer in range(layers)]
    heads, head = (
        config.number("mamba_num_heads", default=64),
        config.number("hidden_size_per_head", default=128),
    )
    query, key = config.heads, config.number("num_key_value_heads", default=4)
    return rules.tied(config, common) | {
        "attention.head_count": [query if yes else 0 for yes in attends],
        "attention.head_count_kv": [key if yes else 0 for yes in attends],
        "attention.key_length": head,
        "attention.value_length": head,
        "ssm.state_size": config.number("mamba_d_state", default=64),
        "ssm.conv_kernel": config.number("mamba_d_conv", default=4),
        "ssm.time_step_rank": heads,
        "ssm.inner_size": heads * head,
        "ssm.group_count": 0,
    }
