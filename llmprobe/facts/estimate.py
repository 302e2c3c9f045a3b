"""
What one configuration takes: the document of ``llmprobe estimate`` and its parts.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.adapter import AdapterInEstimate
from llmprobe.facts.machine import Basis
from llmprobe.facts.model import Folder, ModelSpec
from llmprobe.facts.settings import ResolvedSettings, SpecType
from llmprobe.words.message import Message, message

Kind = Literal["weights", "cache", "compute", "output", "overhead", "draft", "projector", "adapter"]


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """
    One named part of what a device holds, and how its figure came about. A range is given where there is one.

    ``name`` is a stable id (``kv-cache``), ``label`` its name for people. ``mapped_bytes`` of it are read from the
    mapped file row by row as they are used, so that no budget need hold them.
    """

    name: str
    kind: Kind
    bytes: int
    how: Message
    basis: Basis
    low_bytes: int | None = None
    high_bytes: int | None = None
    mapped_bytes: int = 0

    @property
    def label(self) -> Message:
        return message(f"label.term.{self.name}")


class DeviceEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one device (``host``, ``gpu0``, …) will hold.

    ``weights_bytes``, ``cache_bytes`` and ``compute_bytes`` are llama.cpp's model, context and compute buffers;
    on the host they are the sums over its host buffer types. ``draft_bytes`` is all that a second context for drafting
    holds: its weights, where they are not the model's own, its caches, compute buffer and logits. ``projector_bytes``
    is all that the encoder of images or sound holds before the first of them. ``adapter_bytes`` are
    the tensors of adapters.
    """

    id: str
    weights_bytes: int
    cache_bytes: int
    compute_bytes: int
    output_bytes: int
    overhead_bytes: int
    total_bytes: int
    draft_bytes: int = 0
    projector_bytes: int = 0
    adapter_bytes: int = 0
    budget_bytes: int | None = None
    name: str | None = None
    terms: tuple[Term, ...] = ()

    @property
    def held_bytes(self) -> int:
        """The total less what is read from the mapped file as it is used, which takes no memory that is not free."""
        return self.total_bytes - sum(term.mapped_bytes for term in self.terms)


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """
    Layers as llama.cpp counts them: the repeating ones and the output.
    """

    offloaded: int
    total: int


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """
    A figure that is not exact, with its bounds.
    """

    low: float
    likely: float
    high: float


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """
    Tokens per second. Unknown is None; ``reason`` says on what the figures stand or why there are none.

    Generation is that at a short context; at a full one the whole cache is read for every token.
    ``prompt_is_assumed`` says that no measurement stands for the prompt's: its link, its arithmetic or its class of
    devices is not known. ``time_to_first_token_s`` are the seconds in which a prompt of ``prompt_tokens`` is read into
    an empty context.
    """

    generation_tokens_per_s: Range | None
    prompt_tokens_per_s: Range | None
    reason: Message
    generation_at_full_context_tokens_per_s: Range | None = None
    prompt_is_assumed: bool = False
    prompt_at_full_context_tokens_per_s: Range | None = None
    time_to_first_token_s: Range | None = None
    prompt_tokens: int | None = None


class Loading(msgspec.Struct, frozen=True, kw_only=True):
    """
    How long a model takes from a disk that ``llmprobe bench`` read: ``seconds`` for the ``bytes`` of its file, none of
    which are in the cache of the system. ``directory`` is on that disk, and ``bytes_per_s`` is its measured rate.
    """

    seconds: Range
    bytes: int
    directory: str
    bytes_per_s: int


class ModelInEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """
    The model and its quantization. ``tensor_bytes`` is the sum of all tensors of the file, ``folder`` the weights
    beside a configuration.
    """

    id: str
    name: str
    architecture: str
    quant: str
    parameters: int
    file_parameters: int
    tensor_bytes: int
    max_context: int | None = None
    folder: Folder | None = None


def model_in_estimate(model: ModelSpec, quant: str, tensor_bytes: int) -> ModelInEstimate:
    """
    The model as every document names it.
    """
    return ModelInEstimate(
        id=model.id,
        name=model.name,
        architecture=model.architecture,
        quant=quant,
        parameters=model.parameters,
        file_parameters=model.file_parameters,
        tensor_bytes=tensor_bytes,
        max_context=trained_context(model),
        folder=model.folder,
    )


def trained_context(model: ModelSpec) -> int | None:
    """
    The tokens of context that the model was trained for, None where it does not say.
    """
    return model.max_context or model.hparams.get("context_length")


class DraftInEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """
    How tokens are drafted: the ways, the most tokens at once, and the draft model where it is one of its own.

    ``rs_snapshots`` counts the earlier recurrent states that the model keeps, so that drafted tokens can be taken back.
    """

    types: tuple[SpecType, ...]
    tokens: int
    model: ModelInEstimate | None = None
    rs_snapshots: int = 0


class ProjectorInEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """
    The projector that is loaded beside the model (``--mmproj``), on ``device``.

    ``tensor_bytes`` is the sum of its tensors, ``weights_bytes`` that with the padding of the device,
    ``compute_bytes`` what the encoder reserves for the image or sound that is tried at the start, inputs on the host
    included; ``largest_image_bytes`` is what the largest image adds at the most. ``image_size`` and
    ``largest_image_size`` are pixels a side, None of one that hears only. ``modelled`` False: the graph of a type is
    not known, and its buffers are bounds. ``assumed`` is a projector as it was published, not a file that is here.
    """

    name: str
    path: str | None = None
    types: tuple[str, ...]
    device: str
    tensor_bytes: int
    weights_bytes: int
    compute_bytes: int
    largest_image_bytes: int
    image_size: int | None = None
    largest_image_size: int | None = None
    flash_attn: bool
    modelled: bool = True
    assumed: bool = False


class RuleOfThumb(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the usual multiplication says, beside the exact figure, and why they differ.
    """

    f16_bytes: int
    with_overhead_low_bytes: int
    with_overhead_high_bytes: int
    four_bit_bytes: int
    exact_bytes: int
    why: tuple[Message, ...]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe estimate``: one configuration, device by device and term by term. ``loading`` is None
    where no disk was measured.
    """

    schema: Literal["llmprobe.estimate/1"] = "llmprobe.estimate/1"
    llmprobe_version: str = __version__
    this_machine: bool
    model: ModelInEstimate
    fits: bool | None
    settings: ResolvedSettings
    layers: Layers
    devices: tuple[DeviceEstimate, ...]
    speed: Speed
    missing_bytes: int | None = None
    draft: DraftInEstimate | None = None
    projector: ProjectorInEstimate | None = None
    adapters: tuple[AdapterInEstimate, ...] = ()
    loading: Loading | None = None
    rule_of_thumb: RuleOfThumb | None = None
    notes: tuple[Message, ...] = ()
    warnings: tuple[Message, ...] = ()

    def device(self, device_id: str) -> DeviceEstimate | None:
        return next((device for device in self.devices if device.id == device_id), None)

    @property
    def total_bytes(self) -> int:
        return sum(device.total_bytes for device in self.devices)
