"""
BitNet: a norm more within each part, tied embeddings.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import heads
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("bitnet",)
HF_CLASSES: dict[str, str] = {
    "BitnetForCausalLM": "bitnet",
    "BitNetForCausalLM": "bitnet",
}
NO_OUTPUT = True


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.norm("attn_sub_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.norm("ffn_sub_norm", inventory.sizes.ff(layer))
        inventory.ffn()
    inventory.output(always_tied=True)
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build BitNet: a norm before the last matrix of each part; logits come from the embedding on the host.
    """
    x = g.embed()
    for il in g.layers():
        residual = x
        q, k, v = heads(g, il, g.norm(x, "attn_norm", il))
        x = g.norm(g.attention(il, q, k, v, output=""), "attn_sub_norm", il)
        x, residual = g.crop(il, g.biased(il, "attn_output", x, scaled=True), residual)
        between = ops.like("add", x, residual)
        x = g.norm(between, "ffn_norm", il)
        up = g.biased(il, "ffn_up", x, scaled=True)
        x = ops.glu("swiglu", g.biased(il, "ffn_gate", x, scaled=True), up)
        x = g.biased(il, "ffn_down", g.norm(x, "ffn_sub_norm", il), scaled=True)
        x = ops.like("add", x, between)
    x = g.norm(x, "output_norm")
    x.output = True
    table = g.copy("token_embd.weight", g.run.host)
    assert table is not None
    x = ops.mul_mat(table, x)
    x.output = True
    g.graph.expand(x)


from_config = None
