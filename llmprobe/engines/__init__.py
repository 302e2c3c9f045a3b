"""
Who runs it, and how? One file per engine: its defaults, what of it is on a machine, and the commands of a choice.

A module of this package has ``NAME``, ``PROFILES`` (what its programs do when they are told nothing, by program),
and where it can: ``ABILITIES`` (what it can be told; without it everything), ``NOT_LOADED`` and ``LOADED``
(architectures that it refuses, or runs though others refuse them), ``observe(source)``, ``command(choice, model,
backend)``, ``FURTHER_COMMANDS`` (other programs of the same engine, by name), ``files`` (what is written into a
folder), ``settled(profile, occasion)`` (defaults that depend on model and devices), and
``of_build(profile, build)`` (what an older build does otherwise). Modules are found by listing the package.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType

from llmprobe.engines._architectures import WITHOUT_FAMILY, answer_of_no
from llmprobe.engines._disk import models_below
from llmprobe.engines._words import is_local
from llmprobe.errors import UsageError
from llmprobe.facts.answer import Answer, Source
from llmprobe.facts.asking import Asking, pass_on
from llmprobe.facts.engine import Abilities, Occasion, Profile
from llmprobe.facts.machine import EngineOnMachine, Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Recommendation, Wishes
from llmprobe.units import format_bytes

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


def refused(model: ModelSpec, snapshot: Snapshot, wishes: Wishes) -> Recommendation | None:
    """
    Return the answer "no" where the engine cannot load a model of this architecture, whatever the machine, or None.
    """
    said = not_loaded(wishes.engine, model.architecture)
    if said is None:
        return None
    why, instead = said
    return answer_of_no(model, snapshot, wishes, why=why, instead=instead)


def not_loaded(name: str, architecture: str) -> tuple[str, tuple[str, ...]] | None:
    """
    Return that an engine cannot load an architecture, and which ones can; None where it can.
    """
    if architecture not in getattr(engine(name), "NOT_LOADED", ()):
        return None
    able = [other for other, one in all_engines().items() if architecture in getattr(one, "LOADED", ())]
    why = f"{name} does not load the architecture {architecture}"
    return why, tuple(f"{other} does: --engine {other}" for other in able)


def loads_without_family(architecture: str) -> bool:
    """
    Whether engines load an architecture whose tensors are not known here: all of them go by llama.cpp's list.
    """
    return architecture in WITHOUT_FAMILY


def observers(model_folders: Sequence[str] = ()) -> tuple[tuple[str, Observe], ...]:
    """
    Return what looks for an engine on a machine, for every engine that can be looked for.

    Models in ``model_folders`` are found too, as kept by that folder.
    """
    found = tuple(
        (module.__name__.rpartition(".")[2], module.observe)
        for module in all_engines().values()
        if hasattr(module, "observe")
    )
    return (*(("folder", _folder(path)) for path in model_folders), *found)


def _folder(path: str) -> Observe:
    def observe(source: Source) -> tuple[EngineOnMachine, ...]:
        models = models_below(source, path, f"the folder {path}")
        return (
            EngineOnMachine(name="folder", detail=path, models=tuple(models), evidence=(f"list:{path}",)),
        )

    return observe


class Remembering(Asking):
    """
    A source whose answers about disk, environment and commands are kept from one look to the next.
    """

    def __init__(self, source: Source, known: dict[tuple[str, ...], Answer]) -> None:
        self._source = source
        self._known = known
        self.this_machine = source.this_machine
        self.platform = source.platform

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        if method == "get":
            return pass_on(self._source, method, args, timeout_s)
        question = (method, *args)
        if question not in self._known:
            self._known[question] = pass_on(self._source, method, args, timeout_s)
        return self._known[question]


def steady_observers() -> tuple[tuple[str, Observe], ...]:
    """
    Return observers to look with again and again: a command is started for the first look only.
    """

    def steady(observe: Observe) -> Observe:
        known: dict[tuple[str, ...], Answer] = {}
        return lambda source: observe(Remembering(source, known))

    return tuple((name, steady(observe)) for name, observe in observers())


def commands(name: str) -> dict[str, Command]:
    """
    Return what prints a choice for an engine, under its name, and for further programs of it under theirs.

    Raises:
        UsageError: there is no such engine.
    """
    module = engine(name)
    return {name: module.command, **getattr(module, "FURTHER_COMMANDS", {})}


def files(recommendation: Recommendation, model: ModelSpec) -> dict[str, str]:
    """
    Return the files with which the engine runs the first choice, by name, a README.txt among them.
    """
    best = recommendation.choices[0]
    module = engine(recommendation.wishes.engine)
    used = {device.id for device in best.devices} - {"host"}
    backends = [one.backend for one in recommendation.machine.accelerators if one.id in used]
    made: Files | None = getattr(module, "files", None)
    backend = backends[0] if backends else None
    content = (
        {"command.txt": f"{module.command(best, model, backend)}\n"}
        if made is None
        else made(best, model, backend)
    )
    return {**content, "README.txt": _readme(recommendation, model, sorted(content))}


def _readme(recommendation: Recommendation, model: ModelSpec, names: list[str]) -> str:
    best = recommendation.choices[0]
    here = best.on_disk or (model.path if is_local(model) and best.quant == model.quant else None)
    lines = [
        f"{recommendation.model.name}, {best.quant}, for {recommendation.wishes.engine}",
        "",
        f"made by llmprobe {recommendation.llmprobe_version} for: {recommendation.machine.origin}",
        f"context {best.ctx_size} tokens over {best.parallel} {'slot' if best.parallel == 1 else 'slots'}, "
        f"{best.gpu_layers} of {best.total_layers} layers on the GPU",
        "",
        *(f"{device.id}: {format_bytes(device.total_bytes)}" for device in best.devices),
        "",
        "The model's file is not downloaded: put it where the commands say, or change its path there."
        if here is None
        else f"The model's file is on this disk already: {here}",
        "",
        f"files: {', '.join(names)}",
        *(["", *(f"- {reason}" for reason in best.reasons)] if best.reasons else []),
    ]
    return "\n".join(lines) + "\n"
