"""
Qwen 1.5, 2 and 2.5, dense: like Llama, with biases on queries, keys and values.

The vision models have the same layers; their tower is a file of its own.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("qwen2", "qwen2vl")
HF_CLASSES: dict[str, str] = {
    "Qwen2Model": "qwen2",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen2AudioForConditionalGeneration": "qwen2",
    "Qwen2VLModel": "qwen2vl",
    "Qwen2VLForConditionalGeneration": "qwen2vl",
    "Qwen2_5_VLForConditionalGeneration": "qwen2vl",
    "Qwen2_5OmniModel": "qwen2vl",
    "KORMoForCausalLM": "qwen2",
    "AudioFlamingo3ForConditionalGeneration": "qwen2",
    "DotsOCRForCausalLM": "qwen2",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv(bias=True)
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn()
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Qwen 2; with vision a token has four positions.
    """
    decoder(g, Decoder(layer=Layer(heads=Heads(per_token=4 if g.architecture == "qwen2vl" else 1))))


from_config = None
