"""
Every architecture that we know lists a whole model from plain sizes, and keeps only what its layers have.
"""

import pytest

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams
from llmprobe.model import archs
from llmprobe.model.formats.parts import HEADS

LAYERS = 8
PLAIN: Hparams = {
    "block_count": LAYERS,
    "context_length": 512,
    "embedding_length": 64,
    "vocab_size": 320,
    "feed_forward_length": 128,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
    "rope.dimension_count": 16,
}
EXPERTS: Hparams = {
    "expert_count": 8,
    "expert_used_count": 2,
    "expert_feed_forward_length": 32,
    "expert_shared_count": 1,
}
REST: Hparams = {
    "attention.sliding_window": 128,
    "attention.key_length_mla": 24,
    "attention.value_length_mla": 16,
    "attention.kv_lora_rank": 32,
    "attention.kv_lora_rank_swa": 32,
    "attention.q_lora_rank": 48,
    "attention.indexer.head_count": 2,
    "attention.indexer.key_length": 16,
    "attention.indexer.kpool": 4,
    "attention.output_group_count": 2,
    "attention.output_lora_rank": 8,
    "attention.compress_ratios": [0, 4, 128, 4] * 4,
    "hyper_connection.count": 4,
    "hyper_connection.low_rank": 8,
    "attn_res.block_size": 4,
    "expert_latent_length": 32,
    "ssm.conv_kernel": 4,
    "ssm.inner_size": 128,
    "ssm.state_size": 16,
    "ssm.time_step_rank": 8,
    "ssm.group_count": 2,
    "kda.head_dim": 16,
    "shortconv.l_cache": 3,
    "wkv.head_size": 16,
    "time_mix_extra_dim": 8,
    "time_decay_extra_dim": 8,
    "attention.decay_lora_rank": 8,
    "attention.iclr_lora_rank": 8,
    "attention.value_residual_mix_lora_rank": 8,
    "attention.relative_buckets_count": 32,
    "adapters.lora_rank": 8,
}
SMALL = PLAIN | EXPERTS | REST
ARCHITECTURES = sorted(archs.supported())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_small_model_is_listed_whole(architecture: str) -> None:
    """
    No name comes twice, every extent is a size, every layer has tensors, and the embedding comes first, which a draft
    head borrows.
    """
    family = archs.get(architecture)
    assert family is not None
    tensors = family.tensors(SMALL)

    assert (tensors[0].name == "token_embd.weight") is (architecture not in HEADS)
    assert len({tensor.name for tensor in tensors}) == len(tensors)
    assert all(extent > 0 for tensor in tensors for extent in tensor.shape)
    assert {tensor.layer for tensor in tensors} == {None, *range(LAYERS)}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_small_model_keeps_only_what_its_layers_have(architecture: str) -> None:
    """
    Caches and states belong to layers of the model, once each, and take something.
    """
    layout = archs.caches(architecture, SMALL)
    for cache in layout.kv:
        numbers = [layer.layer for layer in cache.layers]
        assert numbers == sorted(set(numbers) & set(range(LAYERS)))
        assert all(layer.k > 0 for layer in cache.layers)
    states = layout.state.layers if layout.state is not None else ()
    assert all(state.rolling + state.state > 0 for state in states)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_more_layers_never_take_less(architecture: str) -> None:
    """
    A model with twice the layers has more parameters.
    """
    family = archs.get(architecture)
    assert family is not None
    once, twice = (
        sum(tensor.elements for tensor in family.tensors(SMALL | {"block_count": count}))
        for count in (LAYERS, 2 * LAYERS)
    )

    assert twice > once


@pytest.mark.parametrize("key", ["attention.head_count_kv", "attention.sliding_window_pattern"])
def test_a_list_that_ends_before_the_layers_do_is_an_error_of_the_model(key: str) -> None:
    """
    It is said as what it is, not as an index that is out of range.
    """
    with pytest.raises(ModelError, match="the metadata list 2 layers"):
        archs.caches("gemma4", SMALL | {key: [1, 1]})


@pytest.mark.parametrize("value", ["many", [], float("inf"), 10**9, 0])
def test_a_depth_that_is_none_is_an_error_of_the_model(value: object) -> None:
    """
    Neither words nor a number that no engine loads get further than the first size.
    """
    with pytest.raises(ModelError, match="metadata"):
        archs.caches("llama", PLAIN | {"block_count": value})
