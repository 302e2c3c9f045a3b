"""
gpt-oss: a mixture of experts with biases everywhere, attention sinks, and a window on every second layer.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._shared.caches import CacheLayout, sliding_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("gpt-oss",)
HF_CLASSES: dict[str, str] = {
    "GptOssForCausalLM": "gpt-oss",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    width = sizes.number("expert_feed_forward_length", sizes.ff())
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.norm("post_attention_norm")
        inventory.qkv(bias=True)
        inventory.attn_output()
        inventory.weight("attn_sinks", sizes.heads(layer))
        inventory.experts()
        inventory.bias("attn_output", sizes.n_embd)
        inventory.bias("ffn_gate_inp", sizes.n_expert)
        inventory.bias("ffn_gate_exps", width, sizes.n_expert)
        inventory.bias("ffn_down_exps", sizes.n_embd, sizes.n_expert)
        inventory.bias("ffn_up_exps", width, sizes.n_expert)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The caches: the even layers look back over the window, the odd ones over everything.
    """
    return sliding_cache(hparams, sliding_layers(Sizes(hparams), 2))


def graph(g: Builder) -> None:
    """
    Build gpt-oss: the weights of the chosen experts are a softmax over these only.
    """
    layer = Layer(
        heads=Heads(key=g.sizes.n_rot),
        sinks=True,
        ffn_norm="post_attention_norm",
        ffn=FeedForward(mixture=Mixture(gating="softmax after", activation="swiglu_oai", norm=False)),
    )
    decoder(g, Decoder(layer=layer, hidden_output=True))


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the window and the width of the experts.
    """
    return {
        "attention.sliding_window": config.need("sliding_window"),
        "expert_feed_forward_length": config.need("intermediate_size"),
    }
