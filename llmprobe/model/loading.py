"""
A model by its name, its file, or its address: with ``known`` the places of this package that ask ``source`` for files.

Of a GGUF file only the header is read, here as from the network. What a name means is decided by how it is written:
an address, ``hf:`` and a repository, a path, and last a name of the catalog.
"""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llmprobe.errors import ModelError
from llmprobe.facts.adapter import Adapter
from llmprobe.facts.model import ModelSpec
from llmprobe.model import from_catalog
from llmprobe.model.formats import gguf, gguf_model, parts
from llmprobe.model.from_catalog import requantized
from llmprobe.model.quants import file_type, followed
from llmprobe.source import model_files
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.model.formats import repository, safetensors
    from llmprobe.source.web.client import Client
    from llmprobe.source.web.hub import Hub

_INDEX = "model.safetensors.index.json"
_QUANTIZATION = "hf_quant_config.json"
_LONGEST_SHOWN = 80


def load(name: str, *, quant: str | None = None, draft: bool = False) -> ModelSpec:
    """
    The model that a name means, as ``_load`` finds it; a head that only drafts is refused unless it may be a ``draft``.

    Raises:
        ModelError: nothing has that name, the file is not what it should be, or its architecture is not known.
        UsageError: the quantization does not exist.
    """
    found = _load(name, quant)
    if not draft:
        parts.refuse(name.rpartition("/")[2], {**found.hparams, "general.architecture": found.architecture})
    return found


def _load(name: str, quant: str | None) -> ModelSpec:
    """
    The model that a name, the path of a GGUF file, a folder with a ``config.json`` or an address means.

    With ``quant``, or where the name ends in a quantization, the model has that file type and its tensors their types.

    Raises:
        ModelError: nothing has that name, the file is not what it should be, or its architecture is not known.
        UsageError: the quantization does not exist.
    """
    path = _path(name)
    if _is_address(name):
        return _in_quant(_from_address(name), quant)
    if name.lower().startswith("hf:") and not name.lower().startswith("hf://"):
        return _in_quant(_from_hub(name[3:], quant), quant)
    if path.name == "config.json" and path.is_file():
        return _in_quant(_from_folder(path.parent), quant)
    if _is_file(name, path):
        return _in_quant(_from_file(path), quant)
    if path.is_dir() and (_looks_like_path(name) or (path / "config.json").is_file()):
        return _in_quant(_from_folder(path), quant)
    return from_catalog.named(name, quant)


def load_adapter(name: str) -> Adapter:
    """
    The LoRA or control vector of a GGUF file.

    Raises:
        ModelError: there is no such file, or it is no adapter.
    """
    from llmprobe.model.formats.adapter import adapter

    path = _path(name)
    if not path.is_file():
        raise ModelError(message("error.no-adapter-file", file=name), hint=message("hint.no-adapter"))
    return adapter(_header(path), path.name, str(path))


def _path(name: str) -> Path:
    """
    The path that a name may be.

    Raises:
        ModelError: the system can't look there: the name is too long, a folder is closed, a home is not known.
    """
    try:
        path = Path(name).expanduser()
        path.exists()
    except (OSError, RuntimeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".").lower()
        shown = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}..."
        raise ModelError(
            message("error.path-not-looked-up", path=shown, reason=reason), hint=message("hint.file-or-name")
        ) from None
    return path


def _in_quant(spec: ModelSpec, quant: str | None) -> ModelSpec:
    if quant is None or file_type(quant).name == spec.quant:
        return spec
    if followed(file_type(quant).name) != file_type(quant).name and spec.source == "gguf" and spec.path:
        from llmprobe.model.formats import repository

        if repository.says(spec.path, quant):
            # A file's own types are better than any rule about files of its name.
            return msgspec.structs.replace(spec, quant=file_type(quant).name)
    return requantized(spec, quant)


def _is_file(name: str, path: Path) -> bool:
    """
    Whether a name is a path: of a file that is there, or of one that should be.
    """
    if path.is_file() or path.is_fifo():
        return True
    # owner/Model-Q4_K_M.gguf is also how a file of a repository is written, which the catalog may know.
    return (
        name.lower().endswith(".gguf")
        and _looks_like_path(name)
        and (path.is_absolute() or path.parent.is_dir())
    )


def _looks_like_path(name: str) -> bool:
    return "/" in name or "\\" in name or name in (".", "..")


def _from_file(path: Path) -> ModelSpec:
    header = _header(path)
    total = _parts(header)
    if total == 1:
        return _complete(gguf_model.spec([header], path.name, str(path)))
    files = [path.with_name(part) for part in gguf_model.shard_names(path.name, total)]
    missing = [part.name for part in files if not part.is_file()]
    if missing:
        raise ModelError(
            message("error.part-missing", file=path.name, parts=total, missing=missing[0]),
            hint=message("hint.parts-in-one-folder"),
        )
    # Engines load a set by its first part, whichever was named here.
    first = files[0]
    return _complete(
        gguf_model.spec([header if part == path else _header(part) for part in files], first.name, str(first))
    )


def _complete(spec: ModelSpec) -> ModelSpec:
    """
    A model of a file with the projector that lies beside it.
    """
    if not any("mmproj" in name.lower() for name in model_files.beside(Path(str(spec.path)))):
        return spec
    from llmprobe.model.projector_of import with_projector_beside

    return with_projector_beside(spec)


def _parts(header: gguf.Header) -> int:
    """
    How many files the set has that a header is of.
    """
    total = header.metadata.get("split.count", 1)
    return total if isinstance(total, int) and total > 1 else 1


def _header(path: Path) -> gguf.Header:
    with model_files.opened(path) as (read_at, size):
        return gguf.read_header(read_at, size, path.name)


def _is_address(name: str) -> bool:
    """
    Whether a name is the address of a GGUF file; other addresses are looked up in the catalog.
    """
    lower = name.lower()
    return lower.startswith(("http://", "https://")) and _without_query(lower).endswith(".gguf")


def _without_query(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]


def _from_address(url: str) -> ModelSpec:
    from llmprobe.source.web import hub

    with closing(hub.client_for_addresses()) as client:
        return _from_network(client, hub.file_address(url.partition("#")[0]))


def _from_network(client: "Client", url: str) -> ModelSpec:
    """
    The model whose file, or whose first file of a set, is at an address.
    """
    from llmprobe.source.web.client import shown

    place, mark, query = url.partition("?")
    folder, _, name = place.rpartition("/")
    header = _remote_header(client, url)
    headers = [header]
    total = _parts(header)
    if total > 1:
        headers = [
            header if part == name else _remote_header(client, f"{folder}/{part}{mark}{query}")
            for part in gguf_model.shard_names(name, total)
        ]
    spec = gguf_model.spec(headers, name, shown(url))
    note = message("model.headers-read", files=total, bytes=client.transferred)
    return msgspec.structs.replace(spec, notes=(*spec.notes, note))


def _remote_header(client: "Client", url: str) -> gguf.Header:
    from llmprobe.source.web.remote_file import RemoteFile

    with closing(RemoteFile(client, url)) as file:
        return gguf.read_header(file.read_at, file.size, file.name)


def _from_hub(name: str, quant: str | None) -> ModelSpec:
    """
    The model that ``owner/repo``, ``owner/repo@revision`` or ``owner/repo/file`` means on the hub.
    """
    from llmprobe.model.formats import repository

    parts = name.split("/", 2)
    if len(parts) < 2 or not all(parts[:2]):
        raise ModelError(message("error.hf-no-repository", name=name), hint=message("hint.hf-form"))
    from llmprobe.source.web.hub import Hub

    title, _, revision = parts[1].partition("@")
    repo, file = f"{parts[0]}/{title}", parts[2] if len(parts) > 2 else None
    hub = Hub()
    if hub.offline:
        return _from_cache(hub, repo, revision or "main", file, quant)
    with closing(hub.client()) as client:
        files = hub.files(client, repo, revision or "main")
        if file is None and "config.json" in files and repository.gguf_file(files, repo) is None:
            return _config_of_hub(hub, client, repo, revision or "main", files)
        chosen = _chosen(files, repo, file, quant)
        spec = _from_network(client, hub.address(repo, revision or "main", chosen.name))
    return _of_repository(spec, repo, chosen)


def _from_cache(hub: "Hub", repo: str, revision: str, file: str | None, quant: str | None) -> ModelSpec:
    from llmprobe.model.formats import repository

    folder = hub.folder(repo, revision)
    if folder is None:
        raise ModelError(message("error.hf-offline", repo=repo), hint=message("hint.hf-offline"))
    files = model_files.names(folder)
    if file is None and "config.json" in files and repository.gguf_file(files, repo) is None:
        return msgspec.structs.replace(_from_folder(folder), id=repo.rpartition("/")[2], repo=repo)
    chosen = _chosen(files, repo, file, quant)
    return _of_repository(_from_file(folder / chosen.name), repo, chosen)


def _chosen(files: tuple[str, ...], repo: str, file: str | None, quant: str | None) -> "repository.Chosen":
    from llmprobe.model.formats import repository

    if file is not None:
        return repository.Chosen(repository.named_file(files, file, repo))
    chosen = repository.gguf_file(files, repo, quant)
    if chosen is None:
        raise ModelError(message("error.repo-without-gguf", repo=repo), hint=message("hint.repo-with-gguf"))
    return chosen


def _of_repository(spec: ModelSpec, repo: str, chosen: "repository.Chosen") -> ModelSpec:
    notes = spec.notes if chosen.note is None else (chosen.note, *spec.notes)
    return msgspec.structs.replace(spec, repo=repo, notes=notes)


def _from_folder(path: Path) -> ModelSpec:
    """
    The model whose ``config.json`` is in a folder, checked against the safetensors files beside it.
    """
    from llmprobe.model.formats import hf_config

    content = model_files.small(path / "config.json", hf_config.LARGEST)
    if content is None:
        raise ModelError(message("error.folder-without-config", path=str(path)), hint=_folder_hint(path))
    return hf_config.spec(
        content,
        path.resolve().name,
        path=str(path),
        weights=_weights(path),
        quantization=model_files.small(path / _QUANTIZATION, hf_config.LARGEST),
    )


def _weights(path: Path) -> "safetensors.Weights | None":
    from llmprobe.model.formats import safetensors

    content = model_files.small(path / _INDEX, safetensors.LARGEST_HEADER)
    weights, files = (None, ("model.safetensors",)) if content is None else safetensors.index(content)
    if not all((path / name).is_file() for name in files):
        return weights
    shapes = {}
    for name in files:
        with model_files.opened(path / name) as (read_at, _):
            length = safetensors.header_length(read_at(0, 8), name)
            shapes.update(safetensors.tensors(read_at(8, length), name))
    return safetensors.Weights(names=frozenset(shapes), shapes=shapes)


def _config_of_hub(
    hub: "Hub", client: "Client", repo: str, revision: str, files: tuple[str, ...]
) -> ModelSpec:
    from llmprobe.model.formats import hf_config, safetensors
    from llmprobe.source.web.hub import fetched

    content = fetched(client, hub.address(repo, revision, "config.json"), hf_config.LARGEST)
    weights = None
    if _INDEX in files:
        index = fetched(client, hub.address(repo, revision, _INDEX), safetensors.LARGEST_HEADER)
        weights, _ = safetensors.index(index)
    elif "model.safetensors" in files:
        weights = _remote_weights(client, hub.address(repo, revision, "model.safetensors"))
    name = repo.rpartition("/")[2]
    beside = None
    if _QUANTIZATION in files:
        beside = fetched(client, hub.address(repo, revision, _QUANTIZATION), hf_config.LARGEST)
    spec = hf_config.spec(
        content,
        name,
        path=hub.address(repo, revision, "config.json"),
        weights=weights,
        quantization=beside,
    )
    note = message("model.from-config-of-repo", repo=repo)
    return msgspec.structs.replace(spec, repo=repo, notes=(note, *spec.notes))


def _remote_weights(client: "Client", url: str) -> "safetensors.Weights":
    from llmprobe.model.formats import safetensors
    from llmprobe.source.web.remote_file import RemoteFile

    with closing(RemoteFile(client, url)) as file:
        length = safetensors.header_length(file.read_at(0, 8), file.name)
        shapes = safetensors.tensors(file.read_at(8, length), file.name)
    return safetensors.Weights(names=frozenset(shapes), shapes=shapes)


def _folder_hint(path: Path) -> Message:
    files = sorted(path.glob("*.gguf"))
    if files:
        return message("hint.file-in-folder", path=str(files[0]))
    return message("hint.file-or-name")
