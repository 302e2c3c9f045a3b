"""
GLM 4 and Z1 of 2025: gate and up in one matrix, a norm before and after each part.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import next_token

ARCHITECTURES = ("glm4",)
HF_CLASSES: dict[str, str] = {
    "Glm4ForCausalLM": "glm4",
    "Glm4vForConditionalGeneration": "glm4",
    "GlmOcrForConditionalGeneration": "glm4",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; ``attention_bias`` says whether queries, keys and values have biases.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv(bias=bool(hparams.get("attention_bias")))
        inventory.attn_output()
        inventory.norm("post_attention_norm")
        inventory.norm("ffn_norm")
        inventory.ffn("down")
        inventory.ffn("up", width=2 * inventory.sizes.ff(layer))
        inventory.norm("post_ffw_norm")
        if layer not in inventory.sizes.trunk:
            next_token(inventory)
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build GLM 4: norms before and after each part.
    """
    layer = Layer(
        heads=Heads(per_token=4 if g.hparams.get("rope.dimension_sections") else 1),
        ffn=FeedForward(activation="swiglu*"),
        post_attention_norm="post_attention_norm",
        post_ffn_norm="post_ffw_norm",
        pin_post_ffn_norm=True,
    )
    decoder(g, Decoder(layer=layer))


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the layers of GLM-OCR that predict further tokens, which its file has and llama.cpp does not load.
    """
    further = config.number("num_nextn_predict_layers")
    ocr = further and config.get("model_type") in ("glm_ocr", "glm_ocr_text")
    return {"block_count": config.layers + further, "nextn_predict_layers": further} if ocr else {}
