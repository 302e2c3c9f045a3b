"""
What Ollama keeps on a disk: manifests that name models, blobs that are their files, the service's environment.

Source: github.com/ollama/ollama at fb30760, envconfig/config.go, types/model/name.go, scripts/install.sh.
"""

from llmprobe.engines._shared.disk import HALF, env, home, joined, names
from llmprobe.engines._shared.values import UNNAMED, count, decoded, field, records, text
from llmprobe.facts.answer import Source
from llmprobe.facts.machine import ModelOnDisk
from llmprobe.words.message import message

KEPT_BY = message("kept-by.ollama")
SETTINGS = (
    "OLLAMA_CONTEXT_LENGTH",
    "OLLAMA_FLASH_ATTENTION",
    "OLLAMA_GPU_OVERHEAD",
    "OLLAMA_KEEP_ALIVE",
    "OLLAMA_KV_CACHE_TYPE",
    "OLLAMA_MAX_LOADED_MODELS",
    "OLLAMA_NUM_PARALLEL",
    "OLLAMA_SCHED_SPREAD",
)
SERVICE_FILES = ("/etc/systemd/system/ollama.service", "/etc/systemd/system/ollama.service.d/override.conf")
SERVICE_MODELS = "/usr/share/ollama/.ollama/models"
_LIBRARY = "registry.ollama.ai"
_MODEL_LAYER = "application/vnd.ollama.image.model"
_PROJECTOR_LAYER = "application/vnd.ollama.image.projector"


def models_on_disk(source: Source, folder: str | None) -> tuple[tuple[ModelOnDisk, ...], tuple[str, ...]]:
    """
    The models that Ollama's manifests name, each with the blob that is its GGUF file, and the folders asked.

    ``folder`` is where the system's service keeps them; the user's own OLLAMA_MODELS counts before it.
    """
    found: list[ModelOnDisk] = []
    asked: list[str] = []
    user = home(source)
    own = env(source, "OLLAMA_MODELS") or folder
    places = [own] if own else [joined(source, user, ".ollama", "models")] if user else []
    if own is None and source.platform.system == "linux":
        places.append(SERVICE_MODELS)
    for place in dict.fromkeys(places):
        manifests = joined(source, place, "manifests")
        hosts = names(source, manifests)
        if not hosts:
            continue
        asked.append(manifests)
        blobs = joined(source, place, "blobs")
        present = frozenset(_names_of_blobs(source, blobs))
        for host in hosts:
            for space in names(source, joined(source, manifests, host)):
                for model in names(source, joined(source, manifests, host, space)):
                    for tag in names(source, joined(source, manifests, host, space, model)):
                        path = joined(source, manifests, host, space, model, tag)
                        entry = _entry(source, path, _name(host, space, model, tag), blobs, present)
                        found += [entry] if entry is not None else []
        if any(name.endswith("-partial") for name in present):
            found.append(ModelOnDisk(name=UNNAMED, kept_by=KEPT_BY, problem=HALF))
    return tuple(found), tuple(asked)


def service_environment(source: Source) -> dict[str, str]:
    """
    The variables that systemd starts the server with: ``Environment="OLLAMA_HOST=…"``.
    """
    if source.platform.system != "linux":
        return {}
    variables: dict[str, str] = {}
    for path in SERVICE_FILES:
        answer = source.read(path)
        for line in str(answer.value).splitlines() if answer.ok else ():
            key, _, rest = line.strip().partition("=")
            name, equals, value = rest.strip().strip("\"'").partition("=")
            if key == "Environment" and equals:
                variables[name] = value
    return variables


def settings_of(source: Source, service: dict[str, str]) -> dict[str, str]:
    """
    What of the environment changes what a model takes; what the service says counts before our own.
    """
    own = {name: env(source, name) for name in SETTINGS}
    known = {name: value for name, value in own.items() if value is not None}
    return known | {name: value for name, value in service.items() if name in SETTINGS}


def _names_of_blobs(source: Source, folder: str) -> list[str]:
    """
    The names of the blobs, all of them: that one is missing is only known of a whole list.
    """
    answer = source.list(folder)
    return [str(name) for name in answer.value] if answer.ok and isinstance(answer.value, list) else []


def _name(host: str, space: str, model: str, tag: str) -> str:
    if host == _LIBRARY:
        return f"{model}:{tag}" if space == "library" else f"{space}/{model}:{tag}"
    return f"{host}/{space}/{model}:{tag}"


def _entry(source: Source, path: str, name: str, blobs: str, present: frozenset[str]) -> ModelOnDisk | None:
    """
    What a manifest names, None where it names no model (a model that runs elsewhere).
    """
    answer = source.read(path)
    manifest = decoded(answer.value) if answer.ok else None
    if manifest is None:
        return ModelOnDisk(name=name, kept_by=KEPT_BY, problem=message("model.manifest-unreadable"))
    layers = [layer for layer in records(field(manifest, "layers")) if layer.get("mediaType") == _MODEL_LAYER]
    if not layers:
        return None
    digest = text(layers[0].get("digest")) or ""
    blob = digest.replace(":", "-")
    whole = blob in present
    projector = next(iter(_blobs_of(manifest, _PROJECTOR_LAYER)), None)
    problem = None if whole else HALF if f"{blob}-partial" in present else message("model.file-missing")
    return ModelOnDisk(
        name=name,
        kept_by=KEPT_BY,
        path=joined(source, blobs, blob) if whole else None,
        bytes=count(layers[0].get("size")),
        quant=_quant(source, manifest, blobs),
        projector=joined(source, blobs, projector) if projector in present else None,
        problem=problem,
    )


def _blobs_of(manifest: object, kind: str) -> list[str]:
    layers = [layer for layer in records(field(manifest, "layers")) if layer.get("mediaType") == kind]
    return [(text(layer.get("digest")) or "").replace(":", "-") for layer in layers]


def _quant(source: Source, manifest: object, blobs: str) -> str | None:
    digest = text(field(manifest, "config", "digest"))
    if digest is None:
        return None
    answer = source.read(joined(source, blobs, digest.replace(":", "-")))
    return text(field(decoded(answer.value), "file_type")) if answer.ok else None
