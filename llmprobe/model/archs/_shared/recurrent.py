"""
Recurrent parts: state-space and linear attention layers, their tensors and what they keep per sequence.

Source: llama.cpp b11549, src/llama-hparams.cpp (n_embd_r, n_embd_s), src/llama-memory-recurrent.cpp.
"""

from collections.abc import Iterable

from llmprobe.facts.backends import Scans
from llmprobe.facts.model import Hparams
from llmprobe.model.archs._shared.caches import CacheLayout, KvCache, State, StateLayer, kv_layer
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.sizes import Sizes


class Ssm:
    """
    The sizes of a state-space layer by short names, 0 where a model has none.
    """

    def __init__(self, sizes: Sizes) -> None:
        self.kernel = sizes.number("ssm.conv_kernel", 0)
        self.inner = sizes.number("ssm.inner_size", 0)
        self.state = sizes.number("ssm.state_size", 0)
        self.rank = sizes.number("ssm.time_step_rank", 0)
        self.groups = sizes.number("ssm.group_count", 0)

    @property
    def convolved(self) -> int:
        """The channels that the convolution runs over: the inner ones, and both projections of every group."""
        return self.inner + 2 * self.groups * self.state

    @property
    def rolling(self) -> int:
        """The values that the convolution remembers per sequence."""
        return max(self.kernel - 1, 0) * self.convolved


def mamba1(inventory: Inventory, *, normed: bool = False) -> None:
    """
    Append one layer of the first Mamba; with ``normed`` (Jamba) step, B and C are normed.
    """
    n_embd, ssm = inventory.sizes.n_embd, Ssm(inventory.sizes)
    inventory.weight("ssm_in", n_embd, 2 * ssm.inner)
    inventory.weight("ssm_conv1d", ssm.kernel, ssm.inner)
    inventory.bias("ssm_conv1d", ssm.inner)
    inventory.weight("ssm_x", ssm.inner, ssm.rank + 2 * ssm.state)
    if normed:
        inventory.norm("ssm_dt_norm", ssm.rank)
    inventory.weight("ssm_dt", ssm.rank, ssm.inner)
    inventory.bias("ssm_dt", ssm.inner)
    if normed:
        inventory.norm("ssm_b_norm", ssm.state)
        inventory.norm("ssm_c_norm", ssm.state)
    inventory.add("ssm_a", ssm.state, ssm.inner)
    inventory.add("ssm_d", ssm.inner)
    inventory.weight("ssm_out", ssm.inner, n_embd)


def mamba2(inventory: Inventory, *, normed: bool = True) -> None:
    """
    Append one layer of the second Mamba; with ``normed`` its output is normed group by group.
    """
    n_embd, ssm = inventory.sizes.n_embd, Ssm(inventory.sizes)
    inventory.weight("ssm_in", n_embd, ssm.inner + ssm.convolved + ssm.rank)
    inventory.weight("ssm_conv1d", ssm.kernel, ssm.convolved)
    inventory.bias("ssm_conv1d", ssm.convolved)
    inventory.bias("ssm_dt", ssm.rank)
    inventory.add("ssm_a", 1, ssm.rank)
    inventory.add("ssm_d", 1, ssm.rank)
    if normed:
        groups = inventory.sizes.positive("ssm.group_count")
        inventory.weight("ssm_norm", ssm.inner // groups, groups)
    inventory.weight("ssm_out", ssm.inner, n_embd)


def scanned_on_gpu(sizes: Sizes, shape: tuple[int, ...], scans: Scans | None) -> bool:
    """
    Whether a GPU scans the states that the decay (``ssm_a``) of this shape belongs to; otherwise that stays in RAM.

    A decay for each head is one of Mamba 2, any other is taken for one of the first Mamba. ``scans`` are what the
    backend has kernels for, None for all. Sources: llama.cpp b11549, src/llama-model-loader.cpp
    (weight_buft_supported), ggml/src/ggml-cuda/ggml-cuda.cu, ggml-vulkan/ggml-vulkan.cpp, ggml-sycl/ggml-sycl.cpp.
    """
    if scans is None:
        return True
    ssm = Ssm(sizes)
    first, heads = shape[0], shape[1] if len(shape) > 1 else 1
    head = ssm.inner // heads
    if first == 1:
        return ssm.state in scans.states and head % scans.heads == 0
    known = scans.channels is not None and heads % scans.channels == 0
    return known and (first, head) == (16, 1) and max(ssm.groups, 1) == 1


def state_cache(hparams: Hparams) -> CacheLayout:
    """
    The state of every layer, where no layer attends; no cache grows with the context.
    """
    sizes = Sizes(hparams)
    return CacheLayout(state=ssm_state(sizes, sizes.trunk))


def recurrent_layers(sizes: Sizes, interval: int) -> tuple[int, ...]:
    """
    The layers without attention: a list in the metadata says it, else every ``interval``-th has some.
    """
    told = sizes.flags("attention.recurrent_layers")
    if told is not None:
        return tuple(layer for layer in sizes.trunk if told[layer])
    period = sizes.number("full_attention_interval", interval) or interval
    return tuple(layer for layer in sizes.trunk if (layer + 1) % period)


def attention_layers(sizes: Sizes) -> tuple[int, ...]:
    """
    The layers with heads of K and V, where 0 heads mark a recurrent layer.
    """
    return tuple(layer for layer in sizes.trunk if sizes.kv_heads(layer))


def ssm_state(sizes: Sizes, layers: Iterable[int]) -> State:
    """
    The state of layers that keep a convolution and a state per inner channel.
    """
    ssm = Ssm(sizes)
    return uniform_state(layers, ssm.rolling, ssm.state * ssm.inner)


def uniform_state(layers: Iterable[int], rolling: int, state: int) -> State:
    """
    The state of layers that all keep the same.
    """
    return State(layers=tuple(StateLayer(layer=layer, rolling=rolling, state=state) for layer in layers))


def hybrid_cache(hparams: Hparams, attention: Iterable[int], state: State) -> CacheLayout:
    """
    The caches of a model whose layers attend, or keep a state, or both.
    """
    sizes = Sizes(hparams)
    kept = tuple(kv_layer(sizes, layer) for layer in attention)
    return CacheLayout(kv=(KvCache(layers=kept),), state=state)
