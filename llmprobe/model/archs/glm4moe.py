"""
GLM 4.5 to 4.7 and Solar Open: a mixture of experts, and a last layer that predicts one token more.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, Heads, Layer, decoder, decoder_layer
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import ROUTED
from llmprobe.model.archs._building.next_token import next_token_graph
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture, next_token, query_key_norms

ARCHITECTURES = ("glm4moe",)
HF_CLASSES: dict[str, str] = {
    "Glm4MoeForCausalLM": "glm4moe",
    "Glm4vMoeForConditionalGeneration": "glm4moe",
    "SolarOpenForCausalLM": "glm4moe",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; the norm after the attention is the one before the experts.

    Without ``attention_bias`` queries, keys and values have biases, as all of GLM's own models do.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv(bias=bool(hparams.get("attention_bias", True)))
        inventory.attn_output()
        if hparams.get("use_qk_norm"):
            query_key_norms(inventory)
        inventory.norm("post_attention_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            mixture(inventory, biased=True)
        if layer not in sizes.trunk:
            next_token(inventory, embedding=True)
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build GLM 4.5: head norms where the model has them.
    """
    decoder(g, Decoder(layer=_layer(g, 4 if g.hparams.get("rope.dimension_sections") else 1)))


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more, whose tokens have one position.
    """
    layer = _layer(g, 1)
    next_token_graph(g, lambda g, il, x: decoder_layer(g, il, x, layer))


def _layer(g: Builder, per_token: int) -> Layer:
    normed = g.weight(0, "attn_q_norm.weight") is not None
    how = Heads(per_token=per_token, norms="before" if normed else "")
    return Layer(heads=how, ffn_norm="post_attention_norm", ffn=ROUTED)


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the layer for the next token, which the file keeps, and the shared experts.
    """
    further = config.number("num_nextn_predict_layers")
    return {
        "block_count": config.layers + further,
        "nextn_predict_layers": further or None,
        "attention_bias": config.flag("attention_bias"),
        "expert_gating_func": rules.SIGMOID,
        "expert_shared_feed_forward_length": config.number("moe_intermediate_size")
        * config.number("n_shared_experts", default=1),
    }
