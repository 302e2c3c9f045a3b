"""
Ollama: its own defaults, what it is doing on a machine, the models it keeps, and the Modelfile of a choice.

Source: github.com/ollama/ollama at fb30760 (August 2026): llm/llama_server.go for what llama-server is started with,
envconfig/config.go for the environment; ``_shared/ollama_defaults.py`` has the automatic context and batch.
Files in parts: ollama/ollama#5245.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmprobe.engines._record import Engine
from llmprobe.engines._shared.disk import env
from llmprobe.engines._shared.model_files import embeds, model_file, needs_file, split_of
from llmprobe.engines._shared.ollama_defaults import ONE_SLOT, settled
from llmprobe.engines._shared.ollama_library import library_name
from llmprobe.engines._shared.ollama_store import models_on_disk, service_environment, settings_of
from llmprobe.engines._shared.publishers import place_of
from llmprobe.engines._shared.shell import devices_in_use, line, quoted
from llmprobe.engines._shared.values import UNNAMED, count, field, records, text
from llmprobe.facts.answer import Source
from llmprobe.facts.engine import Abilities, Fetch, Profile
from llmprobe.facts.machine import EngineOnMachine, LoadedModel
from llmprobe.harmless import shell_word
from llmprobe.units import GIB, port_number
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import Choice

NAME = "ollama"

PROFILES: dict[str, Profile] = {
    "ollama": Profile(engine="ollama", program="ollama", ctx_size=4096, batch_size=512, ubatch_size=512),
}
FIT_TARGET_BYTES = GIB
"""What llama-server leaves free on each device where it places a model by itself (``--fit-target``)."""

ABILITIES = Abilities(
    tensor_split=False,
    slices=False,
    own_fit_bytes=FIT_TARGET_BYTES,
    cache_types=("f16", "q8_0", "q4_0"),
    same_cache_types=True,
    kv_on_host=False,
    projector_on_host=False,
    ubatch_sizes=(512, 128),
    notes_on_experts=(message("engine.ollama-fit", bytes=FIT_TARGET_BYTES),),
    own_library=True,
)

LOADED = frozenset({"mllama", "solar"})
"""Architectures that llama.cpp refuses and Ollama runs: by an engine of its own, and by a patch."""

PORT = 11434
BLOB = "sha256-"
VISIBLE_DEVICES = {
    "cuda": "CUDA_VISIBLE_DEVICES",
    "rocm": "ROCR_VISIBLE_DEVICES",
    "vulkan": "GGML_VK_VISIBLE_DEVICES",
}


def observe(source: Source) -> tuple[EngineOnMachine, ...]:
    """
    Ollama as it is here: running or not, its version, what it holds in memory and keeps on disk.
    """
    service = service_environment(source)
    models, asked = models_on_disk(source, service.get("OLLAMA_MODELS"))
    url = _url(source)
    evidence = [f"list:{folder}" for folder in asked]
    version = running = None
    loaded: tuple[LoadedModel, ...] = ()
    detail = None
    silent = False
    if url is None:
        detail = message("engine.elsewhere")
    elif models or source.platform.system != "win32" or env(source, "OLLAMA_HOST"):
        answer = source.get(f"{url}/api/version")
        version = text(field(answer.value, "version")) if answer.ok else None
        running = True if version else False if answer.status == "missing" else None
        if answer.ok:
            evidence.append(f"get:{url}/api/version")
        elif answer.status in ("timeout", "failed", "denied"):
            detail = message("engine.port-silent", port=int(url.rpartition(":")[2]), status=answer.status)
            silent = True
    if running:
        seen = source.get(f"{url}/api/ps")
        loaded = tuple(_loaded(record) for record in records(field(seen.value, "models"))) if seen.ok else ()
        evidence.append(f"get:{url}/api/ps")
    command = False
    if version is None:
        answer = source.run("ollama", "--version")
        command = answer.ok
        version = _version(field(answer.value, "stdout")) if answer.ok else None
        evidence += ["run:ollama --version"] if answer.ok else []
    if not (running or command or models or silent):
        return ()
    return (
        EngineOnMachine(
            name=NAME,
            version=version,
            running=running,
            installed=bool(running or command),
            endpoint=url if running else None,
            detail=detail,
            silent=silent,
            models=models,
            loaded=loaded,
            settings=settings_of(source, service),
            evidence=tuple(evidence) or (f"get:{url}/api/version",),
        ),
    )


def command(choice: Choice, model: ModelSpec, backend: str | None) -> str | None:
    """
    The shell lines that make a model of the choice's settings and run it, None where a Modelfile cannot name the file.
    """
    name = model_name(choice, model)
    if not model_file(choice, model).isprintable():
        return None
    content = modelfile(choice, model, backend).splitlines()
    serve = _serve(choice, environment(choice, backend))
    # A comment, as the server may run already: the reason is among the remarks.
    lines = [] if serve is None else [f"# {serve}"]
    if choice.shell == "powershell":
        encoding = "" if all(map(str.isascii, content)) else " -Encoding utf8"
        lines.append(f"{', '.join(map(quoted, content))} | Set-Content{encoding} Modelfile")
    else:
        lines += ["cat > Modelfile <<'END'", *content, "END"]
    return "\n".join([*lines, *_made_and_run(name, model)])


def _made_and_run(name: str, model: ModelSpec) -> list[str]:
    """
    What makes a model of the Modelfile and talks to it; one that makes vectors answers to requests only.
    """
    return [f"ollama create {name} -f Modelfile", *([] if embeds(model) else [f"ollama run {name}"])]


def fetch(choice: Choice, model: ModelSpec, backend: str | None) -> Fetch | None:  # noqa: ARG001 - the shape of Fetching
    """
    What pulls the model: from Ollama's library where that has this type, else from a repository on Hugging Face.
    """
    name = library_name(model, choice.quant)
    place = None if name else place_of(model, choice.quant)
    if name is None and place is not None:
        name = f"hf.co/{place.repository}:{place.tag}"
    if name is None:
        return None
    pull = f"ollama pull {shell_word(name)}"
    return Fetch(command=pull, how=message("obtain.ollama", command=pull), place=place, name=name)


def files(choice: Choice, model: ModelSpec, backend: str | None) -> dict[str, str]:
    """
    What ``--write`` puts into a folder: the Modelfile, the server's environment, and a script.
    """
    if command(choice, model, backend) is None:
        return {}
    name = model_name(choice, model)
    variables = environment(choice, backend)
    script, ending = ["#!/bin/sh", "set -e", 'cd "$(dirname "$0")"'], "sh"
    if choice.shell == "powershell":
        script, ending = ["Set-Location $PSScriptRoot"], "ps1"
    script += _made_and_run(name, model)
    written = {
        "Modelfile": modelfile(choice, model, backend),
        f"run-ollama.{ending}": "\n".join(script) + "\n",
    }
    if variables:
        written["ollama.env"] = "".join(f"{key}={value}\n" for key, value in sorted(variables.items()))
    return written


def model_name(choice: Choice, model: ModelSpec) -> str:
    """
    A name for the new model that Ollama takes: ``qwen3-8b-q4_k_m-8k``.
    """
    base = "".join(
        sign if sign.isascii() and (sign.isalnum() or sign in "-._") else "-" for sign in model.id.lower()
    )
    per_slot = choice.ctx_size // choice.parallel
    size = f"{per_slot // 1024}k" if per_slot % 1024 == 0 else str(per_slot)
    return f"{base.strip('-._') or 'model'}-{choice.quant.lower()}-{size}"


def modelfile(choice: Choice, model: ModelSpec, backend: str | None) -> str:
    """
    The Modelfile of a choice. ``num_ctx`` counts for one slot, ``num_gpu`` is llama.cpp's ``-ngl``, left
    out where Ollama places experts by itself.
    """
    file, name = model_file(choice, model), None
    fetched = fetch(choice, model, backend) if needs_file(choice, model) else None
    if fetched is not None:
        name = fetched.name
    if choice.on_disk is not None and model.kept_as is not None and BLOB in choice.on_disk:
        # By its name it keeps its template and parameters, which the blob alone has not.
        name = model.kept_as
    projector = None if choice.projector is None else choice.projector.path
    # A name brings its own projector, a file needs a second line for it.
    second = [] if name is not None or projector is None else [f"FROM {_beside(projector)}"]
    layers = choice.gpu_layers if backend is not None else 0
    lines = [
        f"FROM {name or _beside(file)}",
        *second,
        f"PARAMETER num_ctx {choice.ctx_size // choice.parallel}",
        *([] if _fits_itself(choice, backend) else [f"PARAMETER num_gpu {layers}"]),
        f"PARAMETER num_batch {choice.ubatch_size}",
    ]
    return "\n".join(lines) + "\n"


def _beside(file: str) -> str:
    """
    The path of a file as a Modelfile names it: a bare name would be one of the library.
    """
    return file if "/" in file or "\\" in file else f"./{file}"


def _fits_itself(choice: Choice, backend: str | None) -> bool:
    """
    Tell whether the placement is left to Ollama: only its llama-server can keep experts apart, where no layers are set
    (llm/llama_server.go: ``-ngl`` where num_gpu is given, ``--fit`` else).
    """
    return choice.leaves_devices or (backend is not None and bool(choice.n_cpu_moe or choice.cpu_moe_layers))


def environment(choice: Choice, backend: str | None) -> dict[str, str]:
    """
    The variables that the Ollama server must be started with for this choice.
    """
    variables = dict(choice.environment)
    if choice.parallel > 1:
        variables["OLLAMA_NUM_PARALLEL"] = str(choice.parallel)
    if choice.cache_type_k != "f16":
        variables |= {"OLLAMA_KV_CACHE_TYPE": choice.cache_type_k, "OLLAMA_FLASH_ATTENTION": "1"}
    hides = VISIBLE_DEVICES.get(backend or "")
    if choice.use_devices and hides is not None and hides not in variables:
        variables[hides] = ",".join(map(str, choice.device_numbers))
    if len(devices_in_use(choice)) > 1:
        variables["OLLAMA_SCHED_SPREAD"] = "1"
    return variables


def remarks(choice: Choice, model: ModelSpec, backend: str | None) -> tuple[Message, ...]:
    """
    What must be known beside the Modelfile: what only the server's environment can say, and what Ollama cannot do.
    """
    serve = _serve(choice, environment(choice, backend))
    lines = [] if serve is None else [message("engine.ollama-serve", command=serve)]
    if embeds(model):
        lines.append(message("engine.ollama-embeds", name=model_name(choice, model)))
    if _fits_itself(choice, backend) and not choice.leaves_devices:
        kept = choice.n_cpu_moe + len(choice.cpu_moe_layers)
        lines.append(message("engine.ollama-experts", layers=kept))
    if choice.cache_type_k != choice.cache_type_v:
        lines.append(message("engine.ollama-one-cache-type", type_k=choice.cache_type_k))
    file = model_file(choice, model)
    if split_of(file) is not None:
        lines.append(message("engine.ollama-split-files"))
    if choice.parallel > 1 and model.architecture in ONE_SLOT:
        lines.append(message("engine.ollama-one-slot", architecture=model.architecture))
    if not file.isprintable():
        lines.append(message("engine.ollama-file-name", file=file))
    return tuple(lines)


def _serve(choice: Choice, variables: dict[str, str]) -> str | None:
    """
    The command that starts the server with these variables, None where it needs none.
    """
    return line(choice, variables, ["ollama", "serve"]) if variables else None


def _loaded(record: dict[str, object]) -> LoadedModel:
    return LoadedModel(
        name=text(record.get("name")) or UNNAMED,
        size_bytes=count(record.get("size")),
        vram_bytes=count(record.get("size_vram")),
        ctx_size=count(record.get("context_length")),
        until=text(record.get("expires_at")),
    )


def _url(source: Source) -> str | None:
    """
    Where its server listens on this machine, None where it is another machine's.
    """
    host = (env(source, "OLLAMA_HOST") or "").strip().removeprefix("http://").split("/")[0]
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]") or (":" in name and not name.endswith("]")):
        # An address of IPv6 has colons of its own, and its port only behind brackets.
        name, port = host, ""
    name = name.strip("[]")
    if name in ("", "localhost", "0.0.0.0", "::", "127.0.0.1"):  # noqa: S104 - a name to compare with
        name = "127.0.0.1"
    elif name == "::1":
        name = "[::1]"
    else:
        return None
    return f"http://{name}:{port_number(port) or PORT}"


def _version(said: object) -> str | None:
    lines = said.splitlines() if isinstance(said, str) else []
    for row in lines:
        before, found, version = row.partition("version is ")
        if found and before.lower().startswith(("ollama", "warning")):
            return text(version.strip())
    return None


ENGINE = Engine(
    name=NAME,
    observe=observe,
    command=command,
    remarks=remarks,
    files=files,
    fetch=fetch,
    kept_on=("ollama",),
    install="https://ollama.com/download",
    profiles=PROFILES,
    abilities=ABILITIES,
    loaded=LOADED,
    settled=settled,
)
