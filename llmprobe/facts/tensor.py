"""
A tensor as a model file lists it.
"""

from __future__ import annotations

import msgspec


class Tensor(msgspec.Struct, frozen=True, gc=False):
    """
    One tensor as the GGUF file lists it.

    ``shape`` is ne0, ne1, … (ne0 is the row, GGUF's order). ``layer`` is the N of ``blk.N.`` (``enc.blk.N.``,
    ``dec.blk.N.``), None outside the layers. ``type`` is ggml's type name in lower case as llama.cpp prints it
    (``q4_K``, ``f16``), None when not chosen yet.
    """

    name: str
    shape: tuple[int, ...]
    layer: int | None = None
    type: str | None = None

    @property
    def elements(self) -> int:
        count = 1
        for extent in self.shape:
            count *= extent
        return count
