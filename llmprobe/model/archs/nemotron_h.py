"""
Nemotron H, Nano 2 and 3: each layer is Mamba 2, or attention, or a feed-forward part, dense or of experts.
"""

from typing import Any

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops, state
from llmprobe.model.archs._building.blocks import Decoder, Heads, decoder, heads
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.next_token import next_token_graph
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, router, shared_expert
from llmprobe.model.archs._shared.recurrent import attention_layers, hybrid_cache, mamba2, ssm_state
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.words.message import message

ARCHITECTURES = ("nemotron_h", "nemotron_h_moe")
SNAPSHOTS = ARCHITECTURES
HF_CLASSES: dict[str, str] = {
    "NemotronHForCausalLM": "nemotron_h",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; experts may work on a smaller vector than the layers (``moe_latent_size``).
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        if layer not in sizes.trunk:
            _next_token(inventory)
            continue
        inventory.norm("attn_norm")
        if sizes.kv_heads(layer):
            inventory.qkv()
            inventory.attn_output()
        elif not sizes.ff(layer):
            mamba2(inventory)
        elif sizes.n_expert:
            _experts(inventory)
        else:
            inventory.ffn("down up")
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The cache of the attention layers and the state of the Mamba layers.
    """
    sizes = Sizes(hparams)
    recurrent = (layer for layer in sizes.trunk if not sizes.kv_heads(layer) and not sizes.ff(layer))
    return hybrid_cache(hparams, attention_layers(sizes), ssm_state(sizes, recurrent))


def _experts(inventory: Inventory) -> None:
    n_embd, latent = inventory.sizes.n_embd, inventory.sizes.number("moe_latent_size", 0)
    router(inventory, biased=True)
    if latent:
        inventory.weight("ffn_latent_down", n_embd, latent)
        inventory.weight("ffn_latent_up", latent, n_embd)
    expert_matrices(inventory, "down up", n_embd=latent)
    shared_expert(inventory, "down up")


def _next_token(inventory: Inventory) -> None:
    n_embd = inventory.sizes.n_embd
    inventory.norm("nextn.enorm")
    inventory.norm("nextn.hnorm")
    inventory.weight("nextn.eh_proj", 2 * n_embd, n_embd)
    inventory.norm("nextn.shared_head_norm")
    inventory.norm("attn_norm")
    inventory.qkv()
    inventory.attn_output()
    inventory.norm("post_attention_norm")
    _experts(inventory)


def graph(g: Builder) -> None:
    """
    Build Nemotron H.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    A mixer, attention without positions, or a feed-forward part.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    if il in g.parts.state_of:
        x = state.mamba2(g, il, x)
    elif g.weight(il, "attn_q.weight") is not None:
        x = g.attention(il, *heads(g, il, x, Heads(rope=False)))
    elif g.weight(il, "ffn_gate_inp.weight") is None:
        x = g.ffn(il, x, "relu_sqr")
    else:
        x = _latent_mixture(g, il, x)
    x, residual = g.crop(il, x, residual)
    return ops.like("add", x, residual)


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more, which attends and then asks its experts; its last norm is not the others' kind.

    Source: llama.cpp b11549, src/models/nemotron-h-moe.cpp; a dense model has none.
    """
    next_token_graph(g, _draft_layer, norm="norm", crop_first=True)


def _draft_layer(g: Builder, il: int, x: Node) -> Node:
    attended = g.attention(il, *heads(g, il, g.norm(x, "attn_norm", il), Heads(rope=False)))
    (between,) = g.crop(il, ops.like("add", attended, x))
    return ops.like("add", _latent_mixture(g, il, g.norm(between, "post_attention_norm", il)), between)


def _latent_mixture(g: Builder, il: int, x: Node) -> Node:
    inner = g.mm(il, "ffn_latent_down", x) if g.weight(il, "ffn_latent_down.weight") is not None else x
    scores = g.mm(il, "ffn_gate_inp", x)
    mixture = Mixture(gating="sigmoid", norm=None, activation="relu_sqr")
    routed = g.moe(il, inner, mixture, scores)
    if g.weight(il, "ffn_latent_up.weight") is not None:
        routed = g.mm(il, "ffn_latent_up", routed)
    return ops.like("add", routed, g.ffn(il, x, "relu_sqr", suffix="_shexp"))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read what kind each layer is, and the sizes of each kind.
    """
    pattern = config.get("hybrid_override_pattern", "layers_block_type")
    letters = {"mamba": "M", "attention": "*", "moe": "E", "mlp": "-"}
    kinds = [letters.get(kind, kind) for kind in pattern] if isinstance(pattern, list | str) else []
    if len(kinds) != config.layers or not set(kinds) <= {"M", "*", "E", "-"}:
        raise ModelError(message("config.lacks", keys=("hybrid_override_pattern",)))
    experts = bool(common.get("expert_count"))
    width = config.need("moe_intermediate_size") if experts else config.need("intermediate_size")
    heads, head = config.need("mamba_num_heads"), config.need("mamba_head_dim")
    found: Hparams = {
        "attention.head_count_kv": [
            config.need("num_key_value_heads") if kind == "*" else 0 for kind in kinds
        ],
        "feed_forward_length": [width if kind in "-E" else 0 for kind in kinds],
        "ssm.conv_kernel": config.number("conv_kernel", default=4),
        "ssm.inner_size": heads * head,
        "ssm.state_size": config.need("ssm_state_size"),
        "ssm.time_step_rank": heads,
        "ssm.group_count": config.need("n_groups"),
        "moe_latent_size": config.number("moe_latent_size") or None,
    }
    if experts:
        found["expert_shared_feed_forward_length"] = (
            config.number("moe_shared_expert_intermediate_size") or None
        )
        found["expert_gating_func"] = rules.SIGMOID
    return found


def settled(architecture: str, values: dict[str, Any]) -> str:
    """
    The architecture: one name is for both, the file's tells whether there are experts.
    """
    return "nemotron_h_moe" if values.get("n_routed_experts") else architecture
