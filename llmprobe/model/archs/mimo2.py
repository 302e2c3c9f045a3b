"""
MiMo 2: a mixture of experts, windows with attention sinks, other heads of K and V on them.
"""

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder, decoder_layer
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.next_token import next_token_graph
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout, sliding_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, is_dense, next_token, router, router_bias
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers
from llmprobe.words.message import message

ARCHITECTURES = ("mimo2",)
HF_CLASSES: dict[str, str] = {
    "MiMoV2FlashForCausalLM": "mimo2",
    "MiMoV2ForCausalLM": "mimo2",
}

PERIOD = 6


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    slides = sliding_layers(sizes, PERIOD)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("attn_norm")
        if slides[layer]:
            inventory.weight("attn_sinks", sizes.heads(layer))
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer) or layer not in sizes.trunk:
            inventory.ffn()
        else:
            router(inventory)
            expert_matrices(inventory)
            router_bias(inventory)
        if layer not in sizes.trunk:
            next_token(inventory)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Two caches: the layers that see the whole context, and those with a window.
    """
    return sliding_cache(hparams, sliding_layers(Sizes(hparams), PERIOD))


def graph(g: Builder) -> None:
    """
    Build MiMo 2: keys and values differ in size, and layers in their number of heads.
    """
    decoder(g, Decoder(layer=_layer, hidden_output=True))


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more; its hidden state is that before the last norm.
    """
    next_token_graph(g, _layer, norm_first=False)


draft_caches = caches


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    One layer with the head sizes of its own cache.
    """
    number, position = g.parts.cache_of[il]
    cached = g.parts.layout.kv[number].layers[position]
    layer = Layer(
        heads=Heads(key=cached.head_k, value=cached.head_v),
        sinks=True,
        ffn=FeedForward(mixture=Mixture(gating="sigmoid")),
        scale_attention=bool(g.hparams.get("attention.value_scale")),
    )
    return decoder_layer(g, il, x, layer)


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read which layers slide, and their own heads of K and V.
    """
    pattern = config.listed("hybrid_layer_pattern")
    if pattern is None:
        raise ModelError(message("config.lacks", keys=("hybrid_layer_pattern",)))
    full, sliding = config.need("num_key_value_heads"), config.need("swa_num_key_value_heads")
    sparse = config.listed("moe_layer_freq") or []
    return {
        "attention.head_count_kv": [sliding if slide else full for slide in pattern],
        "attention.value_length": config.need("v_head_dim"),
        "attention.sliding_window": config.need("sliding_window"),
        "attention.sliding_window_pattern": [bool(slide) for slide in pattern],
        "leading_dense_block_count": sparse.index(1) if 1 in sparse else None,
        "rope.freq_base_swa": config.real("swa_rope_theta"),
        "expert_shared_count": None,
        "expert_gating_func": rules.SIGMOID,
    }
