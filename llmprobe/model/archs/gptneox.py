"""
GPT-NeoX and Pythia: GPT-2's layer with rotary positions.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Layer, Parallel, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.classic import classic_layer
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("gptneox",)
HF_CLASSES: dict[str, str] = {
    "GPTNeoXForCausalLM": "gptneox",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        classic_layer(inventory)
    inventory.output(bias=True)
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build GPT-NeoX: both parts read the same input, each through a norm of its own, unless the metadata says otherwise.
    """
    layer: Layer | Parallel = Layer(ffn=FeedForward(activation="gelu"))
    if g.hparams.get("use_parallel_residual", True):
        layer = Parallel(own_norm="ffn_norm", activation="gelu")
    decoder(g, Decoder(norm="norm", layer=layer))


from_config = None
