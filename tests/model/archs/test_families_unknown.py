"""
A model without a family keeps what its metadata says, and where that says nothing as much as it could.
"""

import pytest

from benchmarks.truth.models import TruthModel, models
from llmprobe.model import archs
from llmprobe.model.archs import CacheLayout

NOT_SAID = {
    "llama-embed": "makes a cache that it never reads, though it sees the whole text at once",
    "graniteswitch": "has a layer of the cache for its router",
    "llada-moe": "writes by diffusion, and some files do not say that it is not causal",
    "deepseek4": "keeps one row for several tokens, and a window",
    "glm5-next": "keeps three rows of its indexer per token, and a cache for the layer of next tokens",
    "qwen4exp": "keeps keys of pools of tokens",
    "bailingmoe3": "keeps a cache for the layer of next tokens",
    "minimax-m3": "keeps values beside the keys of its indexer",
}
"""Architectures whose caches depend on what no key says."""
MODELS = [model for model in models().values() if model.architecture not in NOT_SAID]
UNKNOWN = "no-such-architecture"


def values_per_cell(layout: CacheLayout) -> int:
    """
    Return the values of K and V that a cell of every cache takes, as if no window ended one.
    """
    return sum(layer.k + layer.v for cache in layout.kv for layer in cache.layers)


def values_within(layout: CacheLayout, context: int) -> int:
    """
    Return the values that caches take for one sequence of a length.
    """
    return sum(
        min(context, cache.window or context) * sum(layer.k + layer.v for layer in cache.layers)
        for cache in layout.kv
    )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_metadata_alone_never_says_less_than_the_family(model: TruthModel) -> None:
    """
    Of every measured model the caches by metadata take at least what the family's rules say, at any length.
    """
    family = archs.caches(model.architecture, model.hparams)
    unknown = archs.caches(UNKNOWN, model.hparams)

    assert all(values_within(unknown, context) >= values_within(family, context) for context in (1024, 32768))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_no_value_is_kept_that_the_family_does_not_keep(model: TruthModel) -> None:
    """
    Only windows are unknown: layers and their widths are those of the family.
    """
    family = archs.caches(model.architecture, model.hparams)
    unknown = archs.caches(UNKNOWN, model.hparams)

    assert values_per_cell(unknown) == values_per_cell(family)


def test_states_of_rwkv_are_known_by_its_keys() -> None:
    """
    Two token shifts of a row each, and a matrix per head: the values of n_embd times the head size.
    """
    layout = archs.caches(
        "rwkv7", {"block_count": 2, "embedding_length": 64, "vocab_size": 10, "wkv.head_size": 16}
    )

    assert layout.state is not None
    assert [(layer.rolling, layer.state) for layer in layout.state.layers] == [(128, 1024)] * 2
