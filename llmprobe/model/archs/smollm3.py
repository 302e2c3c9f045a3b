"""
SmolLM 3: Llama's layer, without positions on one in four.
"""

from llmprobe.model.archs._building.blocks import Decoder, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.rows import llama_tensors

ARCHITECTURES = ("smollm3",)
HF_CLASSES: dict[str, str] = {
    "SmolLM3ForCausalLM": "smollm3",
}

PERIOD = 4


tensors = llama_tensors
caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build SmolLM 3: every fourth layer knows no positions.
    """
    decoder(g, Decoder(layer=Layer(no_rope=lambda g, il: layer_variant(g.parts, il))))


from_config = rules.tied


def layer_variant(_parts: Parts, il: int) -> bool:
    """
    Say whether a layer has no positions.
    """
    return (il + 1) % PERIOD == 0
