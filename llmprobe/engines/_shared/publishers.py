"""
Where the file of a choice is published: the repository that usually has its type, and how the file is called there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmprobe.data import table
from llmprobe.data.offers import offered_by
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
    offered = offered_by(model.published.repositories, quant, published_quant=model.published_quant)
    if offered is None:
        return None
    repository, publisher = offered
    file = publisher["file"]
    base = repository.partition("/")[2].removesuffix(publisher["ending"]).removesuffix("-MTP")
    return Place(
        repository=repository, tag=quant, file=None if file is None else file.format(base=base, quant=quant)
    )
