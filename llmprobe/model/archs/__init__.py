"""
The architectures we know, one file per family.

A family's module has

* ``ARCHITECTURES``: GGUF's ``general.architecture`` values that it covers;
* ``HF_CLASSES``: the classes that a ``config.json`` names, each with its architecture;
* ``tensors(hparams)``: every tensor of the GGUF file, in its order;
* ``caches(hparams)``: what is kept per token and per sequence;
* ``graph(g)``: builds the graph as llama.cpp does, None where no graph is known;
* ``from_config(config, common)``: what a configuration says beyond what is common to most, None where it says nothing.

``_shared/family.py`` lists what a module may have besides. A family that is made of common blocks is a row of
``plain.py``, one with experts of ``plain_experts.py``. Either way an architecture is added in one place. Packages
whose name begins with an underscore are shared: ``_building`` builds graphs, ``_shared`` has the rest.

Graphs follow llama.cpp b11549, src/models/, where an architecture has the file of its name; rules for configurations
follow conversion/, where a model's class sets its parameters. Most graphs were compared with measured buffers on
devices; those of seldom met architectures with small made-up models on a CPU only, the same on devices follows from
the rules.

Some things that decide about tensors have no key in GGUF. Where a model does not come from a file,
``hparams`` says them under these names, which are those of its configuration or of the converter:

* ``tie_word_embeddings``: true where the output matrix is the embedding (there is no ``output.weight``).
* ``rope.scaling.type``: ``llama3`` or ``longrope`` where the frequency factors are kept as tensors.
* ``vocab_size``: the rows of the embedding.
* ``attention_bias``, ``use_qkv_bias``, ``mlp_bias``: whether these matrices carry biases, in families where some do.
* ``use_qk_norm``, ``qk_layernorm``: whether queries and keys are normalized, likewise.
* ``attention_k_eq_v``: true where full layers take keys for values and hold no matrix for them (Gemma 4).
* ``kv_weights_in_shared_layers``: true where layers that share a cache hold keys and values all the same (Gemma 4).
* ``num_ln_in_parallel_attn``: 2 where attention and feed-forward part have a norm each (Falcon).
* ``fuse_qkv``: true where the converter was told to put queries, keys and values in one matrix.
* ``attention_gate``: true where the attention is multiplied by a gate of its own (K2 Horizon).
* ``relative_bias_per_layer``: true where each layer has its own biases of distances (UMT5).
* ``ffn_gate``: false where the feed-forward part has no gate, though others of the family do (T5).
"""

from typing import TYPE_CHECKING

from llmprobe.facts.model import Hparams
from llmprobe.model.archs._shared.caches import CacheLayout, KvCache, KvLayer, State, StateLayer
from llmprobe.model.archs._shared.family import Family
from llmprobe.model.archs._shared.next_token import NEXT_TOKEN
from llmprobe.model.archs._shared.registry import Registry
from llmprobe.model.archs._shared.sizes import Sizes

if TYPE_CHECKING:
    from llmprobe.model.archs._building.builder import Build
    from llmprobe.model.archs._building.run import Variant

__all__ = [
    "NEXT_TOKEN",
    "CacheLayout",
    "Family",
    "KvCache",
    "KvLayer",
    "Sizes",
    "State",
    "StateLayer",
    "caches",
    "families",
    "get",
    "graph_of",
    "of_class",
    "supported",
    "variant_of",
]

_registry = Registry(__name__, __path__)


def get(architecture: str) -> Family | None:
    """
    The family of an architecture, None where there is none. Only its own file is imported.

    An architecture with ``NEXT_TOKEN`` behind it is that of its layers for a token more.
    """
    if architecture.endswith(NEXT_TOKEN):
        family = _registry.named(architecture.removesuffix(NEXT_TOKEN))
        return None if family is None else family.next_token
    return _registry.named(architecture)


def of_class(name: str) -> Family | None:
    """
    The family of a class that a ``config.json`` names, None where there is none.
    """
    return _registry.of_class(name)


def graph_of(architecture: str) -> "Build | None":
    """
    The function that builds an architecture's graph, None where none is known.
    """
    family = get(architecture)
    return None if family is None else family.graph


def variant_of(architecture: str) -> "Variant | None":
    """
    The function that tells apart layers with the same tensors and caches, None where no layers need it.
    """
    family = get(architecture)
    return None if family is None else family.layer_variant


def families() -> tuple[Family, ...]:
    """
    Every family.
    """
    return _registry.all()


def supported() -> frozenset[str]:
    """
    The names of all architectures that we know.
    """
    return frozenset(name for family in families() for name in family.architectures)


def caches(architecture: str, hparams: Hparams) -> CacheLayout:
    """
    A model's caches: by its family's rules, or without a family by the metadata alone.
    """
    family = get(architecture)
    if family is not None:
        return family.caches(hparams)
    # Few runs meet an unknown architecture; the others do not pay for its rules.
    from llmprobe.model.archs._shared.by_metadata import cache_by_metadata

    return cache_by_metadata(hparams)
