"""
Falcon 1 and 2: attention and feed-forward part side by side, queries, keys and values in one matrix.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, Parallel, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("falcon",)
HF_CLASSES: dict[str, str] = {
    "FalconForCausalLM": "falcon",
    "RWForCausalLM": "falcon",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; with ``num_ln_in_parallel_attn`` 2 each of the two parts has its own norm.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm", bias=True)
        if hparams.get("num_ln_in_parallel_attn") == 2:
            inventory.norm("attn_norm_2", bias=True)
        inventory.fused_qkv()
        inventory.attn_output()
        inventory.ffn("down up")
    inventory.output(bias=True)
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Falcon.
    """
    decoder(g, Decoder(norm="norm", layer=Parallel(activation="gelu", order=("ffn", "attention", "input"))))


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read Falcon, whose configuration says neither context nor inner width.
    """
    new = config.flag("new_decoder_architecture")
    kv = config.number("num_kv_heads", "n_head_kv", default=1) if new or not config.flag("multi_query") else 1
    return {
        "context_length": 2048,
        "feed_forward_length": 4 * config.width,
        "attention.head_count_kv": kv,
        "num_ln_in_parallel_attn": config.number("num_ln_in_parallel_attn", default=2 if new else 1),
        "tie_word_embeddings": False,
    }
