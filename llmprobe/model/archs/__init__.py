"""
The architectures we know, one file per family: its tensors, its caches, its graph.

A family's module has ``ARCHITECTURES`` (GGUF's ``general.architecture`` values that it covers),
``tensors(hparams)`` (every tensor of the file, in its order) and ``caches(hparams)`` (what is kept per token
and per sequence). Files whose name begins with an underscore are shared. A new family is one new file here.

Where llama.cpp stores a family's tensors other than by the rule, the module says so: ``ENCODER`` is true of one
without an output layer, ``OUTPUT_FIRST`` of one whose output matrix is made before the embedding, and
``rope_layers(hparams)`` gives the layers that use rotary factors where not all do.

Some things that decide about tensors have no key in GGUF. Where a model does not come from a file,
``hparams`` says them under these names, which are those of its configuration or of the converter:

* ``tie_word_embeddings``: true where the output matrix is the embedding (there is no ``output.weight``).
* ``rope.scaling.type``: ``llama3`` or ``longrope`` where the frequency factors are kept as tensors.
* ``vocab_size``: the rows of the embedding.
* ``attention_bias``, ``use_qkv_bias``, ``mlp_bias``: whether these matrices carry biases, in families where some do.
* ``use_qk_norm``, ``qk_layernorm``: whether queries and keys are normed, likewise.
* ``attention_k_eq_v``: true where full layers take keys for values and hold no matrix for them (Gemma 4).
* ``kv_weights_in_shared_layers``: true where layers that share a cache hold keys and values all the same (Gemma 4).
* ``num_ln_in_parallel_attn``: 2 where attention and feed-forward part have a norm each (Falcon).
* ``fuse_qkv``: true where the converter was told to put queries, keys and values in one matrix.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, KvCache, KvLayer, State, StateLayer
from llmprobe.model.archs._shared.sizes import Sizes

__all__ = [
    "Architecture",
    "CacheLayout",
    "KvCache",
    "KvLayer",
    "Sizes",
    "State",
    "StateLayer",
    "caches",
    "get",
    "supported",
]


class Architecture(Protocol):
    """
    What the module of a family offers.
    """

    ARCHITECTURES: tuple[str, ...]

    def tensors(self, hparams: Hparams) -> tuple[Tensor, ...]:
        """Every tensor of the model's GGUF file, in its order, without types."""

    def caches(self, hparams: Hparams) -> CacheLayout:
        """What the model keeps per token and per sequence."""


@cache
def get(architecture: str) -> Architecture | None:
    """
    Return the module that knows an architecture, None where there is none.
    """
    names = _module_names()
    own = architecture.replace("-", "_")
    # The file of the same name is tried first: importing all of them takes time at every start.
    for name in [own, *names] if own in names else names:
        module = cast(Architecture, import_module(f"{__name__}.{name}"))
        if architecture in module.ARCHITECTURES:
            return module
    return None


def caches(architecture: str, hparams: Hparams) -> CacheLayout:
    """
    Return what a model keeps, by its family's rules, or where it has none by what the metadata says alone.
    """
    family = get(architecture)
    if family is not None:
        return family.caches(hparams)
    # Few runs meet an unknown architecture; the others do not pay for its rules.
    from llmprobe.model.archs._shared.by_metadata import cache_by_metadata

    return cache_by_metadata(hparams)


@cache
def supported() -> frozenset[str]:
    """
    Return the names of all architectures that we know.
    """
    modules = (cast(Architecture, import_module(f"{__name__}.{name}")) for name in _module_names())
    return frozenset(name for module in modules for name in module.ARCHITECTURES)


@cache
def _module_names() -> tuple[str, ...]:
    return tuple(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
