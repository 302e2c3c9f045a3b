"""
HRM-Text: a low stack of layers that is gone through several times for each pass through a high one.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import heads
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("hrm_text",)
HF_CLASSES: dict[str, str] = {
    "HrmTextForCausalLM": "hrm_text",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the file: both stacks once, the state that the low one begins with, and no norm.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.qkv()
        inventory.weight("attn_gate", sizes.n_embd, sizes.heads(layer) * sizes.head_k())
        inventory.attn_output()
        inventory.ffn()
    if not sizes.tied:
        inventory.weight("output", sizes.n_embd, sizes.n_vocab)
    inventory.add("hrm.z_l_init", sizes.n_embd)
    return inventory.done()


caches = attention_cache
"""One cache over the whole context, with a layer for each pass."""


def graph(g: Builder) -> None:
    """
    Build all passes: what the two stacks made is added, and goes through the next.
    """
    size = g.sizes.positive("hrm.layers_per_stack")
    cycle = size * (g.sizes.positive("hrm.l_cycles") + 1)
    low = g.need(-1, "hrm.z_l_init")
    low.buffer = g.run.places[0]
    x = high = g.embed()
    for il in g.layers():
        if il % size == 0:
            x = ops.like("add", high, low)
        x = _layer(g, il, x)
        if (il + 1) % size == 0:
            x = ops.like("rms_norm", x)
            if (il + 1) % cycle == 0:
                high = x
            else:
                low = x
    (x,) = g.crop(g.last, high)
    x.output = True
    x = g.logits(x)
    x.output = True
    g.graph.expand(x)


def _layer(g: Builder, il: int, x: Node) -> Node:
    residual = x
    x = ops.like("rms_norm", x)
    gate = g.mm(il, "attn_gate", x)
    x = g.attention(il, *heads(g, il, x), output="")
    x = g.mm(il, "attn_output", ops.like("mul", x, ops.unary("sigmoid", gate)))
    between = ops.like("add", x, residual)
    return ops.like("add", g.ffn(il, ops.like("rms_norm", between)), between)


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the stacks and how often they are gone through: the layers are those of all passes.
    """
    size = config.need("num_layers_per_stack", "num_hidden_layers")
    high, low = config.need("H_cycles"), config.need("L_cycles")
    return {
        "block_count": size * high * (low + 1),
        "hrm.layers_per_stack": size,
        "hrm.h_cycles": high,
        "hrm.l_cycles": low,
        "embedding_scale": config.real("embedding_scale"),
    }
