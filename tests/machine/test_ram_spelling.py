"""
RAM as people write it.
"""

import pytest

from llmprobe.errors import UsageError
from llmprobe.machine.ram_spelling import Ram, parse_ram
from tests.machine.fake import GIB


@pytest.mark.parametrize(
    ("text", "size", "kind", "mts", "channels", "modules"),
    [
        ("64GB", 64, None, None, None, None),
        ("64GiB DDR5-6000", 64, "DDR5", 6000, None, None),
        ("64 GB DDR4 3200", 64, "DDR4", 3200, None, None),
        ("DDR5-6000 64GB", 64, "DDR5", 6000, None, None),
        ("64g ddr5 6000MT/s", 64, "DDR5", 6000, None, None),
        ("64GB @ 3200MHz", 64, None, 3200, None, None),
        ("64GB DDR5-6000 CL30", 64, "DDR5", 6000, None, None),
        ("2x32GB DDR5-6000", 64, "DDR5", 6000, None, 2),
        ("2 x 16GB", 32, None, None, None, 2),
        ("8x64GB DDR4-2933 ECC REG", 512, "DDR4", 2933, None, 8),
        ("512GB DDR4-3200 x8", 512, "DDR4", 3200, 8, None),
        ("512GiB DDR5 x12", 512, "DDR5", None, 12, None),
        ("1TB DDR5-4800 12-channel", 1024, "DDR5", 4800, 12, None),
        ("64GB DDR4-3200 dual channel", 64, "DDR4", 3200, 2, None),
        ("4x16GB DDR4-3200 quad-channel", 64, "DDR4", 3200, 4, 4),
        ("32GB LPDDR5X-7500", 32, "LPDDR5X", 7500, None, None),
        ("32GB PC4-25600", 32, None, 3200, None, None),
        ("６４ＧＢ　ＤＤＲ５－６０００", 64, "DDR5", 6000, None, None),
        ("64 gigs DDR5-6000", 64, "DDR5", 6000, None, None),
        ("64 Gigabytes", 64, None, None, None, None),
        ("2x32 Go DDR4", 64, "DDR4", None, None, 2),
        ("メモリ64ギガ", 64, None, None, None, None),
    ],
)
def test_ram_as_people_write_it(
    text: str, size: int, kind: str | None, mts: int | None, channels: int | None, modules: int | None
) -> None:
    """
    A size, and what else is known of it, in any order.
    """
    assert parse_ram(text) == Ram(bytes=size * GIB, kind=kind, mts=mts, channels=channels, modules=modules)


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        ("64", "error.size-without-unit", "64GiB"),
        ("", "error.size-malformed", "24GiB"),
        ("DDR5-6000", "error.ram-malformed", "DDR5-6000"),
        ("64GB x2", "error.ram-modules", "2x64GB"),
        ("64GB foo", "error.ram-malformed", "DDR5-6000"),
        ("64GB DDR5-99999", "error.ram-malformed", "DDR5-6000"),
        ("64GB DDR9-9000", "error.ram-malformed", "DDR5-6000"),
        ("64GB DDR5 x0", "error.ram-malformed", "DDR5-6000"),
        ("64GB DDR5 x99", "error.ram-malformed", "DDR5-6000"),
        ("-8GB", "error.ram-malformed", "DDR5-6000"),
        ("0x32GB DDR5", "error.ram-malformed", "DDR5-6000"),
    ],
)
def test_what_describes_no_ram_is_refused(text: str, error: str, hint: str) -> None:
    """
    In one sentence, with how it is written.
    """
    with pytest.raises(UsageError) as refused:
        parse_ram(text)

    assert refused.value.message.id == error
    assert hint in str(refused.value.hint)
