"""
EmbeddingGemma 2: Gemma 4 as an encoder, with a projection for every layer and one after the last.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._building.per_layer import per_layer, plane
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import no_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import query_key_norms
from llmprobe.model.archs._shared.per_layer import layer_embedding
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("gemma-embedding2",)
HF_CLASSES: dict[str, str] = {
    "EmbeddingGemma2Model": "gemma-embedding2",
}

PERIOD = 6


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; the last matrix makes the vector of a text, ``embedding_length_out`` wide.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    slides = sliding_layers(sizes, PERIOD)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv(slides=slides[layer])
        inventory.attn_output(slides=slides[layer])
        head = sizes.head_k(slides=slides[layer])
        query_key_norms(inventory, head, head)
        inventory.norm("post_attention_norm")
        inventory.norm("ffn_norm")
        inventory.ffn("gate up down")
        inventory.norm("post_ffw_norm")
        layer_embedding(inventory)
        inventory.weight("layer_output_scale", 1)
    width = sizes.number("embedding_length_per_layer_input", 0)
    if width:
        inventory.weight("per_layer_model_proj", sizes.n_embd, width * sizes.n_layer)
        inventory.norm("per_layer_proj_norm", width)
    inventory.norm("output_norm")
    inventory.weight("output", sizes.n_embd, sizes.number("embedding_length_out", sizes.n_embd))
    return inventory.done()


caches = no_cache


def graph(g: Builder) -> None:
    """
    Build EmbeddingGemma 2: its layers see a window or everything, in both directions.
    """
    x = g.embed(scaled=True)
    rows = per_layer(g, x, None)
    for il in g.layers():
        x = _layer(g, il, x, rows)
    g.finish_hidden(ops.mul_mat(g.need(-1, "output.weight"), g.norm(x, "output_norm")))


def _layer(g: Builder, il: int, x: Node, rows: Node) -> Node:
    residual = x
    x = g.norm(x, "attn_norm", il)
    slides = layer_variant(g.parts, il)
    head = g.sizes.head_k(slides=slides)
    q, k, v = g.qkv(il, x, head_k=head)
    q, k, v = g.norm(q, "attn_q_norm", il), g.norm(k, "attn_k_norm", il), ops.like("rms_norm", v)
    x = g.attention(il, g.rope(q), g.rope(k), v, window=slides)
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", g.norm(x, "post_attention_norm", il), residual)
    x = g.ffn(il, g.norm(between, "ffn_norm", il), "geglu")
    entered = ops.like("add", g.norm(x, "post_ffw_norm", il, pin=False), between)
    x = ops.unary("gelu", g.mm(il, "inp_gate", entered))
    (own,) = g.crop(il, plane(rows))
    x = g.mm(il, "proj", ops.like("mul", x, own))
    x = ops.like("add", entered, g.norm(x, "post_norm", il))
    return ops.like("mul", x, g.need(il, "layer_output_scale.weight"))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read Gemma 4 as an encoder: no layer shares its cache, and the window is to both sides.
    """
    return rules.gemma4(config, common) | {
        "attention.shared_kv_layers": None,
        "attention.sliding_window": 2 * config.need("sliding_window"),
        "attention.causal": False,
        "embedding_length_out": config.need("embedding_dim"),
    }


def layer_variant(parts: Parts, il: int) -> bool:
    """
    Say whether a layer sees a window only.
    """
    return sliding_layers(Sizes(parts.hparams), PERIOD)[il]
