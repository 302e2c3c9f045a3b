"""
What an engine is: what its programs do when they are told nothing, and what they can be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from llmprobe.harmless import shell_word
from llmprobe.words.message import Message

if TYPE_CHECKING:
    from llmprobe.facts.model import ModelSpec

_LONGEST_NAME = 500
_UNLOAD = {"ollama": "ollama stop", "lmstudio": "lms unload"}


def unload_command(engine: str, model: str) -> str | None:
    """
    The command by which an engine gives up a loaded model, None where it has none. The name is a word of a shell.

    No engine has models with names as long as those that are left out: a command that fills pages serves nobody.
    """
    command = _UNLOAD.get(engine)
    return None if command is None or len(model) > _LONGEST_NAME else f"{command} {shell_word(model)}"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where a file is published: a repository on Hugging Face, the type by which it is asked for there, its name.

    ``certain`` is true where that very file was seen, not only what its publisher usually offers. ``file`` None is a
    name that is not known.
    """

    repository: str
    tag: str
    file: str | None = None
    certain: bool = False


class Fetch(msgspec.Struct, frozen=True, kw_only=True):
    """
    How an engine gets the file of a choice: the lines of a shell that fetch it (or fetch and run it), and the place.

    ``how`` says what the lines do. ``name`` is that of Ollama's library, where the engine has it from there.
    """

    command: str
    how: Message
    place: Place | None = None
    name: str | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an engine's program does when it is told nothing: data, not behaviour.

    ``outputs`` is how many rows of logits it reserves: one per slot, or the whole micro-batch.
    ``parallel`` and ``kv_unified`` are what the program itself would choose; ``llmprobe estimate`` asks for one slot.
    ``loads_projector`` says that it can read images and sound with a projector.
    ``old_masks`` holds for builds of before June 2026, which kept the attention mask in f32 beside an f16 copy, and
    ``mixes`` for those of after August 2026, which have room for tokens and vectors in one batch.
    """

    engine: str
    program: str
    ctx_size: int = 0
    parallel: int = 1
    batch_size: int = 2048
    ubatch_size: int = 512
    flash_attn: Literal["auto", "on", "off"] = "auto"
    kv_unified: bool = False
    outputs: Literal["slots", "ubatch"] = "slots"
    mmap: bool = True
    old_masks: bool = False
    mixes: bool = True
    loads_projector: bool = True
    notes: tuple[Message, ...] = ()


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an engine looks at before it fills in its own defaults: the model, what was asked for, and the devices.

    ``ctx_size`` is per slot, 0 where none was asked for. Unknown memory is None. ``settings`` are variables of the
    engine's environment.
    """

    model: ModelSpec
    file_bytes: int
    ctx_size: int = 0
    backend: str | None = None
    vram_total_bytes: int | None = None
    vram_free_bytes: int | None = None
    compute_capabilities: tuple[str, ...] = ()
    smallest_free_bytes: int | None = None
    settings: dict[str, str] = {}


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an engine can be told about a placement. What it can't be told is not searched.

    ``experts_on_host`` is keeping experts apart from their layers, ``partial`` leaving layers on the host,
    ``tensor_split`` sharing layers between devices in stated proportions, ``slices`` giving each device a slice of
    every tensor, ``cache_types`` the types of its cache
    (empty is all of llama.cpp's), ``same_cache_types`` that K and V have one type, ``kv_on_host`` keeping the cache
    apart from its layers, ``projector_on_host`` keeping the projector in RAM beside layers on devices,
    ``ubatch_sizes`` the micro-batches (empty is any). ``backends`` empty is all.
    ``own_fit_bytes`` is what the engine leaves free on each device where it decides itself which experts stay on the
    host: they are then counted, and not told. ``notes`` say it to a person, ``notes_on_experts`` only where the model
    has experts. ``own_library`` says that the engine has files of its own library, which are made without an importance
    matrix.
    """

    experts_on_host: bool = True
    partial: bool = True
    tensor_split: bool = True
    slices: bool = True
    cache_types: tuple[str, ...] = ()
    same_cache_types: bool = False
    kv_on_host: bool = True
    projector_on_host: bool = True
    ubatch_sizes: tuple[int, ...] = ()
    backends: tuple[str, ...] = ()
    own_fit_bytes: int | None = None
    notes: tuple[Message, ...] = ()
    notes_on_experts: tuple[Message, ...] = ()
    own_library: bool = False
