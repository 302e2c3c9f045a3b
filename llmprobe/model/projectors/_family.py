"""
What a module of this package says about the types of projectors that it knows.
"""

from collections.abc import Callable

import msgspec

from llmprobe.model.archs._building.ops import Node
from llmprobe.model.projectors._encoder import Encoder
from llmprobe.model.projectors._sizes import Rule, Sizes

Build = Callable[[Encoder], Node]


class Picture(msgspec.Struct, frozen=True):
    """
    A picture in pixels, how many of them are computed at once, and whether it is a whole one beside its tiles.
    """

    width: int
    height: int
    batch: int = 1
    whole: bool = False


Pictures = Callable[[Sizes], tuple[Picture, ...]]


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """
    One type of projector: how large its images are, and the graph, whose last node ``build`` returns.

    ``batched`` says that llama.cpp computes several parts of one image at once, ``in_one_batch`` that the language
    model must see an image in one micro-batch. ``pictures`` are what may come after the one that is tried, where that
    is no larger square. ``seconds`` are those of the sound that is tried, where longer sound is taken in one piece.
    """

    rule: Rule
    build: Build
    batched: bool = False
    in_one_batch: bool = False
    pictures: Pictures | None = None
    seconds: int = 0


SCALE = "vision.projector.scale_factor"
MERGE = "vision.spatial_merge_size"
