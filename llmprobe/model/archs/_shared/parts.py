"""
Parts of a layer that several families share beyond the plain ones: gates, shared experts, next-token heads.

A function appends its tensors in the order that the GGUF converter writes them.
"""

from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.sizes import Sizes


def is_dense(sizes: Sizes, layer: int) -> bool:
    """
    Whether a layer has one feed-forward part: there are no experts, or it is one of the leading layers.
    """
    return sizes.n_expert == 0 or layer < sizes.number("leading_dense_block_count", 0)


def expert_width(sizes: Sizes, layer: int = 0) -> int:
    """
    The inner width of one expert; older files say it in the place of the dense width.
    """
    return sizes.of_layer("expert_feed_forward_length", layer, sizes.ff(layer))


def shared_width(sizes: Sizes) -> int:
    """
    The inner width of all shared experts together, 0 where there are none.
    """
    own = sizes.number("expert_shared_feed_forward_length", 0)
    return own or sizes.number("expert_shared_count", 0) * expert_width(sizes)


def shared_expert(inventory: Inventory, parts: str = "gate down up", *, width: int = 0) -> None:
    """
    Append the matrices of the experts that see every token.
    """
    inventory.ffn(parts, width=width or shared_width(inventory.sizes), suffix="_shexp")


def router(inventory: Inventory, *, biased: bool = False) -> None:
    """
    Append the matrix that chooses experts, and the bias that balances them.
    """
    sizes = inventory.sizes
    inventory.weight("ffn_gate_inp", sizes.n_embd, sizes.n_expert)
    if biased:
        router_bias(inventory)


def router_bias(inventory: Inventory) -> None:
    """
    Append the bias that balances the choice of experts.
    """
    inventory.bias("exp_probs_b", inventory.sizes.n_expert)


def expert_matrices(
    inventory: Inventory, parts: str = "gate down up", *, width: int = 0, n_embd: int = 0
) -> None:
    """
    Append the matrices of all experts of a layer, one tensor each.
    """
    sizes = inventory.sizes
    inner = width or expert_width(sizes, inventory.layer or 0)
    outer = n_embd or sizes.n_embd
    for part in parts.split():
        shape = (inner, outer) if part == "down" else (outer, inner)
        inventory.weight(f"ffn_{part}_exps", *shape, sizes.n_expert)


def mixture(inventory: Inventory, parts: str = "gate down up", *, biased: bool = False) -> None:
    """
    Append a router, the experts, and the shared experts where there are any.
    """
    router(inventory, biased=biased)
    expert_matrices(inventory, parts)
    if shared_width(inventory.sizes):
        shared_expert(inventory, parts)


def query_key_norms(inventory: Inventory, query: int = 0, key: int = 0) -> None:
    """
    Append the norm of queries and the norm of keys, over one head or over the given widths.
    """
    inventory.weight("attn_q_norm", query or inventory.sizes.head_k())
    inventory.weight("attn_k_norm", key or inventory.sizes.head_k())


def gated_query(inventory: Inventory) -> None:
    """
    Append queries, keys and values where each query head carries a gate of its own size.
    """
    sizes, layer = inventory.sizes, inventory.layer or 0
    q = 2 * sizes.heads(layer) * sizes.head_k()
    k, v = sizes.kv_heads(layer) * sizes.head_k(), sizes.kv_heads(layer) * sizes.head_v()
    if sizes.hparams.get("fuse_qkv") and layer in sizes.trunk:
        inventory.weight("attn_qkv", sizes.n_embd, q + k + v)
        return
    inventory.weight("attn_q", sizes.n_embd, q)
    inventory.weight("attn_k", sizes.n_embd, k)
    inventory.weight("attn_v", sizes.n_embd, v)


def next_token(inventory: Inventory, *, embedding: bool = False) -> None:
    """
    Append what a layer that predicts one token more has beside the layer itself.

    With ``embedding`` it carries its own embedding and output matrix.
    """
    n_embd, n_vocab = inventory.sizes.n_embd, inventory.sizes.n_vocab
    inventory.weight("nextn.eh_proj", 2 * n_embd, n_embd)
    inventory.norm("nextn.enorm")
    inventory.norm("nextn.hnorm")
    if embedding:
        inventory.weight("nextn.embed_tokens", n_embd, n_vocab)
        inventory.weight("nextn.shared_head_head", n_embd, n_vocab)
    inventory.norm("nextn.shared_head_norm")
