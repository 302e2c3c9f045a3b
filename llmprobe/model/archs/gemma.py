"""
Gemma 1 to 3: tied embeddings; from 2 on norms after each part and sliding windows, from 3 on head norms.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache, sliding_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("gemma", "gemma2", "gemma3")
HF_CLASSES: dict[str, str] = {
    "GemmaForCausalLM": "gemma",
    "Gemma2ForCausalLM": "gemma2",
    "Gemma3ForCausalLM": "gemma3",
    "Gemma3ForConditionalGeneration": "gemma3",
}


_GELU = FeedForward(activation="geglu")
_GRAPHS = {
    "gemma": Decoder(layer=Layer(heads=Heads(scale_q=True), ffn=_GELU), scale_input=True),
    "gemma2": Decoder(
        layer=Layer(
            heads=Heads(scale_q=True),
            ffn=_GELU,
            cap=True,
            post_attention_norm="post_attention_norm",
            post_ffn_norm="post_ffw_norm",
        ),
        scale_input=True,
        cap_logits=True,
    ),
    # Only embeddings of tokens are scaled.
    "gemma3": Decoder(
        layer=Layer(
            heads=Heads(norms="before", scale_q=True),
            ffn=_GELU,
            post_attention_norm="post_attention_norm",
            post_ffn_norm="post_ffw_norm",
        ),
        scale_rows=True,
        cap_logits=None,
    ),
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model. Gemma 1 says nothing of a window, Gemma 2 caps its logits, Gemma 3 does neither.

    A window of 0 is Gemma 3 without one, which has its norms all the same (Rnj 1).
    """
    inventory = Inventory(hparams)
    later = _caps_logits(hparams) or hparams.get("attention.sliding_window") is not None
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        if later:
            inventory.norm("post_attention_norm")
        if later and not _caps_logits(hparams):
            inventory.head_norms()
        inventory.norm("ffn_norm")
        inventory.ffn("gate up down")
        if later:
            inventory.norm("post_ffw_norm")
    inventory.output(always_tied=True)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The caches: in Gemma 2 every second layer sees the whole context, in Gemma 3 every sixth.
    """
    window = _window(hparams)
    if not window:
        return attention_cache(hparams)
    slides = sliding_layers(Sizes(hparams), 2 if _caps_logits(hparams) else 6)
    return sliding_cache(hparams, slides, window)


def _window(hparams: Hparams) -> int:
    """The tokens that sliding layers see; the first files of Gemma 2 leave its 4096 out."""
    return Sizes(hparams).number("attention.sliding_window", 4096 if _caps_logits(hparams) else 0)


def _caps_logits(hparams: Hparams) -> bool:
    return hparams.get("attn_logit_softcapping") is not None


def graph(g: Builder) -> None:
    """
    Build Gemma 1 to 3.
    """
    decoder(g, _GRAPHS[g.architecture])


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the window and the caps; the output is tied.
    """
    if config.architecture == "gemma3":
        return rules.gemma3(config, common)
    if config.architecture == "gemma":
        return rules.tied(config, common)
    return rules.tied(config, common) | {
        "attention.sliding_window": config.number("sliding_window", default=4096),
        "attn_logit_softcapping": config.real("attn_logit_softcapping") or 50.0,
        "final_logit_softcapping": config.real("final_logit_softcapping") or 30.0,
    }
