"""
Families with Llama's layer under a name of their own; what they add are numbers, not tensors.

Granite scales embeddings, residuals and logits, Mistral 3 scales attention with the position, SmolLM 3 leaves
rotary positions out of some layers, EXAONE keeps Llama 3's frequency factors. Solar is known to Ollama only.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, router, shared_expert, shared_width

ARCHITECTURES = (
    "baichuan",
    "ernie4_5",
    "exaone",
    "granite",
    "granitemoe",
    "internlm2",
    "llama-embed",
    "minicpm",
    "mistral3",
    "refact",
    "smollm3",
    "solar",
    "xverse",
)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; with ``expert_count`` the feed-forward part is a mixture.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv(bias=bool(hparams.get("attention_bias")))
        inventory.attn_output(bias=bool(hparams.get("attention_bias")))
        inventory.norm("ffn_norm")
        if inventory.sizes.n_expert:
            router(inventory)
            expert_matrices(inventory)
            if shared_width(inventory.sizes):
                shared_expert(inventory, "gate up down")
        else:
            inventory.ffn(bias=bool(hparams.get("mlp_bias")))
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
