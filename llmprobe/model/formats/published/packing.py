"""
How a format packs the numbers of a matrix: bits per number, and what each block of them has beside.

Sources: the formats' own readers (AutoAWQ, GPTQModel, compressed-tensors, transformers, mlx-lm, exllamav2, Quark).
"""

import msgspec

BYTE = 8
HALF = 16
WORD = 32


class Packing(msgspec.Struct, frozen=True):
    """
    The layout of a quantized matrix.

    A block is ``rows`` by ``columns`` numbers, 0 for a whole side; each has ``beside`` bits of scales and offsets.
    ``per_column`` are the bits that an input column has once (the order of GPTQ's groups).
    """

    bits: float
    rows: int = 0
    columns: int = 0
    beside: float = 0.0
    per_column: int = 0

    def bytes_of(self, entering: int, leaving: int, count: int = 1) -> int:
        """The bytes of ``count`` matrices of ``leaving`` rows with ``entering`` numbers each."""
        rows, columns = self.rows or leaving, self.columns or entering
        blocks = -(-leaving // rows) * -(-entering // columns)
        size = entering * leaving * self.bits + blocks * self.beside + entering * self.per_column
        return -(-int(count * size) // BYTE)


def grouped(bits: float, group: int, beside: float, per_column: int = 0) -> Packing:
    """
    Groups of ``group`` numbers of a row, or whole rows where the group has no size.
    """
    return Packing(bits, rows=1, columns=max(group, 0), beside=beside, per_column=per_column)


def by_tensor(bits: float) -> Packing:
    """
    One scale for a whole matrix.
    """
    return Packing(bits, beside=WORD)


def by_block(bits: float, rows: int, columns: int, beside: int = WORD) -> Packing:
    """
    One scale for a block of a matrix.
    """
    return Packing(bits, rows=rows, columns=columns, beside=beside)


NVFP4 = grouped(4, 16, BYTE)
MXFP4 = grouped(4, 32, BYTE)
MXFP8 = grouped(8, 32, BYTE)
