"""
Which of a model's repositories should have a file of a type.

A publisher offers about the same types of every model, so that the type of a file tells who has it. Whether it is there
is for the hub to say; nothing asks it here. ``data/publishers.json`` has the types and where they were seen.
"""

from collections.abc import Iterable
from typing import Any

from llmprobe.data import table

Publisher = dict[str, Any]
"""A row of ``data/publishers.json``: the ``types``, how repositories end, how files are named, about a matrix."""


def offered_by(
    repositories: Iterable[str], quant: str, *, published_quant: str | None = None
) -> tuple[str, Publisher] | None:
    """
    The first repository that should have a file of this type, and its publisher; None where none is known.

    Of types that lose less with an importance matrix a repository comes first whose files have one. MXFP4 is offered of
    models that are published in it (``published_quant``): of others nobody makes such a file as a rule.
    """
    publishers = table("publishers")
    found: list[tuple[str, Publisher]] = []
    for repository in repositories:
        owner, _, own = repository.partition("/")
        publisher: Publisher = publishers["publishers"].get(owner, publishers["own"])
        kept = publisher.get("kept", ()) if published_quant is not None else ()
        if (quant in publisher["types"] or quant in kept) and own.endswith(publisher["ending"]):
            found.append((repository, publisher))
    if quant in publishers["better_with_imatrix"]:
        found.sort(key=lambda one: not one[1].get("imatrix"))
    return found[0] if found else None
