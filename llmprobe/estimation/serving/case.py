"""
What the memory model of a serving engine is asked about, and what it answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec

from llmprobe.estimation.serving.stages import stages
from llmprobe.facts.devices import Network
from llmprobe.facts.estimate import DeviceEstimate
from llmprobe.facts.model import ModelSpec, Tensor
from llmprobe.facts.serving import Card, Pool
from llmprobe.model import archs
from llmprobe.model.archs import CacheLayout, Sizes
from llmprobe.model.formats.published import packing_of
from llmprobe.model.formats.published.packing import Packing
from llmprobe.model.formats.published.schemes import Scheme, scheme_of
from llmprobe.words.message import Message


class RankWeights(msgspec.Struct, frozen=True, kw_only=True):
    """
    The bytes of one rank's weights, by part. ``copies`` are the matrices of latent attention unpacked again for
    decoding, ``tables`` the rotary factors of every position, ``encoder`` the tower of images or sound.
    ``padded_bytes`` of the experts are rounding of their sizes, ``rounding`` what PyTorch's allocator adds.
    """

    embedding: int = 0
    layers: int = 0
    experts: int = 0
    output: int = 0
    copies: int = 0
    tables: int = 0
    encoder: int = 0
    rounding: int = 0
    padded_bytes: int = 0

    @property
    def total(self) -> int:
        return (
            self.embedding
            + self.layers
            + self.experts
            + self.output
            + self.copies
            + self.tables
            + self.encoder
            + self.rounding
        )


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a configuration takes of each device. ``failure`` is why it does not start; ``sure`` False leaves it to the
    range. ``pool`` is None where nothing is left to make one of.
    """

    devices: tuple[DeviceEstimate, ...]
    pool: Pool | None
    failure: Message | None = None
    sure: bool = True
    weights_bytes: int = 0
    notes: tuple[Message, ...] = ()


class Case:
    """
    A model in one published format, on equal or unlike cards, for one version of an engine.

    ``quantization`` is the configuration's own (``quantization_config``), None for plain 16-bit floats. ``network`` is
    what lies between the stages of a pipeline, where each is a machine of its own, and ``partition`` the layers of each
    where they are not even parts.
    """

    def __init__(
        self,
        model: ModelSpec,
        quantization: Mapping[str, Any] | None,
        cards: tuple[Card, ...],
        version: tuple[int, ...],
        network: Network | None = None,
        partition: tuple[int, ...] | None = None,
    ) -> None:
        self.model = model
        self.network = network
        self.partition = partition
        self.scheme: Scheme | None = (
            None if quantization is None else scheme_of({"quantization_config": quantization})
        )
        self.cards = cards
        self.version = version
        self.sizes = Sizes(model.hparams)
        self.layers = len(self.sizes.trunk)
        self.counted: dict[tuple[int | bool, ...], RankWeights] = {}
        self._packings: dict[str, Packing | None] = {}

    def packing(self, tensor: Tensor) -> Packing | None:
        """How a tensor is packed, None where it is left as it is; a case keeps what it found."""
        if self.scheme is None:
            return None
        if tensor.name not in self._packings:
            self._packings[tensor.name] = packing_of(self.scheme, tensor)
        return self._packings[tensor.name]

    def stages(self, count: int) -> tuple[range, ...]:
        """The layers of each of so many ranks of a pipeline."""
        return stages(self.layers, count, self.partition)

    @cached_property
    def layout(self) -> CacheLayout:
        """What the model keeps per token and per request."""
        return archs.caches(self.model.architecture, self.model.hparams)

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors that are loaded: all but layers that predict a token more, and tables that are computed."""
        return tuple(
            tensor
            for tensor in self.model.tensors
            if not tensor.name.startswith("rope_") and (tensor.layer is None or tensor.layer < self.layers)
        )

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of these tensors."""
        return frozenset(tensor.name for tensor in self.tensors)

    @cached_property
    def vocabulary(self) -> int:
        """The rows of the embedding."""
        return next(
            (tensor.shape[1] for tensor in self.model.tensors if tensor.name == "token_embd.weight"),
            self.sizes.number("vocab_size", 0),
        )

    @property
    def encoder_parameters(self) -> int:
        """The numbers of the encoder of images or sound: of the projector that is known, or of the folder."""
        if self.model.projector is not None:
            return sum(tensor.elements for tensor in self.model.projector.tensors)
        return self.model.encoder_parameters or 0

    @property
    def linked(self) -> bool:
        """Whether the cards are taken to have links of their own: those of data centres from Ampere on."""
        return self.cards[0].capability in ((8, 0), (9, 0), (10, 0), (10, 3))

    @property
    def hidden(self) -> int:
        """The width of the model."""
        return self.sizes.n_embd

    @property
    def experts_used(self) -> int:
        """The experts that a token goes through, 0 without any."""
        return self.sizes.number("expert_used_count", 0)
