"""
GPUs as people write them, one row each: what a careful person would expect, written before the answers were seen;
the last sections have those of later looks.
"""

from pathlib import Path

import pytest

from llmprobe.errors import UsageError
from llmprobe.machine.gpu_names import wanted_gpus
from llmprobe.machine.gpu_table import rows
from llmprobe.machine.hypothetical import hypothetical
from tests.machine.fake import GIB

ROWS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "gpu_spellings.tsv").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("# ")
]
KNOWN = [row for row in ROWS if not row[1].startswith("! ")]
REFUSED = [row for row in ROWS if row[1].startswith("! ")]
NOMINAL = 0.08
"""Drivers report up to 7 % less than is sold."""


def kinds(names: list[str]) -> str:
    """
    Names in a row, equal ones counted: ``2x A; B``.
    """
    counted: list[tuple[str, int]] = []
    for name in names:
        if counted and counted[-1][0] == name:
            counted[-1] = (name, counted[-1][1] + 1)
        else:
            counted.append((name, 1))
    return "; ".join(f"{count}x {name}" if count > 1 else name for name, count in counted)


@pytest.mark.parametrize("row", KNOWN, ids=lambda row: row[0])
def test_the_gpu_that_a_person_means(row: tuple[str, ...]) -> None:
    """
    The product, its number, and the memory that it has; a machine comes of it.
    """
    text, expected, *size = row
    shared = any(each.row.unified for each in wanted_gpus(text))
    snapshot = hypothetical([text], None if shared else 64 * GIB)
    pools = [snapshot.pool(each.pools[0]) for each in snapshot.accelerators]

    assert kinds([each.name for each in snapshot.accelerators]) == expected
    if size:
        assert pools[0] is not None
        assert pools[0].total_bytes == pytest.approx(float(size[0]) * GIB, rel=NOMINAL)


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row[0])
def test_what_no_gpu_is_called_is_refused_with_a_hint(row: tuple[str, ...]) -> None:
    """
    One sentence, and a hint with what the person may have meant.
    """
    text, expected = row
    with pytest.raises(UsageError) as refused:
        hypothetical([text], 64 * GIB)

    assert expected.removeprefix("! ") in str(refused.value.hint)


@pytest.mark.parametrize("name", sorted({row.name for row in rows()}))
def test_every_row_is_found_by_its_own_name(name: str) -> None:
    """
    In whatever case, without its maker, and with spaces for hyphens: the same product.
    """
    sizes = {row.memory_bytes for row in rows() if row.name == name and row.memory_bytes}
    size = f" {round(min(sizes) / GIB)}GB" if len(sizes) > 1 else ""
    short = name.removeprefix("NVIDIA ").removeprefix("AMD ").removeprefix("Intel ")

    for text in (name, name.lower(), short, name.replace("-", " ")):
        assert [each.row.name for each in wanted_gpus(text + size)] == [name], text


@pytest.mark.parametrize(
    "text",
    [
        "RTX 4090 Ultra",
        "RX 4090",
        "RTX 7900 XTX",
        "RTX 4080 Ti",
        "RX 7900",
        "RTX 3090 SUPER",
        "GTX 1650 Ti SUPER",
        "A1000000",
        "RTX 40900",
        "Arc B5800",
        "M4 Ultra",
        "RX 9080 XT",
        "RTX 5060 XT",
        "Ryzen 9 7950X",
        "MI3000X",
        "H1000",
    ],
)
def test_no_product_is_guessed(text: str) -> None:
    """
    A word or a number that no product has is never left out or mended.
    """
    with pytest.raises(UsageError) as refused:
        wanted_gpus(text)
    assert refused.value.hint is not None


@pytest.mark.parametrize("part", ["+", "x", "3090+", "3090 x 2 ", "(", "2x", "m4 1/1 ", "1 枚"])
def test_a_text_as_long_as_no_name_is_refused_at_once(part: str) -> None:
    """
    Texts are read in many ways, each of which takes longer than the last: above 1,000 letters in none.
    """
    with pytest.raises(UsageError) as refused:
        wanted_gpus(part * 50_000)
    assert refused.value.message.id == "error.gpu-text-too-long"


def test_a_byte_that_is_no_text_is_shown_as_one() -> None:
    """
    A terminal in another encoding gives half of a pair of code units, which no document could have.
    """
    assert wanted_gpus("my\udcff card:12GB")[0].row.name == "my? card"


def test_words_do_not_depend_on_their_order() -> None:
    """
    A name says the same in any order, but for numbers of cards.
    """
    for text in ("SUPER RTX 4070 Ti", "Ti SUPER 4070", "laptop 4090 RTX", "80GB A100 PCIe", "Max M3 64GB"):
        assert len(wanted_gpus(text)) == 1
