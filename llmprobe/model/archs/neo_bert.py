"""
NeoBERT: an encoder with rotary positions, gate and up in one matrix.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import FeedForward, Layer
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.encoders import encoder
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import no_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("neo-bert",)
HF_CLASSES: dict[str, str] = {
    "NeoBERT": "neo-bert",
    "NeoBERTLMHead": "neo-bert",
    "NeoBERTForSequenceClassification": "neo-bert",
}
ENCODER = True


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.fused_qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn("up", width=2 * inventory.sizes.ff(layer))
        inventory.ffn("down")
    inventory.norm("enc.output_norm")
    return inventory.done()


caches = no_cache


def graph(g: Builder) -> None:
    """
    Build NeoBERT.
    """
    encoder(g, Layer(ffn=FeedForward(activation="swiglu*")), "enc.output_norm")


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read an encoder, whose inner width is two thirds of what its configuration says.
    """
    return rules.encoder(config, common) | {"feed_forward_length": 2 * config.need("intermediate_size") // 3}
