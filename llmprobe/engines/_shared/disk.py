"""
Which GGUF files lie in a folder, as far as names tell: models, sets of parts, and what is only half there.

Nothing is opened here, so what a name promises may still be broken inside.
"""

from collections.abc import Iterable

from llmprobe.engines._shared.model_files import quant_in_name, split_of
from llmprobe.facts.answer import Source
from llmprobe.facts.machine import ModelOnDisk
from llmprobe.words.message import Message, message

HALF = message("model.half-downloaded")
MOST_FOLDERS = 400
"""A model folder with more is listed no further: the rest would cost more time than it is worth."""

_UNFINISHED = (
    ".incomplete",
    ".part",
    ".partial",
    "-partial",
    ".downloadinprogress",
    ".downloading",
    ".aria2",
    ".tmp",
)
_FILES = (
    ".gguf",
    ".json",
    ".md",
    ".txt",
    ".etag",
    ".safetensors",
    ".bin",
    ".yaml",
    ".lock",
    ".jinja",
    *_UNFINISHED,
)


def env(source: Source, *names: str) -> str | None:
    """
    The first of these variables that is set to something.
    """
    for name in names:
        answer = source.env(name)
        if answer.value:
            return str(answer.value)
    return None


def home(source: Source) -> str | None:
    return env(source, "USERPROFILE" if source.platform.system == "win32" else "HOME")


def joined(source: Source, *parts: str) -> str:
    """
    A path in the way of the system that is asked, which may not be the one that this runs on.
    """
    separator = "\\" if source.platform.system == "win32" else "/"
    first, *others = parts
    return separator.join((first.rstrip("/\\"), *others))


def names(source: Source, folder: str) -> list[str]:
    """
    The names in a folder; one that can't be listed has none.
    """
    answer = source.list(folder)
    if not answer.ok or not isinstance(answer.value, list):
        return []
    return [name for name in answer.value if isinstance(name, str)][:MOST_FOLDERS]


def folders(source: Source, folder: str) -> list[str]:
    """
    The names in a folder that may be folders themselves.
    """
    return [
        name
        for name in names(source, folder)
        if not name.startswith(".") and not name.lower().endswith(_FILES)
    ]


def is_unfinished(name: str) -> bool:
    return name.lower().endswith(_UNFINISHED) or name.lower().startswith("downloading_")


def models_in(
    source: Source, folder: str, files: Iterable[str], kept_by: Message, prefix: str
) -> list[ModelOnDisk]:
    """
    The models among the files of a folder, each named ``prefix`` and its file's name.

    Projectors of images are parts of a model and no models. Of a split set the first part is the model.
    """
    present = list(files)
    found = []
    for file in present:
        name = file
        problem: Message | None = None
        if "mmproj" in file.lower():
            continue
        if is_unfinished(file) and ".gguf" in file.lower():
            problem = HALF
        elif not file.lower().endswith(".gguf"):
            continue
        part = split_of(file)
        if part is not None and problem is None:
            stem, number, total = part
            if number != 1:
                if f"{stem}-00001-of-{total:05d}.gguf" in present:
                    continue
                problem = message("model.first-part-missing")
            missing = sum(f"{stem}-{n:05d}-of-{total:05d}.gguf" not in present for n in range(1, total + 1))
            if number == 1 and missing:
                problem = message("model.parts-missing", missing=missing, total=total)
        found.append(
            ModelOnDisk(
                name=f"{prefix}{name}",
                kept_by=kept_by,
                path=None if problem else joined(source, folder, file),
                quant=quant_in_name(file),
                problem=problem,
            )
        )
    return found


def models_below(
    source: Source, folder: str, kept_by: Message, *, depth: int = 2, prefix: str = ""
) -> list[ModelOnDisk]:
    """
    The models in a folder and in those below it, to a depth.
    """
    found = models_in(source, folder, names(source, folder), kept_by, prefix)
    for name in folders(source, folder) if depth else ():
        below = joined(source, folder, name)
        found += models_below(source, below, kept_by, depth=depth - 1, prefix=f"{prefix}{name}/")
    return found
