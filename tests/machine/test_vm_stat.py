"""
What a Mac can give, by the pages that ``vm_stat`` counts.
"""

import pytest

from llmprobe.machine.asking import Asker
from llmprobe.machine.host_ram import host_ram
from llmprobe.machine.probes import memory
from llmprobe.machine.vm_stat import MacPages, mac_pages, parse_vm_stat
from tests.machine.fake import GIB, MAC, FakeSource

PAGE = 16384


def printed(**pages: int) -> str:
    """
    What ``vm_stat`` prints for counts of pages.
    """
    names = {
        "free": "Pages free",
        "purgeable": "Pages purgeable",
        "files": "File-backed pages",
        "programs": "Anonymous pages",
        "wired": "Pages wired down",
        "stored": "Pages stored in compressor",
    }
    lines = [f"{names[name]}:      {count}." for name, count in pages.items()]
    return "\n".join([f"Mach Virtual Memory Statistics: (page size of {PAGE} bytes)", *lines, ""])


FULL = {
    "free": 12817,
    "purgeable": 25024,
    "files": 244140,
    "programs": 1965332,
    "wired": 549316,
    "stored": 3356933,
}
"""A Mac with 64 GB that crawls, of which 22.6 GB are compressed: https://github.com/AndySparks/sourceconvert/issues/25"""


def test_pages_have_the_size_that_vm_stat_names() -> None:
    """
    16384 bytes on Apple chips, not 4096; a quoted name is the name, and a line without a count is none.
    """
    text = 'Mach Virtual Memory Statistics: (page size of 16384 bytes)\nPages wired down:      2.\n"Other": 3.\nx\n'
    assert parse_vm_stat(text) == {"Pages wired down": 32768, "Other": 49152}
    assert parse_vm_stat("Pages wired down: 2.\n") == {}


def test_a_mac_at_ease_has_its_free_pages_and_the_cache_of_files() -> None:
    """
    8 GiB free, 1 GiB purgeable and 3 GiB of files: 12 GiB. What programs hold could only be compressed.

    3 GiB wired, 6 GiB of programs less the purgeable one, 2 GiB compressed: 10 of 24 GiB.
    """
    gib = GIB // PAGE
    pages = parse_vm_stat(
        printed(free=8 * gib, purgeable=gib, files=3 * gib, programs=6 * gib, wired=3 * gib, stored=2 * gib)
    )
    assert mac_pages(pages, 24 * GIB) == MacPages(available_bytes=12 * GIB, missing_bytes=0)


def test_a_mac_whose_programs_outgrew_it_has_only_what_is_free_at_once() -> None:
    """
    (549,316 + 1,965,332 - 25,024 + 3,356,933) pages are 26.6 GB more than 64 GiB: the 4 GB of files are in use.

    Free and purgeable: 37,841 pages, the 0.62 GB that the report of this machine names.
    """
    seen = mac_pages(parse_vm_stat(printed(**FULL)), 64 * GIB)

    assert seen == MacPages(available_bytes=37841 * PAGE, missing_bytes=(5846557 - 4194304) * PAGE)


def test_a_little_too_much_takes_as_much_of_the_cache() -> None:
    """
    Programs that would need 1 GiB more than the 16 leave 3 of 4 GiB of files.
    """
    gib = GIB // PAGE
    pages = parse_vm_stat(
        printed(free=gib, purgeable=0, files=4 * gib, programs=8 * gib, wired=2 * gib, stored=7 * gib)
    )
    assert mac_pages(pages, 16 * GIB) == MacPages(available_bytes=4 * GIB, missing_bytes=GIB)


@pytest.mark.parametrize("left_out", FULL)
def test_without_one_of_the_counts_nothing_is_said(left_out: str) -> None:
    """
    A count that is not there is unknown, not zero.
    """
    counts = {name: count for name, count in FULL.items() if name != left_out}
    assert mac_pages(parse_vm_stat(printed(**counts)), 64 * GIB) is None


def test_more_than_there_is_is_not_believed() -> None:
    """
    The pages of a larger machine say nothing of this one.
    """
    assert mac_pages(parse_vm_stat(printed(**FULL)), 40 * GIB) is None


def test_the_smaller_figure_wins() -> None:
    """
    Free and inactive pages are 5 GiB, as psutil counts; free pages and files are 6, of which a part is in use.
    """
    gib = GIB // PAGE
    text = printed(free=gib, purgeable=0, files=5 * gib, programs=4 * gib, wired=2 * gib, stored=0)
    told = {
        "psutil:virtual_memory": {"total": 16 * GIB, "available": 5 * GIB},
        "run:vm_stat": {"exit": 0, "stdout": text, "stderr": ""},
    }
    assert host_ram(Asker(FakeSource(told, MAC))).available_bytes == 5 * GIB


@pytest.mark.parametrize(
    ("answer", "available"),
    [({"exit": 0, "stdout": printed(**FULL), "stderr": ""}, 37841 * PAGE), ({"exit": 1}, 18 * GIB)],
)
def test_psutil_stands_where_vm_stat_does_not_answer(answer: dict[str, object], available: int) -> None:
    """
    Its figure counts every inactive page.
    """
    told = {"psutil:virtual_memory": {"total": 64 * GIB, "available": 18 * GIB}, "run:vm_stat": answer}
    ram = host_ram(Asker(FakeSource(told, MAC)))

    assert (ram.total_bytes, ram.available_bytes) == (64 * GIB, available)
    assert ("run:vm_stat" in ram.evidence) == (available != 18 * GIB)


@pytest.mark.parametrize(
    ("usable", "kept"),
    [(136502542336, 936411136), (137438953472, 0), (137438953473, 0), (1, 0), (None, 0)],
)
def test_what_the_firmware_keeps_is_not_in_use(usable: int | None, kept: int) -> None:
    """
    hw.memsize less hw.memsize_usable of an M3 Max with 128 GB; a figure that cannot be is not believed.
    """
    told = {
        "psutil:virtual_memory": {"total": 128 * GIB, "available": 100 * GIB},
        "sysctl:hw.memsize_usable": usable,
    }
    (pool,) = memory.probe(FakeSource(told, MAC)).pools

    limits = {limit.by: limit.bytes for limit in pool.limits}
    assert (limits.get("firmware", 0), limits["in-use"]) == (kept, 28 * GIB - kept)
    assert pool.budget_bytes == 100 * GIB
