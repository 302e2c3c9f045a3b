"""
Granite Switch: Granite with low-rank adapters in every matrix, of which a router chooses one for each token.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, I32, Node
from llmprobe.model.archs._shared.caches import CacheLayout, KvCache, KvLayer, kv_layer
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("graniteswitch",)
HF_CLASSES: dict[str, str] = {
    "GraniteSwitchForCausalLM": "graniteswitch",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; each adapter is a slice of ``lora_a`` and ``lora_b``, the first slice an empty one.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    slices, rank = sizes.number("adapters.count", 0) + 1, sizes.positive("adapters.lora_rank")
    inventory.embedding()
    for layer in inventory.layers():
        query, key = sizes.heads(layer) * sizes.head_k(), sizes.kv_heads(layer) * sizes.head_k()
        inventory.norm("attn_norm")
        inventory.fused_qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn()
        for name, entering, leaving in (
            ("attn_q", sizes.n_embd, query),
            ("attn_k", sizes.n_embd, key),
            ("attn_v", sizes.n_embd, key),
            ("attn_output", query, sizes.n_embd),
            ("ffn_gate", sizes.n_embd, sizes.ff(layer)),
            ("ffn_up", sizes.n_embd, sizes.ff(layer)),
            ("ffn_down", sizes.ff(layer), sizes.n_embd),
        ):
            inventory.add(f"{name}.lora_a", entering, rank, slices)
            inventory.add(f"{name}.lora_b", rank, leaving, slices)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    One cache over the whole context, with a layer of one head for the router behind the others.
    """
    sizes = Sizes(hparams)
    key, value = sizes.head_k(), sizes.head_v()
    routers = range(len(sizes.blocks), sizes.n_layer)
    router = (KvLayer(layer=layer, k=key, v=value, head_k=key, head_v=value) for layer in routers)
    return CacheLayout(kv=(KvCache(layers=(*(kv_layer(sizes, layer) for layer in sizes.trunk), *router)),))


def graph(g: Builder) -> None:
    """
    Build Granite Switch, which takes tokens only and looks up those that stand for the ones that switch.
    """
    table = g.copy("token_embd.weight", g.run.host)
    assert table is not None
    x = ops.get_rows(table, g.input("tokens to look up", I32, g.tokens))
    if g.hparams.get("embedding_scale"):
        x = ops.like("scale", x)
    chosen = _route(g)
    for il in g.layers():
        x, chosen = _layer(g, il, x, chosen)
    g.finish(x, scale=True)


def _route(g: Builder) -> Node:
    """
    The number of each token's adapter: what the last of those that switch left in a cache of one head.
    """
    tokens, router = g.tokens, g.sizes.n_layer - 1
    q, k, v = (_lane(g, name) for name in ("router query", "router key", "router value"))
    x = g.attention(router, q, k, v, output="")
    slot = ops.cont(ops.view(x, (1, tokens), (x.nb[1],)))
    slot = ops.unary("round", ops.like("clamp", ops.reshape(slot, tokens)))
    return ops.cast(slot, I32)


def _lane(g: Builder, name: str) -> Node:
    signal = ops.reshape(g.input(name, F32, g.tokens), 1, 1, g.tokens)
    return ops.make("pad", F32, (g.sizes.head_k(), 1, g.tokens, 1), signal)


def _layer(g: Builder, il: int, x: Node, chosen: Node) -> tuple[Node, Node]:
    residual, scaled = x, bool(g.hparams.get("residual_scale"))
    x = _switched(g, il, "attn_output", _attend(g, il, g.norm(x, "attn_norm", il), chosen), chosen)
    x, residual = g.crop(il, x, residual)
    if il == g.last:
        (chosen,) = g.crop(il, ops.reshape(chosen, 1, chosen.ne[0]))
        chosen = ops.reshape(chosen, chosen.ne[1])
    x = ops.like("scale", x) if scaled else x
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    gate, up = (_switched(g, il, f"ffn_{part}", x, chosen) for part in ("gate", "up"))
    x = _switched(g, il, "ffn_down", ops.like("mul", ops.unary("silu", gate), up), chosen)
    x = ops.like("scale", x) if scaled else x
    return ops.like("add", x, between), chosen


def _attend(g: Builder, il: int, x: Node, chosen: Node) -> Node:
    sizes, tokens = g.sizes, g.tokens
    head, count, shared = sizes.head_k(), sizes.heads(il), sizes.kv_heads(il)
    qkv = g.mm(il, "attn_qkv", x)
    parts = []
    for name, heads in (("attn_q", count), ("attn_k", shared), ("attn_v", shared)):
        part = ops.cont(ops.view(qkv, (head * heads, tokens), (qkv.nb[1],)))
        part = ops.like("add", part, _adapted(g, il, name, x, chosen))
        parts.append(ops.reshape(part, head, heads, tokens))
    q, k, v = parts
    if g.hparams.get("rope.scaling.finetuned") is not False:
        factors = g.rope_factors(il)
        q, k = g.rope(q, factors), g.rope(k, factors)
    return g.attention(il, q, k, v, output="")


def _switched(g: Builder, il: int, name: str, x: Node, chosen: Node) -> Node:
    """
    The product with a matrix, plus what each token's adapter adds.
    """
    return ops.like("add", g.mm(il, name, x), _adapted(g, il, name, x, chosen))


def _adapted(g: Builder, il: int, name: str, x: Node, chosen: Node) -> Node:
    tokens = x.ne[1]
    ids = ops.reshape(chosen, 1, tokens)
    x = ops.mul_mat_id(g.need(il, f"{name}.lora_a"), ops.reshape(x, x.ne[0], 1, tokens), ids)
    x = ops.mul_mat_id(g.need(il, f"{name}.lora_b"), x, ids)
    return ops.reshape(x, x.ne[0], tokens)


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the adapters and their rank; one of the layers that the configuration counts is their router.
    """
    head = config.number("projection_head_dim", "head_dim") or config.width // config.heads
    return {
        "block_count": config.layers - 1,
        "tie_word_embeddings": True,
        "feed_forward_length": config.need("shared_intermediate_size"),
        "attention.key_length": head,
        "attention.value_length": head,
        "rope.dimension_count": head,
        "adapters.count": config.need("num_adapters"),
        "adapters.lora_rank": config.need("max_lora_rank"),
    }
