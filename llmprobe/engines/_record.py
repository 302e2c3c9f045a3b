"""
What an engine is: one record, which each module of this package fills in as ``ENGINE``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from llmprobe.facts.answer import Source
from llmprobe.facts.engine import Abilities, Fetch, Occasion, Place, Profile
from llmprobe.facts.machine import EngineOnMachine
from llmprobe.words.message import Message

if TYPE_CHECKING:
    from llmprobe.facts.fleet import Launcher, Node
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import Choice

Observe = Callable[[Source], tuple[EngineOnMachine, ...]]
Command = Callable[["Choice", "ModelSpec", str | None], str | None]
"""The lines of a shell that run a choice; the last argument is the backend of the devices in use, None without any.
None where the engine cannot run the choice: its ``remarks`` then give the reason."""

Across = Callable[["Choice", str | None, Sequence["Node"], "Launcher"], tuple[tuple[int, str], ...]]
"""What is typed on which of several machines (by its place among them), in order, so that each is a stage of a pipeline
and the first one is asked; nothing where no place of the weights is known."""

Files = Callable[["Choice", "ModelSpec", str | None], dict[str, str]]
Fetching = Callable[["Choice", "ModelSpec", str | None], Fetch | None]
"""How the file of a choice is fetched, None where no place is known that has it."""

Remarks = Callable[["Choice", "ModelSpec", str | None], tuple[Message, ...]]


def no_remarks(choice: Choice, model: ModelSpec, backend: str | None) -> tuple[Message, ...]:  # noqa: ARG001 - the shape of Remarks
    """
    Nothing beside the command.
    """
    return ()


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """
    An engine: how it is looked for on a machine, what its programs do by themselves, and how it runs a choice.

    ``observe`` None is an engine that is not looked for; ``checkpoints`` is what kind of published weights it loads:
    those of the model's publisher, or conversions (``mlx``).
    ``profiles`` are the defaults of its programs, by program. ``abilities`` is what it can be told; the search keeps
    to that. ``not_loaded`` are architectures that it refuses, ``loaded`` those that it runs though others refuse
    them. ``settled`` fills in defaults that depend on the model and the devices, ``of_build`` what an older build
    does otherwise. ``further_commands`` are other programs of the same engine, by name. ``remarks`` are what must be
    known beside a command, ``memory`` names its memory model (a package of ``estimation.serving``) where that is not
    llama.cpp's, ``across`` how several machines serve a choice together and ``launchers`` by what they are started, the
    engine's own first, ``files`` what is written into a folder: None is the command alone. ``fetch`` is how the
    engine gets a file that is not here, ``kept_on`` the stores (as the probe of disks names them) that it puts it into,
    ``install`` where it can be had where looking for it finds it whenever it is there, ``needs`` what it needs beside
    itself to load a GGUF file. ``projector_file`` is how a command calls the file of a projector that nobody has here,
    and whether its publisher calls it so: None where no command names one.
    """

    name: str
    command: Command
    observe: Observe | None = None
    remarks: Remarks = no_remarks
    further_commands: Mapping[str, Command] = {}
    files: Files | None = None
    fetch: Fetching | None = None
    kept_on: tuple[str, ...] = ()
    install: str | None = None
    memory: str | None = None
    across: Across | None = None
    launchers: tuple[Launcher, ...] = ()
    checkpoints: Literal["published", "mlx"] = "published"
    needs: tuple[Message, ...] = ()
    projector_file: Callable[[Place | None], tuple[str, bool]] | None = None
    profiles: Mapping[str, Profile] = {}
    abilities: Abilities = Abilities()
    not_loaded: frozenset[str] = frozenset()
    loaded: frozenset[str] = frozenset()
    settled: Callable[[Profile, Occasion], Profile] | None = None
    of_build: Callable[[Profile, int], Profile] | None = None
