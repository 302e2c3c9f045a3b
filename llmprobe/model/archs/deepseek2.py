"""
DeepSeek 2 to 3.1 and what is built like it: latent attention, many small experts beside a few shared ones.

Kimi K2, GLM 4.7 Flash and Mistral Large 3 come as ``deepseek2``, Mistral Small 4 as ``mistral4``.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import latent, ops
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, decoder, feed_forward
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.next_token import next_token_graph
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.latent import latent_attention, latent_cache
from llmprobe.model.archs._shared.parts import expert_matrices, is_dense, next_token, router, shared_expert

ARCHITECTURES = ("deepseek2", "mistral4")
HF_CLASSES: dict[str, str] = {
    "DeepseekV2ForCausalLM": "deepseek2",
    "DeepseekV3ForCausalLM": "deepseek2",
    "KimiVLForConditionalGeneration": "deepseek2",
    "KimiK25ForConditionalGeneration": "deepseek2",
    "Glm4MoeLiteForCausalLM": "deepseek2",
    "YoutuForCausalLM": "deepseek2",
    "YoutuVLForConditionalGeneration": "deepseek2",
}
_GLM_FLASH_LAYERS = (47, 48)
_GLM_VOCABULARY = 154880

SIGMOID = 2
"""The gating function that goes with a bias on the choice of experts (``expert_gating_func``)."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model, in the newer or the older form of the attention.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        latent_attention(inventory)
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            router(inventory, biased=hparams.get("expert_gating_func") == SIGMOID)
            expert_matrices(inventory, "down")
            shared_expert(inventory)
            expert_matrices(inventory, "gate up")
        if layer not in sizes.trunk:
            next_token(inventory, embedding=True)
    inventory.output()
    return inventory.done()


caches = latent_cache
"""The cache of the latent, or of unfolded keys and values where the file has the older form."""


def graph(g: Builder) -> None:
    """
    Build DeepSeek 2 and 3.
    """
    decoder(g, Decoder(layer=_layer))


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more.
    """
    next_token_graph(g, _layer)


draft_caches = latent_cache


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    Build a layer; Mistral's asks the experts' last product for sources in f32.
    """
    residual = x
    x = latent.latent_attention(g, il, g.norm(x, "attn_norm", il))
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    sizes = g.sizes
    # Files of before the key: llama.cpp tells GLM-4.7 Flash by its depth and vocabulary.
    flash = sizes.n_layer in _GLM_FLASH_LAYERS and sizes.n_vocab == _GLM_VOCABULARY
    mixture = Mixture(
        gating=None,
        older_gating="sigmoid" if flash else "softmax",
        norm=None,
        precise=g.architecture == "mistral4",
    )
    return ops.like("add", feed_forward(g, il, x, FeedForward(mixture=mixture, shared="plain")), between)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the latent attention, and how Mistral scales it with the position.
    """
    found = rules.latent(config, common)
    if config.architecture == "mistral4":
        found |= {"attention.temperature_scale": config.rope.get("llama_4_scaling_beta")}
    return found
