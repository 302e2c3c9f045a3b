"""
Sizes and contexts as people type them: memory in powers of two, files in powers of ten, and no bare number.
"""

import pytest

from llmprobe.errors import UsageError
from llmprobe.units import (
    GIB,
    MIB,
    format_bytes,
    format_count,
    parse_memory,
    parse_size,
    parse_tokens,
    port_number,
    whole_number,
)


@pytest.mark.parametrize("text", ["64GB", "64G", "64g", "64 gb", "64GiB", "64gib", " 64 GiB "])
def test_memory_is_sold_in_powers_of_two(text: str) -> None:
    """Whatever the unit is called, 64 of it are 64 GiB of memory."""
    assert parse_memory(text) == 64 * GIB


@pytest.mark.parametrize(
    ("text", "expected"),
    [("20GB", 20 * 10**9), ("20G", 20 * 10**9), ("20GiB", 20 * GIB), ("1.5MB", 1_500_000), ("7kb", 7000)],
)
def test_files_are_counted_in_powers_of_ten(text: str, expected: int) -> None:
    """Of a disk or a download only a unit with an i is binary."""
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("512m", 512 * MIB), ("1.5T", 1536 * GIB), ("12B", 12), ("0.1GiB", GIB // 10), ("2k", 2048)],
)
def test_other_units_of_memory(text: str, expected: int) -> None:
    """Fractions are exact and round down."""
    assert parse_memory(text) == expected


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        ("64", "'64' has no unit", "write 64GiB or 64MiB"),
        ("1.5", "'1.5' has no unit", "write 1.5GiB or 1.5MiB"),
        ("64XB", "'64XB' has the unknown unit XB", "the units are MB, GB, TB, MiB, GiB and TiB"),
        ("64GiBs", "'64GiBs' has the unknown unit GiBs", "the units are MB, GB, TB, MiB, GiB and TiB"),
        ("64i", "'64i' has the unknown unit i", "the units are MB, GB, TB, MiB, GiB and TiB"),
        ("-1GiB", "'-1GiB' is not a size", "write a number and a unit, such as 24GiB or 512MiB"),
        ("６４GiB", "'６４GiB' is not a size", "write a number and a unit, such as 24GiB or 512MiB"),
        ("", "'' is not a size", "write a number and a unit, such as 24GiB or 512MiB"),
        (
            "9" * 400 + "GB",
            "'" + "9" * 400 + "GB' is not a size",
            "write a number and a unit, such as 24GiB or 512MiB",
        ),
    ],
)
@pytest.mark.parametrize("parse", [parse_memory, parse_size])
def test_what_is_no_size_is_refused_with_a_hint(parse: type, text: str, error: str, hint: str) -> None:
    """A bare number, an unknown unit and no number at all are three errors, each with its hint."""
    with pytest.raises(UsageError) as raised:
        parse(text)

    assert (str(raised.value), str(raised.value.hint)) == (error, hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8k", 8192),
        ("128K", 131072),
        ("1.5k", 1536),
        ("1m", 1048576),
        ("8", None),
        ("8kb", None),
        ("k", None),
        ("-8k", None),
        ("８k", None),
    ],
)
def test_a_context_in_thousands(text: str, expected: int | None) -> None:
    """8k tokens are 8 x 1024; what has no such unit is for others to read."""
    assert parse_tokens(text) == expected


@pytest.mark.parametrize(
    ("count", "signed", "expected"),
    [
        (0, False, "0 B"),
        (1023, False, "1023 B"),
        (1024, True, "+1 KiB"),
        (512 * MIB, False, "512 MiB"),
        (GIB, False, "1.00 GiB"),
        (GIB - 1, False, "1.00 GiB"),
        (MIB - 1, False, "1 MiB"),
        (1023 * MIB, False, "1023 MiB"),
        (1024 * GIB - 1, False, "1.00 TiB"),
        (100 * GIB, False, "100.0 GiB"),
        (99 * GIB, False, "99.00 GiB"),
        (-3 * GIB, False, "-3.00 GiB"),
        (2048 * GIB, False, "2.00 TiB"),
        (4096 * 1024 * GIB, False, "4096.0 TiB"),
    ],
)
def test_a_size_is_written_in_the_unit_that_suits_it(count: int, signed: bool, expected: str) -> None:
    """Binary units, three digits or more, the sign before the number."""
    assert format_bytes(count, signed=signed) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (70_553_706_496, "70.6B"),
        (671_026_419_200, "671B"),
        (1_000_000_000, "1.0B"),
        (999_999_999, "1000M"),
        (494_032_768, "494M"),
        (1_000_000, "1M"),
        (33_000, "33K"),
    ],
)
def test_parameters_are_counted_as_models_are_named(count: int, expected: str) -> None:
    """
    In billions, with a decimal below a hundred, else in millions or thousands; never none where there are some.
    """
    assert format_count(count) == expected


@pytest.mark.parametrize(
    ("text", "number", "port"),
    [
        ("8080", 8080, 8080),
        ("0", 0, None),
        ("65535", 65535, 65535),
        ("65536", 65536, None),
        ("9" * 18, 10**18 - 1, None),
        ("9" * 19, None, None),
        ("9" * 5000, None, None),
        ("²", None, None),
        ("٣", None, None),
        ("-1", None, None),
        ("1.5", None, None),
        ("", None, None),
        (" 1", None, None),
    ],
)
def test_a_number_in_the_text_of_others(text: str, number: int | None, port: int | None) -> None:
    """
    Plain digits, no more than 64 bits hold; of these some are ports.
    """
    assert (whole_number(text), port_number(text)) == (number, port)
