"""
GLM 5.3: delta attention, with latent attention on every fourth layer whose indexer chooses pools of tokens.

Sources: llama.cpp b11549, src/models/glm5-next.cpp, src/llama-memory-hybrid-idx.cpp, conversion/glm.py.
"""

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import hyper, ops, pools
from llmprobe.model.archs._building.blocks import FeedForward, feed_forward
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.kda import Kda, kda
from llmprobe.model.archs._building.next_token import next_token_graph
from llmprobe.model.archs._building.ops import I32, Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.hyper import hyper_connection
from llmprobe.model.archs._shared.indexer import indexer_cache, indexer_tensors
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.kda import kda_state, kda_tensors
from llmprobe.model.archs._shared.latent import latent_attention, latent_cache
from llmprobe.model.archs._shared.parts import is_dense, mixture, next_token
from llmprobe.model.archs._shared.recurrent import attention_layers
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.words.message import message

ARCHITECTURES = ("glm5-next",)
SNAPSHOTS = ARCHITECTURES
HF_CLASSES: dict[str, str] = {
    "Glm5NextForConditionalGeneration": "glm5-next",
    "Glm5NextForCausalLM": "glm5-next",
}

_LATENT, _INDEXER = range(2)
_ROUTED = FeedForward(mixture=Mixture(gating=None, norm=None), shared="plain")
_KEPT = 3
"""What the indexer keeps per token: its key, what weighs it in its pool, and the key of a pool."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; a layer that predicts the next token has one stream.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.norm("ffn_norm")
        if layer in sizes.trunk:
            hyper_connection(inventory)
        if sizes.kv_heads(layer):
            latent_attention(inventory)
            if layer not in sizes.trunk or _chooses(sizes, layer):
                _indexer(inventory)
        else:
            kda_tensors(inventory, "ssm_f_a ssm_f_b", "ssm_g_a ssm_g_b", flat=True)
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            mixture(inventory, biased=True)
        if layer not in sizes.trunk:
            next_token(inventory)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The cache of the latent, the indexer's three rows per token, and the state of the other layers.
    """
    sizes = Sizes(hparams)
    attend = attention_layers(sizes)
    latent = latent_cache(hparams, attend)
    indexer = indexer_cache(sizes, (layer for layer in attend if _chooses(sizes, layer)), rows=_KEPT)
    state = kda_state(sizes, (layer for layer in sizes.trunk if layer not in attend))
    return CacheLayout(kv=(*latent.kv, indexer), state=state, latent=latent.latent)


def _chooses(sizes: Sizes, layer: int) -> bool:
    types = sizes.hparams.get("attention.indexer.types")
    return not isinstance(types, list | tuple) or layer >= len(types) or bool(types[layer])


def _indexer(inventory: Inventory) -> None:
    sizes, key = inventory.sizes, inventory.sizes.number("attention.indexer.key_length", 0)
    indexer_tensors(inventory)
    inventory.weight("indexer_compressor_gate", sizes.n_embd, key)
    inventory.weight("indexer_compressor_ape", key, sizes.number("attention.indexer.kpool", 0))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read which layers attend to everything, the delta attention of the others, the indexer and the streams.

    The layers that predict further tokens are kept; each attends to everything and has an indexer.
    """
    linear, types = config.part("linear_attn_config"), config.listed("layer_types")
    told = linear.get("full_attn_layers")
    if types is not None:
        full = [kind != "linear_attention" for kind in types]
    elif isinstance(told, list):
        full = [layer + 1 in told for layer in range(config.layers)]
    else:
        raise ModelError(message("config.lacks", keys=("layer_types",)))
    limit, further = config.real("swiglu_limit"), config.number("num_nextn_predict_layers")
    indexed = config.listed("indexer_types")
    return rules.latent(config, common) | {
        "block_count": config.layers + further,
        "nextn_predict_layers": further or None,
        "attention.head_count_kv": [int(one) for one in full] + [1] * further,
        "attention.indexer.types": indexed and [kind == "full" for kind in indexed] + [True] * further,
        "kda.head_dim": linear.get("head_dim") or config.number("linear_key_head_dim"),
        "kda.gate_lower_bound": linear.get("gate_lower_bound", config.real("linear_gate_lower_bound")),
        "ssm.conv_kernel": linear.get("short_conv_kernel_size") or config.number("linear_conv_kernel_dim"),
        "attention.indexer.head_count": config.need("index_n_heads"),
        "attention.indexer.key_length": config.need("index_head_dim"),
        "attention.indexer.top_k": config.need("index_topk"),
        "attention.indexer.kpool": config.need("index_kpool"),
        "attention.indexer.kpool_select_tail": config.flag("index_kpool_always_select_tail", default=True),
        "hyper_connection.count": config.need("hc_mult"),
        "expert_gating_func": rules.SIGMOID,
        "swiglu_clamp_exp": limit,
        "swiglu_clamp_shexp": limit,
    }


def graph(g: Builder) -> None:
    """
    Build GLM 5.3. Tokens without output are dropped after the last layer, then the streams become their mean.
    """
    x = hyper.spread(g, g.embed())
    pools.expand_inputs(g, _INDEXER)
    for il in g.layers():
        x = _layer(g, il, x)
    width, count, tokens = x.ne[0], x.ne[1], x.ne[2]
    ids = g.input("output ids", I32, g.run.outputs)
    rows = ops.get_rows(ops.reshape(x, width * count, tokens), ids)
    g.finish(hyper.mean(ops.reshape(rows, width, count, g.run.outputs)))


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more, which attends and has one stream.
    """
    # None of these layers keeps a state, but which ones to copy is asked all the same.
    g.graph.expand(g.input("state ids", I32, g.run.sequences))
    pools.expand_inputs(g, _INDEXER)
    next_token_graph(g, _plain_layer, crop_first=True)


def draft_caches(hparams: Hparams) -> CacheLayout:
    """
    The latent and the indexer's rows of these layers, all of which attend and choose.
    """
    sizes, latent = Sizes(hparams), latent_cache(hparams)
    indexer = indexer_cache(sizes, sizes.trunk, rows=_KEPT)
    return CacheLayout(kv=(*latent.kv, indexer), latent=latent.latent)


def _plain_layer(g: Builder, il: int, x: Node) -> Node:
    residual = x
    x = _attend(g, il, g.norm(x, "attn_norm", il))
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    routed = feed_forward(g, il, g.norm(between, "ffn_norm", il), _ROUTED)
    return ops.like("add", routed, between)


def _layer(g: Builder, il: int, streams: Node) -> Node:
    x, after, matrix = hyper.mixed(g, il, streams, "hc_attn")
    x = g.norm(x, "attn_norm", il)
    g.graph.expand(x)
    x = kda(g, il, x, Kda(by_sequence=False)) if il in g.parts.state_of else _attend(g, il, x)
    streams = hyper.back(g, il, x, streams, after, matrix)
    x, after, matrix = hyper.mixed(g, il, streams, "hc_ffn")
    x = g.norm(x, "ffn_norm", il)
    how = FeedForward(
        activation=_activation(g, il, "swiglu_clamp_shexp"),
        mixture=Mixture(gating=None, norm=None, activation=_activation(g, il, "swiglu_clamp_exp")),
        shared="plain",
        shared_activation=_activation(g, il, "swiglu_clamp_shexp"),
    )
    return hyper.back(g, il, feed_forward(g, il, x, how), streams, after, matrix)


def _activation(g: Builder, il: int, key: str) -> str:
    return "swiglu_clamp" if g.limited(il, key) else "swiglu"


def _attend(g: Builder, il: int, x: Node) -> Node:
    """
    Latent attention without positions over the cells that an indexer chooses.
    """
    tokens, count = g.tokens, g.sizes.heads(il)
    key, rank = g.sizes.number("attention.key_length_mla", 0), g.sizes.positive("attention.kv_lora_rank")
    low = g.norm(g.mm(il, "attn_q_a", x), "attn_q_a_norm", il)
    q = ops.reshape(g.mm(il, "attn_q_b", low), key, count, tokens)
    latent = g.norm(g.mm(il, "attn_kv_a_mqa", x), "attn_kv_a_norm", il)
    latent = ops.reshape(latent, rank, 1, tokens)
    q = ops.permute(ops.mul_mat(g.need(il, "attn_k_b.weight"), ops.permute(q, 0, 2, 1, 3)), 0, 2, 1, 3)
    if (_INDEXER, il) in g.parts.caches_of:
        g.chosen = pools.choose(g, il, x, low)
    chosen = g.chosen
    assert chosen is not None
    value = g.need(il, "attn_v_b.weight")
    if pools.gathers(g):
        return g.gathered_attention(il, q, latent, value, chosen, pools.alive(g))
    mask = g.mask(_LATENT)
    narrow = ops.reshape(chosen, *mask.ne)
    return g.latent_attention(il, q, latent, latent, value, narrow=lambda _: narrow)
