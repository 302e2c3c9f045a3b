"""
The projector of a model: the file that was named, the one beside the model's own, or the one that is published.
"""

from pathlib import Path

import msgspec

from llmprobe.errors import ModelError
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.projector import Projector
from llmprobe.model.formats import gguf
from llmprobe.model.formats.projector import beside, projector
from llmprobe.model.pairing import belong
from llmprobe.source import model_files
from llmprobe.words.message import message


def load_projector(path: str | Path) -> Projector:
    """
    The projector in an mmproj file, of which the header is read.

    Raises:
        ModelError: it can't be read, or is another kind of file.
    """
    file = Path(path).expanduser()
    with model_files.opened(file) as (read_at, size):
        return projector(gguf.read_header(read_at, size, file.name), file.name, str(file))


def with_projector_beside(model: ModelSpec) -> ModelSpec:
    """
    A model of a file with the projector that lies beside it, where one does; what can't be read is among the notes.
    """
    if model.path is None:
        return model
    path = Path(model.path)
    found = beside(path.name, model_files.beside(path))
    notes = []
    for name in found:
        try:
            own = load_projector(path.with_name(name))
        except ModelError as error:
            notes.append(message("model.projector-unreadable", file=name, reason=error.message))
            continue
        if belong(model, own) is not False:
            others = tuple(other for other in found if other != name)
            if others:
                notes.append(message("model.projector-of-several", file=name, others=others))
            return msgspec.structs.replace(model, projector=own, notes=(*model.notes, *notes))
    return msgspec.structs.replace(model, notes=(*model.notes, *notes)) if notes else model


def with_projector_of(model: ModelSpec, path: str) -> ModelSpec:
    """
    A model with the projector that its keeper names; a file that can't be read is said among the notes.
    """
    try:
        return msgspec.structs.replace(model, projector=load_projector(path))
    except ModelError as error:
        said = message("model.projector-unreadable", file=Path(path).name, reason=error.message)
        return msgspec.structs.replace(model, notes=(*model.notes, said))
