"""
gpt-oss: a mixture of experts with biases everywhere, attention sinks, and a window on every second layer.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, sliding_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("gpt-oss",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
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
    Return the caches: the even layers look back over the window, the odd ones over everything.
    """
    return sliding_cache(hparams, sliding_layers(Sizes(hparams), 2))
