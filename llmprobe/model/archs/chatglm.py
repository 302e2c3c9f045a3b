"""
ChatGLM 3, GLM 4 of 2024 and CodeGeeX 4: fused queries, keys and values with a bias, gate and up in one matrix.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("chatglm",)
HF_CLASSES: dict[str, str] = {
    "GlmForCausalLM": "chatglm",
    "ChatGLMModel": "chatglm",
    "ChatGLMForConditionalGeneration": "chatglm",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.fused_qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn("up", width=2 * sizes.ff(layer))
        inventory.ffn("down")
        inventory.bias(
            "attn_qkv", sizes.heads(layer) * sizes.head_k() + 2 * sizes.kv_heads(layer) * sizes.head_k()
        )
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build ChatGLM.
    """
    decoder(g, Decoder(layer=Layer(ffn=FeedForward(activation="swiglu*"))))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read ChatGLM's own names; half of each head is turned.
    """
    head = config.number("kv_channels", "attention_dim", "head_dim", default=config.width // config.heads)
    ratio = config.real("rope_ratio")
    return {
        "feed_forward_length": config.need("ffn_hidden_size", "intermediate_size"),
        "attention.head_count_kv": config.number(
            "multi_query_group_num", "num_key_value_heads", default=config.heads
        ),
        "rope.dimension_count": head // 2,
        "rope.freq_base": 10000.0 * ratio if ratio else common.get("rope.freq_base"),
    }
