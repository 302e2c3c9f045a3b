"""
Qwen 1.5 and 2 with experts: biases on queries, keys and values, one large shared expert behind a gate.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Layer, decoder
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, router, shared_expert, shared_width

ARCHITECTURES = ("qwen2moe",)
HF_CLASSES: dict[str, str] = {
    "Qwen2MoeForCausalLM": "qwen2moe",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv(bias=True)
        inventory.attn_output()
        inventory.norm("ffn_norm")
        router(inventory)
        expert_matrices(inventory)
        inventory.weight("ffn_gate_inp_shexp", sizes.n_embd)
        shared_expert(inventory, width=shared_width(sizes) or sizes.ff())
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Qwen 2 with experts: the shared ones behind a gate.
    """
    decoder(g, Decoder(layer=Layer(ffn=FeedForward(mixture=Mixture(norm=False), shared="gated"))))


from_config = rules.shared_expert
