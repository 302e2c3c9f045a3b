"""
DeepSeek OCR, its text part: experts like DeepSeek 2, ordinary attention without a latent.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Layer, decoder
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, is_dense, router, shared_expert

ARCHITECTURES = ("deepseek2-ocr",)
HF_CLASSES: dict[str, str] = {
    "DeepseekOCRForCausalLM": "deepseek2-ocr",
    "DeepseekOCR2ForCausalLM": "deepseek2-ocr",
    "UnlimitedOCRForCausalLM": "deepseek2-ocr",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the text part.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.norm("attn_norm")
        if is_dense(inventory.sizes, layer):
            inventory.ffn("down up gate")
        else:
            router(inventory)
            expert_matrices(inventory, "down gate up")
            shared_expert(inventory)
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build DeepSeek OCR.
    """
    mixture = Mixture(gating=None, older_gating="softmax", norm=None)
    decoder(g, Decoder(layer=Layer(ffn=FeedForward(mixture=mixture, shared="plain"))))


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read heads of ordinary attention: the sizes of a latent that its configuration has are of no use.
    """
    return {"leading_dense_block_count": config.number("first_k_dense_replace", default=1)}
