"""
Who runs it, and how? One file per engine: its defaults, what of it is on a machine, and the commands of a choice.

A module of this package has ``NAME``, ``PROFILES`` (what its programs do when they are told nothing, by program),
and where it can: ``ABILITIES`` (what it can be told; without it everything), ``observe(source)``,
``command(choice, model, backend)``, ``commands`` (further programs of the same choice), ``files`` (what is written
into a folder), ``settled(profile, occasion)`` (defaults that depend on model and devices), and
``of_build(profile, build)`` (what an older build does otherwise). Modules are found by listing the package.
"""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from types import ModuleType

from llmprobe.errors import UsageError
from llmprobe.facts.answer import Source
from llmprobe.facts.machine import EngineOnMachine
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.plan import Abilities, Choice, Occasion, Profile

Command = Callable[[Choice, ModelSpec, str | None], str]
Files = Callable[[Choice, ModelSpec, str | None], dict[str, str]]
Observe = Callable[[Source], tuple[EngineOnMachine, ...]]

DEFAULT_ENGINE = "llama.cpp"
DEFAULT_PROGRAM = "llama-server"


@cache
def all_engines() -> dict[str, ModuleType]:
    """
    Return the module of every engine, by the engine's name.
    """
    found = sorted(each.name for each in pkgutil.iter_modules(__path__) if not each.name.startswith("_"))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in found]
    return {module.NAME: module for module in modules}


def engine(name: str) -> ModuleType:
    """
    Return the module of an engine.

    Raises:
        UsageError: there is none of that name.
    """
    module = all_engines().get(name)
    if module is None:
        raise UsageError(f"there is no engine {name!r}", hint=f"one of {', '.join(all_engines())}")
    return module


def programs() -> dict[str, ModuleType]:
    """
    Return the engine of every program whose defaults are known.
    """
    return {program: module for module in all_engines().values() for program in module.PROFILES}


def profile(name: str) -> tuple[Profile, ModuleType]:
    """
    Return what a program does when it is told nothing, and its engine; ``llama-server@b9000`` is one of that build.

    Raises:
        UsageError: the program is not known, or the build is no build of it.
    """
    program, at, build = name.partition("@")
    module = programs().get(program)
    if module is None:
        raise UsageError(f"the defaults of {program!r} are not known", hint=f"one of {', '.join(programs())}")
    known: Profile = module.PROFILES[program]
    if not at:
        return known, module
    number = build.removeprefix("b")
    if not hasattr(module, "of_build"):
        raise UsageError(f"builds of {program} are not told apart", hint=f"leave @{build} out")
    if not number.isascii() or not number.isdecimal():
        raise UsageError(f"{build!r} is no build of {program}", hint=f"such as {program}@b9000")
    older: Profile = module.of_build(known, int(number))
    return older, module


def settled(known: Profile, module: ModuleType, occasion: Occasion) -> Profile:
    """
    Return a profile with the defaults that depend on the model and the devices filled in.
    """
    fill = getattr(module, "settled", None)
    return known if fill is None else fill(known, occasion)


def abilities(name: str) -> Abilities:
    """
    Return what an engine can be told.
    """
    known: Abilities = getattr(engine(name), "ABILITIES", Abilities())
    return known


def observers() -> tuple[tuple[str, Observe], ...]:
    """
    Return what looks for an engine on a machine, for every engine that can be looked for.
    """
    return tuple(
        (module.__name__.rpartition(".")[2], module.observe)
        for module in all_engines().values()
        if hasattr(module, "observe")
    )
