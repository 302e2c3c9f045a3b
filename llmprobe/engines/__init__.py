"""
Who runs it, and how? One file per engine, each with one record ``ENGINE`` (see ``_record``): its defaults, what of it
is on a machine, and the commands of a choice. Engines are found by listing this package.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from llmprobe.engines._record import Command, Engine, Observe
from llmprobe.engines._remembering import steady
from llmprobe.engines._shared.disk import models_below
from llmprobe.engines._shared.model_files import model_file, needs_file
from llmprobe.errors import UsageError
from llmprobe.facts.answer import Source
from llmprobe.facts.engine import Abilities, Occasion, Profile
from llmprobe.facts.machine import EngineOnMachine
from llmprobe.units import whole_number
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import Choice

__all__ = ["Command", "Engine", "Observe", "all_engines", "engine"]

DEFAULT_ENGINE = "llama.cpp"
DEFAULT_PROGRAM = "llama-server"


@cache
def all_engines() -> dict[str, Engine]:
    """
    Every engine, by its name.
    """
    here = os.path.dirname(__file__)  # noqa: PTH120 - pathlib is imported by nothing else here
    names = sorted(name.removesuffix(".py") for name in os.listdir(here) if name.endswith(".py"))  # noqa: PTH208 - likewise
    found: list[Engine] = [
        import_module(f"{__name__}.{name}").ENGINE for name in names if not name.startswith("_")
    ]
    return {one.name: one for one in found}


def engine(name: str) -> Engine:
    """
    An engine by its name.

    Raises:
        UsageError: there is none of that name.
    """
    known = all_engines().get(name)
    if known is None:
        raise UsageError(
            message("error.engine-unknown", engine=name),
            hint=message("hint.one-of", names=tuple(all_engines())),
        )
    return known


def programs() -> dict[str, Engine]:
    """
    The engine of every program whose defaults are known.
    """
    return {program: one for one in all_engines().values() for program in one.profiles}


def profile(name: str) -> tuple[Profile, Engine]:
    """
    What a program does when it is told nothing, and its engine; ``llama-server@b9000`` is one of that build.

    Raises:
        UsageError: the program is not known, or the build is no build of it.
    """
    program, at, build = name.partition("@")
    one = programs().get(program)
    if one is None:
        raise UsageError(
            message("error.program-unknown", program=program),
            hint=message("hint.one-of", names=tuple(programs())),
        )
    known = one.profiles[program]
    if not at:
        return known, one
    number = whole_number(build.removeprefix("b"))
    if one.of_build is None:
        raise UsageError(
            message("error.builds-not-known", program=program),
            hint=message("hint.leave-build-out", build=build),
        )
    if number is None:
        raise UsageError(
            message("error.no-build", build=build, program=program),
            hint=message("hint.build-example", program=program),
        )
    return one.of_build(known, number), one


def settled(known: Profile, one: Engine, occasion: Occasion) -> Profile:
    """
    A profile with the defaults that depend on the model and the devices filled in.
    """
    return known if one.settled is None else one.settled(known, occasion)


def abilities(name: str) -> Abilities:
    """
    What an engine can be told.
    """
    return engine(name).abilities


def serves(program: str) -> bool:
    """
    Tell whether a program (``vllm``, or a version of it: ``vllm@0.19``) has a memory model that is not llama.cpp's.
    """
    one = all_engines().get(program.partition("@")[0])
    return one is not None and one.memory is not None


def not_loaded(name: str, architecture: str) -> tuple[Message, tuple[Message, ...]] | None:
    """
    That an engine cannot load an architecture, and which ones can; None where it can.
    """
    if architecture not in engine(name).not_loaded:
        return None
    able = [other for other, one in all_engines().items() if architecture in one.loaded]
    why = message("rejected.engine-lacks-architecture", engine=name, architecture=architecture)
    return why, tuple(message("nearest.engine-has-architecture", engine=other) for other in able)


def observers(model_folders: Sequence[str] = ()) -> tuple[tuple[str, Observe], ...]:
    """
    What looks for an engine on a machine, for every engine.

    Models in ``model_folders`` are found too, as kept by that folder.
    """
    looking = (one.observe for one in all_engines().values() if one.observe is not None)
    found = tuple((observe.__module__.rpartition(".")[2], observe) for observe in looking)
    return (*(("folder", _folder(path)) for path in model_folders), *found)


def steady_observers() -> tuple[tuple[str, Observe], ...]:
    """
    Observers to look with again and again: a command is started for the first look only.
    """
    return tuple((name, steady(observe)) for name, observe in observers())


def commands(name: str) -> dict[str, Command]:
    """
    What prints a choice for an engine, under its name, and for further programs of it under theirs.

    Raises:
        UsageError: there is no such engine.
    """
    one = engine(name)
    return {name: one.command, **one.further_commands}


def files(name: str, choice: Choice, model: ModelSpec, backend: str | None) -> dict[str, str]:
    """
    The files with which an engine runs a choice, by name; none where it cannot run it.
    """
    one = engine(name)
    if one.files is not None:
        return one.files(choice, model, backend)
    line = one.command(choice, model, backend)
    return {} if line is None else {"command.txt": f"{line}\n"}


def file_of(choice: Choice, model: ModelSpec) -> str:
    """
    The file that a choice is, or the name under which its quantization is customarily published.
    """
    return model_file(choice, model)


def is_to_be_fetched(choice: Choice, model: ModelSpec) -> bool:
    """
    Tell whether the file of a choice is not on this machine, as far as is known.
    """
    return needs_file(choice, model)


def _folder(path: str) -> Observe:
    def observe(source: Source) -> tuple[EngineOnMachine, ...]:
        models = models_below(source, path, message("kept-by.folder", path=path))
        return (
            EngineOnMachine(
                name="folder",
                detail=message("kept-by.folder", path=path),
                models=tuple(models),
                evidence=(f"list:{path}",),
            ),
        )

    return observe
