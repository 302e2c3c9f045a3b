"""
Models of an architecture that have a part more or less than the measured one: each part has its nodes in the graph.
"""

from collections.abc import Callable, Iterable

import pytest

from benchmarks.truth.models import models
from llmprobe.estimation import Estimator
from llmprobe.estimation.compute.request import request
from llmprobe.facts.model import Hparams, ModelSpec, Tensor
from llmprobe.facts.settings import Settings
from llmprobe.model import archs

Change = Callable[[Tensor], Iterable[Tensor]]
DENSE: Hparams = {
    "block_count": 4,
    "context_length": 4096,
    "embedding_length": 256,
    "feed_forward_length": 512,
    "vocab_size": 512,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
}


def nodes(architecture: str, hparams: Hparams, tensors: Iterable[Tensor]) -> int:
    """
    Return the nodes of the graph that a model of these tensors has on the processor.
    """
    listed = tuple(tensors)
    parameters = sum(tensor.elements for tensor in listed)
    model = ModelSpec(
        id="x",
        name="x",
        architecture=architecture,
        hparams=hparams,
        tensors=listed,
        parameters=parameters,
        file_parameters=parameters,
    )
    estimator = Estimator(model)
    setup = estimator.setup(Settings(ctx_size=512, flash_attn="off"))
    asked = request(model, estimator.typed_tensors("F16"), setup, old_masks=False)
    found = estimator.compute_engine.buffers_in_full(asked).nodes
    assert found is not None
    return found


def of(architecture: str, hparams: Hparams) -> int:
    """
    Return the nodes of a model that its metadata describe.
    """
    family = archs.get(architecture)
    assert family is not None
    return nodes(architecture, hparams, family.tensors(hparams))


def changed(name: str, change: Change, **more: object) -> int:
    """
    Return by how many nodes a measured model's graph grows when its tensors or metadata are changed.
    """
    model = models()[name]
    found = [other for tensor in model.tensors for other in change(tensor)]
    before = nodes(model.architecture, model.hparams, model.tensors)
    return nodes(model.architecture, model.hparams | more, found) - before


def unchanged(tensor: Tensor) -> Iterable[Tensor]:
    """
    Return a tensor as it is.
    """
    return (tensor,)


def ungated(tensor: Tensor) -> Iterable[Tensor]:
    """
    Leave out the gates of feed-forward parts.
    """
    return () if "ffn_gate" in tensor.name else (tensor,)


def without_gate_of_time(tensor: Tensor) -> Iterable[Tensor]:
    """
    Leave out the gates of RWKV's attention, and their share of the mixed inputs.
    """
    if "time_mix_g" in tensor.name:
        return ()
    if "lerp_fused" in tensor.name:
        return (Tensor(tensor.name, (*tensor.shape[:3], 5), tensor.layer),)
    return (tensor,)


def apart(tensor: Tensor) -> Iterable[Tensor]:
    """
    Return the shares of the mixed inputs as five tensors.
    """
    if "lerp_fused" not in tensor.name:
        return (tensor,)
    return (Tensor(tensor.name.replace("fused", name), tensor.shape[:1], tensor.layer) for name in "wkvrg")


@pytest.mark.parametrize(
    ("more", "per_layer"),
    [
        ({"use_qk_norm": True}, 4),
        ({"attention_gate": True}, 5),
        ({"attention.group_norm_groups": 2}, 0),
    ],
)
def test_k2_horizon_may_have_norms_of_heads_and_a_gate(more: Hparams, per_layer: int) -> None:
    """
    A norm is two nodes for queries and two for keys; a gate a product, two scales, an activation and a product.
    """
    assert of("k2-horizon", DENSE | more) - of("k2-horizon", DENSE) == 4 * per_layer


@pytest.mark.parametrize(("gating", "difference"), [(1, 0), (2, 0)])
def test_values_may_be_chosen_by_either_function(gating: int, difference: int) -> None:
    """
    The scores of K2 Horizon's value experts are a softmax or a sigmoid of the router's, one node each.
    """
    assert changed("k2-horizon-36b-a4b", unchanged, expert_gating_func=gating) == difference


def test_chameleons_norms_may_stand_after_its_parts() -> None:
    """
    There are as many of them as before.
    """
    assert changed("chameleon-7b", unchanged, swin_norm=True) == 0


def test_t5_without_a_gate_has_one_product_less_and_an_activation_for_the_other() -> None:
    """
    In each of 24 layers of the decoder three nodes take the place of four.
    """
    assert changed("flan-t5-large", ungated) == -24


def test_arwkv_may_have_no_gate() -> None:
    """
    Two products, an activation, the product with what was made, and the view of its input are missing in 28 layers.
    """
    assert changed("arwkv-7b", without_gate_of_time) == -5 * 28


def test_older_files_of_rwkv6_mix_each_input_apart() -> None:
    """
    Five times three nodes take the place of three and two changes of shape, in 24 layers.
    """
    assert changed("rwkv6-world-1.6b", apart) == (15 - 5) * 24


def test_nanbeige_may_have_no_norm_between_its_passes() -> None:
    """
    After the first of two passes the norm is two nodes.
    """
    assert changed("nanbeige4.2-3b", unchanged, skip_loop_final_norm=True) == -2


def test_rwkv6_halves_what_some_layers_write() -> None:
    """
    One in six of 24 layers does, which is a node each.
    """
    assert changed("rwkv6-world-1.6b", unchanged, rescale_every_n_layers=0) == -4


def test_t5s_decoder_may_have_fewer_layers_than_its_encoder() -> None:
    """
    Each layer less is as many nodes less, and the last of them drops the rows that nobody asked for.
    """
    less = [changed("flan-t5-large", unchanged, decoder_block_count=count) for count in (18, 12)]

    assert less == [less[0], 2 * less[0]]
    assert less[0] % 6 == 0
    assert less[0] < 0
