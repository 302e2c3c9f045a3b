"""
Models that go through their layers several times, and layers that have a cache and no weights.
"""

import pytest

from benchmarks.truth.loads import spec
from llmprobe.errors import ModelError
from llmprobe.estimation import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings
from llmprobe.model.archs import Sizes
from llmprobe.model.archs._shared.loops import blocks_of, homes, routers

GPU = Hardware(devices=(Device(id="gpu0"),))
MIB = 1 << 20
HRM = {"hrm.layers_per_stack": 16, "hrm.h_cycles": 2, "hrm.l_cycles": 3}


def cache_bytes(name: str, settings: Settings) -> int:
    """
    Return the bytes of all caches of a measured model on a GPU that takes everything.
    """
    return sum(size for _, size in Estimator(spec(name)).caches(settings, GPU)["gpu0"])


def test_each_pass_has_layers_of_its_own() -> None:
    """
    Three layers gone through twice are six, whose weights lie with the first three.
    """
    blocks = blocks_of({"num_loops": 2}, 3)

    assert blocks == (0, 1, 2, 0, 1, 2)
    assert homes(blocks) == {0: 0, 1: 1, 2: 2}
    assert blocks_of({}, 3) == (0, 1, 2)


@pytest.mark.parametrize("loops", [[0], "many", float("nan"), 2**31 - 1, 171])
def test_loops_that_no_model_has_are_refused(loops: object) -> None:
    """
    What is no number, and what makes more than 512 layers of three: nothing is counted before.
    """
    with pytest.raises(ModelError):
        blocks_of({"num_loops": loops}, 3)

    assert len(blocks_of({"num_loops": 170}, 3)) == 510


@pytest.mark.parametrize("name", ["layers_per_stack", "h_cycles", "l_cycles"])
def test_stacks_that_are_no_numbers_are_refused(name: str) -> None:
    """
    A list or a text in their place is said to be none.
    """
    for wrong in ([1], "many"):
        with pytest.raises(ModelError):
            blocks_of(HRM | {f"hrm.{name}": wrong}, 128)


def test_the_stacks_of_an_hrm_lie_where_they_are_first_gone_through() -> None:
    """
    The low stack is on layers 0 to 15, the high one after three passes through it: on layers 48 to 63 of 128.
    """
    blocks = blocks_of(HRM, 128)
    home_of = homes(blocks)

    assert len(blocks) == 128
    assert [home_of[block] for block in range(16)] == list(range(16))
    assert [home_of[block] for block in range(16, 32)] == list(range(48, 64))
    assert blocks[64:] == blocks[:64]


def test_stacks_that_do_not_make_the_layers_are_refused() -> None:
    """
    16 layers, 2 high and 3 low cycles make 128, and no other number.
    """
    with pytest.raises(ModelError, match="count 127 layers, but the passes through the stacks make 128"):
        blocks_of(HRM, 127)


def test_sizes_told_by_block_are_those_of_every_pass() -> None:
    """
    A list with a value for each block of the file holds for each layer that runs it.
    """
    sizes = Sizes({"block_count": 2, "num_loops": 2, "embedding_length": 64, "attention.head_count": [4, 8]})

    assert (sizes.n_layer, len(sizes.stored)) == (4, 2)
    assert [sizes.heads(layer) for layer in sizes.layers] == [4, 8, 4, 8]


@pytest.mark.parametrize(("context", "mib"), [(4096, 704), (32768, 5632), (131072, 22528)])
def test_each_pass_keeps_what_it_reads(context: int, mib: int) -> None:
    """
    Nanbeige's 22 layers keep 2 x 1,024 values of two bytes a token and pass: twice that in all.
    """
    assert 2 * 22 * 2 * 1024 * 2 * context == mib * MIB
    assert cache_bytes("nanbeige4.2-3b", Settings(ctx_size=context)) == mib * MIB


@pytest.mark.parametrize(("layers", "offloaded"), [(23, 0), (24, 1), (25, 2), (45, 22)])
def test_the_weights_of_a_looped_model_are_offloaded_last(layers: int, offloaded: int) -> None:
    """
    llama.cpp offloads from the last of 44 layers and the output on; a block comes along when its first pass does.
    """
    estimator = Estimator(spec("nanbeige4.2-3b"))
    of_a_layer = estimator.table("F16").shares("cuda").dense.of(0, 1)
    weights = estimator.weights("F16", Settings(ctx_size=4096, gpu_layers=layers), GPU)

    assert estimator.total_layers == 45
    assert weights["gpu0"].layers == offloaded * of_a_layer


def test_a_token_of_a_looped_model_reads_the_weights_in_every_pass() -> None:
    """
    Both passes of Nanbeige read all layers, and the output matrix is read once.
    """
    estimator = Estimator(spec("nanbeige4.2-3b"))
    weights = estimator.weights("F16", Settings(ctx_size=4096), GPU)["gpu0"]
    shares = estimator.shares("F16", Settings(ctx_size=4096), GPU)
    (read,) = (share.active_bytes for share in shares if share.device == "gpu0")

    assert read == 2 * weights.layers + weights.output
    assert estimator.kernels.of(22, 44) == estimator.kernels.of(0, 22) == 22 * 9


@pytest.mark.parametrize(("context", "mib"), [(4096, 321), (32768, 2568), (131072, 10272)])
def test_a_router_between_adapters_has_a_layer_of_the_cache(context: int, mib: int) -> None:
    """
    40 layers of 8 heads and a router of one keep 2 x 64 values of two bytes for each head.
    """
    assert (40 * 8 + 1) * 2 * 64 * 2 * context == mib * MIB
    assert cache_bytes("granite-switch-3b", Settings(ctx_size=context)) == mib * MIB
    assert Estimator(spec("granite-switch-3b")).total_layers == 42


def test_without_adapters_there_is_no_router() -> None:
    """
    The count of adapters says that there is one.
    """
    assert (routers({}), routers({"adapters.count": 0}), routers({"adapters.count": 6})) == (0, 0, 1)
