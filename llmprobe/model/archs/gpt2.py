"""
GPT-2 and StarCoder: biases everywhere, learned positions, no gate in the feed-forward part.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.classic import classic_layer
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("gpt2", "starcoder")
HF_CLASSES: dict[str, str] = {
    "GPT2LMHeadModel": "gpt2",
    "GPTBigCodeForCausalLM": "starcoder",
    "RuGPT3XLForCausalLM": "gpt2",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; positions are learned.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for _ in inventory.layers():
        classic_layer(inventory)
    inventory.weight("position_embd", sizes.n_embd, sizes.number("context_length", 0))
    inventory.output(bias=True)
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build GPT-2 or StarCoder.
    """
    decoder(
        g,
        Decoder(
            norm="norm",
            layer=Layer(heads=Heads(rope=False), ffn=FeedForward(activation="gelu")),
            learned_positions=True,
        ),
    )


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the inner width; all heads of StarCoder share one of K and V. The output is tied.
    """
    found = rules.tied(config, common) | rules.four_times(config, common)
    if config.architecture == "starcoder":
        found |= {"attention.head_count_kv": 1}
    return found
