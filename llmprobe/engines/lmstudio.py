"""
LM Studio: its own defaults, what it is doing on a machine, the models it keeps, and how a choice is loaded.

Source: https://lmstudio.ai/docs (load settings, REST API v1, parallel requests) and github.com/lmstudio-ai/lms
(src/lmstudioPaths.ts, src/subcommands/load.ts, src/subcommands/importCmd.ts), August 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llmprobe.engines._record import Engine
from llmprobe.engines._shared.architectures import NOT_IN_LLAMA_CPP
from llmprobe.engines._shared.disk import folders, home, is_unfinished, joined, models_in, names
from llmprobe.engines._shared.model_files import model_file, needs_file
from llmprobe.engines._shared.publishers import place_of
from llmprobe.engines._shared.shell import devices_in_use, quoted
from llmprobe.engines._shared.values import UNNAMED, count, decoded, field, records, text
from llmprobe.facts.answer import Source
from llmprobe.facts.engine import Abilities, Fetch, Profile
from llmprobe.facts.machine import EngineOnMachine, LoadedModel, ModelOnDisk
from llmprobe.harmless import shell_word
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import Choice

NAME = "lmstudio"
KEPT_BY = message("kept-by.lmstudio")

PROFILES: dict[str, Profile] = {
    "lmstudio": Profile(
        engine="lmstudio",
        program="lmstudio",
        ctx_size=4096,
        parallel=4,
        batch_size=512,
        kv_unified=True,
        flash_attn="auto",
        notes=(message("engine.lmstudio-defaults", ctx_size=4096, parallel=4, batch_size=512),),
    ),
}
ABILITIES = Abilities(
    experts_on_host=False,
    tensor_split=False,
    slices=False,
    cache_types=("f16",),
    kv_on_host=False,
    projector_on_host=False,
    ubatch_sizes=(512,),
    notes=(message("engine.lmstudio-whole-layers"),),
    notes_on_experts=(message("engine.lmstudio-experts"),),
)

PORT = 1234


def observe(source: Source) -> tuple[EngineOnMachine, ...]:
    """
    LM Studio as it is here: its server, what that has loaded, and the models on disk.
    """
    base = _home(source)
    models = () if base is None else models_on_disk(source, base)
    if base is None and source.platform.system == "win32":
        return ()
    url = f"http://127.0.0.1:{PORT if base is None else _port(source, base)}"
    running, loaded, detail, asked = _server(source, url)
    if base is None and not running:
        return ()
    return (
        EngineOnMachine(
            name=NAME,
            running=running,
            installed=True,
            endpoint=url if running else None,
            detail=detail,
            silent=running is None and detail is not None,
            models=models,
            loaded=loaded,
            evidence=(f"get:{asked}",) if running or base is None else (f"list:{base}", f"get:{asked}"),
        ),
    )


def models_on_disk(source: Source, base: str) -> tuple[ModelOnDisk, ...]:
    """
    The GGUF files under ``models/publisher/model``, or wherever the app's settings keep them.
    """
    settings = source.read(joined(source, base, "settings.json"))
    own = text(field(decoded(settings.value), "downloadsFolder")) if settings.ok else None
    place = own or joined(source, base, "models")
    found: list[ModelOnDisk] = []
    for publisher in folders(source, place):
        for model in folders(source, joined(source, place, publisher)):
            folder = joined(source, place, publisher, model)
            files = names(source, folder)
            if any(name.lower().endswith(".gguf") or is_unfinished(name) for name in files):
                found += models_in(source, folder, files, KEPT_BY, f"{publisher}/{model}/")
    return tuple(msgspec.structs.replace(one, repo="/".join(one.name.split("/")[:2])) for one in found)


def command(choice: Choice, model: ModelSpec, backend: str | None) -> str:
    """
    The lines that bring the file to LM Studio where it is not there yet, and load it.

    ``--gpu`` is the share of whole layers, the output among them; LM Studio rounds it to a count of layers.
    """
    file = model_file(choice, model)
    place = _place(file)
    lines = []
    if needs_file(choice, model):
        published = place_of(model, choice.quant)
        if published is not None and published.file is not None:
            # As ``lms get`` keeps it.
            place = f"{published.repository}/{published.file}"
    if place is None:
        name = file.replace("\\", "/").rpartition("/")[2]
        if not name.endswith(".gguf"):
            name = f"{model.id.replace(':', '-').replace('/', '-')}-{choice.quant}.gguf"
            if choice.shell == "powershell":
                # A symbolic link takes rights there that a user seldom has.
                lines.append(f"New-Item -ItemType HardLink -Path {quoted(name)} -Target {quoted(file)}")
            else:
                lines.append(f"ln -s {shell_word(file)} {shell_word(name)}")
            file = name
        repo = f"{(model.repo or 'local/' + model.id).split('/')[0]}/{name.rpartition('.')[0]}"
        lines.append(f"lms import {shell_word(file)} --symbolic-link --user-repo {shell_word(repo)} -y")
        place = f"{repo}/{name}"
    words = ["lms", "load", "--exact", shell_word(place), *_share(choice, backend)]
    words += ["--context-length", str(choice.ctx_size), "--parallel", str(choice.parallel), "-y"]
    return "\n".join([*lines, " ".join(words)])


def fetch(choice: Choice, model: ModelSpec, backend: str | None) -> Fetch | None:  # noqa: ARG001 - the shape of Fetching
    """
    What downloads the file into LM Studio's own folder (``lms get``, with the type behind the repository).
    """
    place = place_of(model, choice.quant)
    if place is None:
        return None
    address = f"https://huggingface.co/{place.repository}@{place.tag.lower()}"
    line = f"lms get {shell_word(address)}"
    return Fetch(command=line, how=message("obtain.lmstudio", command=line), place=place)


def files(choice: Choice, model: ModelSpec, backend: str | None) -> dict[str, str]:
    """
    What ``--write`` puts into a folder: a script that loads the model.
    """
    lines = f"{command(choice, model, backend)}\n"
    if choice.shell == "powershell":
        return {"load-lmstudio.ps1": lines}
    return {"load-lmstudio.sh": f"#!/bin/sh\nset -e\n{lines}"}


def remarks(choice: Choice, model: ModelSpec, backend: str | None) -> tuple[Message, ...]:  # noqa: ARG001 - the shape of Remarks
    """
    What the command line cannot set, so that it is set in the app.
    """
    lines = []
    if {choice.cache_type_k, choice.cache_type_v} != {"f16"}:
        lines.append(
            message("engine.lmstudio-set-cache", type_k=choice.cache_type_k, type_v=choice.cache_type_v)
        )
    if choice.n_cpu_moe and backend is not None:
        lines.append(message("engine.lmstudio-set-experts", layers=choice.n_cpu_moe))
    if len(devices_in_use(choice)) > 1:
        lines.append(message("engine.lmstudio-set-split"))
    if choice.use_devices is not None and choice.devices and backend is not None:
        lines.append(message("engine.lmstudio-set-devices", devices=choice.use_devices))
    return tuple(lines)


def _share(choice: Choice, backend: str | None) -> tuple[str, ...]:
    """
    The option that says how much goes to the GPU; none where it is left to LM Studio.
    """
    if choice.leaves_devices:
        return ()
    if backend is None or choice.gpu_layers == 0:
        return ("--gpu", "off")
    if choice.gpu_layers >= choice.total_layers:
        return ("--gpu", "max")
    # Rounded down, so that what LM Studio makes of it is never a layer more than was counted.
    return ("--gpu", f"{choice.gpu_layers * 1000 // choice.total_layers / 1000:g}")


def _place(file: str) -> str | None:
    """
    The path by which LM Studio knows a file of its own folder: ``publisher/model/file.gguf``.
    """
    parts = file.replace("\\", "/").split("/")
    inside = any(name in parts for name in (".lmstudio", "lm-studio"))
    return "/".join(parts[-3:]) if inside and len(parts) > 3 else None


def _home(source: Source) -> str | None:
    user = home(source)
    if user is None:
        return None
    pointer = source.read(joined(source, user, ".lmstudio-home-pointer"))
    places = [str(pointer.value).strip()] if pointer.ok else []
    places += [joined(source, user, ".lmstudio"), joined(source, user, ".cache", "lm-studio")]
    return next((place for place in places if place and source.list(place).ok), None)


def _port(source: Source, base: str) -> int:
    answer = source.read(joined(source, base, ".internal", "http-server-config.json"))
    return (count(field(decoded(answer.value), "port")) if answer.ok else None) or PORT


def _server(source: Source, url: str) -> tuple[bool | None, tuple[LoadedModel, ...], Message | None, str]:
    """
    Whether its server runs, what it has loaded, what stood in the way, and what was asked.

    Version 1 of its interface is asked before version 0, which it had until 2026.
    """
    asked = f"{url}/api/v1/models"
    answer = source.get(asked)
    known = records(field(answer.value, "models")) if answer.ok else []
    if known and "loaded_instances" in known[0]:
        loaded = tuple(
            LoadedModel(
                name=text(model.get("key")) or UNNAMED,
                size_bytes=count(model.get("size_bytes")),
                ctx_size=count(field(instance, "config", "context_length")),
                parallel=count(field(instance, "config", "parallel")),
            )
            for model in known
            for instance in records(model.get("loaded_instances"))
        )
        return True, loaded, None, asked
    if answer.ok or answer.code == 404:
        asked = f"{url}/api/v0/models"
        older = source.get(asked)
        data = records(field(older.value, "data")) if older.ok else []
        if data and "state" in data[0]:
            held = tuple(
                LoadedModel(
                    name=text(one.get("id")) or UNNAMED, ctx_size=count(one.get("loaded_context_length"))
                )
                for one in data
                if one.get("state") == "loaded"
            )
            return True, held, None, asked
        return None, (), message("engine.port-taken", port=int(url.rpartition(":")[2])), asked
    if answer.status == "missing":
        return False, (), None, asked
    if answer.status == "not_recorded":
        return None, (), None, asked
    return (
        None,
        (),
        message("engine.port-silent", port=int(url.rpartition(":")[2]), status=answer.status),
        asked,
    )


ENGINE = Engine(
    name=NAME,
    observe=observe,
    command=command,
    remarks=remarks,
    files=files,
    fetch=fetch,
    kept_on=("lmstudio",),
    install="https://lmstudio.ai/download",
    profiles=PROFILES,
    abilities=ABILITIES,
    # It runs GGUF files by its own build of llama.cpp.
    not_loaded=NOT_IN_LLAMA_CPP,
)
