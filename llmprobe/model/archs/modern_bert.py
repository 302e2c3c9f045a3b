"""
ModernBERT: an encoder with rotary positions, gate and up in one matrix.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import heads
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import no_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.encoder import classifier
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("modern-bert",)
HF_CLASSES: dict[str, str] = {
    "ModernBertModel": "modern-bert",
    "ModernBertForMaskedLM": "modern-bert",
    "ModernBertForSequenceClassification": "modern-bert",
}

PERIOD = 3
ENCODER = True


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    inventory.norm("token_embd_norm")
    for layer in inventory.layers():
        if layer:
            inventory.norm("attn_norm")
        inventory.fused_qkv()
        inventory.attn_output()
        inventory.ffn("up", width=2 * inventory.sizes.ff(layer))
        inventory.ffn("down")
        inventory.norm("ffn_norm")
    inventory.output(always_tied=True)
    if hparams.get("classifier.output_labels"):
        inventory.weight("cls", inventory.sizes.n_embd, inventory.sizes.n_embd)
        inventory.norm("cls.norm")
    classifier(inventory)
    return inventory.done()


caches = no_cache


def graph(g: Builder) -> None:
    """
    Build ModernBERT: two of three layers see a window; the first layer's input was normed already.
    """
    kind = "norm"
    activation = "swiglu*" if g.hparams.get("hidden_activation") in ("silu", "swiglu") else "geglu*"
    x = g.norm(g.embed(), "token_embd_norm", kind=kind, first=True)
    for il in g.layers():
        residual = x
        if g.weight(il, "attn_norm.weight") is not None:
            x = g.norm(x, "attn_norm", il, kind=kind)
        q, k, v = heads(g, il, x)
        x = g.attention(il, q, k, v, window=layer_variant(g.parts, il))
        x, residual = g.crop(il, x, residual)
        between = ops.like("add", x, residual)
        x = g.ffn(il, g.norm(between, "ffn_norm", il, kind=kind), activation)
        x = ops.like("add", x, between)
    g.finish_hidden(g.norm(x, "output_norm", kind=kind))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read an encoder and its windows.
    """
    return rules.encoder(config, common) | {
        "attention.sliding_window": config.need("local_attention"),
        "attention.sliding_window_pattern": config.number("global_attn_every_n_layers") or None,
    }


def layer_variant(parts: Parts, il: int) -> bool:
    """
    Say whether a layer sees a window only.
    """
    get = parts.hparams.get
    if not get("attention.sliding_window"):
        return False
    pattern = get("attention.sliding_window_pattern", PERIOD)
    if isinstance(pattern, list | tuple):
        return bool(pattern[il])
    return il % int(pattern) != 0
