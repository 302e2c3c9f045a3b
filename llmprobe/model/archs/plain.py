"""
The families that are one rule: a row each, made of common blocks. Adding such an architecture is adding its row.

A row without classes is known from GGUF files only. No graph is known of ``solar``, which Ollama alone runs.
Sources: llama.cpp b11549, src/models/, conversion/.
"""

from functools import partial

from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, Parallel, is_full
from llmprobe.model.archs._building.builder import Mixture
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import no_cache
from llmprobe.model.archs._shared.rows import (
    LLAMA,
    AttentionOutput,
    Dense,
    Experts,
    HeadNorms,
    Norm,
    Output,
    Qkv,
    RopeFactors,
    Row,
)
from llmprobe.model.archs._shared.windows import windowed_cache

_ATTENTION = (Norm("attn_norm"), Qkv(), AttentionOutput())
_LLAMA_END = (Output(), RopeFactors())
_CLASSIC = (
    Norm("attn_norm", bias=True),
    Qkv(fused=True, bias=True),
    AttentionOutput(bias=True),
    Norm("ffn_norm", bias=True),
)
"""GPT-2's layer as far as the feed-forward part."""
_NORMED_AFTER = Layer(
    heads=Heads(norms="before", factors=True),
    attn_norm="",
    ffn_norm="",
    post_attention_norm="post_attention_norm",
    post_ffn_norm="post_ffw_norm",
    no_rope=is_full,
)
_GELU = FeedForward(activation="gelu")

ROWS = (
    # Llama's layer, dense.
    Row(
        name="apertus",
        hf_classes=("ApertusForCausalLM",),
        layer=(*_ATTENTION, Norm("ffn_norm"), Dense(order="down up"), HeadNorms()),
        after=_LLAMA_END,
        graph=Decoder(
            layer=Layer(heads=Heads(factors=True, norms="before"), ffn=FeedForward(activation="xielu"))
        ),
    ),
    Row(
        name="arcee",
        hf_classes=("ArceeForCausalLM",),
        layer=(*_ATTENTION, Norm("ffn_norm"), Dense(order="down up")),
        after=_LLAMA_END,
        graph=Decoder(layer=Layer(heads=Heads(factors=True), ffn=FeedForward(activation="relu_sqr"))),
    ),
    Row(
        name="ernie4_5",
        hf_classes=("Ernie4_5_ForCausalLM", "Ernie4_5ForCausalLM"),
        layer=LLAMA,
        after=_LLAMA_END,
        graph=Decoder(),
    ),
    Row(
        name="exaone",
        hf_classes=("ExaoneForCausalLM",),
        layer=LLAMA,
        after=_LLAMA_END,
        graph=Decoder(layer=Layer(heads=Heads(factors=True))),
    ),
    Row(
        name="exaone4",
        hf_classes=("Exaone4ForCausalLM", "Exaone4_5_ForConditionalGeneration"),
        layer=(
            Qkv(),
            AttentionOutput(),
            Norm("post_attention_norm"),
            HeadNorms(),
            Dense(),
            Norm("post_ffw_norm"),
        ),
        after=_LLAMA_END,
        graph=Decoder(layer=_NORMED_AFTER),
        caches=partial(windowed_cache, period=4),
        from_config=rules.window,
    ),
    Row(
        name="internlm2", hf_classes=("InternLM2ForCausalLM",), layer=LLAMA, after=_LLAMA_END, graph=Decoder()
    ),
    Row(
        name="olmo",
        hf_classes=("OlmoForCausalLM", "OLMoForCausalLM"),
        layer=(Qkv(), AttentionOutput(), Dense()),
        after=(Output(norm=False),),
        graph=Decoder(norm="norm"),
    ),
    Row(
        name="olmo2",
        hf_classes=("Olmo2ForCausalLM", "Olmo3ForCausalLM"),
        layer=(
            Qkv(),
            AttentionOutput(),
            HeadNorms(whole=True),
            Norm("post_attention_norm"),
            Dense(order="gate up down"),
            Norm("post_ffw_norm"),
        ),
        graph=Decoder(
            layer=Layer(
                heads=Heads(norms="whole"),
                attn_norm="",
                ffn_norm="",
                post_attention_norm="post_attention_norm",
                post_ffn_norm="post_ffw_norm",
            )
        ),
        caches=partial(windowed_cache, period=4),
        from_config=rules.window,
    ),
    Row(
        name="orion",
        hf_classes=("OrionForCausalLM",),
        layer=(Norm("attn_norm", bias=True), Qkv(), AttentionOutput(), Norm("ffn_norm", bias=True), Dense()),
        after=(Output(bias=True),),
        graph=Decoder(norm="norm"),
    ),
    Row(
        name="pangu-embedded",
        hf_classes=("PanguEmbeddedForCausalLM",),
        layer=(
            Norm("attn_norm"),
            Qkv(bias=True),
            AttentionOutput(bias=True),
            Norm("ffn_norm"),
            Dense(),
        ),
        graph=Decoder(),
    ),
    Row(
        name="paddleocr",
        hf_classes=("PaddleOCRVLForConditionalGeneration",),
        layer=LLAMA,
        graph=Decoder(layer=Layer(heads=Heads(per_token=4))),
    ),
    Row(
        name="phi3",
        hf_classes=("Phi3ForCausalLM", "Phi4ForCausalLMV"),
        layer=(
            Norm("attn_norm"),
            Qkv(fused=True),
            AttentionOutput(),
            Norm("ffn_norm"),
            Dense(order="down up", merged=True),
        ),
        after=_LLAMA_END,
        # llama.cpp keeps the whole context for every layer, sliding window or not.
        graph=Decoder(
            layer=Layer(
                heads=Heads(factors=True, scale_q=True),
                ffn=FeedForward(activation="swiglu*"),
                residual_first=True,
            )
        ),
    ),
    Row(
        name="plamo",
        hf_classes=("PlamoForCausalLM",),
        layer=(*_ATTENTION, Dense()),
        graph=Decoder(layer=Parallel(order=("ffn", "attention", "input"))),
        from_config=rules.plamo,
    ),
    Row(
        name="qwen",
        hf_classes=("QWenLMHeadModel",),
        layer=(
            Norm("attn_norm"),
            Qkv(fused=True, bias=True),
            AttentionOutput(),
            Norm("ffn_norm"),
            Dense(halved=True),
        ),
        graph=Decoder(),
    ),
    Row(
        name="refact",
        hf_classes=("GPTRefactForCausalLM",),
        layer=LLAMA,
        after=_LLAMA_END,
        graph=Decoder(layer=Layer(heads=Heads(rope=False), alibi=True)),
        from_config=rules.refact,
    ),
    Row(
        name="seed_oss",
        hf_classes=("SeedOssForCausalLM",),
        # The norm after the attention is the one before the feed-forward part.
        layer=(
            Qkv(bias=True),
            AttentionOutput(),
            Norm("attn_norm"),
            Norm("post_attention_norm"),
            Dense(order="gate up down"),
        ),
        graph=Decoder(layer=Layer(ffn_norm="post_attention_norm")),
    ),
    Row(name="solar", layer=LLAMA, after=_LLAMA_END, graph=None),
    Row(name="xverse", hf_classes=("XverseForCausalLM",), layer=LLAMA, after=_LLAMA_END, graph=Decoder()),
    # GPT-2's layer: norms with biases, no gate.
    Row(
        name="bloom",
        hf_classes=("BloomForCausalLM", "BloomModel"),
        before=(Norm("token_embd_norm", bias=True),),
        layer=(*_CLASSIC, Dense(order="down up", bias=True)),
        after=(Output(bias=True),),
        graph=Decoder(
            norm="norm", layer=Layer(heads=Heads(rope=False), ffn=_GELU, alibi=True), embedding_norm=True
        ),
        from_config=rules.bloom,
    ),
    Row(
        name="codeshell",
        hf_classes=("CodeShellForCausalLM",),
        layer=(
            Norm("attn_norm", bias=True),
            Qkv(bias=True),
            AttentionOutput(bias=True),
            Norm("ffn_norm", bias=True),
            Dense(order="down up", bias=True),
        ),
        after=(Output(bias=True),),
        graph=Decoder(norm="norm", layer=Layer(ffn=_GELU)),
        from_config=rules.codeshell,
    ),
    Row(
        name="jais",
        hf_classes=("JAISLMHeadModel",),
        layer=(*_CLASSIC, Dense(order="down gate up", bias=True)),
        after=(Output(bias=True),),
        graph=Decoder(norm="norm", layer=Layer(heads=Heads(rope=False), alibi=True)),
    ),
    Row(
        name="jais2",
        hf_classes=("Jais2ForCausalLM",),
        layer=(
            Norm("attn_norm", bias=True),
            Qkv(bias=True),
            AttentionOutput(bias=True),
            Norm("ffn_norm", bias=True),
            Dense(order="up down", bias=True),
        ),
        after=(Output(bias=True),),
        graph=Decoder(norm="norm", layer=Layer(ffn=FeedForward(activation="relu_sqr"))),
    ),
    Row(
        name="nemotron",
        hf_classes=("NemotronForCausalLM",),
        layer=(
            Norm("attn_norm", bias=True),
            Qkv(),
            AttentionOutput(),
            Norm("ffn_norm", bias=True),
            Dense(order="down up"),
        ),
        after=(Output(bias=True),),
        graph=Decoder(norm="norm", layer=Layer(ffn=FeedForward(activation="relu_sqr"))),
    ),
    Row(
        name="phi2",
        hf_classes=("PhiForCausalLM",),
        layer=(
            Norm("attn_norm", bias=True),
            Qkv(bias=True),
            AttentionOutput(bias=True),
            Dense(order="down up", bias=True),
        ),
        after=(Output(bias=True, matrix_bias=True),),
        graph=Decoder(
            norm="norm",
            layer=Parallel(heads=Heads(scale_q=True), activation="gelu", order=("attention", "ffn", "input")),
        ),
        from_config=rules.four_times,
    ),
    # Models that write by diffusion: every step sees the whole text, and nothing is cached.
    Row(
        name="dream",
        hf_classes=("DreamModel",),
        layer=(Norm("attn_norm"), Qkv(bias=True), AttentionOutput(), Norm("ffn_norm"), Dense()),
        graph=Decoder(),
        caches=no_cache,
    ),
    Row(
        name="llada",
        hf_classes=("LLaDAModelLM",),
        layer=(*_ATTENTION, Norm("ffn_norm"), Dense()),
        graph=Decoder(),
        caches=no_cache,
    ),
    Row(
        name="llada-moe",
        hf_classes=("LLaDAMoEModel", "LLaDAMoEModelLM"),
        layer=(*_ATTENTION, HeadNorms(key_first=True), Norm("ffn_norm"), Experts()),
        graph=Decoder(layer=Layer(heads=Heads(norms="before"), ffn=FeedForward(mixture=Mixture(norm=False)))),
        caches=no_cache,
    ),
    Row(
        name="rnd1",
        hf_classes=("RND1",),
        layer=(*_ATTENTION, HeadNorms(key_first=True), Norm("ffn_norm"), Experts()),
        graph=Decoder(layer=Layer(heads=Heads(norms="before"), ffn=FeedForward(mixture=Mixture()))),
        caches=no_cache,
    ),
)
