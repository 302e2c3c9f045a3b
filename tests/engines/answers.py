"""
What machines with engines answer, written by hand after the documented shapes of their interfaces and folders.
"""

import json
from typing import Any

from llmprobe.facts.answer import Answer

HOME = "/home/user1"
REFUSED = Answer(status="missing", code=111, detail="nobody listens")
BLOBS = f"{HOME}/.ollama/models/blobs"
MANIFESTS = f"{HOME}/.ollama/models/manifests"
SERVER = "http://127.0.0.1:11434"


def digest(number: int) -> str:
    return f"{number:064x}"


def manifest(model: int, *, size: int = 5_000_000_000, config: int = 900, kind: str = "model") -> str:
    """
    Return a manifest whose model is blob ``model``.
    """
    layers = [
        {
            "mediaType": f"application/vnd.ollama.image.{kind}",
            "digest": f"sha256:{digest(model)}",
            "size": size,
        },
        {"mediaType": "application/vnd.ollama.image.template", "digest": f"sha256:{digest(77)}", "size": 1},
    ]
    return json.dumps({"config": {"digest": f"sha256:{digest(config)}"}, "layers": layers})


def ollama(models: dict[str, str], blobs: tuple[str, ...]) -> dict[str, Any]:
    """
    Return the disk of an Ollama: manifests by ``host/space/model/tag``, and names of blobs.
    """
    answers: dict[str, Any] = {"env:HOME": HOME, f"list:{BLOBS}": sorted(blobs)}
    folders: dict[str, set[str]] = {}
    for path, content in models.items():
        parts = [MANIFESTS, *path.split("/")]
        for depth in range(1, len(parts)):
            folders.setdefault("/".join(parts[:depth]), set()).add(parts[depth])
        answers[f"read:{'/'.join(parts)}"] = content
    return answers | {f"list:{folder}": sorted(names) for folder, names in folders.items()}


def running_ollama(*loaded: dict[str, Any]) -> dict[str, Any]:
    return {
        f"get:{SERVER}/api/version": {"version": "0.17.2"},
        f"get:{SERVER}/api/ps": {"models": list(loaded)},
    }
