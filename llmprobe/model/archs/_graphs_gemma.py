"""
Graphs of the Gemma family, by architecture. Sources: llama.cpp b11549, src/models/gemma*.cpp.
"""

from collections.abc import Callable
from functools import partial

from llmprobe.model.archs._graph_blocks import decoder
from llmprobe.model.archs._graph_builder import Builder

_BOTH = {"post_attention_norm": "post_attention_norm", "post_ffn_norm": "post_ffw_norm"}


def gemma3(g: Builder) -> None:
    """
    Build Gemma 3: only embeddings of tokens are scaled, logits are capped where the metadata says so.
    """
    decoder(
        g,
        scale_rows=True,
        head_norms="before",
        scale_q=True,
        activation="geglu",
        cap_logits=bool(g.hparams.get("final_logit_softcapping")),
        **_BOTH,
    )


GRAPHS: dict[str, Callable[[Builder], None]] = {
    "gemma": partial(decoder, scale_input=True, scale_q=True, activation="geglu"),
    "gemma2": partial(
        decoder, scale_input=True, scale_q=True, activation="geglu", cap=True, cap_logits=True, **_BOTH
    ),
    "gemma3": gemma3,
}
"""Each architecture's function."""
