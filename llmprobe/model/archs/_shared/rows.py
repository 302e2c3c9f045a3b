"""
A family as a row of a table: which blocks its layers are made of, in the file and in the graph.

A block appends its tensors in the order that the GGUF converter writes them.
"""

from collections.abc import Callable
from functools import partial

import msgspec

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, decoder
from llmprobe.model.archs._shared import parts
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.family import Family
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.rules import Rule

Block = Callable[[Inventory], None]
Bias = bool | str
"""Whether there are biases; a text is the key of the metadata that says so."""


class Norm(msgspec.Struct, frozen=True):
    """
    A norm over the embedding.
    """

    name: str
    bias: bool = False

    def __call__(self, inventory: Inventory) -> None:
        inventory.norm(self.name, bias=self.bias)


class Qkv(msgspec.Struct, frozen=True, kw_only=True):
    """
    Queries, keys and values, in three matrices or ``fused`` in one.
    """

    fused: bool = False
    bias: Bias = False

    def __call__(self, inventory: Inventory) -> None:
        append = inventory.fused_qkv if self.fused else inventory.qkv
        append(bias=_has(self.bias, inventory))


class AttentionOutput(msgspec.Struct, frozen=True, kw_only=True):
    """
    The matrix after the attention.
    """

    bias: Bias = False

    def __call__(self, inventory: Inventory) -> None:
        inventory.attn_output(bias=_has(self.bias, inventory))


class HeadNorms(msgspec.Struct, frozen=True, kw_only=True):
    """
    Norms over one head of queries and keys, or over the ``whole`` rows.
    """

    key_first: bool = False
    whole: bool = False

    def __call__(self, inventory: Inventory) -> None:
        sizes, layer = inventory.sizes, inventory.layer or 0
        if self.key_first:
            inventory.head_norms()
        elif self.whole:
            head = sizes.head_k()
            parts.query_key_norms(inventory, sizes.heads(layer) * head, sizes.kv_heads(layer) * head)
        else:
            parts.query_key_norms(inventory)


class Dense(msgspec.Struct, frozen=True, kw_only=True):
    """
    A dense feed-forward part. ``merged`` is an ``ffn_up`` that holds the gate too, ``halved`` a width in the metadata
    that counts both.
    """

    order: str = "gate down up"
    bias: Bias = False
    merged: bool = False
    halved: bool = False

    def __call__(self, inventory: Inventory) -> None:
        width = inventory.sizes.ff(inventory.layer or 0)
        width = width // 2 if self.halved else width
        for part in self.order.split():
            inner = 2 * width if self.merged and part == "up" else width
            inventory.ffn(part, width=inner, bias=_has(self.bias, inventory))


class Experts(msgspec.Struct, frozen=True):
    """
    A router and its experts, whatever else the metadata says.
    """

    def __call__(self, inventory: Inventory) -> None:
        inventory.experts()


class Routed(msgspec.Struct, frozen=True, kw_only=True):
    """
    A mixture of experts with its shared ones; ``biased`` is a bias on the choice. With ``dense`` the leading layers
    are dense, as many as the metadata says.
    """

    biased: bool = False
    dense: bool = False

    def __call__(self, inventory: Inventory) -> None:
        if self.dense and parts.is_dense(inventory.sizes, inventory.layer or 0):
            inventory.ffn()
        else:
            parts.mixture(inventory, biased=self.biased)


class DenseOrRouted(msgspec.Struct, frozen=True):
    """
    A mixture where the metadata counts experts, else a dense part.
    """

    def __call__(self, inventory: Inventory) -> None:
        if not inventory.sizes.n_expert:
            inventory.ffn(bias=_has("mlp_bias", inventory))
            return
        parts.router(inventory)
        parts.expert_matrices(inventory)
        if parts.shared_width(inventory.sizes):
            parts.shared_expert(inventory, "gate up down")


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """
    The last norm and the output matrix, which a tied model does not have. ``matrix_bias`` is a bias on the logits.
    """

    norm: bool = True
    bias: bool = False
    matrix_bias: bool = False

    def __call__(self, inventory: Inventory) -> None:
        sizes = inventory.sizes
        if self.norm:
            inventory.output(bias=self.bias)
        elif not sizes.tied:
            inventory.weight("output", sizes.n_embd, sizes.n_vocab)
        if self.matrix_bias:
            inventory.bias("output", sizes.n_vocab)


class RopeFactors(msgspec.Struct, frozen=True):
    """
    The frequency factors, where the metadata says that there are some.
    """

    def __call__(self, inventory: Inventory) -> None:
        inventory.rope_factors()


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """
    One architecture made of common blocks: ``before`` its layers (after the embedding), in a ``layer``, and ``after``.

    ``graph`` is None where llama.cpp has none.
    """

    name: str
    layer: tuple[Block, ...]
    graph: Decoder | None
    before: tuple[Block, ...] = ()
    after: tuple[Block, ...] = (Output(),)
    hf_classes: tuple[str, ...] = ()
    caches: Callable[[Hparams], CacheLayout] = attention_cache
    from_config: Rule | None = None

    def tensors(self, hparams: Hparams) -> tuple[Tensor, ...]:
        """Every tensor of the model."""
        return listed(hparams, self.layer, before=self.before, after=self.after)

    def family(self) -> Family:
        """The row as a family of one architecture."""
        return Family(
            name=self.name,
            architectures=(self.name,),
            hf_classes=dict.fromkeys(self.hf_classes, self.name),
            tensors=self.tensors,
            caches=self.caches,
            graph=None if self.graph is None else partial(decoder, plan=self.graph),
            from_config=self.from_config,
        )


def listed(
    hparams: Hparams,
    layer: tuple[Block, ...],
    *,
    before: tuple[Block, ...] = (),
    after: tuple[Block, ...] = (Output(),),
) -> tuple[Tensor, ...]:
    """
    The tensors of a model of equal layers.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for block in before:
        block(inventory)
    for _ in inventory.layers():
        for block in layer:
            block(inventory)
    for block in after:
        block(inventory)
    return inventory.done()


def _has(bias: Bias, inventory: Inventory) -> bool:
    return bool(inventory.sizes.hparams.get(bias)) if isinstance(bias, str) else bias


_ATTENTION = (
    Norm("attn_norm"),
    Qkv(bias="attention_bias"),
    AttentionOutput(bias="attention_bias"),
    Norm("ffn_norm"),
)
LLAMA = (*_ATTENTION, Dense(bias="mlp_bias"))
"""Llama's layer as families with a name of their own have it."""
ROUTED_LLAMA = (*_ATTENTION, DenseOrRouted())
"""The same, with experts where the metadata counts some."""


def llama_tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of a model of Llama's layers, with frequency factors where the metadata says so.
    """
    return listed(hparams, LLAMA, after=(Output(), RopeFactors()))


def routed_llama_tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    The same, with experts or without.
    """
    return listed(hparams, ROUTED_LLAMA, after=(Output(), RopeFactors()))
