"""
Llama as an encoder (Nemotron's embedding model): it sees the whole text at once, and a cache is made all the same.
"""

from llmprobe.model.archs._building.blocks import FeedForward, Heads, Layer
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.encoders import encoder
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.rows import llama_tensors

ARCHITECTURES = ("llama-embed",)
HF_CLASSES: dict[str, str] = {}

tensors = llama_tensors


caches = attention_cache
"""One cache over the whole context, which the graph does not use."""


def graph(g: Builder) -> None:
    """
    Build Llama without its cache and without logits.
    """
    mixture = Mixture(scale=False)
    encoder(g, Layer(heads=Heads(factors=True), ffn=FeedForward(mixture=mixture), cached=False))


from_config = None
