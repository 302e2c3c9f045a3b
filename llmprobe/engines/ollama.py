"""
Ollama: its own defaults, what it is doing on a machine, the models it keeps, and the Modelfile of a choice.

Source: github.com/ollama/ollama at fb30760 (August 2026): server/routes.go and server/sched.go for the automatic
context and batch, llm/llama_server.go for what llama-server is started with, envconfig/config.go for the environment.
Files in parts: ollama/ollama#5245.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from llmprobe.engines._record import Engine
from llmprobe.engines._shared.disk import env
from llmprobe.engines._shared.model_files import model_file, split_of
from llmprobe.engines._shared.ollama_store import models_on_disk, service_environment, settings_of
from llmprobe.engines._shared.shell import devices_in_use, environment_words
from llmprobe.engines._shared.values import UNNAMED, count, field, records, text
from llmprobe.facts.answer import Source
from llmprobe.facts.engine import Abilities, Occasion, Profile
from llmprobe.facts.machine import EngineOnMachine, LoadedModel
from llmprobe.facts.model import ModelSpec
from llmprobe.units import GIB, MIB, port_number, whole_number
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.facts.recommendation import Choice

NAME = "ollama"

PROFILES: dict[str, Profile] = {
    "ollama": Profile(engine="ollama", program="ollama", ctx_size=4096, batch_size=512, ubatch_size=512),
}
ABILITIES = Abilities(
    experts_on_host=False,
    tensor_split=False,
    cache_types=("f16", "q8_0", "q4_0"),
    same_cache_types=True,
    kv_on_host=False,
    ubatch_sizes=(512, 128),
    notes_on_experts=(message("engine.ollama-experts"),),
)

CONTEXTS = ((47 * GIB, 262144), (23 * GIB, 32768), (0, 4096))
"""From so much VRAM over all GPUs on, this is the context where none is set."""

BATCHES = ((32768, 2048), (4096, 1024), (-1, 512))
"""Beyond so many tokens of context, this is the batch where none is set and there is room for it."""

BATCH_ROOM = {2048: (60, 2 * GIB), 1024: (75, 768 * MIB)}
"""What is predicted may take so many percent of what is free, and with so many bytes more 80 percent."""

ONE_SLOT = frozenset(
    {"mllama", "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "qwen3next", "lfm2", "lfm2moe"}
    | {"nemotron_h", "nemotron_h_moe", "nemotron_h_omni"}
)
"""Architectures that it never gives more than one slot."""

LOADED = frozenset({"mllama", "solar"})
"""Architectures that llama.cpp refuses and Ollama runs: by an engine of its own, and by a patch."""

PORT = 11434
BLOB = "sha256-"
VISIBLE_DEVICES = {
    "cuda": "CUDA_VISIBLE_DEVICES",
    "rocm": "ROCR_VISIBLE_DEVICES",
    "vulkan": "GGML_VK_VISIBLE_DEVICES",
}


def settled(profile: Profile, occasion: Occasion) -> Profile:
    """
    The profile with the context and batch that Ollama takes for this model on these devices.
    """
    notes = []
    slots = _number(occasion.settings.get("OLLAMA_NUM_PARALLEL")) or profile.parallel
    if occasion.model.architecture in ONE_SLOT and slots > 1:
        notes.append(message("engine.ollama-one-slot", architecture=occasion.model.architecture))
        slots = 1
    trained = occasion.model.max_context
    asked = occasion.ctx_size or _number(occasion.settings.get("OLLAMA_CONTEXT_LENGTH"))
    ctx_size = asked or automatic_context(occasion.vram_total_bytes or 0)
    if trained is not None:
        ctx_size = min(ctx_size, trained)
    if not asked:
        notes.append(
            message("engine.ollama-context", ctx_size=ctx_size, vram_bytes=occasion.vram_total_bytes)
        )
    flash = "auto" if flash_attention_supported(occasion) else "off"
    batch = automatic_batch(ctx_size, occasion, flash_attention=flash != "off")
    notes.append(message("engine.ollama-batch", batch_size=batch))
    notes.append(message("engine.ollama-slots"))
    return msgspec.structs.replace(
        profile,
        ctx_size=ctx_size,
        parallel=slots,
        batch_size=batch,
        ubatch_size=batch,
        flash_attn=flash,
        notes=tuple(notes),
    )


def automatic_context(vram_bytes: int) -> int:
    """
    The context that Ollama takes where none is set, by the VRAM of all GPUs together.
    """
    return next(ctx_size for least, ctx_size in CONTEXTS if vram_bytes >= least)


def automatic_batch(ctx_size: int, occasion: Occasion, *, flash_attention: bool) -> int:
    """
    The batch that Ollama takes where none is set: larger for long contexts, smaller where memory is short.
    """
    if not flash_attention and occasion.backend == "cuda":
        free = occasion.smallest_free_bytes
        return 256 if ctx_size > 4096 and free is not None and 0 < free <= 8 * GIB else 512
    batch = next(batch for beyond, batch in BATCHES if ctx_size > beyond)
    while batch > 512 and not _has_room(batch, predicted_bytes(occasion, ctx_size), occasion.vram_free_bytes):
        batch //= 2
    return batch


def predicted_bytes(occasion: Occasion, ctx_size: int) -> int:
    """
    Ollama's own rough prediction: the file, and a cache as if every layer had the smallest count of heads.
    """
    hparams = occasion.model.hparams
    heads = max(_numbers(hparams.get("attention.head_count")))
    kv_heads = min(_numbers(hparams.get("attention.head_count_kv"))) or 1
    width = int(hparams.get("embedding_length") or 0) // heads if heads else 0
    layers = int(hparams.get("block_count") or 0)
    return occasion.file_bytes + 2 * layers * kv_heads * width * ctx_size * 2


def flash_attention_supported(occasion: Occasion) -> bool:
    """
    Tell whether Ollama leaves flash attention to llama.cpp; on CUDA before capability 6.0, and on 7.2, it does not.
    """
    if occasion.backend != "cuda":
        return occasion.backend != "sycl"
    return all(
        float(capability) >= 6.0 and capability != "7.2"
        for capability in occasion.compute_capabilities
        if whole_number(capability.replace(".", "", 1)) is not None
    )


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


def command(choice: "Choice", model: ModelSpec, backend: str | None) -> str | None:
    """
    The shell lines that make a model of the choice's settings and run it, None where a Modelfile cannot name the file.
    """
    name = model_name(choice, model)
    if not model_file(choice, model).isprintable():
        return None
    content = modelfile(choice, model, backend).splitlines()
    serve = _serve(environment(choice, backend))
    # A comment, as the server may run already: the reason is among the remarks.
    lines = [] if serve is None else [f"# {serve}"]
    lines += ["cat > Modelfile <<'END'", *content, "END"]
    lines += [f"ollama create {name} -f Modelfile", f"ollama run {name}"]
    return "\n".join(lines)


def files(choice: "Choice", model: ModelSpec, backend: str | None) -> dict[str, str]:
    """
    What ``--write`` puts into a folder: the Modelfile, the server's environment, and a script.
    """
    if command(choice, model, backend) is None:
        return {}
    name = model_name(choice, model)
    variables = environment(choice, backend)
    script = [
        "#!/bin/sh",
        "set -e",
        'cd "$(dirname "$0")"',
        f"ollama create {name} -f Modelfile",
        f"ollama run {name}",
    ]
    written = {
        "Modelfile": modelfile(choice, model, backend),
        "run-ollama.sh": "\n".join(script) + "\n",
    }
    if variables:
        written["ollama.env"] = "".join(f"{key}={value}\n" for key, value in sorted(variables.items()))
    return written


def model_name(choice: "Choice", model: ModelSpec) -> str:
    """
    A name for the new model that Ollama takes: ``qwen3-8b-q4_k_m-8k``.
    """
    base = "".join(
        sign if sign.isascii() and (sign.isalnum() or sign in "-._") else "-" for sign in model.id.lower()
    )
    per_slot = choice.ctx_size // choice.parallel
    size = f"{per_slot // 1024}k" if per_slot % 1024 == 0 else str(per_slot)
    return f"{base.strip('-._') or 'model'}-{choice.quant.lower()}-{size}"


def modelfile(choice: "Choice", model: ModelSpec, backend: str | None) -> str:
    """
    The Modelfile of a choice. ``num_ctx`` counts for one slot, ``num_gpu`` is llama.cpp's ``-ngl``.
    """
    file = model_file(choice, model)
    if "/" not in file and "\\" not in file:
        file = f"./{file}"
    if choice.on_disk is not None and model.kept_as is not None and BLOB in choice.on_disk:
        # By its name it keeps its template and parameters, which the blob alone has not.
        file = model.kept_as
    lines = [
        f"FROM {file}",
        f"PARAMETER num_ctx {choice.ctx_size // choice.parallel}",
        f"PARAMETER num_gpu {choice.gpu_layers if backend is not None else 0}",
        f"PARAMETER num_batch {choice.ubatch_size}",
    ]
    return "\n".join(lines) + "\n"


def environment(choice: "Choice", backend: str | None) -> dict[str, str]:
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


def remarks(choice: "Choice", model: ModelSpec, backend: str | None) -> tuple[Message, ...]:
    """
    What must be known beside the Modelfile: what only the server's environment can say, and what Ollama cannot do.
    """
    serve = _serve(environment(choice, backend))
    lines = [] if serve is None else [message("engine.ollama-serve", command=serve)]
    if choice.n_cpu_moe and backend is not None:
        lines.append(message("engine.ollama-experts"))
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


def _serve(variables: dict[str, str]) -> str | None:
    """
    The command that starts the server with these variables, None where it needs none.
    """
    return " ".join((*environment_words(variables), "ollama serve")) if variables else None


def _has_room(batch: int, predicted: int, free: int | None) -> bool:
    if not predicted or not free:
        return True
    percent, surcharge = BATCH_ROOM[batch]
    return predicted <= free * percent // 100 and predicted + surcharge <= free * 80 // 100


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
    for line in lines:
        before, found, version = line.partition("version is ")
        if found and before.lower().startswith(("ollama", "warning")):
            return text(version.strip())
    return None


def _number(value: str | None) -> int:
    return whole_number(value or "") or 0


def _numbers(value: Any) -> list[int]:
    """
    A key that GGUF holds as one number or as one for each layer; 0 of one that it lacks.
    """
    return [int(item) for item in value] if value and isinstance(value, list | tuple) else [int(value or 0)]


ENGINE = Engine(
    name=NAME,
    observe=observe,
    command=command,
    remarks=remarks,
    files=files,
    profiles=PROFILES,
    abilities=ABILITIES,
    loaded=LOADED,
    settled=settled,
)
