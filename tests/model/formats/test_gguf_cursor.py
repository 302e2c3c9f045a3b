"""
Strings of a GGUF header that are stepped over: by the hundred where they are short, one by one where they are not.
"""

import random
import struct

import pytest

from llmprobe.errors import ModelError
from llmprobe.model.formats.gguf_cursor import Cursor

AFTER = 0x1234567


def _texts(lengths: list[int], order: str) -> bytes:
    """
    Strings of these lengths, each after its length, and a number behind them.
    """
    made = b"".join(struct.pack(f"{order}Q", length) + b"\0" * length for length in lengths)
    return made + struct.pack(f"{order}I", AFTER)


def _cursor(data: bytes, order: str) -> Cursor:
    return Cursor(
        lambda at, length: data[at : at + length], len(data), "x.gguf", big_endian=order == ">", position=0
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("count", [1, 127, 128, 129, 4095, 4096, 4097, 60_001])
@pytest.mark.parametrize("longest", [7, 47, 48, 300])
def test_what_follows_the_strings_is_read(order: str, count: int, longest: int) -> None:
    """
    However many and however long they are, in pieces that end anywhere: behind them stands a number. Bytes of strings
    are zeros, as those of lengths are.
    """
    chance = random.Random(count * longest)
    lengths = [chance.randint(0, longest) if chance.random() < 0.999 else 70_000 for _ in range(count)]
    cursor = _cursor(_texts(lengths, order), order)
    cursor.skip_texts(count)

    assert cursor.position == sum(lengths) + 8 * count
    assert cursor.u32() == AFTER


@pytest.mark.parametrize("short", [1, 12, 4 + 13])
def test_strings_that_go_beyond_the_end_are_refused(short: int) -> None:
    """
    Of five thousand strings of 5 bytes the last is cut: in its text, in its length, or it is missing.
    """
    data = _texts([5] * 5000, "<")

    with pytest.raises(ModelError) as refused:
        _cursor(data[: -4 - short], "<").skip_texts(5000)
    assert refused.value.message.id == "error.gguf-ends-in-header"


def test_a_length_that_no_file_has_is_refused() -> None:
    """
    The highest byte of a length counts, behind a low one that a short string has.
    """
    data = bytearray(_texts([5] * 5000, "<"))
    data[13 * 4000 + 7] = 1

    with pytest.raises(ModelError):
        _cursor(bytes(data), "<").skip_texts(5000)
