"""
OpenELM: heads and feed-forward width of every layer its own, tied embeddings.
"""

from typing import Any

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import query_key_norms
from llmprobe.words.message import message

ARCHITECTURES = ("openelm",)
HF_CLASSES: dict[str, str] = {
    "OpenELMForCausalLM": "openelm",
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
        query_key_norms(inventory)
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn()
    inventory.output(always_tied=True)
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build OpenELM.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    The merged matrix's result is cut into heads before queries, keys and values.
    """
    sizes = g.sizes
    residual = x
    x = g.mm(il, "attn_qkv", g.norm(x, "attn_norm", il))
    count, kv_count, width = sizes.heads(il), sizes.kv_heads(il), sizes.head_k()
    x = ops.reshape(x, width, count + 2 * kv_count, g.tokens)
    q, k, v = (ops.view(x, (width, some, g.tokens), x.nb[1:3]) for some in (count, kv_count, kv_count))
    q, k = g.rope(g.norm(q, "attn_q_norm", il)), g.rope(g.norm(k, "attn_k_norm", il))
    x, residual = g.crop(il, g.attention(il, q, k, v), residual)
    between = ops.like("add", residual, x)
    return ops.like("add", g.ffn(il, g.norm(between, "ffn_norm", il)), between)


_LEAST_KEPT = 0.9


def common_words(values: dict[str, Any]) -> dict[str, Any]:
    """
    Its configuration by common names; of numbers for each layer the first stands for all here.
    """
    names = {
        "num_transformer_layers": "num_hidden_layers",
        "model_dim": "hidden_size",
        "max_context_length": "max_position_embeddings",
        "rope_freq_constant": "rope_theta",
        "share_input_output_layers": "tie_word_embeddings",
    }
    found = {common: values.get(own) for own, common in names.items()}
    for own, common in (("num_query_heads", "num_attention_heads"), ("num_kv_heads", "num_key_value_heads")):
        told = values.get(own)
        found[common] = told[0] if isinstance(told, list) and told else told
    return values | found


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the heads and the width of every layer.
    """
    multiple, factors = config.need("ffn_dim_divisor"), config.listed("ffn_multipliers")
    heads, shared = config.listed("num_query_heads"), config.listed("num_kv_heads")
    if heads is None or shared is None or factors is None:
        raise ModelError(message("config.lacks", keys=("num_query_heads", "num_kv_heads", "ffn_multipliers")))
    return {
        "feed_forward_length": [_rounded(factor * config.width, multiple) for factor in factors],
        "attention.head_count": heads,
        "attention.head_count_kv": shared,
    }


def _rounded(width: float, multiple: int) -> int:
    nearest = max(multiple, int(width + multiple / 2) // multiple * multiple)
    return nearest + multiple if nearest < _LEAST_KEPT * width else nearest
