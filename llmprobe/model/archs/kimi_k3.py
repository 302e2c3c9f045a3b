"""
Kimi K3: delta attention, with gated latent attention on every fourth layer; a layer reads a mixture of what layers
before it left, and experts work on a narrower row.

Sources: llama.cpp b11549, src/models/kimi-k3.cpp, conversion/kimi_k3.py.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.kda import Kda, kda
from llmprobe.model.archs._building.latent import cut_attention
from llmprobe.model.archs._building.ops import F32, I32, Node
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.kda import kda_hybrid_cache, kda_tensors
from llmprobe.model.archs._shared.latent import latent_attention
from llmprobe.model.archs._shared.parts import expert_matrices, is_dense, router, shared_expert

ARCHITECTURES = ("kimi-k3",)
SNAPSHOTS = ARCHITECTURES
HF_CLASSES: dict[str, str] = {"KimiK3ForConditionalGeneration": "kimi-k3"}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    value = sizes.number("attention.value_length_mla", sizes.head_v())
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.norm("ffn_norm")
        inventory.norm("attn_res_score")
        inventory.norm("ffn_res_score")
        if sizes.kv_heads(layer):
            latent_attention(inventory, gate=sizes.heads(layer) * value)
        else:
            kda_tensors(inventory, "ssm_f_a ssm_f_b", "ssm_g", flat=True)
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            _experts(inventory)
    inventory.output()
    inventory.norm("output_res_score")
    return inventory.done()


caches = kda_hybrid_cache


def _experts(inventory: Inventory) -> None:
    n_embd, narrow = inventory.sizes.n_embd, inventory.sizes.number("expert_latent_length", 0)
    router(inventory, biased=True)
    expert_matrices(inventory, n_embd=narrow)
    if narrow:
        inventory.weight("ffn_routed_down", n_embd, narrow)
        inventory.weight("ffn_routed_up", narrow, n_embd)
        inventory.norm("ffn_routed_norm", narrow)
    shared_expert(inventory)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read which layers attend to everything, the delta attention of the others, and what only this model has.
    """
    return rules.delta_layers(config, common) | {
        "expert_latent_length": config.number("routed_expert_hidden_size") or None,
        "attn_res.block_size": config.need("attn_res_block_size"),
        "activation.situ_beta": config.real("activation_situ_beta"),
        "activation.situ_linear_beta": config.real("activation_situ_linear_beta"),
    }


def layer_variant(_parts: Parts, il: int) -> int:
    """
    Let no layer stand for another: each reads a mixture of another number of rows.
    """
    return il


def graph(g: Builder) -> None:
    """
    Build Kimi K3. Every ``attn_res.block_size`` layers the stream is put aside and starts anew.
    """
    x, rows = g.embed(), _Rows(g)
    every = g.sizes.positive("attn_res.block_size")
    for il in g.layers():
        x = _layer(g, il, x, rows, aside=il % every == 0)
    x = rows.mixed(x, -1, "output_res_score")
    g.finish(ops.get_rows(x, g.input("output ids", I32, g.run.outputs)))


class _Rows:
    """
    The rows that were put aside: ``n_embd`` x rows x tokens.
    """

    def __init__(self, g: Builder) -> None:
        self._g = g
        self._kept: Node | None = None

    def keep(self, x: Node) -> None:
        """Put one more row per token aside."""
        row = ops.reshape(x, x.ne[0], 1, x.ne[1])
        self._kept = row if self._kept is None else ops.concat(self._kept, row, 1)

    def mixed(self, x: Node, il: int, name: str) -> Node:
        """The sum of these rows and of ``x``, with weights that the rows themselves score."""
        kept = self._kept
        if kept is None:
            return x
        count, tokens = kept.ne[1], x.ne[1]
        score = self._g.need(il, f"{name}.weight")
        scores = ops.reshape(ops.sum_rows(ops.like("mul", ops.like("rms_norm", kept), score)), count, tokens)
        own = ops.sum_rows(ops.like("mul", ops.like("rms_norm", x), score))
        weights = ops.like("soft_max", ops.concat(scores, own, 0))
        theirs = ops.cont(ops.view(weights, (count, tokens), (weights.nb[1],)))
        own = ops.cont(ops.view(weights, (1, tokens), (weights.nb[1],)))
        total = ops.make("dsv4_hc_pre", F32, (x.ne[0], tokens, 1, 1), kept, theirs)
        return ops.like("add", total, ops.like("mul", x, own))


def _layer(g: Builder, il: int, stream: Node, rows: _Rows, *, aside: bool) -> Node:
    x = rows.mixed(stream, il, "attn_res_score")
    if aside:
        rows.keep(stream)
    x = g.norm(x, "attn_norm", il)
    g.graph.expand(x)
    x = kda(g, il, x, Kda(output=("ssm_g",))) if il in g.parts.state_of else _attend(g, il, x)
    stream = x if aside else ops.like("add", stream, x)
    x = g.norm(rows.mixed(stream, il, "ffn_res_score"), "ffn_norm", il)
    return ops.like("add", stream, _feed_forward(g, il, x))


def _attend(g: Builder, il: int, x: Node) -> Node:
    attended = cut_attention(g, il, x, output="")
    gate = ops.unary("sigmoid", g.mm(il, "attn_gate", x))
    return g.mm(il, "attn_output", ops.like("mul", attended, gate))


def _feed_forward(g: Builder, il: int, x: Node) -> Node:
    """
    A dense part, or experts that read and write narrower rows beside a shared one of the full width.
    """
    linear = g.hparams.get("activation.situ_linear_beta")
    activation = "situ linear" if isinstance(linear, int | float) and linear > 0 else "situ"
    if g.weight(il, "ffn_gate_inp.weight") is None:
        return g.ffn(il, x, activation)
    narrow = g.weight(il, "ffn_routed_down.weight") is not None
    entered = g.mm(il, "ffn_routed_down", x) if narrow else x
    scores = g.mm(il, "ffn_gate_inp", x)
    routed = g.moe(il, entered, Mixture(gating=None, norm=None, activation=activation), scores)
    if g.weight(il, "ffn_routed_norm.weight") is not None:
        routed = g.norm(routed, "ffn_routed_norm", il)
    if narrow:
        routed = g.mm(il, "ffn_routed_up", routed)
    return ops.like("add", routed, g.ffn(il, x, activation, suffix="_shexp"))
