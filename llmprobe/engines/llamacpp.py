"""
llama.cpp: what its programs do when they are told nothing, what of it is on a machine, and a choice's commands.

Source: llama.cpp b11549, tools/server/server.cpp, tools/llama-bench/llama-bench.cpp, common/common.h.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from llmprobe.engines._record import Engine
from llmprobe.engines._shared.architectures import NOT_IN_LLAMA_CPP
from llmprobe.engines._shared.disk import env, home, joined, models_in, names
from llmprobe.engines._shared.hub_cache import hub_cache, models_of_hub
from llmprobe.engines._shared.model_files import is_local, model_file
from llmprobe.engines._shared.publishers import place_of, projector_file
from llmprobe.engines._shared.shell import line
from llmprobe.engines._shared.values import UNNAMED, count, field, records, text
from llmprobe.facts.answer import Source
from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.engine import Fetch, Place, Profile
from llmprobe.facts.machine import EngineOnMachine, LoadedModel, ModelOnDisk
from llmprobe.harmless import shell_word
from llmprobe.units import GIB, port_number
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import Choice

NAME = "llama.cpp"
PROFILES: dict[str, Profile] = {
    "llama-server": Profile(
        engine="llama.cpp",
        program="llama-server",
        parallel=4,
        kv_unified=True,
        outputs="slots",
        notes=(message("engine.llama-server-prompt-cache", bytes=8 * GIB),),
    ),
    "llama-bench": Profile(
        engine="llama.cpp", program="llama-bench", outputs="ubatch", mmap=True, loads_projector=False
    ),
}

CHANGED_BUILD = 9400
"""
From about this build on (June 2026) masks of flash attention are f16 only (pull request 23764) and logits are
reserved for the rows that are asked for instead of a whole micro-batch (23861).
"""

MIXING_BUILD = 10660
"""
From about this build on (August 2026) a batch may have tokens and vectors of pictures, which takes two buffers of the
batch's width more (pull request 24669, which was open on the 17th).
"""

KNOWN_NEW_BUILD = 9849
"""The first build whose logs are known to follow the new rules."""

"""The name under which a projector is mostly published."""

_WHOLE_VALUES = ("f32", "f16", "bf16")
"""Types of a V cache that needs no flash attention."""

PORT = 8080
COMMANDS = ("llama-server", "llama-cli")
_BUILD = r"version: (?:\S+ \(build )?([1-9]\d*)"
"""Built from an archive without its history a program calls itself build 0, which says nothing."""

_BUILD_INFO = r"b([1-9]\d*)\b"


def of_build(profile: Profile, build: int) -> Profile:
    """
    What a program of this build does, as far as it takes another amount of memory.
    """
    notes = list(profile.notes)
    if build < CHANGED_BUILD:
        notes.append(message("engine.llama-cpp-older-build", build=build))
        return msgspec.structs.replace(
            profile, outputs="ubatch", old_masks=True, mixes=False, notes=tuple(notes)
        )
    if build < KNOWN_NEW_BUILD:
        notes.append(message("engine.llama-cpp-build-unsure", build=build, changed=CHANGED_BUILD))
    return msgspec.structs.replace(profile, mixes=build >= MIXING_BUILD, notes=tuple(notes))


def observe(source: Source) -> tuple[EngineOnMachine, ...]:
    """
    Llama.cpp as it is here: its programs' build, a server on its usual port, the models in its caches.
    """
    build = found = silent = None
    for program in COMMANDS:
        answer = source.run(program, "--version")
        if answer.ok:
            found = program
            build = _build(field(answer.value, "stderr"), field(answer.value, "stdout"))
            break
        if answer.status == "timeout":
            silent = program
            break
    models, asked = models_on_disk(source)
    url = f"http://127.0.0.1:{port_number(env(source, 'LLAMA_ARG_PORT') or '') or PORT}"
    props = None
    if found or models or source.platform.system != "win32":
        answer = source.get(f"{url}/props")
        props = answer.value if answer.ok and text(field(answer.value, "build_info")) else None
    if found is None and silent is None and props is None and not models:
        return ()
    running_build = re.match(_BUILD_INFO, text(field(props, "build_info")) or "")
    evidence = [f"run:{found or silent} --version"] if found or silent else []
    evidence += [f"get:{url}/props"] if props is not None else []
    return (
        EngineOnMachine(
            name=NAME,
            version=f"b{running_build.group(1)}" if running_build else build,
            running=True if props is not None else None,
            installed=True if found is not None or props is not None else None if silent else False,
            endpoint=url if props is not None else None,
            detail=message("engine.command-silent", program=silent)
            if silent
            else _detail(found, build, running_build),
            models=models,
            loaded=_loaded(source, url, props),
            evidence=(*evidence, *(f"list:{folder}" for folder in asked)),
        ),
    )


def models_on_disk(source: Source) -> tuple[tuple[ModelOnDisk, ...], tuple[str, ...]]:
    """
    The GGUF files of llama.cpp's own cache, its models folder and the hub's cache, and the folders asked.
    """
    found: list[ModelOnDisk] = []
    asked: list[str] = []
    hub = hub_cache(source)
    own = env(source, "LLAMA_CACHE") or _own_cache(source)
    for folder, kept_by in (
        (own, message("kept-by.llama-cpp")),
        (env(source, "LLAMA_ARG_MODELS_DIR"), message("kept-by.models-dir")),
    ):
        models = [] if folder is None else models_in(source, folder, names(source, folder), kept_by, "")
        found += models
        asked += [folder] if folder is not None and models else []
    for cache in dict.fromkeys(filter(None, (hub, env(source, "LLAMA_CACHE")))):
        held = models_of_hub(source, cache)
        found += held
        asked += [cache] if held else []
    return tuple(found), tuple(asked)


def command(choice: Choice, model: ModelSpec, backend: str | None) -> str:
    """
    The llama-server command line of a choice, with every setting that the choice stands on.

    ``--fit off`` keeps the engine from changing what was computed. ``backend`` is that of the devices in use.
    """
    return line(choice, choice.environment, _words("llama-server", choice, model, backend))


def cli_command(choice: Choice, model: ModelSpec, backend: str | None) -> str:
    """
    The llama-cli command line of a choice, which talks in the terminal and answers one at a time.

    It runs the server inside and has one slot unless told otherwise. With one for all the context, or for its own part
    of it, the compute buffers would not be those of the choice.
    """
    return line(choice, choice.environment, _words("llama-cli", choice, model, backend))


def fetch(choice: Choice, model: ModelSpec, backend: str | None) -> Fetch | None:
    """
    The command line with ``-hf`` in place of the file: llama-server fetches it into the hub's cache and runs it.

    It loads the projector that is beside the file, too, unless told not to (common/arg.cpp, ``-hf``). A file at another
    address is fetched by itself.
    """
    place = place_of(model, choice.quant)
    if place is not None:
        named = _hub_words(place, choice, model)
        words = _words("llama-server", choice, model, backend, named)
        how = message("obtain.llama-cpp", option=" ".join(named))
        return Fetch(command=line(choice, choice.environment, words), how=how, place=place)
    if model.path is not None and choice.quant == model.quant and not is_local(model):
        fetching = f"curl -L -o {shell_word(model_file(choice, model))} {shell_word(model.path)}"
        return Fetch(command=fetching, how=message("obtain.address", command=fetching))
    return None


def _hub_words(place: Place, choice: Choice, model: ModelSpec) -> list[str]:
    words = ["-hf", shell_word(f"{place.repository}:{place.tag}")]
    offered = model.published is not None and model.published.projector
    return [*words, "--no-mmproj"] if offered and choice.projector is None else words


def files(choice: Choice, model: ModelSpec, backend: str | None) -> dict[str, str]:
    """
    What ``--write`` puts into a folder: a script for each program.
    """
    commands = {
        "llama-server": command(choice, model, backend),
        "llama-cli": cli_command(choice, model, backend),
    }
    if choice.shell == "powershell":
        return {f"run-{program}.ps1": f"{command} @args\n" for program, command in commands.items()}
    return {f"run-{program}.sh": f'#!/bin/sh\n{command} "$@"\n' for program, command in commands.items()}


def _words(
    program: str, choice: Choice, model: ModelSpec, backend: str | None, file: Sequence[str] = ()
) -> list[str]:
    """
    The words of a command; ``file`` are those that name the model, ``-m`` and the file where there are none.
    """
    words = [program, *(file or ("-m", shell_word(model_file(choice, model))))]
    words += _projector_words(choice, model, named=not file)
    words += ["-c", str(choice.ctx_size)]
    if program == "llama-server" or choice.parallel > 1:
        words += ["-np", str(choice.parallel)]
    if program == "llama-server" and _embeds(model):
        words.append("--embedding")
    if choice.leaves_devices:
        # Whether there is a GPU is unknown: the engine fits the model to what it finds.
        pass
    elif backend is None:
        words += ["--device", "none"]
    elif choice.use_devices is not None:
        # What the environment leaves visible is numbered anew.
        hidden = any(name.endswith("VISIBLE_DEVICES") for name in choice.environment)
        numbers = range(len(choice.use_devices)) if hidden else choice.device_numbers
        words += ["--device", ",".join(f"{BACKENDS[backend].device_prefix}{number}" for number in numbers)]
    if not choice.leaves_devices:
        words += ["-ngl", str(choice.gpu_layers)]
    if choice.n_cpu_moe:
        words += ["--n-cpu-moe", str(choice.n_cpu_moe)]
    if choice.cpu_moe_layers:
        words += ["-ot", shell_word(_override(choice.cpu_moe_layers))]
    if not choice.kv_offload:
        words.append("-nkvo")
    if choice.split_mode == "tensor":
        words += ["-sm", "tensor"]
    if choice.tensor_split:
        words += ["-ts", ",".join(f"{share:g}" for share in choice.tensor_split)]
    if choice.spec_type:
        words += ["--spec-type", ",".join(choice.spec_type)]
        words += ["--spec-draft-n-max", str(choice.spec_draft_n_max)]
    words += ["-ctk", choice.cache_type_k, "-ctv", choice.cache_type_v, "-fa", _flash(choice)]
    words += ["-b", str(choice.batch_size), "-ub", str(choice.ubatch_size)]
    return words if choice.leaves_devices else [*words, "--fit", "off"]


def _flash(choice: Choice) -> str:
    """
    Flash attention as the choice was computed with it.

    A projector gets the same word, and its encoder may have heads that no kernel of the device is for: told ``on`` it
    would compute them on the CPU (tools/mtmd/clip.cpp). With a quantized V cache or a split by tensors the choice has
    ``on`` for both.
    """
    decided = choice.cache_type_v not in _WHOLE_VALUES or choice.split_mode == "tensor"
    left_open = choice.flash_attn == "on" and choice.projector is not None and not decided
    return "auto" if left_open else choice.flash_attn


def _projector_words(choice: Choice, model: ModelSpec, *, named: bool) -> list[str]:
    """
    The projector of a choice, under the name that publishers give it where no file of it is known; not ``named``,
    it is fetched with the model.
    """
    found = choice.projector
    if found is None:
        return []
    words = []
    if named or found.path is not None:
        customary, _ = projector_file(place_of(model, choice.quant))
        words = ["--mmproj", shell_word(found.path or customary)]
    if not choice.mmproj_offload:
        words.append("--no-mmproj-offload")
    for option, tokens in (
        ("--image-min-tokens", choice.image_min_tokens),
        ("--image-max-tokens", choice.image_max_tokens),
    ):
        words += [option, str(tokens)] if tokens else []
    return words


def _override(layers: tuple[int, ...]) -> str:
    """
    What keeps the experts of these layers on the host: the names of their tensors, and where they go.
    """
    numbers = "|".join(_numbers(layers))
    return rf"blk\.({numbers})\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU"


def _numbers(layers: tuple[int, ...]) -> Iterator[str]:
    """
    Yield patterns that match these numbers and no others: 20 to 29 is ``2[0-9]``.
    """
    for tens, group in groupby(sorted(layers), key=lambda layer: layer // 10):
        lead = str(tens) if tens else ""
        digits = [layer % 10 for layer in group]
        while digits:
            run = next((at for at, digit in enumerate(digits) if digit != digits[0] + at), len(digits))
            yield f"{lead}{digits[0]}" if run == 1 else f"{lead}[{digits[0]}-{digits[run - 1]}]"
            del digits[:run]


def _embeds(model: ModelSpec) -> bool:
    """
    Tell whether a model turns text into vectors, which the server does only where it is told so.
    """
    return model.hparams.get("attention.causal") is False and "pooling_type" in model.hparams


def _own_cache(source: Source) -> str | None:
    """
    Where llama.cpp keeps files that it fetched itself (common/common.cpp, fs_get_cache_directory).
    """
    user = home(source)
    system = source.platform.system
    if system == "win32":
        base = env(source, "LOCALAPPDATA")
    elif system == "darwin":
        base = None if user is None else joined(source, user, "Library", "Caches")
    else:
        base = env(source, "XDG_CACHE_HOME") or (None if user is None else joined(source, user, ".cache"))
    return None if base is None else joined(source, base, "llama.cpp")


def _build(*said: object) -> str | None:
    """
    The build that ``--version`` names: ``version: 6182 (1fe0029)``, or ``version: 1.0 (build 11549, …)``.
    """
    for words in said:
        match = re.search(_BUILD, words) if isinstance(words, str) else None
        if match:
            return f"b{match.group(1)}"
    return None


def _detail(found: str | None, build: str | None, running: re.Match[str] | None) -> Message | None:
    if found is None and running is None:
        return message("engine.only-caches")
    if running is not None and build is not None and build != f"b{running.group(1)}":
        return message("engine.other-build-on-path", build=build)
    return None


def _loaded(source: Source, url: str, props: object) -> tuple[LoadedModel, ...]:
    if props is None:
        return ()
    if field(props, "role") == "router":
        listed = source.get(f"{url}/v1/models")
        return tuple(
            LoadedModel(name=text(one.get("id")) or UNNAMED)
            for one in records(field(listed.value, "data"))
            if field(one, "status", "value") == "loaded"
        )
    slots = count(field(props, "total_slots"))
    per_slot = count(field(props, "default_generation_settings", "n_ctx"))
    name = text(field(props, "model_alias")) or text(field(props, "model_path")) or ""
    name = name.replace("\\", "/").rpartition("/")[2] if name.endswith(".gguf") else name
    return (LoadedModel(name=name or UNNAMED, ctx_size=per_slot, parallel=slots),)


ENGINE = Engine(
    name=NAME,
    observe=observe,
    command=command,
    further_commands={"llama-cli": cli_command},
    files=files,
    fetch=fetch,
    kept_on=("huggingface", "llama.cpp"),
    install="https://github.com/ggml-org/llama.cpp/releases",
    projector_file=projector_file,
    profiles=PROFILES,
    not_loaded=NOT_IN_LLAMA_CPP,
    of_build=of_build,
)
