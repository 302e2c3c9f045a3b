"""
Llama as an encoder (Nemotron's embedding model): it sees the whole text at once, and a cache is made all the same.
"""

from llmprobe.facts.model import Hparams
from llmprobe.model.archs._building.blocks import FeedForward, Heads, Layer
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.encoders import encoder
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.rows import llama_tensors

ARCHITECTURES = ("llama-embed",)
HF_CLASSES: dict[str, str] = {
    "LlamaBidirectionalModel": "llama-embed",
}

tensors = llama_tensors


caches = attention_cache
"""One cache over the whole context, which the graph does not use."""


def graph(g: Builder) -> None:
    """
    Build Llama without its cache and without logits.
    """
    mixture = Mixture(scale=False)
    encoder(g, Layer(heads=Heads(factors=True), ffn=FeedForward(mixture=mixture), cached=False))


def from_config(_config: Config, _common: Hparams) -> Hparams:
    """
    Read an encoder, which needs no matrix for the next token.
    """
    return {"attention.causal": False, "tie_word_embeddings": True}
