"""
Ling and Ring 2.0: fused queries, keys and values, head norms, experts with a balancing bias.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import ROUTED
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture, next_token, query_key_norms

ARCHITECTURES = ("bailingmoe2",)
HF_CLASSES: dict[str, str] = {
    "BailingMoeV2ForCausalLM": "bailingmoe2",
    "SarvamMoEForCausalLM": "bailingmoe2",
    "modeling_sarvam_moe.SarvamMoEForCausalLM": "bailingmoe2",
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
        query_key_norms(inventory)
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            mixture(inventory, biased=True)
        if layer not in sizes.trunk:
            next_token(inventory)
            inventory.norm("layer_output_norm")
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Ling 2.
    """
    decoder(g, Decoder(layer=Layer(heads=Heads(norms="before"), ffn=ROUTED)))


from_config = rules.shared_width
