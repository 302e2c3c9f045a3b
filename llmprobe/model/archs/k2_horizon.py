"""
K2 Horizon: norms over groups, a router over experts and, in the layers with one, over values too.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import FeedForward, feed_forward
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, is_dense, router, shared_expert, shared_width

ARCHITECTURES = ("k2-horizon",)
HF_CLASSES: dict[str, str] = {
    "K2HorizonForCausalLM": "k2-horizon",
}

SOFTMAX = 1
"""The gating function that is not a sigmoid (``expert_gating_func``)."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; layers with experts have value experts where the metadata counts some.

    ``use_qk_norm`` says whether queries and keys are normalized, ``attention_gate`` whether the attention is gated.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    values = sizes.number("attention.value_expert_count", 0)
    inventory.embedding()
    for layer in inventory.layers():
        dense = is_dense(sizes, layer)
        query, value = sizes.heads(layer) * sizes.head_k(), sizes.kv_heads(layer) * sizes.head_v()
        key = sizes.kv_heads(layer) * sizes.head_k()
        inventory.norm("attn_norm")
        inventory.weight("attn_q", sizes.n_embd, query)
        inventory.weight("attn_k", sizes.n_embd, key)
        if hparams.get("use_qk_norm"):
            inventory.weight("attn_q_norm", query)
            inventory.weight("attn_k_norm", key)
        if dense or not values:
            inventory.weight("attn_v", sizes.n_embd, value)
        else:
            inventory.weight("attn_v_gate", sizes.n_embd, values)
            inventory.bias("attn_v_gate", values)
            inventory.weight("attn_v_exps", sizes.n_embd, value, values)
        inventory.attn_output()
        if hparams.get("attention_gate"):
            inventory.weight("attn_gate", sizes.n_embd, sizes.heads(layer) * sizes.head_v())
        inventory.norm("ffn_norm")
        if dense:
            inventory.ffn("up gate down")
            continue
        router(inventory, biased=True)
        expert_matrices(inventory, "up gate down")
        if shared_width(sizes):
            shared_expert(inventory, "up gate down")
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build K2 Horizon.
    """
    x = g.embed()
    for il in g.layers():
        x = _layer(g, il, x)
    x = _norm(g, x, g.need(-1, "output_norm.weight"))
    x.output = True
    x = g.logits(x)
    x.output = True
    g.graph.expand(x)


def _layer(g: Builder, il: int, x: Node) -> Node:
    sizes, tokens = g.sizes, g.tokens
    residual = x
    x = normed = _norm(g, x, g.need(il, "attn_norm.weight"))
    q, k = g.mm(il, "attn_q", x), g.mm(il, "attn_k", x)
    v = g.mm(il, "attn_v", x) if g.weight(il, "attn_v_exps.weight") is None else _routed_values(g, il, x)
    q = ops.reshape(q, sizes.head_k(), sizes.heads(il), tokens)
    k = ops.reshape(k, sizes.head_k(), sizes.kv_heads(il), tokens)
    v = ops.reshape(v, sizes.head_v(), sizes.kv_heads(il), tokens)
    q, k = g.rope(_head_norm(g, il, q, "attn_q_norm")), g.rope(_head_norm(g, il, k, "attn_k_norm"))
    gated = g.weight(il, "attn_gate.weight") is not None
    x = g.attention(il, q, k, v, output="" if gated else "attn_output")
    if gated:
        gate = ops.like("scale", g.mm(il, "attn_gate", normed))
        gate = ops.like("scale", ops.unary("softplus", gate))
        x = g.biased(il, "attn_output", ops.like("mul", x, gate))
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = _norm(g, between, g.need(il, "ffn_norm.weight"))
    x = feed_forward(g, il, x, FeedForward(mixture=Mixture(gating=None, norm=None), shared="plain"))
    return ops.like("add", x, between)


def _norm(g: Builder, x: Node, weight: Node) -> Node:
    """
    The input normalized in groups of equal width (``attention.group_norm_groups``), times a weight of full width.
    """
    width, count = x.ne[0], max(g.sizes.number("attention.group_norm_groups", 1), 1)
    x = ops.like("rms_norm", ops.reshape(x, width // count, count, x.ne[1]))
    return ops.like("mul", ops.reshape(x, width, x.ne[2]), weight)


def _head_norm(g: Builder, il: int, x: Node, name: str) -> Node:
    weight = g.weight(il, f"{name}.weight")
    if weight is None:
        return x
    # The file keeps a weight for each head, in a row; it is read as a matrix.
    weight.ne = (x.ne[0], x.ne[1], 1, 1)
    weight.nb = ops.strides(weight.kind, weight.ne)
    return g.norm(x, name, il)


def _routed_values(g: Builder, il: int, x: Node) -> Node:
    """
    The weighted sum of the values that a router chooses for each token.
    """
    graph, get = g.graph, g.hparams.get
    used = g.sizes.positive("attention.value_expert_used_count")
    width, tokens = x.ne[0], x.ne[1]
    logits = g.mm(il, "attn_v_gate", x)
    softmax = get("expert_gating_func") == SOFTMAX
    probabilities = ops.like("soft_max", logits) if softmax else ops.unary("sigmoid", logits)
    bias = g.weight(il, "attn_v_gate.bias")
    choose = probabilities if bias is None else ops.like("add", probabilities, bias)
    chosen = ops.top_k(choose, used)
    weights = ops.get_rows(ops.reshape(probabilities, 1, logits.ne[0], tokens), chosen)
    if get("expert_weights_norm"):
        weights = ops.reshape(weights, used, tokens)
        total = ops.like("clamp", ops.sum_rows(weights))
        weights = ops.reshape(ops.like("div", weights, total), 1, used, tokens)
    if get("expert_weights_scale") not in (None, 0, 1):
        weights = ops.like("scale", weights)
    matrices = g.need(il, "attn_v_exps.weight")
    values = ops.mul_mat_id(matrices, ops.reshape(x, width, 1, tokens), chosen)
    values = ops.like("mul", ops.unary("silu", values), weights)
    each = [ops.view(values, (values.ne[0], 1, tokens), (values.nb[1], values.nb[2])) for _ in range(used)]
    for part in each:
        graph.expand(part)
    total = each[0]
    for part in each[1:]:
        total = ops.like("add", total, part)
        graph.expand(total)
    return ops.cont(total) if used == 1 else total


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the groups of the norms, the dense layers at the beginning and the value experts.
    """
    found: Hparams = {
        "attention.group_norm_groups": config.number("layernorm_num_groups", default=1),
        "attention_gate": config.get("attention_gate_func") is not None,
        "rope.dimension_count": config.number("rope_head_dim") or common.get("rope.dimension_count"),
    }
    if not common.get("expert_count"):
        return found
    told = config.get("mlp_only_layers")
    only = told if isinstance(told, list) else []
    dense = next(layer for layer in range(config.layers + 1) if layer not in only)
    shared = config.number("num_shared_experts")
    return found | {
        "leading_dense_block_count": config.number("num_dense_layers", default=dense),
        "expert_shared_feed_forward_length": shared * config.need("moe_intermediate_size") or None,
        "expert_weights_scale": config.real("router_scaling_factor"),
        "attention.value_expert_count": config.number("mova_num_experts") or None,
        "attention.value_expert_used_count": config.number("mova_num_experts_per_tok") or None,
    }
