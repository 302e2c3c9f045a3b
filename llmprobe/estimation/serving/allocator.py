"""
PyTorch's caching allocator, as far as large matrices go: what it holds of a device after some were replaced by wider
copies. vLLM counts that as loaded on ROCm, where it asks the device; with CUDA it counts tensors.

Sources: PyTorch, c10/cuda/CUDACachingAllocator.cpp (get_free_block, should_split, release_cached_blocks); vLLM 0.18,
platforms/rocm.py (get_current_memory_usage), fused_moe/unquantized_fused_moe_method.py (_maybe_pad_weight) and
quantization/utils/fp8_utils.py (_maybe_pad_fp8_weight).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

PIECE, SMALL = 2 << 20, 1 << 20
_ROW, _MORE = 512, 256
"""Rows of a multiple of so many bytes are made so much longer."""


class Matrix(msgspec.Struct, frozen=True):
    """
    A matrix of a layer: its bytes, and those of a row. ``padded``: it is copied to have longer rows; ``masked``: a
    second of its size is needed for a moment.
    """

    bytes: int
    row: int
    padded: bool = False
    masked: bool = False

    @property
    def wider(self) -> int | None:
        """
        The bytes of the copy, None where there is none.

        >>> Matrix(1024 * 1024, 1024, padded=True).wider, Matrix(768 * 1024, 768, padded=True).wider
        (1310720, None)
        """
        if not self.padded or not self.row or self.row % _ROW:
            return None
        return self.bytes // self.row * (self.row + _MORE)


class Block:
    """
    A part of a piece from the driver, which is the list of all its parts.
    """

    __slots__ = ("free", "piece", "size")

    def __init__(self, size: int, piece: list[Block], *, free: bool) -> None:
        self.size, self.piece, self.free = size, piece, free


class Device:
    """
    What is held of a device: pieces from the driver, cut into blocks that are taken or free.
    """

    def __init__(self) -> None:
        self.held = 0
        self._free: list[Block] = []

    def take(self, size: int) -> Block:
        """The smallest free block that is large enough, or a new piece; what is over stays free."""
        fits = [block for block in self._free if block.size >= size]
        if fits:
            block = min(fits, key=lambda one: one.size)
            self._free.remove(block)
            block.free = False
        else:
            piece: list[Block] = []
            block = Block(-(-size // PIECE) * PIECE, piece, free=False)
            piece.append(block)
            self.held += block.size
        if block.size - size > SMALL:
            rest = Block(block.size - size, block.piece, free=True)
            block.piece.insert(block.piece.index(block) + 1, rest)
            self._free.append(rest)
            block.size = size
        return block

    def free(self, block: Block) -> None:
        """The block is free, and one with its free neighbours."""
        block.free = True
        self._free.append(block)
        piece = block.piece
        for place in range(len(piece) - 1, 0, -1):
            if piece[place].free and piece[place - 1].free:
                piece[place - 1].size += piece[place].size
                self._free.remove(piece.pop(place))

    def give_back(self) -> None:
        """Pieces that are free as a whole go back to the driver."""
        whole = [block for block in self._free if len(block.piece) == 1]
        self.held -= sum(block.size for block in whole)
        self._free = [block for block in self._free if len(block.piece) > 1]


def held_over(layers: Iterable[Sequence[Matrix]]) -> int:
    """
    The bytes that a device holds beyond its matrices once these were loaded, and then replaced one after the other.

    >>> held_over([[Matrix(64 << 20, 8192), Matrix(32 << 20, 8192)]] * 4)
    0
    >>> held_over([[Matrix(64 << 20, 8192, masked=True), Matrix(32 << 20, 8192, masked=True)]] * 4) >> 20
    64
    """
    matrices = [matrix for layer in layers for matrix in layer]
    device = Device()
    blocks = [device.take(matrix.bytes) for matrix in matrices]
    for matrix, block in zip(matrices, blocks, strict=True):
        if matrix.masked:
            device.free(device.take(matrix.bytes))
        wider = matrix.wider
        if wider is not None:
            device.take(wider)
            device.give_back()
            device.free(block)
    return device.held - sum(matrix.bytes for matrix in matrices)
