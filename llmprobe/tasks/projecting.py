"""
Which projector reads images and sound for a model: the file that was given, or the model's own.
"""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from llmprobe.facts.model import ModelSpec

_NO_FILES = ("auto", "none")


def set_up(model: "ModelSpec", mmproj: str | None) -> "ModelSpec":
    """
    The model with the projector of a file, where one was given (``--mmproj FILE``).

    Raises:
        ModelError: the file can't be read, or holds no projector.
        RefusedError: the projector is another model's.
    """
    if mmproj is None or mmproj in _NO_FILES:
        return model
    # Imported only here: most models have their own projector, or none.
    from llmprobe.model.pairing import check
    from llmprobe.model.projector_of import load_projector

    projector = load_projector(mmproj)
    check(model, projector)
    return msgspec.structs.replace(model, projector=projector)
