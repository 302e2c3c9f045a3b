"""
Kimi Linear: delta attention, with latent attention on every fourth layer, experts beside a shared one.
"""

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, decoder, feed_forward
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.archs._building.state import delta_net, load, states
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.latent import latent_attention, latent_cache
from llmprobe.model.archs._shared.parts import expert_matrices, is_dense, router, router_bias, shared_expert
from llmprobe.model.archs._shared.recurrent import attention_layers, uniform_state
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.words.message import message

ARCHITECTURES = ("kimi-linear",)
HF_CLASSES: dict[str, str] = {
    "KimiLinearModel": "kimi-linear",
    "KimiLinearForCausalLM": "kimi-linear",
}


_ROUTED = FeedForward(mixture=Mixture(gating=None), shared="plain")


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
            latent_attention(inventory)
        else:
            _delta_attention(inventory)
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            router(inventory)
            expert_matrices(inventory)
            shared_expert(inventory)
            router_bias(inventory)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The cache of the latent of the attention layers, and the state of the others.
    """
    sizes = Sizes(hparams)
    latent = latent_cache(hparams, attention_layers(sizes))
    inner = sizes.heads() * sizes.number("kda.head_dim", 0)
    state = uniform_state(
        (layer for layer in sizes.trunk if not sizes.kv_heads(layer)),
        3 * (sizes.number("ssm.conv_kernel", 4) - 1) * inner,
        inner * sizes.number("kda.head_dim", 0),
    )
    return CacheLayout(kv=latent.kv, state=state, latent=latent.latent)


def _delta_attention(inventory: Inventory) -> None:
    sizes = inventory.sizes
    n_embd, heads = sizes.n_embd, sizes.heads(inventory.layer or 0)
    head, kernel = sizes.number("kda.head_dim", 0), sizes.number("ssm.conv_kernel", 4)
    inner = heads * head
    for part in "qkv":
        inventory.weight(f"ssm_conv1d_{part}", kernel, 1, inner)
    for part in "qkv":
        inventory.weight(f"attn_{part}", n_embd, inner)
    inventory.weight("ssm_f_a", n_embd, head)
    inventory.weight("ssm_f_b", head, inner)
    inventory.weight("ssm_beta", n_embd, heads)
    inventory.add("ssm_a", 1, heads)
    inventory.bias("ssm_dt", inner)
    inventory.weight("ssm_g_a", n_embd, head)
    inventory.weight("ssm_g_b", head, inner)
    inventory.norm("ssm_norm", head)
    inventory.weight("attn_output", inner, n_embd)


def graph(g: Builder) -> None:
    """
    Build Kimi Linear.
    """
    decoder(g, Decoder(layer=_layer))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read which layers attend to everything, and the delta attention of the others.
    """
    linear = config.part("linear_attn_config")
    full = linear.get("full_attn_layers")
    if not isinstance(full, list):
        raise ModelError(message("config.lacks", keys=("linear_attn_config",)))
    return rules.latent(config, common) | {
        "attention.head_count_kv": [int(layer + 1 in full) for layer in range(config.layers)],
        "kda.head_dim": linear.get("head_dim"),
        "ssm.conv_kernel": linear.get("short_conv_kernel_size"),
        "expert_gating_func": rules.SIGMOID,
    }


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    Delta attention, or latent attention without positions.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    g.graph.expand(x)
    x = _delta(g, il, x) if il in g.parts.state_of else _latent(g, il, x)
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    x = feed_forward(g, il, x, _ROUTED)
    return ops.like("add", x, between)


def _delta(g: Builder, il: int, x: Node) -> Node:
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


def _latent(g: Builder, il: int, x: Node) -> Node:
    tokens, sizes = g.tokens, g.sizes
    count, turned = sizes.heads(il), sizes.n_rot
    key = sizes.number("attention.key_length_mla", sizes.head_k())
    rank = g.sizes.positive("attention.kv_lora_rank")
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
