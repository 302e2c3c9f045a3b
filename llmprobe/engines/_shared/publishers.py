"""
Where the file of a choice is published: the repository that usually has its type, and how the file is called there.

A publisher offers about the same types of every model, so that the type of a file tells who has it. Whether it is there
is for the hub to say; nothing asks it here. ``data/publishers.json`` has the types and where they were seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmprobe.data import table
from llmprobe.engines._shared.model_files import is_local
from llmprobe.facts.engine import Place

if TYPE_CHECKING:
    from llmprobe.facts.model import ModelSpec

CUSTOMARY_PROJECTOR = "mmproj-F16.gguf"
"""What most publishers call the file of a projector."""


def projector_file(place: Place | None) -> tuple[str, bool]:
    """
    How a command calls the projector of a model that is published in a place, and whether its publisher calls it so.
    """
    owner = "" if place is None else place.repository.partition("/")[0]
    name = table("publishers")["publishers"].get(owner, {}).get("projector")
    return (CUSTOMARY_PROJECTOR, False) if name is None else (name, True)


def place_of(model: ModelSpec, quant: str) -> Place | None:
    """
    The first repository of a model that should have a file of this type, None where none is known; the one that was
    asked for, whatever it offers.

    A model whose header was read from a repository is there for certain, in its own type.
    """
    if model.source == "gguf" and not is_local(model) and model.repo is not None and quant == model.quant:
        file = (model.path or "").partition("?")[0].rpartition("/")[2]
        return Place(repository=model.repo, tag=quant, file=file or None, certain=True)
    if model.published is None:
        return None
    if model.published.asked is not None:
        return Place(repository=model.published.asked, tag=quant)
    publishers = table("publishers")
    for repository in model.published.repositories:
        owner, _, own = repository.partition("/")
        publisher: dict[str, Any] = publishers["publishers"].get(owner, publishers["own"])
        if quant not in publisher["types"] or not own.endswith(publisher["ending"]):
            continue
        base = own.removesuffix(publisher["ending"]).removesuffix("-MTP")
        file = publisher["file"]
        return Place(
            repository=repository,
            tag=quant,
            file=None if file is None else file.format(base=base, quant=quant),
        )
    return None
