"""
Talkie: norms without weights, and a share of the embedding added in every layer.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("talkie",)
HF_CLASSES: dict[str, str] = {
    "TalkieForCausalLM": "talkie",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; there is no norm but that of queries, and one scale for each of two matrices.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.qkv()
        inventory.attn_output()
        inventory.weight("attn_q_norm", 1, sizes.heads(layer))
        inventory.ffn("gate up down")
        inventory.weight("layer_output_scale", 1)
        inventory.add("attn_output.scale", 1)
        inventory.add("ffn_down.scale", 1)
    inventory.weight("output", sizes.n_embd, sizes.n_vocab)
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Talkie.
    """
    x = entered = ops.like("rms_norm", g.embed())
    for il in g.layers():
        x = _layer(g, il, x, entered)
    x = ops.like("rms_norm", x)
    x.output = True
    x = ops.like("scale", g.logits(x))
    x.output = True
    g.graph.expand(x)


def _layer(g: Builder, il: int, x: Node, entered: Node) -> Node:
    residual = x
    q, k, v = g.qkv(il, ops.like("rms_norm", x))
    q, k = g.rope(q), g.rope(k)
    q, k = g.norm(q, "attn_q_norm", il), ops.like("rms_norm", k)
    x = g.biased(il, "attn_output", g.attention(il, q, k, v, output=""), scaled=True)
    x, residual, entered = g.crop(il, x, residual, entered)
    between = ops.like("add", x, residual)
    x = ops.like("add", g.ffn(il, ops.like("rms_norm", between), scaled=True), between)
    return ops.like("add", x, ops.like("mul", entered, g.need(il, "layer_output_scale.weight")))


def from_config(_config: Config, _common: Hparams) -> Hparams:
    """
    Say that the output is scaled, by a number that is among the weights.
    """
    return {"logit_scale": 1.0}
