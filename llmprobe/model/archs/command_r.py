"""
Command R and Aya: attention and feed-forward part side by side behind one norm, tied embeddings.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, Parallel, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("command-r",)
HF_CLASSES: dict[str, str] = {
    "CohereForCausalLM": "command-r",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; with ``use_qk_norm`` (Command R+) every head has a norm of its own.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        if hparams.get("use_qk_norm"):
            inventory.weight("attn_q_norm", sizes.head_k(), sizes.heads(layer))
            inventory.weight("attn_k_norm", sizes.head_k(), sizes.kv_heads(layer))
        inventory.qkv()
        inventory.attn_output()
        inventory.ffn()
    inventory.output(always_tied=True)
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Command R: both parts read the same norm.
    """
    decoder(g, Decoder(norm="norm", layer=Parallel(optional_head_norms=True), scale_logits=None))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the context, which model_max_length says where it is there; the output is tied.
    """
    return rules.tied(config, common) | {
        "context_length": config.number("model_max_length") or common.get("context_length")
    }
