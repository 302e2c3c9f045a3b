"""
Hunyuan, dense and mixture of experts, and Maincoder: Llama's layer with a norm over each head of queries and keys.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, router, shared_expert

ARCHITECTURES = ("hunyuan-dense", "hunyuan-moe", "hunyuan_vl", "maincoder")
HF_CLASSES: dict[str, str] = {
    "HunYuanDenseV1ForCausalLM": "hunyuan-dense",
    "HunYuanMoEV1ForCausalLM": "hunyuan-moe",
    "HunYuanVLForConditionalGeneration": "hunyuan_vl",
    "MaincoderForCausalLM": "maincoder",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; with ``expert_count`` the feed-forward part is a mixture.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.head_norms()
        inventory.norm("ffn_norm")
        if inventory.sizes.n_expert:
            router(inventory)
            expert_matrices(inventory)
            shared_expert(inventory, "gate up down")
        else:
            inventory.ffn()
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Hunyuan or Maincoder: keys and queries are normed after their positions.
    """
    sections = g.hparams.get("rope.dimension_sections")
    several = isinstance(sections, list | tuple) and bool(sections[0] and sections[1])
    layer = Layer(
        heads=Heads(
            norms="after",
            factors=g.architecture != "maincoder",
            per_token=4 if several and g.architecture == "hunyuan_vl" else 1,
        ),
        ffn=FeedForward(mixture=Mixture() if g.architecture == "hunyuan-moe" else None, shared="plain"),
    )
    decoder(g, Decoder(layer=layer))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the experts, whose numbers may be lists with one per layer; their output is tied.
    """
    sections = config.rope.get("xdrope_section")
    if config.architecture == "hunyuan_vl" and isinstance(sections, list):
        return {"rope.dimension_sections": sections[:4]}
    if config.architecture != "hunyuan-moe":
        return {}

    def first(name: str) -> int | None:
        value = config.get(name)
        found = value[0] if isinstance(value, list) and value else value
        return found if isinstance(found, int) else None

    return rules.tied(config, common) | {
        "expert_feed_forward_length": first("moe_intermediate_size"),
        "expert_used_count": first("moe_topk"),
        "expert_shared_count": first("num_shared_expert"),
        "expert_shared_feed_forward_length": config.need("intermediate_size"),
    }
