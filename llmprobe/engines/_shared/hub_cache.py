"""
The cache of the Hugging Face hub, where llama.cpp's ``-hf`` and other programs keep what they downloaded.

Source: https://huggingface.co/docs/huggingface_hub/guides/manage-cache and llama.cpp b11549, common/hf-cache.cpp.
"""

import msgspec

from llmprobe.engines._shared.disk import HALF, env, folders, home, joined, models_in, names
from llmprobe.facts.answer import Source
from llmprobe.facts.machine import ModelOnDisk
from llmprobe.words.message import message

KEPT_BY = message("kept-by.hub-cache")
_REPOSITORY = "models--"


def hub_cache(source: Source) -> str | None:
    """
    The cache's folder.
    """
    folder = env(source, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
    if folder is not None:
        return folder
    base = env(source, "HF_HOME")
    if base is not None:
        return joined(source, base, "hub")
    base = env(source, "XDG_CACHE_HOME")
    user = home(source)
    if base is None and user is not None:
        base = joined(source, user, ".cache")
    return None if base is None else joined(source, base, "huggingface", "hub")


def models_of_hub(source: Source, cache: str) -> tuple[ModelOnDisk, ...]:
    """
    The GGUF files of every repository in the cache.

    A file that is complete has a link under ``snapshots``; of one that is not there is only a ``.incomplete`` blob.
    """
    found: list[ModelOnDisk] = []
    for name in names(source, cache):
        if not name.startswith(_REPOSITORY):
            continue
        repo = name.removeprefix(_REPOSITORY).replace("--", "/")
        folder = joined(source, cache, name)
        models = _of_repository(source, folder, repo)
        if not models and "gguf" in repo.lower():
            models = _unfinished(source, folder, repo)
        found += models
    return tuple(found)


def _of_repository(source: Source, folder: str, repo: str) -> list[ModelOnDisk]:
    found: dict[str, ModelOnDisk] = {}
    for revision in names(source, joined(source, folder, "snapshots")):
        place = joined(source, folder, "snapshots", revision)
        inside = names(source, place)
        if not any(".gguf" in name.lower() for name in inside) and "gguf" not in repo.lower():
            continue
        groups = [(place, f"{repo}/", inside)]
        for sub in folders(source, place):
            below = joined(source, place, sub)
            groups.append((below, f"{repo}/{sub}/", names(source, below)))
        for path, prefix, files in groups:
            for model in models_in(source, path, files, KEPT_BY, prefix):
                known = found.get(model.name)
                if known is None or known.problem is not None:
                    found[model.name] = msgspec.structs.replace(model, repo=repo)
    return list(found.values())


def _unfinished(source: Source, folder: str, repo: str) -> list[ModelOnDisk]:
    blobs = names(source, joined(source, folder, "blobs"))
    if not any(name.endswith(".incomplete") for name in blobs):
        return []
    return [ModelOnDisk(name=repo, kept_by=KEPT_BY, repo=repo, problem=HALF)]
