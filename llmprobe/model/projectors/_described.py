"""
Projectors of models whose file is not there, described by the shapes of their published configurations.

``described.json`` has one description per encoder, of the catalog's models or for the entries of a user; what is as
wide as the language model is called ``width``.
"""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from llmprobe.facts.model import Tensor
from llmprobe.facts.projector import Projector

_WIDTH = "width"


_Row = tuple[str | int, ...]


class _Blocks(msgspec.Struct, frozen=True):
    """
    Blocks that are alike: ``first`` and every ``step`` after it, ``count`` of them, of the stage in ``rows``' names.
    """

    first: int
    step: int
    count: int
    rows: tuple[_Row, ...]


class _Description(msgspec.Struct, frozen=True):
    """
    The metadata and tensors of one encoder: those of a layer once, those of blocks in stages once, and the others.
    """

    source: str
    metadata: dict[str, Any]
    layers: int
    layer: tuple[_Row, ...]
    other: tuple[_Row, ...]
    blocks: tuple[_Blocks, ...] = ()


@cache
def descriptions() -> dict[str, _Description]:
    """
    Every description by its name.
    """
    content = (Path(__file__).parent / "described.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, _Description])


def described(names: str, width: int, owner: str) -> Projector:
    """
    The projector of a model, published in 16 bits: encoders by the names of descriptions, joined by ``+``.

    ``width`` is that of the language model, ``owner`` its name.

    Raises:
        KeyError: nothing is described under a name.
    """
    metadata: dict[str, Any] = {}
    tensors: list[Tensor] = []
    many = "+" in names
    for name in names.split("+"):
        found = descriptions()[name]
        own = {key: width if value == _WIDTH else value for key, value in found.metadata.items()}
        if many:
            kind = own.pop("projector_type")
            own["vision.projector_type" if "has_vision_encoder" in own else "audio.projector_type"] = kind
        metadata |= own
        for il in range(found.layers):
            tensors += [_tensor(row, width, il) for row in found.layer]
        for alike in found.blocks:
            for number in range(alike.first, alike.first + alike.step * alike.count, alike.step):
                tensors += [_tensor(row, width, number) for row in alike.rows]
        tensors += [_tensor(row, width) for row in found.other]
    return Projector(name=owner, metadata=metadata, tensors=tuple(tensors), assumed=True)


def _tensor(row: _Row, width: int, layer: int | None = None) -> Tensor:
    name, kind, *shape = row
    return Tensor(
        name=str(name) if layer is None else str(name).replace(".N.", f".{layer}."),
        type=str(kind),
        shape=tuple(width if extent == _WIDTH else int(extent) for extent in shape),
        layer=layer,
    )
