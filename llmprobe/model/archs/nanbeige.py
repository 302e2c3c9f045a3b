"""
Nanbeige 4.2: Llama that goes through its layers several times, with a cache for each pass.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Heads, Layer, decoder_layer
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.rows import llama_tensors

ARCHITECTURES = ("nanbeige",)
HF_CLASSES: dict[str, str] = {
    "NanbeigeForCausalLM": "nanbeige",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the file, which has each layer once (``num_loops`` counts the passes).
    """
    return llama_tensors(hparams)


caches = attention_cache


_LAYER = Layer(heads=Heads(factors=True))


def graph(g: Builder) -> None:
    """
    Build all passes; the last norm stands after each of them unless ``skip_loop_final_norm`` says otherwise.
    """
    stored, between = len(g.sizes.stored), not g.hparams.get("skip_loop_final_norm")
    x = g.embed()
    for il in g.layers():
        x = decoder_layer(g, il, x, _LAYER)
        if between and (il + 1) % stored == 0 and il + 1 < g.sizes.n_layer:
            x = g.outer_norm(x, "output_norm", il)
    g.finish(x)


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read how often the layers are gone through.
    """
    return {
        "num_loops": config.number("num_loops", default=1) or 1,
        "skip_loop_final_norm": config.flag("skip_loop_final_norm"),
    }
