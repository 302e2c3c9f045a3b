"""
DBRX: a mixture of experts, queries, keys and values in one matrix, norms without biases.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Layer, decoder
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("dbrx",)
HF_CLASSES: dict[str, str] = {
    "DbrxForCausalLM": "dbrx",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.fused_qkv()
        inventory.attn_output()
        inventory.norm("attn_output_norm")
        inventory.experts()
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build DBRX.
    """
    decoder(
        g,
        Decoder(
            norm="norm",
            layer=Layer(ffn_norm="attn_output_norm", ffn=FeedForward(mixture=Mixture(scale=False))),
        ),
    )


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the two groups of values that DBRX has.
    """
    attention, ffn = config.part("attn_config"), config.part("ffn_config")
    return {
        "feed_forward_length": ffn.get("ffn_hidden_size"),
        "expert_feed_forward_length": ffn.get("ffn_hidden_size"),
        "attention.head_count_kv": attention.get("kv_n_heads"),
        "rope.freq_base": attention.get("rope_theta"),
        "expert_count": ffn.get("moe_num_experts"),
        "expert_used_count": ffn.get("moe_top_k"),
    }
