"""
The mixtures of experts that are one rule: a row each, made of common blocks, with ordinary attention.

A row without classes is known from GGUF files only. Sources: llama.cpp b11549, src/models/, conversion/.
"""

from functools import partial

from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, is_full
from llmprobe.model.archs._building.builder import Mixture
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.rows import (
    AttentionOutput,
    Experts,
    HeadNorms,
    Norm,
    Output,
    Qkv,
    RopeFactors,
    Routed,
    Row,
)
from llmprobe.model.archs._shared.windows import windowed_cache

_ATTENTION = (Norm("attn_norm"), Qkv(), AttentionOutput())

ROWS = (
    Row(
        name="bailingmoe",
        hf_classes=("BailingMoeForCausalLM",),
        layer=(*_ATTENTION, Norm("ffn_norm"), Routed()),
        graph=Decoder(
            layer=Layer(
                heads=Heads(factors=True), ffn=FeedForward(mixture=Mixture(norm=None), shared="plain")
            )
        ),
    ),
    Row(
        name="deepseek",
        hf_classes=("DeepseekForCausalLM",),
        layer=(*_ATTENTION, Norm("ffn_norm"), Routed(dense=True)),
        graph=Decoder(
            layer=Layer(
                heads=Heads(factors=True), ffn=FeedForward(mixture=Mixture(norm=False), shared="plain")
            )
        ),
    ),
    Row(
        name="dots1",
        hf_classes=("Dots1ForCausalLM",),
        layer=(*_ATTENTION, HeadNorms(key_first=True), Norm("ffn_norm"), Routed(dense=True, biased=True)),
        graph=Decoder(
            layer=Layer(
                heads=Heads(norms="before"),
                ffn=FeedForward(mixture=Mixture(gating=None, norm=None), shared="plain"),
            )
        ),
    ),
    Row(
        name="mellum",
        hf_classes=("MellumForCausalLM",),
        layer=(*_ATTENTION, HeadNorms(key_first=True), Norm("ffn_norm"), Experts()),
        graph=Decoder(layer=Layer(heads=Heads(norms="before"), ffn=FeedForward(mixture=Mixture()))),
        caches=partial(windowed_cache, period=4),
        from_config=rules.window,
    ),
    Row(
        name="olmoe",
        hf_classes=("OlmoeForCausalLM",),
        layer=(*_ATTENTION, HeadNorms(whole=True), Norm("ffn_norm"), Experts()),
        graph=Decoder(layer=Layer(heads=Heads(norms="whole"), ffn=FeedForward(mixture=Mixture(norm=False)))),
    ),
    Row(
        name="phimoe",
        hf_classes=("PhiMoEForCausalLM", "PhimoeForCausalLM"),
        layer=(
            Norm("attn_norm", bias=True),
            Qkv(bias=True),
            AttentionOutput(bias=True),
            Norm("ffn_norm", bias=True),
            Experts(),
        ),
        after=(Output(bias=True, matrix_bias=True), RopeFactors()),
        graph=Decoder(
            layer=Layer(
                heads=Heads(factors=True, scale_q=True),
                ffn=FeedForward(mixture=Mixture(scale=False)),
                residual_first=True,
            )
        ),
    ),
    Row(
        name="maple",
        hf_classes=("MapleForCausalLM",),
        layer=(*_ATTENTION, HeadNorms(), Norm("ffn_norm"), Experts()),
        graph=Decoder(
            layer=Layer(
                heads=Heads(norms="before"),
                ffn=FeedForward(mixture=Mixture(scale=False)),
                no_rope=is_full,
            )
        ),
        caches=partial(windowed_cache, period=4),
        from_config=rules.window,
    ),
)
