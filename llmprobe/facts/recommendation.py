"""
The recommendation: the document of ``llmprobe recommend`` and its parts.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.estimate import (
    DeviceEstimate,
    DraftInEstimate,
    Loading,
    ModelInEstimate,
    ProjectorInEstimate,
    Range,
    Speed,
)
from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Accelerator, Basis, MemoryPool
from llmprobe.facts.serving import Serving
from llmprobe.facts.settings import Settings, SpecType
from llmprobe.words.message import Message

Label = Literal[
    "recommended", "last-resort", "on-disk", "best-quality", "faster", "longest-context", "alternative"
]
"""
The place of a choice among those that are shown. ``last-resort`` is the best that fits, and hardly usable; ``on-disk``
needs no download; the others are named by what they are better at than the first.
"""


Shell = Literal["sh", "powershell"]

UseName = Literal["chat", "reasoning", "agent", "long", "batch"]
"""
What a model is used for: short answers, answers with thinking, the steps of an agent that works by itself, long
documents, many requests of which nobody waits for one.
"""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """
    The loss of a quantization: ``value`` in units of ``metric``, its level in ``words``, and its ``basis``.

    ``low`` and ``high`` are the range in which nine of ten measurements lie that the figures were not fitted to.
    ``same_first_choice_percent`` is how often the likeliest next token remains that of the original. ``usable`` False:
    so much is lost that a smaller model answers better.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    same_first_choice_percent: float | None = None
    usable: bool | None = None
    metric: str
    basis: Message
    words: Message


class AnswerTime(msgspec.Struct, frozen=True, kw_only=True):
    """
    The time of one answer for a use: new tokens of the prompt, tokens of thinking and of the answer, and ``seconds``
    at the stated speeds, with the range of these.
    """

    use: UseName
    prompt_tokens: int
    thinking_tokens: int
    answer_tokens: int
    seconds: Range


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """
    The user's wishes. ``ctx_size`` None is a default that a note names; it is never changed silently.
    ``mmproj_offload`` None leaves it to the search where a projector lies. ``spec_type`` is how tokens shall be
    drafted. ``use`` is what the model is for, None its usual one: reasoning of a model that thinks, chat of others.
    """

    ctx_size: int | None = None
    max_ctx: bool = False
    parallel: int = 1
    quants: tuple[str, ...] = ()
    cache_type_k: str | None = None
    cache_type_v: str | None = None
    priority: Literal["balanced", "quality", "speed", "context"] = "balanced"
    use: UseName | None = None
    engine: str = "llama.cpp"
    reserve_bytes: int | None = None
    assume_idle: bool = False
    min_speed: float | None = None
    min_quality: str | None = None
    top: int = 4
    mmproj: str = "auto"
    mmproj_offload: bool | None = None
    image_min_tokens: int = 0
    image_max_tokens: int = 0
    spec_type: tuple[SpecType, ...] = ()
    spec_draft_n_max: int = 3


class FileOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where the file of a choice comes from. Nothing of it is downloaded by this program.

    ``here`` is true where ``file`` is on this machine, False where it was not found, None of another machine. A
    published one is in ``repository`` under ``tag`` (its type), or has a ``name`` in Ollama's library; ``certain`` says
    that this very file was seen there, not only that its publisher usually offers the type. ``command`` fetches it for
    the engine, ``how`` says what the command does. ``make`` are the lines that make one where none is known.

    ``size_bytes`` is what it takes on the disk, whose room is ``free_bytes`` of the file system at ``directory``;
    ``has_room`` None is unknown. ``needs`` is what must be installed first.

    ``projector_file`` is the file of the projector that the command names and that is not known to be here either,
    ``projector_bytes`` its size; ``projector_certain`` says that the repository calls it so, else it is the one there
    with ``mmproj`` in its name.
    """

    file: str
    here: bool | None
    repository: str | None = None
    tag: str | None = None
    name: str | None = None
    certain: bool = False
    how: Message | None = None
    command: str | None = None
    make: tuple[str, ...] = ()
    size_bytes: int | None = None
    directory: str | None = None
    free_bytes: int | None = None
    has_room: bool | None = None
    needs: tuple[Message, ...] = ()
    projector_file: str | None = None
    projector_bytes: int | None = None
    projector_certain: bool = False


class Choice(Settings, frozen=True, kw_only=True):
    """
    One way to run the model here: what the engine is told, and what comes of it.

    ``use_devices`` names the devices to use where an engine would use others too; ``device_numbers`` are those that
    their backend gives to the devices in use, and ``environment`` is what the engine's environment must hold so that
    it sees them alone or in this order. ``leaves_devices`` is true where it is unknown whether there is a GPU: the
    figures are for the processor, and the command leaves devices to the engine. ``on_disk`` is the file that is this
    choice already. ``remarks`` are what must be known beside the command of the engine that was asked for, ``origin``
    is where its file comes from.
    ``shell`` is the one that commands are written for: PowerShell on Windows.
    ``serving`` is how an engine with a pool of cache serves it; llama.cpp's settings then only repeat what they can.

    ``time`` is how long one answer takes, None where a speed is unknown, ``loading`` how long the model takes from its
    disk, None where that was not measured.
    ``verdict`` is the choice in one line, ``reasons`` are for every reader, ``details`` for ``--explain``.
    """

    label: Label
    quant: str
    gpu_layers: int
    total_layers: int
    devices: tuple[DeviceEstimate, ...]
    fits: bool
    speed: Speed
    quality: Quality
    reasons: tuple[Message, ...]
    commands: dict[str, str]
    remarks: tuple[Message, ...] = ()
    verdict: Message | None = None
    details: tuple[Message, ...] = ()
    use_devices: tuple[str, ...] | None = None
    device_numbers: tuple[int, ...] = ()
    environment: dict[str, str] = msgspec.field(default_factory=dict)
    leaves_devices: bool = False
    download_bytes: int | None = None
    on_disk: str | None = None
    shell: Shell = "sh"
    origin: FileOrigin | None = None
    projector: ProjectorInEstimate | None = None
    draft: DraftInEstimate | None = None
    time: AnswerTime | None = None
    loading: Loading | None = None
    serving: Serving | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """
    A quantization that was not chosen, and why; ``missing_bytes`` is its shortfall where it is short of memory.
    """

    what: str
    why: Message
    missing_bytes: int | None = None


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """
    One candidate of a search, or a quantization that does not fit: its loss against its speed.

    ``choice`` is its place among the choices, None where it is none. ``why`` says why it does not fit, or which wish
    excludes it. ``host_experts`` counts layers whose experts stay in RAM, ``devices`` are those in use. What comes of a
    placement is None where there is none.
    """

    quant: str
    fits: bool
    quality: Quality
    choice: int | None = None
    why: Message | None = None
    missing_bytes: int | None = None
    tokens_per_s: Range | None = None
    time: AnswerTime | None = None
    ctx_size: int | None = None
    gpu_layers: int | None = None
    total_layers: int | None = None
    host_experts: int | None = None
    cache_type_k: str | None = None
    cache_type_v: str | None = None
    ubatch_size: int | None = None
    kv_offload: bool | None = None
    devices: tuple[str, ...] = ()


class MachineInShort(msgspec.Struct, frozen=True, kw_only=True):
    """
    The machine a recommendation was made for.
    """

    origin: str
    cpu: str | None
    ram_bandwidth_bytes_per_s: int | None = None
    ram_bandwidth_basis: Basis | None = None
    pools: tuple[MemoryPool, ...]
    accelerators: tuple[Accelerator, ...]


class AtContext(msgspec.Struct, frozen=True, kw_only=True):
    """
    The first choice at one context, in short. Where it does not fit all but the context is None.

    ``host_experts`` counts layers whose experts stay in RAM; bytes are over all devices, and of the host. The speeds
    are for an empty and for a full context.
    """

    ctx_size: int
    fits: bool = False
    quant: str | None = None
    gpu_layers: int | None = None
    total_layers: int | None = None
    host_experts: int | None = None
    cache_type_k: str | None = None
    cache_type_v: str | None = None
    kv_offload: bool | None = None
    cache_bytes: int | None = None
    device_bytes: int | None = None
    host_bytes: int | None = None
    generation_tokens_per_s: Range | None = None
    generation_at_full_context_tokens_per_s: Range | None = None


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe recommend``. No choices is the answer "no"; ``nearest`` then names what would fit.

    ``verdict`` is the answer in one line. ``balance`` is how choices were scored; ``changes``, with ``--explain``, is
    what would change the first one, and ``contexts``, with ``--table``, the first one at other contexts. ``points``,
    for a page, are all candidates of the search and what does not fit. ``findings`` are those of the machine that are
    worse than a note, or whose remedy makes more memory usable.
    """

    schema: Literal["llmprobe.recommendation/1"] = "llmprobe.recommendation/1"
    llmprobe_version: str = __version__
    this_machine: bool
    model: ModelInEstimate
    machine: MachineInShort
    wishes: Wishes
    choices: tuple[Choice, ...]
    verdict: Message | None = None
    rejected: tuple[Rejected, ...] = ()
    nearest: tuple[Message, ...] = ()
    balance: tuple[Message, ...] = ()
    changes: tuple[Message, ...] = ()
    contexts: tuple[AtContext, ...] = ()
    points: tuple[Point, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[Message, ...] = ()
    warnings: tuple[Message, ...] = ()
