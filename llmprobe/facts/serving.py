"""
How an engine that serves from a pool of cache runs a model: what it is told, and the document of its estimate.

Such an engine takes a stated part of each device's memory, loads the weights, measures what a step takes, and makes
all that is left its pool of cache. llama.cpp's settings are in ``settings``.
"""

from __future__ import annotations

from typing import Literal, TypedDict

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.estimate import DeviceEstimate, ModelInEstimate, Range
from llmprobe.words.message import Message


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device as its driver shows it to a program: all of its memory, and what is free of it; None is unknown.

    ``capability`` is CUDA's, ``architecture`` the maker's word for others (``gfx942``); ``unified`` memory is the
    host's too. ``assumed`` says that the total follows from the size on the label.
    """

    id: str = "gpu0"
    name: str = ""
    backend: str = "cuda"
    total_bytes: int
    free_bytes: int | None = None
    capability: tuple[int, int] | None = None
    architecture: str | None = None
    unified: bool = False
    assumed: bool = False
    bandwidth_bytes_per_s: int | None = None


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """
    Bytes that are not exact, with their bounds. They may be below zero: what is missing of a pool.
    """

    low_bytes: int
    likely_bytes: int
    high_bytes: int


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """
    A number of tokens that is not exact, with its bounds.
    """

    low: int
    likely: int
    high: int


class ServingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a serving engine is told, in its own names, defaults filled in; None is a setting that it does not have.

    ``version`` is the one whose rules count. ``gpu_memory_utilization`` is vLLM's part of the whole memory of each
    device, ``mem_fraction_static`` SGLang's of what is free for weights and cache. ``block_size`` are the tokens of a
    page, after an enlargement that states of other layers force. ``kv_cache_memory_bytes`` is a pool that was set,
    ``speculative_tokens`` are drafted at once by the model's own layers.
    """

    engine: str
    version: str
    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    decode_context_parallel_size: int = 1
    enable_expert_parallel: bool = False
    gpu_memory_utilization: float | None = None
    mem_fraction_static: float | None = None
    kv_cache_dtype: str = "auto"
    block_size: int = 16
    enforce_eager: bool = False
    kv_cache_memory_bytes: int | None = None
    enable_prefix_caching: bool = True
    speculative_tokens: int = 0

    @property
    def world_size(self) -> int:
        """How many devices it takes."""
        return self.tensor_parallel_size * self.pipeline_parallel_size


class ServingOptions(TypedDict, total=False):
    """
    The settings as a program gives them by keyword; what is left out or None is the engine's own default.

    ``max_model_len`` 0 is what the model was trained for, ``tensor_parallel_size`` 0 all devices.
    """

    max_model_len: int
    max_num_seqs: int | None
    max_num_batched_tokens: int | None
    tensor_parallel_size: int | None
    pipeline_parallel_size: int | None
    decode_context_parallel_size: int | None
    enable_expert_parallel: bool
    gpu_memory_utilization: float | None
    mem_fraction_static: float | None
    kv_cache_dtype: str | None
    block_size: int | None
    enforce_eager: bool
    kv_cache_memory_bytes: int | None
    enable_prefix_caching: bool | None
    speculative_tokens: int | None


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """
    Published weights. ``format`` is what people call it (``BF16``, ``FP8``, ``AWQ``), ``repository`` its place on
    Hugging Face; ``certain`` says that it was seen there, not only that its publisher usually has one. ``folder`` is
    one on this machine.
    """

    format: str
    repository: str | None = None
    certain: bool = False
    folder: str | None = None


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """
    The pool of cache of each device, and what it holds.

    ``bytes`` of the device with the least. ``tokens`` are the requests of the whole length that it holds at once,
    times that length. ``longest`` is the longest that one request may be, ``request_bytes`` what one of the whole
    length takes. A page has ``page_bytes`` in each of ``layers`` layers of a group; ``groups`` draw from one pool.
    """

    bytes: Bounds
    tokens: Counts
    concurrency: Range
    longest: Counts
    request_bytes: int
    block_bytes: int
    block_size: int
    groups: int
    given: bool = False


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """
    The tokens per second of so many requests at once, all together, each with a context of ``ctx_size``.
    """

    users: int
    ctx_size: int
    tokens_per_s: Range


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """
    How a choice is served: the published weights, the settings, the pool, and the speed of several requests at once.

    ``sure`` False: at the worst end of the range the pool does not hold what was asked for. ``points`` are what it is
    worth for the wishes, a doubling of the speed a quarter; only differences count.
    """

    checkpoint: Checkpoint
    settings: ServingSettings
    pool: Pool
    together: tuple[Together, ...] = ()
    sure: bool = True
    points: float | None = None


class ServingEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe estimate --engine`` for an engine that serves from a pool of cache.

    ``fits`` False is a start that fails, and ``failure`` its reason, as the engine's log words it; None is unknown,
    or within the range. ``devices`` are alike but for the first and the last of a pipeline.
    """

    schema: Literal["llmprobe.serving/1"] = "llmprobe.serving/1"
    llmprobe_version: str = __version__
    this_machine: bool
    model: ModelInEstimate
    checkpoint: Checkpoint
    fits: bool | None
    failure: Message | None = None
    settings: ServingSettings
    devices: tuple[DeviceEstimate, ...]
    pool: Pool | None = None
    command: str | None = None
    notes: tuple[Message, ...] = ()
    warnings: tuple[Message, ...] = ()
