"""
Baichuan: Llama's layer; the depth tells how positions are known.
"""

from llmprobe.model.archs._building.blocks import Decoder, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.rows import llama_tensors

ARCHITECTURES = ("baichuan",)
HF_CLASSES: dict[str, str] = {
    "BaichuanForCausalLM": "baichuan",
    "BaiChuanForCausalLM": "baichuan",
}

ROTARY_LAYERS, BIASED_LAYERS = 32, 40


tensors = llama_tensors
caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Baichuan: with 32 layers it has rotary positions, with 40 biases by distance.
    """
    count = len(g.parts.sizes.trunk)
    layer = Layer(heads=Heads(rope=count == ROTARY_LAYERS), alibi=count == BIASED_LAYERS)
    decoder(g, Decoder(layer=layer))


from_config = None
