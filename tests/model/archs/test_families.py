"""
Every family lists the tensors of its models as the converter writes them, and keeps the contract of a family.
"""

import re

import pytest

from benchmarks.truth.models import TruthModel, models
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model import archs

KNOWN = [model for model in models().values() if archs.graph_of(model.architecture) is not None]
WITHOUT_BIASES = {"codeshell-7b"}
"""Measured without the biases of queries, keys and values that its files have."""
SCALE = re.compile(r"_shexp\.(input_)?scale$")


def told(model: TruthModel) -> Hparams:
    """
    Return the metadata with what GGUF has no key for and a catalog says beside it.
    """
    names = {tensor.name for tensor in model.tensors}
    parts = {name.split(".", 2)[2] for name in names if name.startswith("blk.")}
    hparams = dict(model.hparams) | {
        "tie_word_embeddings": "output.weight" not in names,
        "attention_bias": "attn_q.bias" in parts,
        "mlp_bias": "ffn_gate.bias" in parts,
        "use_qkv_bias": "attn_q.bias" in parts,
        "use_qk_norm": "attn_q_norm.weight" in parts,
        "qk_layernorm": "attn_q_norm.weight" in parts,
        "num_ln_in_parallel_attn": 2 if "attn_norm_2.weight" in parts else 1,
        "attention_k_eq_v": _counts(names, "attn_v.weight") < _counts(names, "attn_k.weight"),
        "fuse_qkv": any(
            name.replace("attn_output", "attn_qkv") in names for name in names if "attn_output." in name
        ),
    }
    if "rope_freqs.weight" in names:
        hparams["rope.scaling.type"] = "llama3"
    if "rope_factors_long.weight" in names:
        hparams["rope.scaling.type"] = "longrope"
    return hparams


def comparable(tensors: tuple[Tensor, ...]) -> list[Tensor]:
    """
    Return the tensors without the optional scales of single matrices, which only NVFP4 files have.

    Extents of one at the end of a shape are left off, since readers of GGUF differ in keeping them.
    """
    kept = [tensor for tensor in tensors if not SCALE.search(tensor.name)]
    return [Tensor(tensor.name, _shortened(tensor.shape), tensor.layer) for tensor in kept]


def _shortened(shape: tuple[int, ...]) -> tuple[int, ...]:
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _counts(names: set[str], part: str) -> int:
    return sum(name.endswith(part) for name in names)


@pytest.mark.parametrize("model", KNOWN, ids=lambda model: model.name)
def test_tensors_are_those_of_the_file(model: TruthModel) -> None:
    """
    Names, shapes, layers and order are the file's; the order of an unverified model is not.
    """
    family = archs.get(model.architecture)
    assert family is not None
    found, expected = comparable(family.tensors(told(model))), comparable(model.tensors)
    if model.name in WITHOUT_BIASES:
        found = [tensor for tensor in found if not re.search(r"attn_[qkv]\.bias$", tensor.name)]
    if not model.verified:
        found, expected = (sorted(part, key=lambda tensor: tensor.name) for part in (found, expected))
    assert found == expected


@pytest.mark.parametrize("model", KNOWN, ids=lambda model: model.name)
def test_caches_name_only_layers_that_exist(model: TruthModel) -> None:
    """
    No layer is kept twice by one cache, and none is beyond the model's last.
    """
    family = archs.get(model.architecture)
    assert family is not None
    for cache in family.caches(told(model)).kv:
        layers = [layer.layer for layer in cache.layers]
        assert layers == sorted(set(layers) & set(archs.Sizes(model.hparams).layers))


def test_an_unknown_architecture_has_no_family() -> None:
    """
    What we do not know is None, not a guess.
    """
    assert archs.get("no-such-architecture") is None


def test_a_model_without_a_size_is_an_error_of_the_model() -> None:
    """
    Missing metadata is said by name.
    """
    family = archs.get("llama")
    assert family is not None
    with pytest.raises(Exception, match="embedding_length"):
        family.tensors({"block_count": 1})


def test_a_mixture_has_one_tensor_for_all_experts_of_a_layer() -> None:
    """
    Mixtral is the llama family with experts.
    """
    family = archs.get("llama")
    assert family is not None
    hparams = {
        "block_count": 1,
        "embedding_length": 64,
        "vocab_size": 100,
        "feed_forward_length": 128,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "expert_count": 8,
    }
    assert Tensor("blk.0.ffn_down_exps.weight", (128, 64, 8), 0) in family.tensors(hparams)


def test_the_first_files_of_gemma_2_have_its_window_too() -> None:
    """
    Where the metadata leave the window out, capped logits tell that there is one of 4096.
    """
    family = archs.get("gemma2")
    assert family is not None
    model = models()["gemma2-2b"]
    hparams = {key: value for key, value in model.hparams.items() if key != "attention.sliding_window"}
    assert family.caches(hparams) == family.caches(model.hparams)


def test_a_pattern_in_the_metadata_goes_before_the_familys() -> None:
    """
    Newer files list for each layer whether it slides.
    """
    family = archs.get("gemma3")
    assert family is not None
    hparams = models()["gemma3-1b"].hparams
    pattern = [layer == 0 for layer in range(26)]
    caches = family.caches({**hparams, "attention.sliding_window_pattern": pattern}).kv
    assert [len(cache.layers) for cache in caches] == [25, 1]
