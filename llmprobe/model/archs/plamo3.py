"""
PLaMo 3: fused matrices, norms before and after each part, windows on seven of eight layers.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import query_key_norms
from llmprobe.model.archs._shared.windows import windowed_cache

ARCHITECTURES = ("plamo3",)
HF_CLASSES: dict[str, str] = {
    "Plamo3ForCausalLM": "plamo3",
    "PLaMo3ForCausalLM": "plamo3",
}

PERIOD = 8


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.fused_qkv()
        query_key_norms(inventory)
        inventory.attn_output()
        inventory.add("post_attention_norm", sizes.n_embd)
        inventory.norm("ffn_norm")
        inventory.add("post_ffw_norm", sizes.n_embd)
        inventory.ffn("up", width=2 * sizes.ff(layer))
        inventory.ffn("down")
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Two caches where there is a window, which every eighth layer does not have.
    """
    return windowed_cache(hparams, PERIOD)


def graph(g: Builder) -> None:
    """
    Build PLaMo 3.
    """
    layer = Layer(
        heads=Heads(norms="before"),
        ffn=FeedForward(activation="swiglu*"),
        post_attention_norm="post_attention_norm",
        post_ffn_norm="post_ffw_norm",
        pin_post_ffn_norm=True,
    )
    decoder(g, Decoder(layer=layer))


from_config = rules.window
